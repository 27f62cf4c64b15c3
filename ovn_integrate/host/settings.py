"""The host's settings: names that people use, and the external_ids keys that OVN reads.

The keys and their meaning are ovn-controller(8)'s; ``ipam`` and ``ovn-nb`` are read by this
program and by the tools that came before it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ovn_integrate import ovsdb, paths
from ovn_integrate.errors import Invalid, NotConfigured
from ovn_integrate.host import credentials
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.ovsdb import Change, Session

ROOT = "Open_vSwitch"
TABLES = {
    ROOT: ["external_ids", "ovs_version", "iface_types", "ssl"],
    credentials.TABLE: credentials.COLUMNS,
}

IPAM = "ipam"
REMOTE = "ovn-remote"
NORTHBOUND = "ovn-nb"
TEP = "ovn-encap-ip"
TEP_DEFAULT = "ovn-encap-ip-default"
ENCAP_TYPE = "ovn-encap-type"
SYSTEM_ID = "system-id"
BRIDGE = "ovn-bridge"
MODE = "ovn-mode"
NESTED_BRIDGE = "ovn-nested-bridge"
VIF = "ovn-vif-id"
REACHABLE = "ovn-integrate-containers-reach"

ALL_PORTS = "all"
"""The value of it that closes no port to containers."""

INTEGRATION_BRIDGE = "br-int"

OVERLAY, UNDERLAY = ("overlay", "underlay")
"""Whether a host is a chassis of OVN, or a VM on one, whose containers are ports below its own."""

# What a missing setting asks for.
VERBS = {
    IPAM: "ovn-integrate set-ipam ADDRESS",
    REMOTE: "ovn-integrate set-ipam ADDRESS",
    TEP: "ovn-integrate set-tep ADDRESS",
    ENCAP_TYPE: "ovn-integrate set-encap-type geneve",
    SYSTEM_ID: "start Open vSwitch with: ovs-ctl start --system-id=random",
}


@dataclass(frozen=True)
class Settings:
    """The settings of a host as they are now; empty where nothing is set.

    :param bridge: the integration bridge.
    :param nested_bridge: of a VM, with its NIC; not the key of the integration bridge, as the verbs
        that make and remove that one must not touch it.
    :param vif_id: the id of the VM's own port in Neutron.
    :param reachable: the ports of OVN that containers reach all the same, see
        :mod:`ovn_integrate.host.packet_filter.ports`.
    """

    system_id: str | None
    ipam: tuple[str, ...]
    remote: str | None
    northbound: str | None
    encap_types: tuple[str, ...]
    encap_ips: tuple[str, ...]
    bridge: str = INTEGRATION_BRIDGE
    credentials: Credentials | None = None
    mode: str = OVERLAY
    nested_bridge: str = ""
    vif_id: str = ""
    reachable: str = ""

    @property
    def nested(self) -> bool:
        """Whether this host is a VM on a chassis."""
        return self.mode == UNDERLAY

    @property
    def endpoint_bridge(self) -> str:
        """The bridge on which endpoints are."""
        # Of a host that the first ovn-container set up, the VM's bridge stands under that key.
        return self.nested_bridge or self.bridge if self.nested else self.bridge

    @property
    def ipam_urls(self) -> tuple[str, ...]:
        """The base URLs of the IPAM servers, in the order in which to try them."""
        return tuple(ipam_url(one) for one in self.ipam)

    @property
    def ipam_hosts(self) -> list[str]:
        """The addresses of the IPAM servers, without ports or brackets."""
        return [urlsplit(url).hostname or "" for url in self.ipam_urls]


def root(session: Any) -> Any:
    """The one row of the table Open_vSwitch, of a :class:`Session` or a ``Change``.

    :raises NotConfigured: Open vSwitch never ran on this database.
    """
    rows = list(session.rows(ROOT))
    if not rows:
        raise NotConfigured("Open_vSwitch database", "is empty", "start Open vSwitch once")
    return rows[0]


def read(session: Session | Change) -> Settings:
    """The settings, a key with this chassis' name behind it (``KEY-CHASSIS``) going first.

    Connections by TLS to databases show the host's certificate from now on, as of ovn-controller's.
    """
    keys: dict[str, str] = root(session).external_ids
    own = credentials.of(root(session))
    if own is not None:
        ovsdb.present(own.private_key, own.certificate, own.ca_cert)
    return Settings(
        system_id=keys.get(SYSTEM_ID),
        ipam=_list(keys.get(IPAM)),
        remote=value(keys, REMOTE),
        northbound=keys.get(NORTHBOUND),
        encap_types=_list(value(keys, ENCAP_TYPE)),
        encap_ips=_list(value(keys, TEP)),
        bridge=value(keys, BRIDGE) or INTEGRATION_BRIDGE,
        credentials=own,
        mode=keys.get(MODE, OVERLAY),
        nested_bridge=keys.get(NESTED_BRIDGE, ""),
        vif_id=keys.get(VIF, ""),
        reachable=keys.get(REACHABLE, ""),
    )


def value(keys: Mapping[str, str], key: str) -> str | None:
    """What ovn-controller reads of external_ids for a key, ``KEY-CHASSIS`` going first."""
    return keys.get(f"{key}-{keys.get(SYSTEM_ID)}") or keys.get(key) or None


def write(session: Session, wanted: Mapping[str, str | None], comment: str) -> bool:
    """Write what this program keeps for itself, without a record of it; None removes a key.

    What a user may want to undo goes by :func:`ovn_integrate.host.history.apply`.
    """
    return session.transact(
        lambda change: change.set_keys(root(change), "external_ids", wanted), comment
    ).changed


def ipam_keys(
    addresses: Iterable[str],
    *,
    scheme: str = "tcp",
    nb_port: int = paths.NB_PORT,
    sb_port: int = paths.SB_PORT,
    ipam_port: int = paths.IPAM_PORT,
) -> dict[str, str | None]:
    """The keys that name the central host or hosts: IPAM server, Southbound, Northbound.

    :param scheme: with ``ssl`` the IPAM server is asked by HTTPS, and Northbound not at all: who is
        let in there owns the network.
    """
    hosts = [bracketed(one) for one in addresses]
    if scheme == "ssl":
        return {
            IPAM: ",".join(f"https://{host}:{ipam_port}" for host in hosts),
            REMOTE: ",".join(f"{scheme}:{host}:{sb_port}" for host in hosts),
            NORTHBOUND: None,
        }
    plain = ipam_port == paths.IPAM_PORT
    return {
        IPAM: ",".join(host.strip("[]") if plain else f"{host}:{ipam_port}" for host in hosts),
        REMOTE: ",".join(f"{scheme}:{host}:{sb_port}" for host in hosts),
        NORTHBOUND: ",".join(f"{scheme}:{host}:{nb_port}" for host in hosts),
    }


def tep_keys(
    addresses: Iterable[str], default: str | None, current: Mapping[str, str]
) -> dict[str, str | None]:
    """The keys of this host's tunnel endpoints and of the default one of them.

    :param default: one of the addresses; None keeps the one that is set, while it is one of them.
    :param current: the keys as they are.
    :raises Invalid: the default is none of the addresses.
    """
    wanted = list(addresses)
    if default is not None and default not in wanted:
        raise Invalid(
            f"default tunnel endpoint {default}", f"is none of {', '.join(wanted)}", "name it there"
        )
    keys: dict[str, str | None] = {TEP: ",".join(wanted)}
    kept = default if default is not None else current.get(TEP_DEFAULT)
    if kept is not None:
        keys[TEP_DEFAULT] = kept if kept in wanted else None
    return keys


def require(settings: Settings, *keys: str) -> None:
    """Refuse to go on without these keys.

    :raises NotConfigured: one is not set; the hint is the verb that sets it.
    """
    values = {
        IPAM: settings.ipam,
        REMOTE: settings.remote,
        TEP: settings.encap_ips,
        ENCAP_TYPE: settings.encap_types,
        SYSTEM_ID: settings.system_id,
    }
    for key in keys:
        if not values[key]:
            raise NotConfigured(f"external_ids:{key}", "is not set", VERBS[key])


def parse_addresses(text: str) -> list[str]:
    """The addresses of a comma list, in their usual spelling.

    :raises Invalid: it is empty, or a part is no IP address of a host.
    """
    parts = [part.strip() for part in text.split(",")]
    return [parse_address(part) for part in parts]


def ipam_url(server: str, scheme: str = "http") -> str:
    """The base URL of an IPAM server given as an address, ``ADDRESS:PORT`` or a URL.

    :param scheme: of one that is no URL.
    """
    if "://" in server:
        return server.rstrip("/")
    try:
        return f"{scheme}://{bracketed(str(ipaddress.ip_address(server)))}:{paths.IPAM_PORT}"
    except ValueError:
        return f"{scheme}://{server}"


def endpoint(server: str) -> tuple[str, int]:
    """The host, without brackets, and the port of an IPAM server that is given like that."""
    url = urlsplit(ipam_url(server))
    return url.hostname or "", url.port or paths.IPAM_PORT


def bracketed(address: str) -> str:
    """An address as URLs and OVSDB remotes want it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def parse_address(text: str) -> str:
    """An address of a host, in its usual spelling.

    :raises Invalid: it is none.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Invalid(
            f"address {text!r}", "is no IP address", "give it like 192.0.2.10 or 2001:db8::10"
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise Invalid(f"address {text!r}", "is not the address of a host")
    return str(address)


def _list(value: str | None) -> tuple[str, ...]:
    return tuple(part for part in (value or "").split(",") if part)
