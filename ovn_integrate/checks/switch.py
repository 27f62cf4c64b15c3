"""Checks of Open vSwitch and the integration bridge."""

from __future__ import annotations

from ovn_integrate import paths
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, failed, fine
from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.host import bridge, settings, vswitch
from ovn_integrate.ovsdb import Row

_CREATE = "ovn-integrate create-integration-bridge"


def _database(facts: Facts) -> Verdict:
    try:
        version = "".join(settings.root(facts.host).ovs_version)
    except DatabaseUnavailable as error:
        return failed(f"{error.subject} {error.what}", vswitch.start_command())
    return fine(f"{facts.remote} answers, Open vSwitch {version}")


def _switch(facts: Facts) -> Verdict:
    if not vswitch.switch_running():
        return failed("ovs-vswitchd does not run", vswitch.start_command())
    row = settings.root(facts.host)
    if row.cur_cfg != row.next_cfg:
        behind = f"ovs-vswitchd is at change {row.cur_cfg} of {row.next_cfg}"
        return failed(behind, f"see {paths.ovs_logdir()}/ovs-vswitchd.log")
    return fine("ovs-vswitchd runs and is up to date")


def _datapath(facts: Facts) -> Verdict:
    if facts.userspace or facts.bridge is None:
        return fine("the userspace datapath needs no kernel module")
    if (paths.MODULES / "openvswitch").exists():
        return fine("the kernel's openvswitch module is loaded")
    found = f"{facts.settings.bridge} is of the kernel's datapath, and its module is not loaded"
    return failed(found, f"modprobe openvswitch, or: {_CREATE} --datapath netdev")


def _bridge(facts: Facts) -> Verdict:
    name = facts.settings.bridge
    if facts.bridge is None:
        return failed(f"{name} does not exist", _CREATE)
    if not bridge.is_right(facts.host):
        mode = "".join(facts.bridge.fail_mode) or "standalone"
        return failed(f"{name} is not as OVN wants it (fail_mode {mode})", _CREATE)
    return fine(f"{name} is as OVN wants it")


def _mend_bridge(facts: Facts) -> str:
    bridge.create(facts.host)
    return f"{facts.settings.bridge} set right"


def _links(facts: Facts) -> Verdict:
    broken = [row for row in facts.interfaces() if row.error or row.ofport == [-1]]
    if not broken:
        return fine(f"{len(facts.interfaces())} ports on {facts.settings.bridge}, each in use")
    names = ", ".join(f"{row.name} ({_trouble(row)})" for row in broken)
    return failed(
        f"ports that Open vSwitch cannot use: {names}",
        f"ovn-integrate driver gc, or: ovs-vsctl del-port {broken[0].name}",
    )


def _trouble(row: Row) -> str:
    return "".join(row.error) or "no OpenFlow port"


def _mappings(facts: Facts) -> Verdict:
    text = settings.value(facts.keys, "ovn-bridge-mappings") or ""
    pairs = [one.partition(":")[::2] for one in text.split(",") if one]
    missing = [to for _, to in pairs if facts.host.find("Bridge", name=to) is None]
    if missing:
        return failed(
            f"ovn-bridge-mappings names {', '.join(missing)}, which does not exist",
            f"ovs-vsctl add-br {missing[0]}",
        )
    return fine(f"{len(pairs)} bridge mappings, all of bridges that exist")


CHECKS = (
    Check("ovs-database", "every setting of this host lies in it", _database),
    Check("ovs-vswitchd", "without it no packet moves, and no new port comes up", _switch),
    Check("datapath", "a bridge whose datapath is not there forwards nothing", _datapath),
    Check("bridge", "set otherwise it forwards past OVN's rules", _bridge, _mend_bridge),
    Check("ports", "a port without its link is what a crash left, and hides real faults", _links),
    Check("bridge-mappings", "a network that maps to no bridge has no way out", _mappings),
)
