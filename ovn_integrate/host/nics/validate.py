"""Which links can be put into a bridge, and what is to be known before."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from ovn_integrate import paths
from ovn_integrate.errors import Conflict, Invalid, NotFound
from ovn_integrate.host.nics import bridges, dhcp
from ovn_integrate.netlink import link_state
from ovn_integrate.netlink.link import Link, all_links
from ovn_integrate.ovsdb import Session


def admit(session: Session, names: Sequence[str]) -> list[Link]:
    """The links of these names that are still to be moved.

    :raises NotFound: there is no such link.
    :raises Invalid: it is no NIC, or its name is too long.
    :raises Conflict: it belongs to something else, or something else hangs on it.
    """
    links = all_links()
    wanted = []
    for name in dict.fromkeys(names):
        if name not in links:
            known = ", ".join(one for one in links if not links[one].loopback)
            raise NotFound(f"NIC {name}", "is not there", f"one of: {known}")
        bridge = bridges.name_of(name)
        owner = bridges.of_port(session, name)
        if owner == bridge and bridges.made(session).get(bridge) == name:
            continue
        if owner is not None:
            raise Conflict(
                f"NIC {name}", f"is a port of {owner} already", f"ovs-vsctl del-port {owner} {name}"
            )
        bridges.refuse_taken(session, bridge, name)
        _refuse_kind(links[name])
        _refuse_owned(links[name], links, session)
        _refuse_next_hops(name)
        dhcp.refuse_others(name)
        wanted.append(links[name])
    return wanted


def manager(link: Link) -> str | None:
    """What configures a link and will do so again unasked: ``networkd`` or ``NetworkManager``."""
    networkd = paths.NETWORKD_LINKS / str(link.index)
    if networkd.exists() and "ADMIN_STATE=unmanaged" not in networkd.read_text():
        return "networkd"
    kept = paths.NETWORKMANAGER_LINKS / str(link.index)
    if kept.exists() and "managed=true" in kept.read_text():
        return "NetworkManager"
    return None


def persistence() -> str | None:
    """What this host's network is configured by, as far as its files tell."""
    etc = paths.etc()
    if shutil.which("netplan") and any((etc / "netplan").glob("*.yaml")):
        return "netplan"
    if (etc / "network" / "interfaces").exists() and shutil.which("ifup"):
        return "ifupdown"
    if paths.NETWORKMANAGER_LINKS.exists():
        return "NetworkManager"
    return "networkd" if paths.NETWORKD_LINKS.exists() else None


def _refuse_kind(link: Link) -> None:
    if link.loopback or not link.ethernet:
        raise Invalid(f"link {link.name}", "is no Ethernet NIC, and cannot be in a bridge")
    if (paths.LINKS / link.name / "phy80211").exists():
        raise Invalid(f"NIC {link.name}", "is wireless: its access point lets one MAC address pass")


def _refuse_owned(link: Link, links: Mapping[str, Link], session: Session) -> None:
    owner = next((one for one in links.values() if one.index == link.master), None)
    if owner is not None:
        raise Conflict(
            f"NIC {link.name}", f"belongs to {owner.name}", f"ip link set {link.name} nomaster"
        )
    if session.find("Bridge", name=link.name) is not None:
        raise Invalid(f"link {link.name}", "is a bridge of Open vSwitch itself")
    above = [one.name for one in links.values() if one.below == link.index]
    if above:
        raise Conflict(
            f"NIC {link.name}",
            f"has {', '.join(above)} on it, which cannot come along",
            f"ip link delete {above[0]}; on the bridge: ip link add link br{link.name} …",
        )
    bridge = bridges.name_of(link.name)
    if bridge in links and session.find("Bridge", name=bridge) is None:
        raise Conflict(f"link {bridge}", "exists, and is no bridge of Open vSwitch")


def _refuse_next_hops(name: str) -> None:
    routes = link_state.next_hop_objects(link_state.take(name))
    if routes:
        raise Conflict(
            f"NIC {name}",
            f"has routes by next hop objects, which are not moved: {routes[0]}",
            "ip nexthop; make them plain routes",
        )
