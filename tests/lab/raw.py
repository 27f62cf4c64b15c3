"""OVN on the lab's hosts by hand, with OVN's own tools alone.

It proves the harness without the program under test, and is what a bench compares that with.
"""

from __future__ import annotations

from .host import Host
from .waiting import wait_for

OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"


def start_central(host: Host) -> None:
    """NB, SB and northd, on the host's address and without TLS."""
    host.run(
        OVN_CTL,
        "start_northd",
        f"--db-nb-addr={host.address}",
        f"--db-sb-addr={host.address}",
        "--db-nb-create-insecure-remote=yes",
        "--db-sb-create-insecure-remote=yes",
    )


def start_chassis(host: Host, central: Host, *, encap_type: str = "geneve") -> None:
    """Make the host a chassis, and wait until SB shows it. OVS must run, with the NIC in br-ex."""
    host.run(
        *("ovs-vsctl", "set", "Open_vSwitch", "."),
        f"external_ids:ovn-remote=tcp:{central.address}:6642",
        f"external_ids:ovn-encap-type={encap_type}",
        f"external_ids:ovn-encap-ip={host.address}",
        # ovn-controller would make br-int of the kernel's datapath.
        "external_ids:ovn-bridge-datapath-type=netdev",
    )
    host.run(OVN_CTL, "start_controller")
    wait_for(lambda: host.name in chassis(central), 20, f"the chassis of {host.name} in SB")


def chassis(central: Host) -> list[str]:
    """The hostnames of the chassis that SB knows."""
    words = ("--bare", "--columns=hostname", "list", "Chassis")
    return central.run("ovn-sbctl", *words).stdout.split()


def add_switch(central: Host, switch: str, ports: dict[str, str]) -> None:
    """A logical switch whose ports (name: "MAC IP") are let through to every chassis."""
    words = ["--may-exist", "ls-add", switch]
    for name, addresses in ports.items():
        words += ["--", "lsp-add", switch, name, "--", "lsp-set-addresses", name, addresses]
    central.run("ovn-nbctl", *words)


def plug(host: Host, iface_id: str, mac: str, address: str, *, mtu: int = 1442) -> str:
    """A network namespace of this name in the host, bound to the logical port by a veth.

    :param mtu: 1442 is what Geneve leaves of 1500.
    :returns: the namespace: `host.run("ip", "netns", "exec", namespace, …)`.
    """
    outside, inside = f"{iface_id}-o", f"{iface_id}-i"
    enter = ("ip", "-netns", iface_id)
    host.run("ip", "netns", "add", iface_id)
    host.run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
    # Before it moves: `ip netns exec ethtool` would do, but hides /sys/fs/cgroup on the way.
    host.run("ethtool", "-K", inside, "tx", "off")
    host.run("ip", "link", "set", inside, "netns", iface_id, "address", mac, "mtu", str(mtu))
    host.run(*enter, "address", "add", address, "dev", inside)
    host.run(*enter, "link", "set", inside, "up")
    host.run("ip", "link", "set", outside, "up", "mtu", str(mtu))
    host.run(
        *("ovs-vsctl", "add-port", "br-int", outside),
        *("--", "set", "Interface", outside, f"external_ids:iface-id={iface_id}"),
    )
    return iface_id


def sync(central: Host) -> None:
    """Wait until every chassis has the flows of what NB says."""
    central.run("ovn-nbctl", "--timeout=30", "--wait=hv", "sync")
