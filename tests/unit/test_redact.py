"""What is taken out of text, and what is left."""

from __future__ import annotations

import hashlib
import time

import pytest

from ovn_integrate.checks.bundle.redact import Redactor, secrets_of


@pytest.mark.parametrize(
    "text",
    [
        "OS_PASSWORD=XXXX",
        "export OS_PASSWORD='XXXX with blanks'",
        '{"Env": ["OS_PASSWORD=XXXX, and more", "PATH=/bin"]}',
        '{"adminPass_token": "XXXX"}',
        '["map",[["psk","XXXX"],["remote_ip","192.0.2.1"]]]',
        "{psk=XXXX, remote_ip=192.0.2.1}",
        '{"text": "{\\"client_secret\\": \\"XXXX\\"}"}',
        "GET / X-Auth-Token: XXXX",
        "Authorization: Bearer XXXX",
        '"authorization": "Basic XXXX"',
        "http://user:XXXX@192.0.2.1:9696/v2.0",
        "mysqld --password XXXX --port 1",
        "mysqld --password=XXXX --port=1",
        "-----BEGIN PRIVATE KEY-----\nXXXX\n-----END PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nXXXX cut off",
    ],
)
def test_a_secret_goes(text: str) -> None:
    clean = Redactor().clean(text.encode()).decode()
    assert "XXXX" not in clean
    assert "[redacted]" in clean


@pytest.mark.parametrize(
    "text",
    [
        "private_key: /etc/openvswitch/key.pem",
        '"private_key": "/etc/openvswitch/key.pem"',
        '{"token": null, "n": 1}',
        '{"name":"psk0","other_config":["map",[]]}',
        "http://192.0.2.1:9696/v2.0/ports?name=a@b",
        "tcp:192.0.2.1:6642",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert Redactor().clean(text.encode()).decode() == text


def test_a_known_secret_goes_wherever_it_is() -> None:
    known = secrets_of({"OS_PASSWORD": 'a"b c/d', "HOME": "/root", "KEY_TOKEN": "/a/path"})
    assert known == {'a"b c/d'}
    text = b'said a"b c/d and "a\\"b c/d" and a%22b%20c/d'
    assert Redactor(known).clean(text) == b'said [redacted] and "[redacted]" and [redacted]'


def test_a_short_secret_goes_as_a_word_alone() -> None:
    clean = Redactor(["admin"]).clean(b"admin_state_up, by admin: admin")
    assert clean == b"admin_state_up, by [redacted]: [redacted]"


def test_a_database_stays_one() -> None:
    def record(body: bytes) -> bytes:
        return b"OVSDB JSON %d %s\n%s" % (len(body), hashlib.sha1(body).hexdigest().encode(), body)

    kept, spoilt = b'{"name":"Open_vSwitch"}\n', b'{"options":["map",[["psk","XXXX"]]]}\n'
    clean = Redactor().clean(record(kept) + record(spoilt) + record(kept))
    changed = spoilt.replace(b"XXXX", b"[redacted]")
    assert clean == record(kept) + record(changed) + record(kept)


@pytest.mark.parametrize("piece", [b"a" * 64, b"token ", b'"', b"\\", b"://a"])
def test_no_text_takes_long(piece: bytes) -> None:
    begun = time.process_time()
    Redactor(["password"]).clean(piece * 20_000 + b"\ntoken")
    assert time.process_time() - begun < 2.0
