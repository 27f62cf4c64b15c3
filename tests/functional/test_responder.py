"""Whose tests a chassis answers, out of what stands in a real Southbound database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ovn_integrate.contract.device_owners import TESTED
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.probe import responder
from ovn_integrate.core.probe.probe import Place
from ovn_integrate.ovsdb import SB, Change, Session
from tests.functional.daemons import OvsdbServer

_TABLES = {
    "Datapath_Binding": ["tunnel_key"],
    "Port_Binding": ["logical_port", "datapath", "tunnel_key", "mac", "options", "external_ids"],
}
_GOOD = ("0123456789abc", "02:00:00:00:00:01 198.18.0.2", "198.18.0.2/24")
_BAD = (
    ("1123456789abc", "02:00:00:00:00:02 fd00::2", "fd00::2/64"),
    ("2123456789abc", "02:00:00:00:00:03", ""),
    ("3123456789abc", "", "198.18.0.3/24"),
    ("4123456789abc", "unknown", "198.18.0.4/24"),
    ("5123456789abc", "router", "::/0 nonsense"),
    ("6123456789abc", "02:00:00:00:00:0g 198.18.0.5", "198.18.0.5/24"),
    ("7123456789abc", " ", "300.18.0.5/99"),
    ("../../../../a", "02:00:00:00:00:07 198.18.0.7", "198.18.0.7/24"),
)


class _Answer:
    """Takes the place of an end, which needs a switch."""

    over = False
    begun: threading.Event
    places: list[Place]

    def __init__(self, links: Links, id: str, place: Place) -> None:
        self.places.append(place)
        self.begun.set()

    def close(self) -> None:
        pass


def test_a_peer_that_cannot_be_answered_is_no_harm_to_the_others(
    ovsdb_server: Callable[[str], OvsdbServer],
    switch: OvsdbServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    southbound = ovsdb_server("sb")
    switch.ctl("set", "Open_vSwitch", ".", f'external_ids:ovn-remote="{southbound.remote}"')

    def write(change: Change) -> None:
        path = change.insert("Datapath_Binding", tunnel_key=1)
        for number, (id, mac, cidrs) in enumerate((*_BAD, _GOOD)):
            owner = {"neutron:device_owner": TESTED, "neutron:device_id": id}
            change.insert(
                "Port_Binding",
                logical_port=f"port-{number}",
                datapath=path,
                tunnel_key=number + 1,
                mac=[mac],
                options={"requested-chassis": "chassis-1"},
                external_ids={**owner, "neutron:cidrs": cidrs},
            )

    with Session.open(southbound.remote, SB, _TABLES, timeout=10) as session:
        session.transact(write, "ports")

    class Answer(_Answer):
        begun = threading.Event()
        places: list[Place] = []

    monkeypatch.setattr(responder, "_Answer", Answer)
    failed: list[Any] = []
    links = Links(switch.remote, 10)

    def follow() -> None:
        try:
            responder.Responder(links, 10).follow()
        except ValueError as error:
            failed.append(error)
            Answer.begun.set()

    with caplog.at_level(logging.WARNING):
        thread = threading.Thread(target=follow)
        thread.start()
        try:
            assert Answer.begun.wait(20)
        finally:
            # It returns when the settings change.
            switch.ctl("set", "Open_vSwitch", ".", "external_ids:system-id=chassis-2")
            thread.join(20)
            links.close()
    assert not failed
    assert not thread.is_alive()
    assert [(one.mac, str(one.address)) for one in Answer.places] == [
        ("02:00:00:00:00:01", "198.18.0.2/24")
    ]
    assert len([one for one in caplog.messages if "is not answered" in one]) == len(_BAD) - 1
