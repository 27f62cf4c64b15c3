"""Checks of this host's settings as a chassis."""

from __future__ import annotations

from ovn_integrate import paths
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, failed, fine, warning
from ovn_integrate.errors import Invalid
from ovn_integrate.host import controller, encap, history, interfaces, keys, settings


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
    ignored = _ignored(facts)
    if ignored:
        said = ", ".join(f"{key} (since OVN {since})" for key, since in ignored.items())
        remedy = " ".join(["ovs-vsctl remove Open_vSwitch . external_ids", *ignored])
        return warning(f"not read any more: {said}", remedy)
    return fine("no setting that this OVN ignores")


def _ignored(facts: Facts) -> dict[str, str]:
    """The keys of this host that its ovn-controller does not read any more, and since when."""
    version = controller.version()
    found = {}
    for spelling in facts.keys:
        name, _ = keys.split(spelling) or ("", None)
        dropped = keys.KEYS[name].dropped if name else None
        if dropped is not None and version is not None and version >= dropped:
            found[spelling] = keys.dotted(dropped)
    return found


def _mend_obsolete(facts: Facts) -> str:
    ignored = _ignored(facts)
    history.apply(facts.host, dict.fromkeys(ignored), "doctor --fix")
    return f"{', '.join(ignored)} removed"


CHECKS = (
    Check("settings", "without these ovn-controller does not register this host", _needed),
    Check("encap-type", "no tunnel comes up of a type that OVN or OVS lacks", _encap_type),
    Check("kernel-modules", "the kernel's datapath has a module for each type", _modules),
    Check("encap-ip", "the other chassis send their packets to this address", _encap_ip),
    Check("obsolete-keys", "who set them believes they do something", _obsolete, _mend_obsolete),
)
