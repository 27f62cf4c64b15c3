"""Checks of the network under the tunnels."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ovn_integrate import netlink, paths
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, failed, fine, warning
from ovn_integrate.host import interfaces, mtu
from ovn_integrate.host.packet_filter.published import ENDPOINT

PORTS = {"geneve": 6081, "vxlan": 4789}  # UDP, as in OVS's lib/netdev-vport.c
_PATIENCE = 0.3  # seconds in which a refusal of an underlay comes

# ovs-vswitchd reads the routes anew whenever a link or an address of its host changes. Until it has
# them again it knows no address at which a tunnel ends: the userspace datapath hands the packets of
# one to the kernel, which refuses them, until that flow is looked at again, 500 ms later
# (max-revalidator in ovs-vswitchd.conf.db(5)). So what is refused counts only if it always is; and
# a kernel that was asked a few times refuses once a second and is silent else (icmp_ratelimit).
_TRIES = 4
_BETWEEN = 1.2  # seconds

_Target = tuple[str, str, int]
"""The name of a host, its tunnel endpoint, and the UDP port there."""


def _mtu(facts: Facts) -> Verdict:
    passes = mtu.container_mtu(facts.settings.encap_types, facts.settings.encap_ips)
    known = interfaces.mtus()
    links = [row.name for row in facts.interfaces() if ENDPOINT in row.external_ids]
    large = [name for name in links if known.get(name, 0) > passes]
    if large:
        sizes = ", ".join(f"{name} ({known[name]})" for name in large)
        return failed(
            f"the tunnels let {passes} bytes pass; more have {sizes}",
            f"start these containers anew; until then: ip link set {large[0]} mtu {passes}",
        )
    return fine(f"containers have at most the {passes} bytes that the tunnels let pass")


def _offload(facts: Facts) -> Verdict:
    if not facts.userspace:
        return fine("not the userspace datapath")
    wrong = _offloading(facts)
    if wrong:
        found = f"transmit checksum offload is on: {', '.join(wrong)}"
        return failed(found, f"ethtool -K {wrong[0]} tx off")
    return fine("transmit checksum offload is off where it must be")


def _offloading(facts: Facts) -> list[str]:
    """The links beside br-int that leave checksums to a NIC that is not there."""
    ports = [
        interface.name
        for row in facts.host.rows("Bridge")
        if row.datapath_type == "netdev" and row.name != facts.settings.bridge
        for port in row.ports
        for interface in port.interfaces
        if interface.type in ("", "internal")
    ]
    virtual = [name for name in ports if not (paths.LINKS / name / "device").exists()]
    return [name for name in virtual if netlink.exists(name) and netlink.checksum_offload(name)]


def _mend_offload(facts: Facts) -> str:
    wrong = _offloading(facts)
    for name in wrong:
        netlink.checksum_offload_off(name)
    return f"checksum offload of {', '.join(wrong)} is off"


def _checksums(_: Facts) -> Verdict:
    counters = {**_counters(paths.SNMP), **_counters6(paths.SNMP6)}
    wrong = ", ".join(f"{name} {count}" for name, count in counters.items() if count)
    if wrong:
        return warning(
            f"packets with wrong checksums since boot: {wrong}",
            "on the host that sends them: ovn-integrate doctor checksum-offload",
        )
    return fine("no packet came with a wrong checksum")


def _counters(file: Path) -> dict[str, int]:
    """Of /proc/net/snmp, in which a line of names goes before a line of numbers."""
    lines = [line.split() for line in file.read_text().splitlines()]
    found = {}
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        for name, number in zip(names[1:], numbers[1:], strict=True):
            if name == "InCsumErrors":
                found[names[0].rstrip(":") + name] = int(number)
    return found


def _counters6(file: Path) -> dict[str, int]:
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return {name: int(number) for name, number in lines if name.endswith("InCsumErrors")}


def _reach(facts: Facts) -> Verdict:
    targets = [
        (row.hostname, encap.ip, PORTS[encap.type])
        for row in facts.others()
        for encap in row.encaps
        if encap.type in facts.settings.encap_types and encap.type in PORTS
    ]
    refused = list(_always_refused(targets).values())
    if refused:
        return failed(
            f"UDP is refused: {'; '.join(refused)}",
            "let UDP 6081 (Geneve) and 4789 (VXLAN) pass on both hosts; ip route get ADDRESS",
        )
    return fine(f"{len(targets)} tunnel endpoints of others, none refuses")


def _always_refused(targets: Sequence[_Target]) -> dict[_Target, str]:
    """Those of some endpoints that refuse each time, and what each said last."""
    found: dict[_Target, str] = {}
    for left in reversed(range(_TRIES)):
        found = dict(_refusals(targets))
        targets = list(found)
        if not targets:
            break
        if left:
            time.sleep(_BETWEEN)
    return found


def _refusals(targets: Sequence[_Target]) -> Iterator[tuple[_Target, str]]:
    """Sends an empty datagram to each, which no tunnel takes for a packet, and listens for ICMP.

    A packet filter that drops without a word is seen only if it is this host's own.
    """
    waiting: dict[socket.socket, _Target] = {}
    with ExitStack() as opened:
        for target in targets:
            _, ip, port = target
            family = socket.AF_INET6 if ":" in ip else socket.AF_INET
            probe = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            try:
                probe.connect((ip, port))
                probe.send(b"")
            except OSError as error:
                yield target, _refusal(target, error.errno or errno.EIO)
            else:
                waiting[probe] = target
        answered = select.select(list(waiting), [], [], _PATIENCE)[0] if waiting else []
        for probe in answered:
            code = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                yield waiting[probe], _refusal(waiting[probe], code)


def _refusal(target: _Target, code: int) -> str:
    host, ip, port = target
    return f"{host} {ip} port {port}: {os.strerror(code)}"


def _way_out(facts: Facts) -> Verdict:
    """The userspace datapath finds a tunnel's way out only through one of its own bridges."""
    if not facts.userspace:
        return fine("the kernel's routes are the tunnels' too")
    here = interfaces.addresses()
    bridges = {row.name for row in facts.host.rows("Bridge") if row.datapath_type == "netdev"}
    places = {ip: here[ip] for ip in facts.settings.encap_ips if ip in here}
    wrong = {f"{ip} on {link}": link for ip, link in places.items() if link not in bridges}
    if not wrong:
        return fine("the tunnels' way out is an OVS bridge")
    if not facts.others():
        return fine("no other chassis yet")
    return failed(
        f"tunnel endpoint {', '.join(wrong)} is on no bridge of the userspace datapath",
        f"ovn-integrate nics-to-bridge {' '.join(dict.fromkeys(wrong.values()))}",
    )


def _forwarding(_: Facts) -> Verdict:
    if (paths.ipv4_sysctl() / "ip_forward").read_text().strip() == "1":
        return fine("the kernel forwards")
    found = "the kernel does not forward (net.ipv4.ip_forward=0)"
    return warning(found, "sysctl -w net.ipv4.ip_forward=1")


CHECKS = (
    Check("mtu", "larger packets vanish in the tunnels: ping works, transfers hang", _mtu),
    Check(
        "checksum-offload", "ping works and TCP does not while it is on", _offload, _mend_offload
    ),
    Check("checksum-errors", "the kernel drops such packets without a word", _checksums),
    Check("tunnel-ports", "the tunnels are UDP between the hosts", _reach),
    Check("tunnel-route", "tunnels are up and carry nothing without it", _way_out),
    Check("forwarding", "containers' way out of the host is routed by its kernel", _forwarding),
)
