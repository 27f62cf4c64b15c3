"""A host whose only NIC carries the connection by which it is controlled, and what it has on it."""

from __future__ import annotations

import re
import select
import subprocess
from functools import partial

from .host import NIC, Host
from .lab import Lab
from .waiting import wait_for

BRIDGE = f"br{NIC}"
PORT = "7000"
SIX = "2001:db8:99::{}"
STATE = "/run/ovn-integrate/nics.json"
DIE_AT = "OVN_INTEGRATE_DIE_AT"

_ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6,
                              dualstack_ipv6=True)
print("ready", flush=True)
import threading
def serve(one):
    while data := one.recv(100):
        one.sendall(data)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

# All that a NIC may have, of each kind; PEER is the other host's address.
_EVERYTHING = """set -e
ip address add 192.0.2.5/24 brd + dev eth0
ip address add 192.0.2.6/24 dev eth0 label eth0:1
ip address add 198.51.100.9/28 dev eth0 metric 77 valid_lft 86400 preferred_lft 43200
ip address add 203.0.113.1/24 dev eth0 noprefixroute
ip address add 2001:db8:1::6/64 dev eth0 valid_lft 86400 preferred_lft 43200 mngtmpaddr nodad
ip route add default via PEER dev eth0 proto dhcp metric 100 mtu 1400
ip route add 10.0.0.0/8 via 192.0.2.2 src 192.0.2.6
ip route add 10.1.0.0/16 nexthop via 192.0.2.3 dev eth0 weight 3 nexthop dev lo
ip route add default via PEER table 77
ip route add 8.8.8.8 via 9.9.9.9 dev eth0 onlink
ip route add local 100.64.0.0/24 dev eth0
ip route append 10.77.0.0/16 via 192.0.2.3
ip route append 10.77.0.0/16 via 192.0.2.4
ip -6 route add default via fe80::1 dev eth0 proto ra metric 1024 expires 86400 pref high
ip -6 route add 2001:db8:2::/48 via 2001:db8:99::7
ip -6 route add 2001:db8:3::/48 nexthop via 2001:db8:99::7 dev eth0 \\
    nexthop via 2001:db8:99::8 dev eth0
ip rule add iif eth0 table 77 pref 100
ip -6 rule add oif eth0 table 78 pref 101
ip neighbour add 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0
ip neighbour add proxy 192.0.2.78 dev eth0
ip -6 neighbour add proxy 2001:db8:99::78 dev eth0
sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv4.conf.eth0.rp_filter=2
sysctl -qw net.ipv6.conf.eth0.accept_ra=2
"""

_LOOK = """
ip -o address show dev DEV
for family in -4 -6; do
  ip $family -o route show table all | grep -w DEV
  ip $family rule
  ip $family neighbour show proxy
done
ip neighbour show dev DEV nud permanent
ip -o link show dev DEV | grep -o 'mtu [0-9]* \\|link/ether [^ ]*'
cd /proc/sys/net; grep -s . ipv4/conf/DEV/* ipv6/conf/DEV/*
"""


class Line:
    """A TCP connection to a host, kept open: whether it still answers is asked again and again."""

    def __init__(self, source: Host, address: str) -> None:
        self._process = source.popen(
            "busybox", "nc", address, PORT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._number = 0

    def answers(self, timeout: float = 15.0) -> None:
        """:raises AssertionError: it does not, within some seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._number += 1
        self._process.stdin.write(f"{self._number}\n")
        self._process.stdin.flush()
        ready = select.select([self._process.stdout], [], [], timeout)[0]
        assert ready, f"the connection does not answer any more ({self._process.args})"
        assert self._process.stdout.readline() == f"{self._number}\n"

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()


class Controlled:
    """Two hosts, one of which the other controls by connections over IPv4 and IPv6."""

    def __init__(self, lab: Lab) -> None:
        self.host, self.peer = lab.add_host("nics"), lab.add_host("nics-peer")
        for number, host in enumerate((self.host, self.peer), 1):
            host.run("ip", "address", "add", f"{SIX.format(number)}/64", "dev", NIC, "nodad")
        self.host.start_ovs()
        echo = self.host.popen(self.host.program, "-c", _ECHO, "::", PORT, stdout=subprocess.PIPE)
        assert echo.stdout is not None
        assert echo.stdout.readline() == "ready\n"
        self._echo = echo
        wait_for(lambda: "tentative" not in self.look(NIC), 10, "the NIC's own IPv6 address")
        self.lines = [Line(self.peer, self.host.address), Line(self.peer, SIX.format(1))]
        self.answers()

    def everything(self) -> None:
        """Give the NIC all that a NIC may have."""
        self.host.run("sh", "-c", _EVERYTHING.replace("PEER", self.peer.address))

    def answers(self) -> None:
        """The connections of before are still there, and the host can be reached anew."""
        for line in self.lines:
            line.answers()
        for address in (self.host.address, SIX.format(1)):
            reach = partial(self.peer.run, "ping", "-c", "1", "-W", "1", address)
            wait_for(reach, 15, f"a ping to {address}")

    def look(self, device: str) -> str:
        """All that a link has, in words that do not change with the time or with its name."""
        script = _LOOK.replace("DEV", device)
        lines = self.host.run("sh", "-c", script, check=False).stdout.splitlines()
        return "\n".join(sorted(_timeless(one, device) for one in lines))

    def settled(self) -> None:
        """There is nothing to be confirmed or put back any more, and nobody who would do so."""
        gone = ("sh", "-c", f"! test -e {STATE} && ! test -e /run/ovn-integrate/nics-guard.pid")
        wait_for(partial(self.host.run, *gone), 30, "the guard's end")

    def bridges(self) -> list[str]:
        return self.host.run("ovs-vsctl", "list-br").stdout.split()

    def guarded(self) -> bool:
        """Whether a guard runs."""
        alive = "kill -0 $(cat /run/ovn-integrate/nics-guard.pid)"
        return self.host.run("sh", "-c", alive, check=False).returncode == 0

    def kill_guard(self) -> None:
        """And wait until it has ended."""
        number = self.host.read("/run/ovn-integrate/nics-guard.pid").strip()
        self.host.run("kill", "-KILL", number)
        wait_for(lambda: not self.guarded(), 10, "the guard's death")

    def stop(self) -> None:
        for line in self.lines:
            line.close()
        assert self._echo.stdout is not None
        for host in (self.host, self.peer):
            host.stop()
        self._echo.stdout.close()


def _timeless(line: str, device: str) -> str:
    line = re.sub(r"^\d+: ", "", line)
    line = re.sub(r"(expires|valid_lft|preferred_lft) \d+sec", r"\1 some", line)
    return re.sub(rf"\b{device}\b", "LINK", line)
