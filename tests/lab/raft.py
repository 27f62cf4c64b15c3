"""Two Docker hosts and three central ones, whose databases are raft clusters by TLS.

Made by the commands that the README has for it ("Several central hosts").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .cluster import Cluster, prepare
from .host import Host
from .lab import Lab
from .waiting import wait_for

OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
PKI = "/etc/ovn-integrate/pki"
SERVER, CENTRAL, CLIENTS = (
    f"{PKI}/{one}.pem" for one in ("server", "authority/central", "authority/clients")
)
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
        """The databases and ovn-northd, as the init of a central host starts them."""
        member.run(OVN_CTL, *self._options(member), "start_northd")

    def _options(self, member: Host) -> list[str]:
        first = self.members[0]
        options = {
            "ovn-northd-nb-db": self.remotes(NB_PORT),
            "ovn-northd-sb-db": self.remotes(NORTHD_PORT),
            **_keys("ovn-northd", CENTRAL),
            **_keys("ovn-nb-db", CENTRAL),
            **_keys("ovn-sb-db", CLIENTS),
        }
        for kind in DATABASES:
            options[f"db-{kind}-cluster-local-addr"] = member.address
            options[f"db-{kind}-cluster-local-proto"] = "ssl"
            if member is not first:
                options[f"db-{kind}-cluster-remote-addr"] = first.address
                options[f"db-{kind}-cluster-remote-proto"] = "ssl"
        return [f"--{name}={value}" for name, value in options.items()]

    def serve_ipam(self, member: Host) -> None:
        keys = ("--certificate", SERVER, "--private-key", SERVER, "--ca-certificate", CLIENTS)
        where = ("--listen", f"{member.address}:9696", "--nb", self.remotes(NB_PORT))
        member.cli("--timeout", "20", "ipam", "start", "--detach", *where, *keys)


def _keys(prefix: str, authority: str) -> dict[str, str]:
    return {
        f"{prefix}-ssl-key": SERVER,
        f"{prefix}-ssl-cert": SERVER,
        f"{prefix}-ssl-ca-cert": authority,
    }


def status(member: Host, kind: str) -> str:
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
            _let_in_members_alone(made, member)
            _prepare_member(made, member)
            made.start(member)
        for member in members:
            made.serve_ipam(member)
        for host in made.hosts:
            prepare(host)
            words = ("token", host.name, "--address", made.addresses)
            token = made.central.cli("central", *words).stdout.strip()
            host.cli("--timeout", "20", "join", token, "--tep", host.address)
        yield made
    finally:
        for host in (*made.hosts, *members):
            host.stop()


def _let_in_members_alone(made: Raft, member: Host) -> None:
    """What a chassis' certificate would open is for central hosts alone."""
    ports = ",".join(map(str, (*RAFT_PORTS.values(), NORTHD_PORT)))
    rule = ("iptables", "-A", "INPUT", "-p", "tcp", "-m", "multiport", "--dports", ports)
    member.run(*rule, "-s", made.addresses, "-j", "ACCEPT")
    member.run(*rule, "-j", "DROP")


def _prepare_member(made: Raft, member: Host) -> None:
    """Certificates of the one authority, and databases that are to become the cluster's."""
    if member is not made.central:
        packed = made.central.run("sh", "-c", f"tar -C {PKI} -c authority | base64").stdout
        member.run("mkdir", "-p", "-m", "700", PKI)
        member.run("sh", "-c", f"base64 -d | tar -C {PKI} -xp", input=packed)
    member.cli("--timeout", "20", "central", "start", "--tls", "--listen", member.address)
    if member is made.central:
        member.run("ovn-nbctl", "set-connection", f"pssl:{NB_PORT}:0.0.0.0")
        role = (f"pssl:{NORTHD_PORT}:0.0.0.0", "role=ovn-controller", f"pssl:{SB_PORT}:0.0.0.0")
        member.run("ovn-sbctl", "set-connection", *role)
    member.cli("central", "stop")
