"""How a host says that it is a chassis, or a VM on one."""

from __future__ import annotations

import json

import pytest

from tests.functional.daemons import OvsdbServer
from tests.functional.switch import Verb, keys, transactions

INIT = ("container", "init")
UNDERLAY = ("--bridge", "breth0", "--underlay-mode")
OVERLAY = ("--bridge", "br-int", "--overlay-mode")
VIF = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def bridges(switch: OvsdbServer) -> None:
    for name in ("br-int", "breth0"):
        switch.ctl("add-br", name)


def test_a_vm_has_a_bridge_of_its_own_and_keeps_the_name_of_the_other(
    switch: OvsdbServer, verb: Verb
) -> None:
    done = verb(*INIT, *UNDERLAY, "--vif-id", VIF)
    assert done.returncode == 0, done.stderr
    assert keys(switch) == {
        "system-id": "chassis-1",
        "ovn-mode": "underlay",
        "ovn-nested-bridge": "breth0",
        "ovn-vif-id": VIF,
    }
    # What makes and removes the integration bridge must not touch the VM's.
    assert json.loads(verb(*INIT, *UNDERLAY, "-o", "json").stdout)["changed"] is False
    verb("undo")
    assert keys(switch) == {"system-id": "chassis-1"}


def test_a_chassis_has_an_encapsulation_where_none_was_set(switch: OvsdbServer, verb: Verb) -> None:
    verb("set-encap-type", "vxlan")
    assert verb(*INIT, *OVERLAY).returncode == 0
    assert keys(switch)["ovn-encap-type"] == "vxlan"
    verb("unset-encap-type")
    assert verb(*INIT, *OVERLAY).returncode == 0
    assert keys(switch)["ovn-encap-type"] == "geneve"


def test_a_dry_run_writes_nothing(switch: OvsdbServer, verb: Verb) -> None:
    before = transactions(switch)
    assert "ovn-mode: (unset) -> underlay" in verb(*INIT, *UNDERLAY, "--dry-run").stdout
    assert transactions(switch) == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*INIT, "--bridge", "breth0"), 2, "--overlay-mode"),
        ((*INIT, "--underlay-mode"), 2, "--bridge"),
        ((*INIT, *UNDERLAY, "--overlay-mode"), 2, "exclude each other"),
        ((*INIT, "--bridge", "br-no", "--underlay-mode"), 5, "nics-to-bridge"),
        (("driver", "start", "--underlay-mode"), 2, "--bridge"),
        (("driver", "start", "--bridge", "breth0"), 2, "--underlay-mode"),
        (("driver", "start", *UNDERLAY), 3, "set-ipam"),
        (("container", "container-delete", "c1"), 3, "set-ipam"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_missing_is_said(verb: Verb, words: tuple[str, ...], code: int, said: str) -> None:
    done = verb(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_the_driver_starts_in_the_mode_of_the_last_time(switch: OvsdbServer, verb: Verb) -> None:
    """It goes no further than the IPAM server, which is not set."""
    verb("driver", "start", *UNDERLAY)
    assert keys(switch)["ovn-mode"] == "underlay"
    before = transactions(switch)
    verb("driver", "start")
    verb("driver", "start", "--underlay-mode")
    assert transactions(switch) == before
    verb("driver", "start", "--overlay-mode")
    assert keys(switch)["ovn-mode"] == "overlay"
