"""Real OVSDB servers for the tests: each in a folder of its own, ended by its process id."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path

SCHEMAS = {
    "nb": ("OVN_Northbound", Path("/usr/share/ovn/ovn-nb.ovsschema")),
    "sb": ("OVN_Southbound", Path("/usr/share/ovn/ovn-sb.ovsschema")),
    "host": ("Open_vSwitch", Path("/usr/share/openvswitch/vswitch.ovsschema")),
}
_TIMEOUT = 10.0


class OvsdbServer:
    """An ovsdb-server with one database on a Unix socket.

    :param kind: ``nb``, ``sb`` or ``host``.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.database, self._schema = SCHEMAS[kind]
        self._file = folder / f"{kind}.db"
        self._pidfile = folder / f"{kind}.pid"
        self._socket = folder / f"{kind}.sock"
        self.folder = folder
        self._pid: int | None = None
        self.remote = f"unix:{self._socket}"

    def start(self) -> None:
        """Start it, on what it held before if it ran before; return when it listens."""
        if not self._file.exists():
            self._create()
        _run(
            "ovsdb-server",
            "--detach",  # returns once the server listens
            "--no-chdir",
            f"--pidfile={self._pidfile}",
            f"--remote=p{self.remote}",
            f"--unixctl={self.folder / f'{self.kind}.ctl'}",
            f"--log-file={self.folder / f'{self.kind}.log'}",
            "-vconsole:off",
            str(self._file),
        )
        self._pid = int(self._pidfile.read_text())

    def stop(self, *, kill: bool = False) -> None:
        """End it, or kill it; what it holds stays."""
        if self._pid is None:
            return
        self.thaw()
        end(self._pid, signal.SIGKILL if kill else signal.SIGTERM)
        self._pid = None

    def freeze(self) -> None:
        """Let it answer nothing more, with its sockets open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ctl(self, *words: str) -> str:
        """What the database's own command prints: ovn-nbctl, ovn-sbctl or ovs-vsctl."""
        command = {"nb": "ovn-nbctl", "sb": "ovn-sbctl", "host": "ovs-vsctl"}[self.kind]
        extra = ["--no-wait"] if self.kind == "host" else []
        return _run(command, f"--db={self.remote}", "--timeout=10", *extra, *words)

    def _create(self) -> None:
        _run("ovsdb-tool", "create", str(self._file), str(self._schema))

    def _signal(self, number: signal.Signals) -> None:
        assert self._pid is not None
        os.kill(self._pid, number)


class Member(OvsdbServer):
    """One of the servers of a raft cluster.

    :param number: of it in the cluster, from 0.
    :param first: the address at which the first one speaks raft.
    """

    def __init__(self, folder: Path, kind: str, number: int, first: str = "") -> None:
        super().__init__(folder, kind)
        self.number = number
        self.address = f"unix:{folder / 'raft.sock'}"
        self._first = first

    @property
    def running(self) -> bool:
        return self._pid is not None

    def leads(self) -> bool:
        """Whether it is the leader, by its own account."""
        return "\nRole: leader\n" in self.status()

    def status(self) -> str:
        """What it says of its cluster; nothing when it does not answer."""
        return self.tell("cluster/status")

    def tell(self, command: str, *words: str) -> str:
        """What it answers to a command of ovsdb-server(1), if it answers."""
        ask = ["ovs-appctl", "-t", str(self.folder / f"{self.kind}.ctl"), "--timeout=2"]
        argv = [*ask, command, self.database, *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT).stdout

    def forget(self) -> None:
        """Lose what it holds; it joins the cluster anew when it is started."""
        self._file.unlink()

    def _create(self) -> None:
        file = str(self._file)
        if self._first:
            _run("ovsdb-tool", "join-cluster", file, self.database, self.address, self._first)
        else:
            _run("ovsdb-tool", "create-cluster", file, str(self._schema), self.address)


def make_cluster(folder: Path, kind: str, size: int = 3) -> list[Member]:
    """Starts a raft cluster, all of whose servers have joined it when this returns.

    The folder of a member may be there already.
    """
    members: list[Member] = []
    for number in range(size):
        own = folder / f"{kind}{number}"
        own.mkdir(exist_ok=True)
        members.append(Member(own, kind, number, members[0].address if members else ""))
        members[-1].start()
    for member in members:
        # Until then the first one is all of the cluster, and without it there is none.
        _run("ovsdb-client", "--timeout=10", "wait", member.remote, member.database, "connected")
    return members


def start_vswitchd(folder: Path, database: OvsdbServer) -> int:
    """Starts ovs-vswitchd, with the userspace datapath alone, on a host's database; its process id.

    It makes links in the network namespace that it is started in.
    """
    pidfile = folder / "vswitchd.pid"
    _run(
        "ovs-vswitchd",
        "--disable-system",
        "--detach",
        "--no-chdir",
        f"--pidfile={pidfile}",
        f"--unixctl={folder / 'vswitchd.ctl'}",
        f"--log-file={folder / 'vswitchd.log'}",
        "-vconsole:off",
        database.remote,
    )
    return int(pidfile.read_text())


def end(pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    """End a daemon, and return when it is gone."""
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, number)
        assert select.select([descriptor], [], [], _TIMEOUT)[0], f"{pid} still runs"
    finally:
        os.close(descriptor)


def _run(*argv: str) -> str:
    # A daemon that detaches keeps what it was given: a pipe would never end.
    if "--detach" in argv:
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT)
        return ""
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=3 * _TIMEOUT)
    return done.stdout
