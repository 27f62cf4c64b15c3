"""Two Docker hosts and three central ones, whose databases are raft clusters, made with ovn-ctl(8)
as the README says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import cluster
from .cluster import Cluster
from .host import Host
from .lab import Lab
from .waiting import wait_for

OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
DATABASES = {"nb": ("OVN_Northbound", 6641), "sb": ("OVN_Southbound", 6642)}


class Raft(Cluster):
    """:ivar members: the central hosts; `central` is the first of them."""

    def __init__(self, members: Sequence[Host], first: Host, second: Host) -> None:
        super().__init__(members[0], first, second)
        self.members = tuple(members)

    @property
    def addresses(self) -> str:
        return ",".join(one.address for one in self.members)

    def remotes(self, kind: str) -> str:
        """:param kind: ``nb`` or ``sb``."""
        port = DATABASES[kind][1]
        return ",".join(f"tcp:{one.address}:{port}" for one in self.members)

    def nbctl(self, *words: str) -> str:
        return self.central.run("ovn-nbctl", f"--db={self.remotes('nb')}", *words).stdout

    def leader(self, kind: str) -> Host:
        """The member that leads a database now."""
        return wait_for(lambda: self._leader(kind), 30, f"a leader of {kind}")

    def _leader(self, kind: str) -> Host | None:
        return next((one for one in self.members if "Role: leader" in status(one, kind)), None)

    def start(self, member: Host) -> None:
        """What the init of a central host starts."""
        first = self.members[0]
        words = [f"--ovn-northd-{kind}-db={self.remotes(kind)}" for kind in DATABASES]
        for kind in DATABASES:
            words.append(f"--db-{kind}-cluster-local-addr={member.address}")
            if member is not first:
                words.append(f"--db-{kind}-cluster-remote-addr={first.address}")
        member.run(OVN_CTL, *words, "start_northd")

    def serve_ipam(self, member: Host) -> None:
        listen = ("--listen", f"{member.address}:9696", "--insecure")
        member.cli("ipam", "start", "--detach", *listen, "--nb", self.remotes("nb"))


def status(member: Host, kind: str) -> str:
    """What a member says of its cluster; nothing where it does not run."""
    words = ("-t", f"/run/ovn/ovn{kind}_db.ctl", "cluster/status", DATABASES[kind][0])
    return member.run("ovn-appctl", *words, check=False).stdout


@contextmanager
def raft(lab: Lab, prefix: str) -> Iterator[Raft]:
    """A cluster of its own hosts, which end with the block."""
    members = [lab.add_host(f"{prefix}-c{number}") for number in (1, 2, 3)]
    made = Raft(members, lab.add_host(f"{prefix}-1"), lab.add_host(f"{prefix}-2"))
    try:
        for member in members:
            made.start(member)
        # One row for all members: each has the addresses of its own host alone.
        for kind, (_, port) in DATABASES.items():
            made.central.run(f"ovn-{kind}ctl", "set-connection", f"ptcp:{port}:0.0.0.0")
        for member in members:
            made.serve_ipam(member)
        for host in made.hosts:
            cluster.prepare(host)
            host.cli("--timeout", "20", "up", "--ipam", made.addresses, "--tep", host.address)
        yield made
    finally:
        for host in (*made.hosts, *members):
            host.stop()
