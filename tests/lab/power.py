"""A host's power, cut and back: no process and no link of a container survives, files do."""

from __future__ import annotations

import json

from .cluster import Cluster
from .host import NIC, UNDERLAY_BRIDGE, Host
from .lab import UNDERLAY
from .waiting import wait_for

_KILL = """
for process in /proc/[0-9]*; do
    process=${process#/proc/}
    # The first one holds the host's namespaces: it is the machine, not what runs on it.
    [ "$process" = 1 ] || [ "$process" = $$ ] || kill -9 "$process" 2>/dev/null || true
done
"""
# What a boot begins without: the run folders, and what Docker had mounted.
_FORGET = """
grep -E ' /(run|var/run)/docker/| /var/lib/docker/' /proc/mounts | cut -d' ' -f2 | tac |
    xargs -r umount -l
find /run -mindepth 1 -maxdepth 1 ! -name lab ! -name lock ! -name netns -exec rm -rf {} +
"""


def cut(host: Host) -> None:
    """Kill all that runs on a host, and take away what the kernel forgets with it."""
    host.run("sh", "-c", _KILL)
    wait_for(lambda: _running(host) == {"1"}, 30, f"all that ran on {host.name} to be gone")
    host.run("sh", "-c", _FORGET)
    for link in json.loads(host.run("ip", "-json", "link").stdout):
        name = link["ifname"]
        if name != NIC and (name.startswith(("ve", "vc", "docker", "br-"))):
            # A veth goes with its other end.
            host.run("ip", "link", "delete", name, check=False)


def _running(host: Host) -> set[str]:
    """The process ids on a host, without that of the one who asks."""
    own, *all_of_them = host.run("sh", "-c", "cd /proc; echo $$ [0-9]*").stdout.split()
    return set(all_of_them) - {own}


def back(cluster: Cluster, host: Host, *docker: str) -> None:
    """What a host's init starts, in its order: Open vSwitch, OVN, the driver, Docker."""
    host.start_ovs()
    host.run("ethtool", "-K", UNDERLAY_BRIDGE, "tx", "off")
    where = f"{host.address}/{UNDERLAY.prefixlen}"
    host.run("ip", "address", "add", where, "dev", UNDERLAY_BRIDGE)
    host.run("ip", "link", "set", UNDERLAY_BRIDGE, "up", "mtu", "1500")
    host.cli("up", "--ipam", cluster.central.address, "--tep", host.address)
    host.start_docker(*docker)
