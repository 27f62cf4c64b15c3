"""The REST client with credentials, against a Keystone and a Neutron that wants tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from ovn_integrate.clients.neutron import keystone
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.errors import NotConfigured, NotPermitted, ServiceFailed
from tests.functional.keystone import Cloud


@pytest.fixture
def cloud(api: FlaskClient) -> Iterator[Cloud]:
    made = Cloud(api)
    yield made
    made.close()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any OS_ variable."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def client(variables: dict[str, str], urls: tuple[str, ...] = ("http://127.0.0.1:1",)) -> Client:
    return Client(urls, access=keystone.Access(variables))


def test_the_catalog_says_where_and_one_token_serves_all_requests(cloud: Cloud) -> None:
    neutron = client(cloud.environment())
    made = neutron.create("networks", name="blue")
    assert neutron.find("networks", "blue")["id"] == made["id"]
    neutron.ping()
    neutron.meanwhile(lambda _: None).update("networks", made["id"], name="red")
    assert neutron.delete("networks", made["id"])
    assert cloud.issued == ["token-0"]


def test_a_token_that_is_taken_no_more_is_renewed(cloud: Cloud) -> None:
    neutron = client(cloud.environment())
    neutron.create("networks", name="blue")
    cloud.good.clear()
    assert [one["name"] for one in neutron.query("networks")] == ["blue"]
    assert cloud.issued == ["token-0", "token-1"]


def test_an_endpoint_that_is_given_goes_before_the_catalog(cloud: Cloud) -> None:
    elsewhere = cloud.environment(OS_REGION_NAME="elsewhere")
    with pytest.raises(ServiceFailed, match="out of reach"):
        client(elsewhere).query("networks")
    given = elsewhere | {"OS_ENDPOINT": f"{cloud.url}/networking/v2.0/"}
    assert client(given).query("networks") == []


def test_without_an_endpoint_the_setting_says_where(cloud: Cloud) -> None:
    nowhere = cloud.environment(OS_REGION_NAME="nowhere")
    assert client(nowhere, (f"{cloud.url}/networking",)).query("networks") == []


def test_credentials_that_keystone_does_not_know(cloud: Cloud) -> None:
    with pytest.raises(NotPermitted, match="Keystone: refused the credentials"):
        client(cloud.environment(OS_PASSWORD="wrong")).query("networks")


def test_a_keystone_out_of_reach() -> None:
    variables = {"OS_AUTH_URL": "http://127.0.0.1:1/v3", "OS_USERNAME": "a", "OS_PASSWORD": "b"}
    with pytest.raises(ServiceFailed, match="Keystone: "):
        client(variables).query("networks")


def test_what_is_missing_or_unknown() -> None:
    with pytest.raises(NotConfigured, match=r"Keystone: .*auth"):
        keystone.Access({"OS_AUTH_TYPE": "password"})
    with pytest.raises(NotConfigured, match=r"Keystone: .*nonsense"):
        keystone.Access({"OS_AUTH_TYPE": "nonsense"})


def test_a_token_from_elsewhere(cloud: Cloud) -> None:
    cloud.good.add("mine")
    given = {"OS_TOKEN": "mine", "OS_ENDPOINT": f"{cloud.url}/networking"}
    assert client({"OS_AUTH_TYPE": "admin_token", **given}).query("networks") == []


@pytest.mark.parametrize("kind", ["none", "noauth"])
def test_nobody_asks_for_a_token(cloud: Cloud, kind: str) -> None:
    given = {"OS_AUTH_TYPE": kind, "OS_ENDPOINT": f"{cloud.url}/networking"}
    with pytest.raises(NotPermitted):
        client(given).query("networks")
    assert cloud.issued == []


def test_a_process_without_credentials_has_none(environment: pytest.MonkeyPatch) -> None:
    assert keystone.access() is None
    environment.setenv("OS_PASSWORD", "without anybody to give it to")
    assert keystone.access() is None


def test_all_clients_of_a_process_share_a_token(
    cloud: Cloud, environment: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment().items():
        environment.setenv(name, value)
    for _ in range(2):
        assert Client((), access=keystone.access()).query("networks") == []
    assert cloud.issued == ["token-0"]


def test_without_credentials_keystoneauth_is_not_even_loaded() -> None:
    code = (
        "import sys; from ovn_integrate.plugins.libnetwork import network_driver\n"
        "from ovn_integrate.clients.neutron import client, keystone\n"
        "assert keystone.access() is None\n"
        "sys.exit('keystoneauth1' in sys.modules)"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
    assert subprocess.run([sys.executable, "-c", code], env=clean, check=False).returncode == 0
