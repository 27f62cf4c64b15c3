"""Two Docker hosts and three central ones, whose databases are raft clusters by TLS.

The central ones are made by ``scripts/central-member``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .booted import Booted
from .cluster import Cluster, prepare
from .host import Host
from .lab import Lab
from .waiting import wait_for

PKI = "/etc/ovn-integrate/pki"
SERVER, CENTRAL = f"{PKI}/server.pem", f"{PKI}/authority/central.pem"
DATABASES = {"nb": "OVN_Northbound", "sb": "OVN_Southbound"}
NB_PORT, SB_PORT = 6641, 6642
RAFT_PORTS = {"nb": 6643, "sb": 6644}
NORTHD_PORT = 16642
"""Of Southbound, without OVN's roles: for ovn-northd."""


class Raft(Cluster):
    """:ivar members: the central hosts; `central` is the first of them, which has the authority."""

    def __init__(self, members: Sequence[Host], first: Host, second: Host) -> None:
        super().__init__(members[0], first, second)
        self.members = tuple(members)

    @property
    def addresses(self) -> str:
        return ",".join(one.address for one in self.members)

    def remotes(self, port: int) -> str:
        return ",".join(f"ssl:{one.address}:{port}" for one in self.members)

    def nbctl(self, *words: str) -> str:
        keys = ("-p", SERVER, "-c", SERVER, "-C", CENTRAL)
        return self.central.run("ovn-nbctl", f"--db={self.remotes(NB_PORT)}", *keys, *words).stdout

    def leader(self, kind: str) -> Host:
        """The member that leads a database now.

        :param kind: ``nb`` or ``sb``.
        """
        return wait_for(lambda: self._leader(kind), 30, f"a leader of {kind}")

    def _leader(self, kind: str) -> Host | None:
        return next((one for one in self.members if "Role: leader" in status(one, kind)), None)

    def start(self, member: Host) -> None:
        """Have it be one, and what it is of it running, as the init of a central host does."""
        member.script("central-member", member.address, self.addresses, timeout=120)


def status(member: Host | Booted, kind: str) -> str:
    """What a member says of its cluster; nothing where it does not run."""
    words = ("-t", f"/run/ovn/ovn{kind}_db.ctl", "cluster/status", DATABASES[kind])
    return member.run("ovn-appctl", *words, check=False).stdout


@contextmanager
def raft(lab: Lab, prefix: str) -> Iterator[Raft]:
    """A cluster of its own hosts, which end with the block."""
    members = [lab.add_host(f"{prefix}-c{number}") for number in (1, 2, 3)]
    made = Raft(members, lab.add_host(f"{prefix}-1"), lab.add_host(f"{prefix}-2"))
    try:
        for member in members:
            give_authority(made.central, member)
            made.start(member)
        for host in made.hosts:
            prepare(host)
            words = ("token", host.name, "--address", made.addresses)
            token = made.central.cli("central", *words).stdout.strip()
            host.cli("--timeout", "20", "join", token, "--tep", host.address)
        yield made
    finally:
        for host in (*made.hosts, *members):
            host.stop()


def give_authority(first: Host, member: Host) -> None:
    """As scp(1) would."""
    if member is not first:
        packed = first.run("sh", "-c", f"tar -C {PKI} -c authority | base64").stdout
        member.run("mkdir", "-p", "-m", "700", PKI)
        member.run("sh", "-c", f"base64 -d | tar -C {PKI} -xp", input=packed)
