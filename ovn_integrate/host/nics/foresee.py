"""What moving NICs would do, in a form to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ovn_integrate.host.nics import bridges, dhcp, files, validate
from ovn_integrate.netlink.link import Link
from ovn_integrate.netlink.link_state import take
from ovn_integrate.ovsdb import Session


def going_in(
    session: Session, links: Sequence[Link], wanted: Mapping[str, files.Files]
) -> list[dict[str, Any]]:
    """A plan for each NIC that is to be moved into a bridge."""
    return [_plan(session, one, wanted.get(one.name, {})) for one in links]


def coming_out(session: Session, names: Sequence[str]) -> list[dict[str, Any]]:
    """A plan for each bridge that is to go."""
    made = bridges.made(session)
    return [
        {
            "nic": made[name],
            "bridge": name,
            "moves": take(name).words(),
            "clients": _clients(name),
            "files": files.before(name),
        }
        for name in names
    ]


def warnings(links: Sequence[Link], *, persisted: bool) -> list[str]:
    """What an operator should know before it is done."""
    found = []
    for one in links:
        manager = validate.manager(one)
        if manager:
            found.append(
                f"{one.name}: {manager} configures it, and may do so again until the next boot"
            )
    if links and not persisted:
        found.append(
            "until the next boot only: then the addresses are to be the bridge's by "
            f"--persist {validate.persistence() or 'KIND'}, "
            "or Open vSwitch started with --delete-transient-ports"
        )
    return found


def _plan(session: Session, link: Link, wanted: files.Files) -> dict[str, Any]:
    return {
        "nic": link.name,
        "bridge": bridges.name_of(link.name),
        "datapath": "netdev" if bridges.userspace(session) else "system",
        "mac": link.mac,
        "mtu": link.mtu,
        "moves": take(link.name).words(),
        "clients": _clients(link.name),
        "files": {str(path): text for path, text in wanted.items()},
    }


def _clients(link: str) -> list[str]:
    return [" ".join(one.words) for one in dhcp.clients(link)]
