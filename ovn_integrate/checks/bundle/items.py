"""Everything that goes into an archive of a host."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ovn_integrate import paths
from ovn_integrate.checks.bundle import views
from ovn_integrate.checks.bundle.item import Item, answer, command, either, file, viewed
from ovn_integrate.checks.facts import Facts
from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron import keystone
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.attachment.host_network import DRIVER
from ovn_integrate.errors import Error
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.ovsdb import split_remotes

_DATABASE_FILE = 200 << 20  # bytes
_JOURNAL = "20000"  # lines
_UNHEALTHY = (0, 3, 4, 8, 9, 10)  # what a question of ours may say of a host that is broken
_SWITCH_UNITS = ("openvswitch-switch", "ovs-vswitchd", "ovsdb-server", "ovn-controller", "ovn-host")
_UNITS = (*_SWITCH_UNITS, "ovn-central", "ovn-northd", "docker", "ovn-integrate-*")

_DAEMON_JSON = Path("/etc/docker/daemon.json")

ENV_FILES = tuple(
    Path("/etc/default") / name
    for name in ("ovn-integrate", "openvswitch-switch", "ovn-host", "ovn-central", "docker")
)


@dataclass(frozen=True)
class Known:
    """What the host's database says of where the others are; nothing when it does not answer.

    :ivar southbound: the remote of the Southbound database.
    :ivar credentials: options of OVN's tools.
    :ivar own: this host's certificate, for the IPAM server; None where it has none.
    """

    southbound: str = ""
    ipam_urls: Sequence[str] = ()
    credentials: Sequence[str] = ()
    own: Credentials | None = None


def known(facts: Facts) -> Known:
    """Ask, and do without an answer if there is none."""
    try:
        now = facts.settings
        return Known(now.remote or "", now.ipam_urls, facts.credentials, now.credentials)
    except Error:
        return Known()


def everything(remote: str, known: Known, timeout: float) -> list[Item]:
    """The items of this host, those that take longest first.

    :param remote: of the host's database.
    :param timeout: seconds, for this program's own questions.
    """
    return [
        *_databases(remote, known),
        *_own(timeout),
        *_docker(),
        *_ipam(known.ipam_urls, known.own),
        *_switch(),
        *_ovn(known),
        *_network(),
        *_system(),
        *_logs(),
    ]


def _databases(remote: str, known: Known) -> Iterator[Item]:
    """As files that an ovsdb-server can load: backups, or copies of what a dead one left."""
    local = (
        ("host", remote, "Open_vSwitch", paths.ovs_sysconfdir() / "conf.db"),
        ("northbound", paths.nb_remote(), "OVN_Northbound", paths.ovn_dbdir() / "ovnnb_db.db"),
        ("southbound", paths.sb_remote(), "OVN_Southbound", paths.ovn_dbdir() / "ovnsb_db.db"),
    )
    for name, where, database, path in local:
        if name == "host" or path.exists() or Path(where.removeprefix("unix:")).exists():
            backup = command("", "ovsdb-client", "backup", where, database)
            yield either(f"databases/{name}.db", backup, file("", path, _DATABASE_FILE))
    if known.southbound != paths.sb_remote():
        for number, one in enumerate(split_remotes(known.southbound), 1):
            words = ("ovsdb-client", *known.credentials, "backup", one, "OVN_Southbound")
            yield command(f"databases/remote-southbound-{number}.db", *words)


def _own(timeout: float) -> Iterator[Item]:
    program = (sys.executable, "-m", "ovn_integrate", "--timeout", str(min(timeout, 5.0)))
    for words in ("doctor", "status", "show", "history", "driver status"):
        name = words.replace(" ", "-")
        argv = (*program, *words.split(), "-o", "json")
        # doctor asks of many things, each of which may take its time.
        times = 3.0 if words == "doctor" else 1.5
        yield command(f"ovn-integrate/{name}.json", *argv, times=times, good=_UNHEALTHY)
    yield command("ovn-integrate/version.txt", *program, "--version")
    if paths.docker_socket().exists():
        argv = (*program, "driver", "gc", "--dry-run", "-o", "json")
        yield command("ovn-integrate/driver-gc.json", *argv, times=2.0, good=_UNHEALTHY)


def _docker() -> Iterator[Item]:
    if not paths.docker_socket().exists():
        return
    for name, path in {
        "version": "/version",
        "info": "/info",
        "networks": "/networks",
        "plugins": "/plugins",
        "containers": "/containers/json?all=1",
    }.items():
        yield answer(
            f"docker/{name}.json",
            f"Docker API {path}",
            lambda seconds, path=path: views.docker(  # type: ignore[misc]
                dockerd.get(path, timeout=seconds)
            ),
        )
    yield answer("docker/inspected-networks.json", "Docker API /networks/ID", _inspected)


def _inspected(seconds: float) -> list[object]:
    """The networks of this driver, with their containers."""
    found = dockerd.get("/networks", filters={"driver": [DRIVER]}, timeout=seconds)
    return [views.docker(dockerd.get(f"/networks/{one['Id']}", timeout=seconds)) for one in found]


def _ipam(urls: Sequence[str], own: Credentials | None) -> Iterator[Item]:
    for collection in ("networks", "subnets", "ports", "routers", "security-groups"):
        if urls:
            yield answer(
                f"ipam/{collection}.json",
                f"{', '.join(urls)} /v2.0/{collection}",
                lambda seconds, what=collection: Client(  # type: ignore[misc]
                    urls, timeout=seconds, access=keystone.access(), credentials=own
                ).query(what),
            )


def _switch() -> Iterator[Item]:
    for name, words in {
        "show": "ovs-vsctl --timeout=10 show",
        "version": "ovs-vswitchd --version",
        "datapath": "ovs-appctl --timeout=10 dpctl/show -s",
        "datapath-flows": "ovs-appctl --timeout=10 dpctl/dump-flows -m",
        "conntrack": "ovs-appctl --timeout=10 dpctl/dump-conntrack -m",
        "tunnels": "ovs-appctl --timeout=10 ofproto/list-tunnels",
        "tunnel-neighbours": "ovs-appctl --timeout=10 tnl/neigh/show",
        "tunnel-routes": "ovs-appctl --timeout=10 ovs/route/show",
        "memory": "ovs-appctl --timeout=10 memory/show",
        "coverage": "ovs-appctl --timeout=10 coverage/show",
    }.items():
        yield command(f"openvswitch/{name}.txt", *words.split())
    # Their sockets tell which bridges there are, also while the database is dead.
    for socket in sorted(paths.ovs_rundir().glob("*.mgmt")):
        bridge = socket.stem
        for what in ("show", "dump-flows", "dump-ports", "dump-groups"):
            argv = ("ovs-ofctl", "--timeout=10", "-OOpenFlow15", what, bridge)
            yield command(f"openvswitch/{bridge}/{what}.txt", *argv)


def _ovn(known: Known) -> Iterator[Item]:
    asked = {
        "ovn-controller": (
            "version",
            "connection-status",
            "ct-zone-list",
            "memory/show",
            "coverage/show",
            "inc-engine/show-stats",
        ),
        "ovn-northd": ("version", "status", "memory/show", "coverage/show"),
    }
    for daemon, questions in asked.items():
        if daemon == "ovn-northd" and not (paths.ovn_rundir() / "ovn-northd.pid").exists():
            continue
        for one in questions:
            name = f"ovn/{daemon}/{one.replace('/', '-')}.txt"
            yield command(name, "ovn-appctl", "--timeout=10", "-t", daemon, one)
    for short, database in (("nb", "OVN_Northbound"), ("sb", "OVN_Southbound")):
        control = paths.ovn_rundir() / f"ovn{short}_db.ctl"
        if control.exists():
            argv = ("ovs-appctl", "--timeout=10", "-t", str(control), "cluster/status", database)
            yield command(f"ovn/{database}-cluster.txt", *argv)
    if (paths.ovn_rundir() / "ovnnb_db.sock").exists():
        yield command("ovn/northbound.txt", "ovn-nbctl", "--timeout=10", "show")
    if known.southbound:
        where = (f"--db={known.southbound}", "--no-leader-only", *known.credentials)
        yield command("ovn/southbound.txt", "ovn-sbctl", "--timeout=10", *where, "show")


def _network() -> Iterator[Item]:
    for name, words in {
        "addresses.json": "ip -j addr",
        "links.json": "ip -j -s -d link",
        "routes.json": "ip -j route show table all",
        "routes6.json": "ip -j -6 route show table all",
        "rules.json": "ip -j rule",
        "neighbours.json": "ip -j neigh",
        "sockets.txt": "ss -lntup",
        "nft.txt": "nft list ruleset",
        "iptables.txt": "iptables-save",
        "ip6tables.txt": "ip6tables-save",
    }.items():
        yield command(f"network/{name}", *words.split())
    for path in (paths.SNMP, paths.SNMP6):
        yield file(f"network/{path.name}.txt", path)
    yield file("network/ip_forward.txt", paths.ipv4_sysctl() / "ip_forward")


def _system() -> Iterator[Item]:
    for name, words in {
        "uname": "uname -a",
        "date": "date -u +%FT%TZ",
        "uptime": "uptime",
        "disks": "df -h",
        "kernel-log": "dmesg",
    }.items():
        yield command(f"system/{name}.txt", *words.split())
    argv = ("ps", "-eo", "pid,ppid,stat,etime,rss,args")
    yield viewed(command("system/processes.txt", *argv), views.processes)
    for fact in ("/etc/os-release", "/proc/modules", "/proc/meminfo", "/etc/hosts"):
        yield file(f"system/{Path(fact).name}.txt", Path(fact))
    for path in ENV_FILES:
        if path.exists():
            yield viewed(file(f"configuration{path}", path), views.environment)
    if _DAEMON_JSON.exists():
        yield viewed(file(f"configuration{_DAEMON_JSON}", _DAEMON_JSON), views.daemon)


def _logs() -> Iterator[Item]:
    folders = {
        "openvswitch": paths.ovs_logdir(),
        "ovn": paths.ovn_logdir(),
        "ovn-integrate": paths.logdir(),
    }
    for name, folder in folders.items():
        for log in sorted(folder.glob("*.log")):
            yield file(f"logs/{name}/{log.name}", log)
    if paths.SYSTEMD_RUNNING.exists():
        units = [word for unit in _UNITS for word in ("-u", unit)]
        argv = ("journalctl", "--no-pager", "-n", _JOURNAL, "-o", "short-iso", *units)
        yield command("logs/journal.txt", *argv)
        argv = ("systemctl", "--no-pager", "status", *_UNITS)
        yield viewed(command("system/units.txt", *argv, good=(0, 3)), views.units)
