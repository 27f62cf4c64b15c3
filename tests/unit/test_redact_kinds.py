"""Secrets of many kinds in every place of an archive where one may stand: none is in it.

And what an archive is for: all that tells of a fault is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn_integrate.checks.bundle import views
from ovn_integrate.checks.bundle.redact import Redactor

_DICE = random.Random(12)


def _of(characters: str, length: int) -> str:
    return "".join(_DICE.choice(characters) for _ in range(length))


def _base64(length: int) -> str:
    return base64.b64encode(_DICE.randbytes(length)).decode()


def _token() -> str:
    """As ``central token`` prints it."""
    text = json.dumps({"addresses": ["192.0.2.1"], "secret": _base64(24)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# Which look like what they are, wherever they stand, without a word before them.
_RANDOM = {
    "join token": _token(),
    "JWT": ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890"}', _DICE.randbytes(32))
    ),
    "hex": _DICE.randbytes(32).hex(),
    "hex of 16 bytes": _DICE.randbytes(16).hex(),
    "HEX": _DICE.randbytes(24).hex().upper(),
    "base64": _base64(32),
    "base64 of 48 bytes": _base64(48),
    "URL-safe": base64.urlsafe_b64encode(_DICE.randbytes(33)).decode(),
    "letters and digits": "a1" + _of(string.ascii_letters + string.digits, 40),
    "GitHub's": "ghp_" + _of(string.ascii_letters + string.digits, 36),
    "AWS'": "wJalr9" + _of(string.ascii_letters + string.digits + "/+", 34),
}
# Which are words.
_WORDS = ("hunter2", "correct-horse", "tr0ub4dor&3", "p4ss.word!", "Sommer2026")

_NAMES = (
    *("DB_PASS", "ADMIN_PW", "ENCRYPTION_KEY", "PGPASSWORD", "MYSQL_PWD", "API_TOKEN", "SSHPASS"),
    *("SECRET", "AWS_SECRET_ACCESS_KEY", "RABBITMQ_ERLANG_COOKIE", "OS_PASSWORD", "REDIS_AUTH"),
    *("dbPass", "adminPw", "client_secret", "api-key", "encryption.key", "smtp_passwd"),
)
# What has none of the words in it: only the places that show what they know can hide it.
_ODD_NAMES = ("DATABASE", "WHATEVER", "FOO_BAR", "LICENCE")

_FLAGS = (
    *("--requirepass {}", "--password={}", "--pass {}", "--admin-pw {}", "--db.pass={}"),
    *("--token {}", "--secret-key={}", "-password {}", "--apiKey {}", "--password '{}'"),
    *('--masterauth "{}"', "-u root:{}", "--user admin:{}", "--proxy-user=a:{}"),
    *("-H 'Authorization: Bearer {}'", "-H 'X-Auth-Token: {}'", "--cookie 'sid={}'"),
    *("http://user:{}@192.0.2.1/x", "postgres://{}@db/x", "amqp://u:{}@mq:5672/%2f"),
)
_TEXTS = (
    *("Authorization: Bearer {}", "Authorization: Basic {}", "authorization={}"),
    *("Cookie: session={}", "Set-Cookie: id={}; HttpOnly", "X-Auth-Token: {}", "x-api-key: {}"),
    *("X-Subject-Token: {}", "Proxy-Authorization: Negotiate {}"),
    *("password is set; password={}", "login failed, secret: {}", "{{psk={}, remote_ip=1.2.3.4}}"),
    '{{"auth_token": "{}"}}',
    '["map",[["psk","{}"],["remote_ip","192.0.2.1"]]]',
    "args ['mysqld', '--password', '{}']",
    'form data: {{"Cmd":["redis-server","--requirepass","{}"],"Image":"redis"}}',
    'form data: {{"Image":"x","Env":["WHATEVER={}","PATH=/bin"]}}',
    "mysql -uroot -p{} db",
    "sshpass -p {} ssh host",
    "redis-cli -h cache -a {} ping",
    "requirepass {}",
    "fetched https://user:{}@example.org/a",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n{}\n-----END PGP PRIVATE KEY BLOCK-----",
)

_STAMP = "2026-11-29T12:00:00+0000 host dockerd[812]: "


def _ps(arguments: str) -> bytes:
    lines = "    PID    PPID STAT     ELAPSED   RSS COMMAND\n"
    for number, word in enumerate(arguments.splitlines() or [""]):
        lines += f"{number + 4000:7} {1:7} Ssl     01:02:03 12345 {word}\n"
    return views.processes(lines.encode())


def _status(arguments: str) -> bytes:
    lines = ["● docker.service - Docker", "     CGroup: /system.slice/docker.service"]
    lines += [f"             ├─4000 {arguments}", "             └─4001 /usr/bin/dockerd -H fd://"]
    return views.units("\n".join(lines).encode())


def _record(text: str) -> bytes:
    body = json.dumps({"Bridge": {"x": {"external_ids": ["map", [["note", text]]]}}}).encode()
    return b"OVSDB JSON %d %s\n%s\n" % (
        *(len(body) + 1, hashlib.sha1(body + b"\n").hexdigest().encode()),
        body,
    )


def _container(**more: Any) -> bytes:
    return json.dumps(views.docker([{"Id": "ab" * 32, "Names": ["/web"], **more}])).encode()


def _plain(text: str) -> bytes:
    return text.encode()


# Where a command line stands, in which programs of others are run.
_COMMAND_PLACES: dict[str, Callable[[str], bytes]] = {
    "process": lambda words: _ps(f"/usr/bin/redis-server {words}"),
    "process with a title": lambda words: _ps(f"redis-server: {words}"),
    "process of a shell": lambda words: _ps(f"/bin/sh -c /opt/x {words}"),
    "process of a shell for ours": lambda words: _ps(f"sh -c ovn-nbctl show; curl {words}"),
    "process of a variable": lambda words: _ps(f"env X={words}"),
    "process of Docker's": lambda words: _ps(f"/sbin/docker-init -- redis-server {words}"),
    "process of systemd's": lambda words: _ps(f"systemd-run --setenv=X={words} app {words}"),
    "process of runc": lambda words: _ps(f"runc exec -e X={words} c1 app {words}"),
    "unit": lambda words: _status(f"/usr/bin/app {words}"),
    "container": lambda words: _container(Command=f"docker-entrypoint.sh {words}"),
    "list": lambda words: _container(Config={"Cmd": ["app", *words.split()], "Entrypoint": None}),
    "plugin": lambda words: _container(Settings={"Args": words.split()}),
}
# Where text stands that a daemon or the kernel wrote, and where it is quoted in another one.
_TEXT_PLACES: dict[str, Callable[[str], bytes]] = {
    "journal": lambda text: _plain(_STAMP + text),
    "log of JSON": lambda text: json.dumps({"level": "error", "msg": text}).encode(),
    "database": _record,
    "known program": lambda text: _ps(f"/usr/sbin/ovs-vswitchd {text}"),
    "alone": _plain,
}


def _shown(data: bytes) -> str:
    return Redactor().clean(data).decode()


def _absent(secret: str, shown: str) -> bool:
    return secret not in shown and secret.rstrip("=")[:12] not in shown


@pytest.mark.parametrize("place", _COMMAND_PLACES)
@pytest.mark.parametrize("kind", [*_RANDOM, *_WORDS])
def test_no_argument_of_others_is_shown(place: str, kind: str) -> None:
    """Whatever it is, and whatever stands before it: also a word that nothing tells from others."""
    secret = _RANDOM.get(kind, kind)
    for flag in (*_FLAGS, "{}", "-x {}", "--colour={}", "join {}", "/{}"):
        words = flag.format(secret)
        assert _absent(secret, _shown(_COMMAND_PLACES[place](words))), words


@pytest.mark.parametrize("place", _TEXT_PLACES)
@pytest.mark.parametrize("kind", [*_RANDOM, *_WORDS])
def test_no_secret_with_a_name_is_shown(place: str, kind: str) -> None:
    secret = _RANDOM.get(kind, kind)
    named = [f"{name}={{}}" for name in _NAMES] + [f"started with {name}={{}}" for name in _NAMES]
    for text in (*_FLAGS, *_TEXTS, *named, *(f"{name}: {{}}" for name in _NAMES)):
        if place == "known program" and "\n" in text:
            continue
        said = text.format(secret)
        assert _absent(secret, _shown(_TEXT_PLACES[place](said))), said


@pytest.mark.parametrize("place", _TEXT_PLACES)
@pytest.mark.parametrize("kind", _RANDOM)
def test_what_looks_like_a_secret_is_not_shown(place: str, kind: str) -> None:
    for text in ("{}", "took {} for it", "x={}", "'{}'", "({})", "ovn-integrate join {} --tep a"):
        shown = _shown(_TEXT_PLACES[place](text.format(_RANDOM[kind])))
        assert _absent(_RANDOM[kind], shown), shown


@pytest.mark.parametrize("kind", [*_RANDOM, *_WORDS])
@pytest.mark.parametrize("name", [*_NAMES, *_ODD_NAMES])
def test_no_variable_is_shown_that_is_not_known(name: str, kind: str) -> None:
    secret = _RANDOM.get(kind, kind)
    if name.isidentifier():
        for line in (f"{name}={secret}", f"export {name}='{secret}'", f"#{name}={secret}"):
            shown = _shown(views.environment(f"A=1\n{line}\n{secret}\n".encode()))
            assert _absent(secret, shown)
            assert name in shown
    docker: list[dict[str, Any]] = [
        {"Config": {"Env": [f"{name}={secret}", "PATH=/bin"]}},
        {"Labels": {name: secret, "com.docker.compose.project": "shop"}},
        {"Settings": {"Env": [f"{name}={secret}"]}},
        {"Config": {"Env": [{"Name": name, "Value": secret}]}},
        {"Labels": [f"{name}={secret}"]},
        {"Options": {name: secret}, "Driver": "bridge"},
    ]
    for one in docker:
        shown = _shown(_container(**one))
        assert _absent(secret, shown)
        assert name in shown
        json.loads(shown)
    daemon = json.dumps({"log-driver": "splunk", "log-opts": {name: secret, "max-size": "9m"}})
    shown = _shown(views.daemon(daemon.encode()))
    assert _absent(secret, shown)
    assert "max-size" in shown


_USEFUL = (
    "ovn-controller[812]: lport web claimed by chassis 6f1b1a52-6a5e-4b0e-9d5d-0c2b8e1d4c11",
    " cookie=0x8f3a61c2, duration=12.3s, table=65, n_packets=9, priority=100,reg15=0x2,"
    'metadata=0x1 actions=output:"ve0123456789a"',
    "ct_label=0x0000000000000000000000010000000a,ct_mark=0x2",
    '{"name":"br-int","tunnel_key":3,"datapath_type":"netdev"}',
    "tunnel_key          : 3",
    '["map",[["remote_ip","192.0.2.1"],["key","flow"],["csum","true"]]]',
    "link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff inet6 fe80::42:acff:fe11:2/64",
    "private_key: /etc/ovn-integrate/pki/server.pem",
    "--private-key=/etc/openvswitch/key.pem --ca-cert=/etc/openvswitch/cacert.pem",
    "--token-file /etc/ovn-integrate/tokens.json --certificate /etc/ovn-integrate/pki/server.pem",
    "SecurityGroupRuleInvalidEtherType, PortSecurityPortHasSecurityGroup, NetworkInUse",
    "image sha256:" + "3f" * 32,
    "OVS_RUNDIR=/run/openvswitch OVN_CTL_OPTS=--db-nb-addr=192.0.2.1 LC_ALL=C",
    "quickstart-0f3a9b1c2d3e docker-containerd-shim-runc-v2 x86_64-linux-gnu",
    "6.1.0-18-cloud-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)",
    "2026-11-29T12:00:00.123Z|00042|reconnect|INFO|ssl:192.0.2.1:6642: connected",
    "GET /v2.0/ports?name=a@b&device_id=6f1b1a52-6a5e-4b0e-9d5d-0c2b8e1d4c11 200 1.2 ms",
    "IN=eth0 OUT= MAC=02:42:ac:11:00:02 SRC=192.0.2.1 DST=192.0.2.2 LEN=60 PROTO=TCP DPT=80",
    "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    "-----BEGIN CERTIFICATE-----\n"
    + _base64(48)
    + "\n"
    + _base64(48)
    + "\n-----END CERTIFICATE-----\n",
    "key_id: 7, keys: 3, passed 12 of 12, bypass on, author: x, passive",
)


@pytest.mark.parametrize("text", _USEFUL, ids=lambda text: text[:30])
def test_what_tells_of_a_fault_stays(text: str) -> None:
    assert _shown(text.encode()) == text


@pytest.mark.parametrize(
    "words",
    [
        "ovsdb-server -vconsole:emer -vsyslog:err --remote=punix:/run/openvswitch/db.sock "
        "--private-key=db:Open_vSwitch,SSL,private_key --pidfile",
        "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock",
        "/opt/venv/bin/python3 -m ovn_integrate driver start",
        "/usr/bin/python3 /usr/bin/ovn-integrate ipam start --listen 192.0.2.1:9696 --insecure",
        "/bin/sh /usr/share/ovn/scripts/ovn-ctl run_nb_ovsdb --db-nb-addr=192.0.2.1",
        "[kworker/0:1-events]",
        "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2",
    ],
)
def test_known_programs_are_shown_whole(words: str) -> None:
    assert words in _shown(_ps(words))
    assert words in _shown(_status(words))


def test_of_others_the_name_is_shown() -> None:
    assert "12345 postgres [redacted]" in _shown(_ps("/usr/lib/postgresql/bin/postgres -D /data"))
    assert "12345 nginx\n" in _shown(_ps("nginx:"))


def test_ids_that_docker_gave_are_shown_and_others_are_the_same_everywhere() -> None:
    id, other = "3f9a" * 16, "b1c2" * 16
    answers = [json.dumps([{"Id": id, "Containers": {}}]).encode(), b"no JSON", b'{"Id": 3}']
    redactor = Redactor(shown=views.ids(answers))
    text = f"container {id} gone, {other} too; {other}".encode()
    shown = redactor.clean(text).decode()
    assert f"container {id} gone" in shown
    assert other not in shown
    (first, second) = shown.partition(" gone, ")[2].split(" too; ")
    assert first == second
    assert Redactor().clean(other.encode()) != Redactor().clean(other.encode())
    assert not views.ids([json.dumps({"Labels": {"x": id}}).encode()])


_KEYS = st.text(max_size=4) | st.sampled_from(
    (
        *("Env", "Cmd", "Args", "Entrypoint", "Command", "Labels", "Options", "DriverOpts"),
        *("log-opts", "Settings", "Config", "Id", "ID", "Image", "Containers", "NetworkID"),
        *("Name", "Value", "Description"),
    )
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(_ANY)
def test_whatever_docker_answers_makes_an_archive(value: Any) -> None:
    """Engines differ in what stands under a key, and one item must not end all of them."""
    data = json.dumps(views.docker(value)).encode()
    Redactor(shown=views.ids([data])).clean(data)
    views.daemon(data)


@given(st.binary(max_size=300))
def test_whatever_a_command_prints_makes_an_archive(data: bytes) -> None:
    for view in (views.processes, views.units, views.environment, views.daemon):
        Redactor().clean(view(data))
    Redactor(shown=views.ids([data])).clean(data)


def test_a_database_with_many_rows_is_soon_clean() -> None:
    import time

    row = {
        "_uuid": ["uuid", "6f1b1a52-6a5e-4b0e-9d5d-0c2b8e1d4c11"],
        "tunnel_key": 7,
        "external_ids": ["map", [["neutron:device_id", "ab" * 32], ["name", "web"]]],
        "addresses": "02:42:ac:11:00:02 10.0.0.2",
    }
    body = json.dumps({"Port_Binding": {str(number): row for number in range(20_000)}}).encode()
    begun = time.process_time()
    Redactor().clean(body)
    assert (time.process_time() - begun) / (len(body) / 1e6) < 1.5  # seconds for a megabyte
