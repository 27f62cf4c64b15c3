"""A driver and an IPAM server that are one release apart work together.

``tests/data/traffic`` has, for each release, what its driver asked over a life and how its server
answered, and what that server could be asked at all. ``--record`` writes those of this release.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ovn_integrate import __version__
from tests.functional.driver import traffic
from tests.functional.driver.bed import SET, Host, Lan, ids
from tests.functional.driver.engine import DockerNetwork
from tests.functional.driver.traffic import Proxy, Release, Replay

RELEASES = sorted({path.name.removesuffix(".jsonl") for path in traffic.FOLDER.glob("*.jsonl")})


@contextmanager
def by_way_of(host: Host, proxy: Proxy) -> Iterator[None]:
    with proxy.serving() as port:
        host.ovs.ctl(*SET, f"external_ids:ipam=127.0.0.1:{port}")
        while not proxy.seen:  # until the driver has seen it
            host.post("Plugin.Activate", None)
        yield
    host.configure(200, *SET, "external_ids:ipam=127.0.0.1")


def life(host: Host) -> None:
    """Networks of both IPAMs, closed and with a way out; endpoints; and the end of it all."""
    open_to_all, closed = Lan(host, 71), Lan(host, 72, **{"ovn.allow": "web:db:tcp/5432,*:web"})
    ours = DockerNetwork(host, "10.73.0.0/24")
    for body in (open_to_all.body, closed.body, ours.body):
        host.ok("NetworkDriver.CreateNetwork", body)
    endpoints = [lan.endpoint(9) for lan in (open_to_all, closed)]
    endpoints[1]["Options"] = {"ovn.group": "web"}
    for endpoint in endpoints:
        host.ok("NetworkDriver.CreateEndpoint", endpoint)
        host.ok("NetworkDriver.Join", ids(endpoint))
        host.ok("NetworkDriver.EndpointOperInfo", ids(endpoint))
    own = ours.endpoint(mac="02:42:0a:49:00:02")
    for endpoint in endpoints:
        host.ok("NetworkDriver.Leave", ids(endpoint))
        host.ok("NetworkDriver.DeleteEndpoint", ids(endpoint))
    own.delete()
    ours.remove()
    closed_id, open_id = closed.id, open_to_all.id
    for id in (closed_id, open_id):
        host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": id})
    assert host.neutron.query("networks") == []


def test_this_driver_works_with_this_server(host: Host, request: pytest.FixtureRequest) -> None:
    proxy = Proxy()
    with by_way_of(host, proxy):
        life(host)
    assert len(proxy.seen) > 50
    if request.config.getoption("record"):
        traffic.write(__version__, proxy.seen)


@pytest.mark.parametrize("release", RELEASES)
def test_this_driver_works_with_an_older_server(host: Host, release: str) -> None:
    proxy = Proxy(Release(traffic.document(release)))
    with by_way_of(host, proxy):
        life(host)


@pytest.mark.parametrize("release", RELEASES)
def test_an_older_driver_works_with_this_server(host: Host, release: str) -> None:
    replay, wrong = Replay(), []
    for number, one in enumerate(traffic.written(release)):
        status, answer = replay.ask(one)
        if status != one.status:
            wrong.append(f"{number}: {one.method} {one.path}: {status} {answer}")
        lacks = replay.lacks(one.answer, answer)
        wrong += [f"{number}: {one.method} {one.path}: {line}" for line in lacks]
    assert wrong == [], "\n".join(wrong)


def test_what_an_older_server_did_not_have_is_refused() -> None:
    port = {"anyOf": [{"properties": {"port": {"properties": {"name": {}}}}}]}
    body = {"content": {"application/json": {"schema": port}}}
    old = Release({"paths": {"/v2.0/ports": {"post": {"requestBody": body}}}})
    for method, path, asked, status in (
        ("POST", "/v2.0/ports", {"port": {"name": "a"}}, 200),
        ("POST", "/v2.0/ports", {"port": {"name": "a", "later": 1}}, 400),
        ("GET", "/v2.0/ports?name=a", None, 404),
        ("POST", "/v2.0/later", {}, 404),
    ):
        refusal = old.refusal(method, path, asked)
        assert (200 if refusal is None else refusal[0]) == status, path
