"""Checks of this host's settings as a chassis."""

from __future__ import annotations

import re

from ovn_integrate import paths, runner
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, failed, fine, warning
from ovn_integrate.errors import Invalid
from ovn_integrate.host import encap, history, interfaces, settings

# ovn-controller(8) and OVN's NEWS: since when a key is not read any more.
_OBSOLETE = {
    "ovn-openflow-probe-interval": (24, 3),
    "ovn-set-local-ip": (24, 9),
    "ovn-ofctrl-wait-before-clear": (25, 9),
}


def _needed(facts: Facts) -> Verdict:
    now = facts.settings
    values = {
        settings.SYSTEM_ID: now.system_id,
        settings.IPAM: now.ipam,
        settings.REMOTE: now.remote,
        settings.TEP: now.encap_ips,
        settings.ENCAP_TYPE: now.encap_types,
    }
    missing = [key for key, value in values.items() if not value]
    if missing:
        return failed(f"not set: {', '.join(missing)}", settings.VERBS[missing[0]])
    return fine(f"chassis {now.system_id}, {len(values)} settings are there")


def _encap_type(facts: Facts) -> Verdict:
    types = facts.settings.encap_types
    unknown = [one for one in types if one not in encap.TYPES]
    if unknown:
        verb = settings.VERBS[settings.ENCAP_TYPE]
        return failed(f"encap type {', '.join(unknown)} is unknown", verb)
    try:
        encap.refuse_impossible(facts.host, types)
    except Invalid as error:
        return failed(f"{error.subject}: {error.what}", error.hint)
    return fine(f"{', '.join(types)} can be had here")


def _modules(facts: Facts) -> Verdict:
    types = facts.settings.encap_types
    if facts.userspace:
        return fine("the userspace datapath has its tunnels built in")
    missing = [one for one in types if not (paths.MODULES / one).exists()]
    if missing:
        return failed(f"kernel modules not loaded: {', '.join(missing)}", f"modprobe {missing[0]}")
    return fine(f"kernel modules of {', '.join(types)} are loaded")


def _encap_ip(facts: Facts) -> Verdict:
    here = interfaces.addresses()
    foreign = [one for one in facts.settings.encap_ips if one not in here]
    if foreign:
        return failed(
            f"tunnel endpoint {', '.join(foreign)} is on no interface of this host",
            "ovn-integrate set-tep ADDRESS, with one of: " + ", ".join(here),
        )
    return fine(", ".join(f"{one} on {here[one]}" for one in facts.settings.encap_ips))


def _obsolete(facts: Facts) -> Verdict:
    version = controller_version()
    keys = [key for key, ended in _OBSOLETE.items() if key in facts.keys and version >= ended]
    if keys:
        return warning(
            "not read any more: " + ", ".join(f"{key} (since OVN {_since(key)})" for key in keys),
            " ".join(["ovs-vsctl remove Open_vSwitch . external_ids", *keys]),
        )
    return fine("no setting that this OVN ignores")


def _since(key: str) -> str:
    major, minor = _OBSOLETE[key]
    return f"{major}.{minor:02}"


def _mend_obsolete(facts: Facts) -> str:
    keys = [key for key in _OBSOLETE if key in facts.keys]
    history.apply(facts.host, dict.fromkeys(keys), "doctor --fix")
    return f"{', '.join(keys)} removed"


def controller_version() -> tuple[int, int]:
    """The major and minor number of the installed ovn-controller.

    :raises CommandFailed: it is not installed.
    """
    said = runner.run(["ovn-controller", "--version"], timeout=5.0)
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


CHECKS = (
    Check("settings", "without these ovn-controller does not register this host", _needed),
    Check("encap-type", "no tunnel comes up of a type that OVN or OVS lacks", _encap_type),
    Check("kernel-modules", "the kernel's datapath has a module for each type", _modules),
    Check("encap-ip", "the other chassis send their packets to this address", _encap_ip),
    Check("obsolete-keys", "who set them believes they do something", _obsolete, _mend_obsolete),
)
