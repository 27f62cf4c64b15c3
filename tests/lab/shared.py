"""One cluster of three hosts for all modules that begin with the same, each of which gives it back
as it got it.

A module that does not is an error, and the next one gets another cluster: what one left is not the
fault of the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .cluster import GWBRIDGE, Cluster, cluster
from .host import Host
from .lab import Lab
from .waiting import wait_for

# What networks, containers, routers, policies and names leave in Northbound, if they do.
_TABLES = (
    *("Logical_Switch", "Logical_Switch_Port", "Logical_Router", "Logical_Router_Port"),
    *("NAT", "Load_Balancer", "ACL", "Port_Group", "Address_Set", "DHCP_Options", "DNS"),
    *("Gateway_Chassis", "Logical_Router_Static_Route", "QoS"),
)
_FILES = "find /etc/ovn-integrate /etc/default/ovn-integrate /run/ovn-integrate ! -name '*.lock'"
# Programs that come and go by themselves, or with the question.
_PASSING = {"ps", "sh", "find"}


class Shared:
    """A cluster that is made when it is first asked for; it ends with its lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._made: Cluster | None = None
        self._end = ExitStack()

    @contextmanager
    def lent(self, failed: Callable[[], bool]) -> Iterator[Cluster]:
        """The cluster, for one module.

        :param failed: whether a test of the module did, so that nobody can ask what it left.
        """
        made = self._made or self._begin()
        before = everything(made)
        try:
            yield made
            if failed():
                self._give_up()
                return
            settle(made, before)
        except BaseException:
            self._give_up()
            raise

    def _begin(self) -> Cluster:
        self._made = made = self._end.enter_context(cluster(self._lab, "shared"))
        wait_for(lambda: all(map(_right, made.hosts)), 60, "the shared cluster to be right")
        return made

    def _give_up(self) -> None:
        self._made = None
        self._end.close()


def settle(made: Cluster, before: dict[str, Any]) -> None:
    """Wait until all is as it was: OVN and Docker end some things a moment after they were asked.

    :raises AssertionError: something is other than it was.
    """
    changed: dict[str, Any] = {}

    def as_before() -> bool:
        after = everything(made)
        changed.clear()
        changed.update(
            {key: (before[key], after[key]) for key in before if before[key] != after[key]}
        )
        return not changed

    try:
        wait_for(as_before, 20, "the shared cluster to be as it was")
    except Exception as error:
        told = "\n".join(f"{key}: was {was}, is {now}" for key, (was, now) in changed.items())
        raise AssertionError(f"the module left the shared cluster otherwise\n{told}") from error


def everything(made: Cluster) -> dict[str, Any]:
    """All that a module could leave to the next one."""
    for host in made.hosts:
        # Docker makes its own way out with the first container that has none, and keeps it.
        host.run("docker", "network", "rm", GWBRIDGE, check=False)
    found: dict[str, Any] = {
        table: made.nbctl("--bare", "--columns=_uuid", "list", table) for table in _TABLES
    }
    rows = made.central.run("ovn-sbctl", "-f", "csv", "--columns=name,hostname", "list", "Chassis")
    # One that registered again is the same one.
    found["chassis"] = sorted(rows.stdout.splitlines())
    found.update(made.state())
    for host in (made.central, *made.hosts):
        found[f"{host.name}: processes"] = _processes(host)
        found[f"{host.name}: files"] = sorted(
            host.run("sh", "-c", f"{_FILES} || true").stdout.split()
        )
    for host in made.hosts:
        found[f"{host.name}: settings"] = _settings(host)
        found.update({f"{host.name}: {what}": value for what, value in _network(host).items()})
    return found


def _right(host: Host) -> bool:
    """Whether a host has nothing to complain of: tunnels come some moments after it is up."""
    return host.cli("status", check=False).returncode == 0


def _processes(host: Host) -> list[str]:
    """The programs that run, each once: of workers there may be more or fewer."""
    return sorted({*host.run("ps", "-e", "-o", "comm=").stdout.split()} - _PASSING)


def _settings(host: Host) -> dict[str, str]:
    """What a host was told. That it was told something before is no setting."""
    words = ("ovs-vsctl", "-f", "json", "--columns=external_ids", "list", "Open_vSwitch")
    [[[_, pairs]]] = json.loads(host.run(*words).stdout)["data"]
    return {key: value for key, value in pairs if key != "ovn-integrate-history"}


def _network(host: Host) -> dict[str, list[str]]:
    """What a host does with packets, by the lines of what tells it."""
    questions = {
        "bridges": "ovs-vsctl --columns=name,fail_mode,datapath_type list Bridge",
        "addresses": "ip -br -4 address show up",
        "routes": "ip route; ip rule",
        "rules": "iptables-save | grep -e OVN- -e '100\\.64\\.' || true",
        "forwarding": "cat /proc/sys/net/ipv4/ip_forward",
        "volumes": "docker volume ls -q",
        "images": "docker images -q",
    }
    return {
        what: sorted(host.run("sh", "-c", asked).stdout.splitlines())
        for what, asked in questions.items()
    }
