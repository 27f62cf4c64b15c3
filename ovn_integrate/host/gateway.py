"""The way from OVN out of this host: a bridge of its own, and the host's kernel behind it.

The bridge has no physical port. Its internal port carries the gateway addresses of the external
network that OVN reaches over it (a localnet port, by ``ovn-bridge-mappings``); what comes out
there the kernel routes and masquerades. Every host has the same addresses and the same MAC on its
own such bridge: OVN keeps one MAC for a gateway, whichever chassis asks for it.

Who uses the bridge, and with which address, stands in its external_ids; the last one to go takes
all of it along.

The chassis is offered as a gateway too (``ovn-cms-options=enable-chassis-as-gw``): a Neutron puts
the gateway of a router on no other, and the IPAM server does not ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from ipaddress import IPv4Interface
from typing import Any

from ovn_integrate import faultpoint, netlink, paths, servers
from ovn_integrate.contract.way_out import PHYSICAL_NETWORK
from ovn_integrate.errors import NotConfigured
from ovn_integrate.host import bridge, interfaces, packet_filter, settings, vswitch
from ovn_integrate.host.packet_filter import links, ports, published, tables
from ovn_integrate.host.packet_filter.compare import links_of_docker
from ovn_integrate.host.packet_filter.published import RECORDED
from ovn_integrate.host.packet_filter.tables import Tables
from ovn_integrate.host.packet_filter.wanted import Wanted
from ovn_integrate.ovsdb import Change, Session

NAME = "br-ovn-gw"

TABLES = {**bridge.TABLES, "Interface": [*bridge.TABLES["Interface"], "mtu_request"]}

RULES = {**settings.TABLES, "Bridge": ["name", "external_ids"], "Interface": ["external_ids"]}
"""What the rules are made of."""

_MAPPINGS = "ovn-bridge-mappings"
_MAPPING = f"{PHYSICAL_NETWORK}:{NAME}"
_CMS_OPTIONS = "ovn-cms-options"
_AS_GATEWAY = "enable-chassis-as-gw"
_USER = "ovn-integrate:gateway-of-"
_OFFERED = "ovn-integrate-offered-as-gateway"
"""Beside it: that the chassis is so because of the bridge, and not by its operator's will."""

_MAC = "02:f0:64:40:00:01"


def create(session: Session, user: str, address: IPv4Interface, mtu: int) -> None:
    """Have the bridge for a user, with the address on it and the host's rules behind it.

    :param address: the gateway's, with the length of the external subnet's prefix.
    :param mtu: in bytes, of the containers behind it.
    :raises NotConfigured: this host does not forward, or has no integration bridge.
    :raises CommandFailed: ovs-vswitchd did not take it in, or the kernel refused.
    """
    if (paths.ipv4_sysctl() / "ip_forward").read_text().strip() == "0":
        raise NotConfigured("net.ipv4.ip_forward", "is 0", "sysctl -w net.ipv4.ip_forward=1")
    integration = session.find("Bridge", name=settings.read(session).bridge)
    if integration is None:
        raise NotConfigured(
            f"bridge {settings.read(session).bridge}",
            "does not exist",
            "ovn-integrate create-integration-bridge",
        )
    datapath = integration.datapath_type

    def change(draft: Change) -> dict[str, IPv4Interface]:
        row = draft.find("Bridge", name=NAME) or _insert(draft, mtu)
        draft.set(row, datapath_type=datapath)
        draft.set_keys(row, "other_config", {"hwaddr": _MAC})
        draft.set_keys(row, "external_ids", {_USER + user: str(address)})
        _list(draft, _MAPPINGS, _MAPPING, present=True)
        if _list(draft, _CMS_OPTIONS, _AS_GATEWAY, present=True):
            draft.set_keys(settings.root(draft), "external_ids", {_OFFERED: "true"})
        return {**users(row.external_ids), user: address}

    faultpoint.reach("before gateway")
    _, used = vswitch.reconfigure(session, change, f"gateway of {user[:12]}")
    faultpoint.reach("after gateway")
    # Before anything answers at the address.
    packet_filter.mend(partial(wanted, session))
    restore(used, userspace=datapath == "netdev")


def delete(session: Session, user: str) -> bool:
    """Take a user off the bridge, which goes with the last; whether anything changed."""
    row = session.find("Bridge", name=NAME)
    if row is None or _USER + user not in row.external_ids:
        return False
    left = users(row.external_ids)
    address = left.pop(user)

    def change(draft: Change) -> None:
        row = draft.find("Bridge", name=NAME)
        if row is None:
            return
        draft.set_keys(row, "external_ids", {_USER + user: None})
        if not left:
            root = settings.root(draft)
            draft.set(root, bridges=[one for one in root.bridges if one.uuid != row.uuid])
            _list(draft, _MAPPINGS, _MAPPING, present=False)
            if _OFFERED in root.external_ids:
                _list(draft, _CMS_OPTIONS, _AS_GATEWAY, present=False)
                draft.set_keys(root, "external_ids", {_OFFERED: None})

    faultpoint.reach("before removal of the gateway")
    vswitch.reconfigure(session, change, f"no gateway of {user[:12]}")
    faultpoint.reach("after removal of the gateway")
    if left and address not in left.values():
        netlink.remove_address(NAME, address)
    packet_filter.mend(partial(wanted, session))
    return True


def restore(used: dict[str, IPv4Interface], *, userspace: bool) -> None:
    """Have what the kernel forgets of the link when the host starts anew: the addresses.

    :param used: what :func:`users` says.
    :param userspace: whether the bridge is one of the userspace datapath.
    """
    here = interfaces.addresses()
    missing = {one for one in used.values() if here.get(str(one.ip)) != NAME}
    for address in missing:
        netlink.set_address(NAME, address)
        faultpoint.reach("after gateway address")
    if missing:
        if userspace:
            netlink.checksum_offload_off(NAME)
        # A port that is published on this host is reached at 127.0.0.1 too.
        (paths.ipv4_sysctl() / "conf" / NAME / "route_localnet").write_text("1")


def wanted(session: Session, now: Tables) -> Wanted:
    """The rules of the packet filter that this host should have.

    :param session: of the host's database, with `RULES`.
    :param now: what rules there are.
    """
    host = settings.read(session)
    row = session.find("Bridge", name=NAME)
    used = users(row.external_ids) if row is not None else {}
    led = [one for each in session.rows("Interface") for one in published.of(each.external_ids)]
    return Wanted(
        NAME,
        tuple(_blocks(used)),
        # In an order that does not change from one look to the next.
        tuple(sorted(led, key=repr)),
        links.inside(NAME, links_of_docker(now.v4)),
        links.outside(NAME, host.encap_ips) if used else (),
        ports.find(host),
    )


def in_use(session: Session) -> bool:
    """Whether this host has containers of the driver, or a network's way out, or serves Docker.

    :param session: of the host's database, with `RULES`.
    """
    row = session.find("Bridge", name=NAME)
    return bool(
        servers.pid("driver")
        or (row is not None and users(row.external_ids))
        or any(published.ENDPOINT in one.external_ids for one in session.rows("Interface"))
    )


def clear(session: Session) -> None:
    """Take all of the rules away where nobody needs them any more."""
    if tables.installed() and not in_use(session):
        packet_filter.remove()


def users(ids: Mapping[str, str]) -> dict[str, IPv4Interface]:
    """Who uses the bridge whose external_ids these are, and the gateway's address of each."""
    return {
        key.removeprefix(_USER): IPv4Interface(text)
        for key, text in ids.items()
        if key.startswith(_USER)
    }


def _blocks(used: Mapping[str, IPv4Interface]) -> list[str]:
    return sorted({str(one.network) for one in used.values()})


def _insert(draft: Change, mtu: int) -> Any:
    interface = draft.insert("Interface", name=NAME, type="internal", mtu_request=mtu)
    port = draft.insert("Port", name=NAME, interfaces=[interface])
    ids = {RECORDED: "true"}
    row = draft.insert("Bridge", name=NAME, ports=[port], other_config={}, external_ids=ids)
    root = settings.root(draft)
    draft.set(root, bridges=[*root.bridges, row])
    return row


def _list(draft: Change, name: str, ours: str, *, present: bool) -> bool:
    """Have a word, or not, in a list that ovn-controller reads; whether that changed it."""
    root = settings.root(draft)
    # A key with the chassis' name behind it goes first (ovn-controller(8)).
    own = f"{name}-{root.external_ids.get(settings.SYSTEM_ID)}"
    key = own if own in root.external_ids else name
    before = [one for one in root.external_ids.get(key, "").split(",") if one]
    others = [one for one in before if one != ours]
    wanted = [*others, ours] if present else others
    draft.set_keys(root, "external_ids", {key: ",".join(wanted) or None})
    return (ours in before) != present
