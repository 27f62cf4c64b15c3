"""Faults of a host that `doctor` must see: each is made, and put right again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from .cluster import Cluster
from .host import NIC, Host

CONTROLLER = "/var/run/ovn/ovn-controller.pid"
VSWITCHD = "/var/run/openvswitch/ovs-vswitchd.pid"
OVSDB = "/var/run/openvswitch/ovsdb-server.pid"
NORTHD = "/var/run/ovn/ovn-northd.pid"

ELSEWHERE = "10.99.0.201"  # nobody's address on the underlay
ROOT = ("Open_vSwitch", ".")

Make = Callable[[Cluster], AbstractContextManager[Host]]


@dataclass(frozen=True)
class Fault:
    """:ivar check: that must see it, and say ``word``.
    :ivar make: has the fault for as long as its block lasts; gives the host to look at.
    """

    check: str
    state: str
    word: str
    make: Make


@contextmanager
def frozen(host: Host, pidfile: str) -> Iterator[Host]:
    number = host.read(pidfile).strip()
    host.run("kill", "-STOP", number)
    try:
        yield host
    finally:
        host.run("kill", "-CONT", number)


@contextmanager
def shell(host: Host, make: str, mend: str) -> Iterator[Host]:
    host.run("sh", "-c", make)
    try:
        yield host
    finally:
        host.run("sh", "-c", mend)


@contextmanager
def key(host: Host, name: str, value: str | None) -> Iterator[Host]:
    """An external_id of the host while ovn-controller does not look."""
    words = ("ovs-vsctl", "--if-exists", "get", *ROOT, f"external_ids:{name}")
    old = host.run(*words).stdout.strip().strip('"')
    with frozen(host, CONTROLLER):
        set_key(host, name, value)
        try:
            yield host
        finally:
            set_key(host, name, old or None)


def set_key(host: Host, name: str, value: str | None) -> None:
    if value is None:
        host.run("ovs-vsctl", "remove", *ROOT, "external_ids", name)
    else:
        host.run("ovs-vsctl", "set", *ROOT, f'external_ids:{name}="{value}"')


@contextmanager
def ghost(made: Cluster, encap_type: str, ip: str, hostname: str) -> Iterator[None]:
    """A chassis in Southbound that is not there."""
    made.central.run("ovn-sbctl", "chassis-add", "ghost", encap_type, ip)
    made.central.run("ovn-sbctl", "set", "Chassis", "ghost", f"hostname={hostname}")
    try:
        yield
    finally:
        made.central.run("ovn-sbctl", "chassis-del", "ghost")


def on_first(make: str, mend: str) -> Make:
    return lambda made: shell(made.first, make, mend)


def on_second(make: str, mend: str) -> Make:
    return lambda made: shell(made.second, make, mend)


def setting(name: str, value: str | None) -> Make:
    return lambda made: key(made.second, name, value)


@contextmanager
def behind(made: Cluster) -> Iterator[Host]:
    with frozen(made.second, VSWITCHD):
        words = ("ovs-vsctl", "--timeout=1", "br-set-external-id", "br-int", "doctor", "was-here")
        made.second.run(*words, check=False)
        yield made.second
    made.second.run("ovs-vsctl", "br-set-external-id", "br-int", "doctor")


@contextmanager
def unregistered(made: Cluster) -> Iterator[Host]:
    with frozen(made.second, CONTROLLER) as host:
        made.central.run("ovn-sbctl", "chassis-del", system_id(host))
        yield host


@contextmanager
def copied(made: Cluster) -> Iterator[Host]:
    with key(made.second, "system-id", system_id(made.first)) as host:
        yield host


@contextmanager
def doubled(made: Cluster) -> Iterator[Host]:
    with ghost(made, "vxlan", made.first.address, "copy"):
        yield made.first


@contextmanager
def dead(made: Cluster) -> Iterator[Host]:
    """What a host leaves that got another system-id."""
    name = made.first.run("hostname").stdout.strip()
    with ghost(made, "geneve", ELSEWHERE, name):
        yield made.first


@contextmanager
def untunnelled(made: Cluster) -> Iterator[Host]:
    with frozen(made.first, CONTROLLER), ghost(made, "geneve", ELSEWHERE, "far"):
        yield made.first


@contextmanager
def without_tunnels(host: Host) -> Iterator[Host]:
    """Neither ovs-vswitchd nor the kernel takes what others send to this host's tunnels."""
    with frozen(host, CONTROLLER):
        for port in host.run("ovs-vsctl", "list-ports", "br-int").stdout.split():
            if port.startswith("ovn-"):
                host.run("ovs-vsctl", "del-port", port)
        yield host


@contextmanager
def refusing(made: Cluster) -> Iterator[Host]:
    with without_tunnels(made.second):
        yield made.first


@contextmanager
def unplugged_vm(made: Cluster) -> Iterator[Host]:
    """A VM's port on the first host, and nobody who started the VM."""
    switch, port = "vms", "vm-7"
    made.nbctl(
        *("ls-add", switch, "--", "lsp-add", switch, port),
        *("--", "lsp-set-options", port, f"requested-chassis={system_id(made.first)}"),
    )
    made.nbctl("--wait=sb", "sync")
    try:
        yield made.first
    finally:
        made.nbctl("--wait=sb", "ls-del", switch)


@contextmanager
def newer(made: Cluster) -> Iterator[Host]:
    option = "options:northd_internal_version"
    old = made.central.run("ovn-sbctl", "get", "SB_Global", ".", option).stdout.strip()
    with frozen(made.central, NORTHD):
        made.central.run("ovn-sbctl", "set", "SB_Global", ".", f"{option}=99.09.0-1.2.3-4.5")
        try:
            yield made.first
        finally:
            made.central.run("ovn-sbctl", "set", "SB_Global", ".", f"{option}={old}")


@contextmanager
def large(made: Cluster) -> Iterator[Host]:
    ports = made.first.run("ovs-vsctl", "list-ports", "br-int").stdout.split()
    port = next(name for name in ports if name.startswith("ve"))
    with shell(made.first, f"ip link set {port} mtu 9000", f"ip link set {port} mtu 1442") as host:
        yield host


@contextmanager
def misplaced(made: Cluster) -> Iterator[Host]:
    address = "10.99.1.1"
    link = f"ip link add odd0 type veth peer name odd1 && ip address add {address}/32 dev odd0"
    with ExitStack() as undo:
        undo.enter_context(shell(made.second, link, "ip link del odd0"))
        yield undo.enter_context(key(made.second, "ovn-encap-ip", address))


@contextmanager
def disagreeing(made: Cluster) -> Iterator[Host]:
    """A Docker network whose logical switch somebody deleted."""
    before = set(switches(made))
    made.first.docker("network", "create", "-d", "openvswitch", "--subnet", "10.7.7.0/24", "lost")
    made.nbctl("ls-del", *(set(switches(made)) - before))
    try:
        yield made.first
    finally:
        made.first.docker("network", "rm", "lost")


def switches(made: Cluster) -> list[str]:
    return made.nbctl("--bare", "--columns=_uuid", "list", "Logical_Switch").split()


LATE_SERVER = """
import http.server, time
class Late(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def date_time_string(self, now=None):
        return super().date_time_string(time.time() - 3600)
http.server.HTTPServer(("127.0.0.1", 9697), Late).serve_forever()
"""


@contextmanager
def late(made: Cluster) -> Iterator[Host]:
    """An IPAM server whose clock is an hour behind."""
    words = [made.second.program, "-c", LATE_SERVER]
    command = f"{shlex.join(words)} >/dev/null 2>&1 & echo $!"
    number = made.second.run("sh", "-c", command).stdout.strip()
    try:
        with key(made.second, "ipam", "127.0.0.1:9697") as host:
            host.run(host.program, "-c", KNOCK)
            yield host
    finally:
        made.second.run("kill", number)


KNOCK = """
import socket
while socket.socket().connect_ex(("127.0.0.1", 9697)):
    pass
"""


@contextmanager
def certified(made: Cluster) -> Iterator[Host]:
    words = (
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=doctor"),
        *("-days", "3", "-keyout", "/run/lab/key.pem", "-out", "/run/lab/cert.pem"),
    )
    made.first.run(*words)
    made.first.run(
        "ovs-vsctl", "set-ssl", *(f"/run/lab/{one}.pem" for one in ("key", "cert", "cert"))
    )
    try:
        yield made.first
    finally:
        made.first.run("ovs-vsctl", "del-ssl")


def system_id(host: Host) -> str:
    words = ("ovs-vsctl", "get", *ROOT, "external_ids:system-id")
    return host.run(*words).stdout.strip().strip('"')


@contextmanager
def flushed(path: Cluster) -> Iterator[Host]:
    """Rules that are gone while no driver is there to see it; it brings them back at its start."""
    host = path.first
    host.cli("driver", "stop")
    host.run("iptables", "-t", "mangle", "-F")
    try:
        yield host
    finally:
        host.cli("driver", "start", "--detach")


FAULTS = (
    Fault("ovs-database", "failed", "ovs-ctl start", lambda made: frozen(made.second, OVSDB)),
    Fault("ovs-vswitchd", "failed", "is at change", behind),
    Fault(
        "bridge",
        "failed",
        "create-integration-bridge",
        on_second(
            "ovs-vsctl remove Bridge br-int other_config disable-in-band",
            "ovs-vsctl set Bridge br-int other_config:disable-in-band=true",
        ),
    ),
    Fault(
        "ports",
        "failed",
        "nolink0",
        on_second(
            "ovs-vsctl --no-wait add-port br-int nolink0 && "
            "ovs-vsctl --timeout=5 wait-until Interface nolink0 ofport=-1",
            "ovs-vsctl del-port nolink0",
        ),
    ),
    Fault("bridge-mappings", "failed", "br-none", setting("ovn-bridge-mappings", "phys:br-none")),
    Fault("settings", "failed", "set-ipam", setting("ipam", None)),
    Fault("encap-type", "failed", "gre", setting("ovn-encap-type", "gre")),
    Fault("encap-ip", "failed", ELSEWHERE, setting("ovn-encap-ip", ELSEWHERE)),
    Fault("remotes", "failed", "tcp:127.0.0.1:9", setting("ovn-remote", "tcp:127.0.0.1:9")),
    Fault("registered", "failed", "has no chassis", unregistered),
    Fault("encap-ip-unique", "failed", "copy", doubled),
    Fault("system-id-unique", "failed", "copy of another", copied),
    Fault("stale-chassis", "warning", "chassis remove ghost", dead),
    Fault("versions", "warning", "99.09.0", newer),
    Fault("tunnels", "failed", "far", untunnelled),
    Fault(
        "bindings",
        "failed",
        "nobody0",
        on_first(
            "ovs-vsctl add-port br-int nobody0 -- set Interface nobody0 type=internal "
            "external_ids:iface-id=nobody",
            "ovs-vsctl del-port nobody0",
        ),
    ),
    Fault("vm-interfaces", "warning", "vm-7", unplugged_vm),
    Fault("mtu", "failed", "(9000)", large),
    Fault(
        "checksum-offload",
        "failed",
        NIC,
        on_first(f"ethtool -K {NIC} tx on", f"ethtool -K {NIC} tx off"),
    ),
    Fault(
        "tunnel-ports",
        "failed",
        "port 6081",
        on_first(
            "iptables -A OUTPUT -p udp --dport 6081 -j REJECT",
            "iptables -D OUTPUT -p udp --dport 6081 -j REJECT",
        ),
    ),
    Fault(
        "tunnel-ports",
        "failed",
        "not permitted",
        on_first(
            "iptables -A OUTPUT -p udp --dport 6081 -j DROP",
            "iptables -D OUTPUT -p udp --dport 6081 -j DROP",
        ),
    ),
    Fault("tunnel-ports", "failed", "port 6081: Connection refused", refusing),
    Fault("tunnel-route", "failed", "odd0", misplaced),
    Fault(
        "forwarding",
        "warning",
        "sysctl",
        on_first("echo 0 >/proc/sys/net/ipv4/ip_forward", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
    ),
    Fault("ipam", "failed", "does not answer", setting("ipam", "127.0.0.1:9")),
    Fault("ipam-agrees", "failed", "lost", disagreeing),
    Fault("clock", "warning", "ahead of", late),
    Fault(
        "docker",
        "failed",
        "systemctl start docker",
        on_first("mv /run/docker.sock /run/away.sock", "mv /run/away.sock /run/docker.sock"),
    ),
    Fault("packet-filter", "failed", "is missing", flushed),
    Fault("certificates", "warning", "expires in", certified),
)
