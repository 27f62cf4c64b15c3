"""How the outcome of a method becomes an HTTP answer."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.core.link.links import Links
from ovn_integrate.errors import NotConfigured
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.plugins.libnetwork.network_driver import Driver

WHO = {"NetworkID": "ab", "EndpointID": "cd"}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(error: Exception) -> FlaskClient:
        def fail(*_: object) -> Any:
            raise error

        for method, (body, _) in app.METHODS.items():
            monkeypatch.setitem(app.METHODS, method, (body, fail))
        return app.create(Driver(Links("unix:/nowhere", 1), ready_timeout=0)).test_client()

    return make


def test_a_failed_operation_is_a_200_with_err(failing: Any) -> None:
    client = failing(NotConfigured("bridge br-int", "does not exist", "make it"))
    answer = client.post("/NetworkDriver.Join", json=WHO)
    assert answer.status_code == 200
    said = "bridge br-int: does not exist; make it"
    assert answer.get_json() == {"Err": said, "Error": said}


def test_a_failed_activation_is_not_a_200_so_that_docker_tries_again(failing: Any) -> None:
    client = failing(NotConfigured("external_ids:ipam", "is not set"))
    assert client.post("/Plugin.Activate").status_code == 503
    client = failing(ZeroDivisionError())
    assert client.post("/Plugin.Activate").status_code == 500


def test_a_bug_is_an_err_and_no_page(failing: Any) -> None:
    answer = failing(KeyError("secret")).post("/NetworkDriver.Leave", json=WHO)
    assert answer.status_code == 200
    assert "internal error" in answer.get_json()["Err"]
    assert "secret" not in answer.get_json()["Err"]


def test_capabilities_need_nothing_at_all() -> None:
    client = app.create(Driver(Links("unix:/nowhere", 1), ready_timeout=0)).test_client()
    answer = client.post("/NetworkDriver.GetCapabilities").get_json()
    assert answer == {"Scope": "local", "ConnectivityScope": "global", "GwAllocChecker": False}
    assert client.post("/Plugin.Activate").status_code == 503


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_than_post(method: str) -> None:
    client = app.create(Driver(Links("unix:/nowhere", 1), ready_timeout=0)).test_client()
    answer = client.open("/NetworkDriver.Leave", method=method)
    assert answer.status_code == 405
    assert answer.get_json()["Err"] == answer.get_json()["Error"]


def test_a_body_that_is_no_json() -> None:
    client = app.create(Driver(Links("unix:/nowhere", 1), ready_timeout=0)).test_client()
    for data in (b"{", b"[]", b"null", b"\xff", b'{"NetworkID": "ab"}'):
        answer = client.post("/NetworkDriver.Leave", data=data)
        assert answer.status_code == 400
        assert answer.get_json()["Err"].startswith("NetworkDriver.Leave: ")


def test_a_body_that_is_too_large() -> None:
    client = app.create(Driver(Links("unix:/nowhere", 1), ready_timeout=0)).test_client()
    answer = client.post("/NetworkDriver.Leave", data=b" " * (2 << 20))
    assert answer.status_code == 413
    assert answer.get_json()["Err"] == answer.get_json()["Error"] != ""
