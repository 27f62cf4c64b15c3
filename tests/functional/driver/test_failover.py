"""The driver with two IPAM servers set, the first of which takes requests and answers none."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.functional.driver.bed import SET, SETTINGS, Host, Lan, delete


@pytest.fixture
def frozen(host: Host, lan: Lan) -> Iterator[None]:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        first = f"127.0.0.1:{silent.getsockname()[1]}"
        host.configure(200, *SET, f'external_ids:ipam="{first},127.0.0.1:9696"')
        yield
    host.configure(200, *SET, *(f"external_ids:{one}" for one in SETTINGS))


def test_an_endpoint_is_made_by_the_second(host: Host, lan: Lan, frozen: None) -> None:
    begin = time.monotonic()
    endpoint = lan.endpoint(7)
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert time.monotonic() - begin < 2.5
    # The one that did not answer is left alone now.
    begin = time.monotonic()
    other = lan.endpoint(8)
    assert host.ok("NetworkDriver.CreateEndpoint", other)
    assert time.monotonic() - begin < 1.0
    delete(host, endpoint)
    delete(host, other)
