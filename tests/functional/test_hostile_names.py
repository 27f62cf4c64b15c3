"""Names that do harm to a terminal, in real databases, shown by the verbs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.ovsdb import NB, SB, Change, Session
from tests.functional.daemons import OvsdbServer
from tests.functional.driver.bed import IPAM, serve
from tests.functional.namespaces import own_network
from tests.lab.waiting import wait_for
from tests.unit.hostile import NAMES, unsafe

# What a database takes: no NUL, no half of a character.
_HOSTILE = [name for name in NAMES if "\0" not in name and "\ud800" not in name]
_FORMS = ("table", "json", "yaml")
_PROFILE = "ovn-integrate:profile"


def _southbound(change: Change) -> None:
    for number, name in enumerate(_HOSTILE):
        ip = f"192.0.2.{number}{name}"
        encap = change.insert("Encap", chassis_name=name, type="geneve", ip=ip)
        host = change.insert(
            "Chassis",
            name=name,
            hostname=name,
            encaps=[encap],
            other_config={"ovn-bridge-mappings": f"{name}:br-ex"},
        )
        names = {"name": name, "name2": name, "logical-switch": name}
        path = change.insert("Datapath_Binding", tunnel_key=number + 1, external_ids=names)
        change.insert(
            "Port_Binding",
            logical_port=name,
            datapath=path,
            tunnel_key=1,
            chassis=[host],
            mac=[f"02:00:00:00:00:{number % 256:02x} {name}"],
            external_ids={"name": name, "neutron:port_name": name, "neutron:device_id": name},
        )


@pytest.fixture
def southbound(ovsdb_server: Callable[[str], OvsdbServer]) -> OvsdbServer:
    server = ovsdb_server("sb")
    tables = {
        "Chassis": ["name", "hostname", "encaps", "other_config"],
        "Encap": ["chassis_name", "type", "ip"],
        "Datapath_Binding": ["tunnel_key", "external_ids"],
        "Port_Binding": [
            *("logical_port", "datapath", "tunnel_key", "chassis", "mac", "external_ids"),
        ],
    }
    with Session.open(server.remote, SB, tables, timeout=20) as session:
        session.transact(_southbound, "hostile")
    (server.folder / "ovnsb_db.sock").symlink_to(server.remote.removeprefix("unix:"))
    return server


def _said(*words: str, status: int = 0, **environment: str) -> str:
    """What a verb prints, with all that a terminal has read as it is."""
    argv = [sys.executable, "-m", "ovn_integrate", "--timeout", "20", *words]
    env = {**os.environ, **environment}
    done = subprocess.run(argv, capture_output=True, timeout=120, env=env, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == status, said
    assert not unsafe(said, colours=True)
    return said


def _read(said: str, form: str) -> Any:
    if form == "json":
        return json.loads(said, parse_constant=pytest.fail)
    return yaml.safe_load(said) if form == "yaml" else None


@pytest.mark.parametrize("form", _FORMS)
def test_chassis(southbound: OvsdbServer, form: str) -> None:
    said = _said("chassis", "list", "-o", form, OVN_RUNDIR=str(southbound.folder))
    if form == "table":
        assert len(said.splitlines()) == 1 + len(_HOSTILE)
    else:
        assert {one["name"] for one in _read(said, form)} == set(_HOSTILE)


@pytest.mark.parametrize("form", [*_FORMS, "svg", "dot", "html"])
def test_topology(switch: OvsdbServer, southbound: OvsdbServer, form: str) -> None:
    said = _said("--db", switch.remote, "topology", "--sb", southbound.remote, "-o", form)
    if form == "svg":
        ElementTree.fromstring(said.encode())
    elif form in _FORMS[1:]:
        assert {one["name"] for one in _read(said, form)["chassis"]} >= set(_HOSTILE)


@pytest.fixture
def ipam(nb: OvsdbServer, switch: OvsdbServer, folder: Path) -> Iterator[Client]:
    with own_network():
        process = serve(f"ipam.application({nb.remote!r})", IPAM, folder / "i", keep_alive=True)
        switch.ctl("set", "Open_vSwitch", ".", "external_ids:ipam=127.0.0.1")
        try:
            yield Client([f"http://{IPAM}"], timeout=60)
        finally:
            process.terminate()
            process.wait(20)


def test_networks_and_ports(ipam: Client, nb: OvsdbServer, switch: OvsdbServer) -> None:
    for name in _HOSTILE:
        network = ipam.create("networks", name=name, description=name)
        ipam.create("ports", network_id=network["id"], name=name, device_id=name)
    for what in ("network", "port"):
        for form in _FORMS:
            said = _said("--db", switch.remote, what, "list", "-o", form)
            assert len(said.splitlines()) >= len(_HOSTILE)
            read = _read(said, form)
            assert read is None or {one["name"] for one in read} == set(_HOSTILE)
    name = _HOSTILE[0]
    for words in (("network", "show", name), ("port", "show", f"{name}.{name}")):
        assert "owned" in _said("--db", switch.remote, *words)
    for words in (("network", "show", f"x{name}"), ("port", "show", f"x.{name}")):
        _said("--db", switch.remote, *words, status=5)
    _said("--db", switch.remote, f"bad{name}", status=2)
    # What stands in Northbound already is no reason to answer something else than JSON.
    with Session.open(nb.remote, NB, {"Logical_Switch_Port": ["external_ids"]}, timeout=20) as rows:

        def spoil(change: Change) -> None:
            for row in change.rows("Logical_Switch_Port"):
                ids = {**row.external_ids, _PROFILE: '{"a": Infinity, "b": [NaN, -1e999]}'}
                change.set(row, external_ids=ids)

        rows.transact(spoil, "hostile")

    def profiles() -> list[Any]:
        return [port["binding:profile"] for port in ipam.query("ports")]

    # Another client wrote it: the server hears of it a moment later.
    wait_for(lambda: {} not in profiles(), 20, "the server's copy of the profiles")
    assert all(profile == {"a": None, "b": [None, None]} for profile in profiles())
