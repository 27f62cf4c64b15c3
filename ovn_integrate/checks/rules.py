"""The check of the packet filter's rules, which others may take away."""

from __future__ import annotations

from functools import partial

from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, failed, fine, warning
from ovn_integrate.host import gateway, packet_filter
from ovn_integrate.host.packet_filter import tables

_FIX = "ovn-integrate doctor packet-filter --fix"
_SHOWN = 3  # of what is wrong


def _look(facts: Facts) -> Verdict:
    out = bool(_users(facts))
    if not gateway.in_use(facts.host):
        return fine("no containers on networks of the driver, and no rules that they need")
    if not tables.installed():
        judge = failed if out else warning
        return judge("iptables is not installed: containers reach OVN's ports", "install iptables")
    wrong = packet_filter.differing(partial(gateway.wanted, facts.host))
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        return failed(f"{', '.join(wrong[:_SHOWN])}{more}", _FIX)
    way = "OVN's way out has its rules, and" if out else ""
    return fine(f"{way} OVN's ports are closed to containers".strip())


def _mend(facts: Facts) -> str:
    mended = packet_filter.mend(partial(gateway.wanted, facts.host))
    return f"{len(mended)} of the packet filter's chains and places set right" if mended else ""


def _users(facts: Facts) -> list[str]:
    row = facts.host.find("Bridge", name=gateway.NAME)
    return list(gateway.users(row.external_ids)) if row is not None else []


CHECKS = (
    Check(
        "packet-filter",
        "without these rules containers reach what is not published, and OVN's own ports",
        _look,
        _mend,
    ),
)
