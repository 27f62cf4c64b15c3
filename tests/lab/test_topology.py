"""`topology`: what Southbound has, and that a real browser shows it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .cluster import Cluster, run_container
from .command import Done, run
from .host import Host
from .waiting import wait_for

CONTAINERS = ("web", "database")
SPARE = "spare"


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Iterator[Cluster]:
    shared.first.cli("network", "create", "blue", "--subnet", "192.168.1.0/24")
    shared.first.cli("network", "create", "green", "--subnet", "192.168.2.0/24")
    shared.first.cli("port", "create", f"{SPARE}.green")
    for host, name in zip(shared.hosts, CONTAINERS, strict=True):
        host.cli("network", "attach", "blue")
        run_container(host, name, "blue")
    wait_for(lambda: labels(shared.first) >= {*CONTAINERS}, 20, "the containers' names in OVN")
    yield shared
    for host, name in zip(shared.hosts, CONTAINERS, strict=True):
        host.docker("rm", "-f", name)
        host.cli("network", "detach", "blue")
    shared.first.cli("port", "delete", f"{SPARE}.green")
    for network in ("blue", "green"):
        shared.first.cli("network", "delete", network)


def seen(host: Host) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(host.cli("topology", "-o", "json").stdout)
    return answer


def labels(host: Host) -> set[str]:
    return {one["label"] for one in seen(host)["ports"]}


def test_it_is_what_southbound_shows(path: Cluster) -> None:
    shown = path.central.run("ovn-sbctl", "show").stdout.replace('"', "")
    answer = seen(path.first)
    parts = re.split(r"^Chassis ", shown, flags=re.MULTILINE)[1:]
    assert len(parts) == len(answer["chassis"]) == 2
    for part in parts:
        name, _, rest = part.partition("\n")
        (one,) = [one for one in answer["chassis"] if one["name"] == name]
        assert re.findall(r"hostname: (\S+)", rest) == [one["hostname"]]
        kinds, ips = re.findall(r"Encap (\S+)", rest), re.findall(r"ip: (\S+)", rest)
        assert one["encaps"] == [
            {"type": kind, "ip": ip} for kind, ip in sorted(zip(kinds, ips, strict=True))
        ]
        assert sorted(re.findall(r"Port_Binding (\S+)", rest)) == sorted(one["ports"])
    assert [one["name"] for one in answer["switches"]] == ["blue", "green"]


def test_the_tunnel_is_seen_from_both_its_ends(path: Cluster) -> None:
    for host in path.hosts:
        answer = seen(host)
        (tunnel,) = answer["tunnels"]
        assert (tunnel["type"], tunnel["state"]) == ("geneve", "up")
        here = [one["hostname"] for one in answer["chassis"] if one["here"]]
        assert here == [host.name]
        assert set(tunnel["ends"]) == {one["name"] for one in answer["chassis"]}


def test_the_central_host_has_no_tunnels_and_sees_all_else(path: Cluster) -> None:
    answer = seen(path.central)
    assert [one["here"] for one in answer["chassis"]] == [False, False]
    assert [one["state"] for one in answer["tunnels"]] == [""]
    remote = f"tcp:{path.central.address}:6642"
    done = path.central.cli("topology", "--sb", remote, "-o", "json")
    assert json.loads(done.stdout) == answer


def test_the_tree_names_what_is_bound_and_what_is_not(path: Cluster) -> None:
    shown = path.first.cli("topology").stdout
    for host, name in zip(path.hosts, CONTAINERS, strict=True):
        part = shown.split(f"chassis {host.name}, geneve {host.address}")[1]
        assert f"─ {name} " in part.split("chassis ")[0]
    assert re.search(f"─ {SPARE} .*bound nowhere", shown)


def browse(folder: Path, page: str, *options: str) -> Done:
    """A page in a real browser, which writes what its console has to standard error."""
    words = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    profile = f"--user-data-dir={folder}/profile"
    home = {"HOME": str(folder), "TMPDIR": str(folder)}
    return run([*words, profile, *options, f"file://{folder}/{page}"], timeout=120, env=home)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: a browser has a socket in it, whose path holds 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        yield Path(name)


@pytest.mark.needs("chromium")
def test_a_browser_shows_all_of_it(path: Cluster, folder: Path) -> None:
    (folder / "page.html").write_text(path.first.cli("topology", "-o", "html").stdout)
    done = browse(folder, "page.html", "--dump-dom")
    assert "CONSOLE" not in done.stderr
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", done.stdout))
    assert texts >= {*CONTAINERS, SPARE, "blue", "green", *(host.name for host in path.hosts)}
    assert 'class="port dim"' not in done.stdout
    # The search, with what stands behind the page's name: one port is lit, the others are dim.
    found = browse(folder, f"page.html#{CONTAINERS[0]}", "--dump-dom").stdout
    ports = re.findall(r'<g class="(port(?: dim)?)"[^>]*><title>(\S+)', found)
    assert {name for kind, name in ports if kind == "port"} == {CONTAINERS[0]}
    assert {name for kind, name in ports if kind != "port"} == {CONTAINERS[1], SPARE}


@pytest.mark.needs("chromium")
def test_a_browser_draws_the_svg_alone(path: Cluster, folder: Path) -> None:
    (folder / "alone.svg").write_text(path.second.cli("topology", "-o", "svg").stdout)
    image = folder / "alone.png"
    browse(folder, "alone.svg", f"--screenshot={image}")
    assert image.stat().st_size > 10_000
