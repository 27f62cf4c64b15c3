"""A lab: an underlay of one bridge, and the hosts on it."""

from __future__ import annotations

import ipaddress
import itertools
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from . import suite
from .cgroups import folders
from .command import ENVIRONMENT, CommandError, run
from .holder import Holder
from .host import NIC, OVS_CTL, Host
from .image import BUSYBOX
from .suite import Suite

# Private to the lab's namespaces: it may be in use on the machine, or in a second lab.
UNDERLAY = ipaddress.IPv4Network("10.99.0.0/24")
FABRIC = "fabric"
PREFIX = "ovnlab-"
TOOLS = ("unshare", "nsenter", "setpriv", "ip", "ethtool", str(BUSYBOX))
PROGRAMS = (
    *("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", OVS_CTL),
    *("ovn-nbctl", "ovn-sbctl", "ovn-northd", "ovn-controller"),
    *("dockerd", "docker"),
)


def lab_ready(name: str | None = None) -> str | None:
    """Why this machine cannot run the lab; None if it can.

    :param name: of the suite that hosts are to run on; its folders are made if they are missing.
    """
    own = name in (None, suite.own_name())
    if os.geteuid() != 0:
        return "the lab needs root"
    search = ENVIRONMENT["PATH"]
    needed = (*TOOLS, *(PROGRAMS if own else ("debootstrap",)))
    missing = [program for program in needed if shutil.which(program, path=search) is None]
    if missing:
        return f"the lab needs programs that are not installed: {', '.join(missing)}"
    try:
        run(["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "true"])
    except CommandError as error:
        return f"the lab needs namespaces: {error}"
    return None if own else _folder_obstacle(str(name))


def _folder_obstacle(name: str) -> str | None:
    try:
        suite.get(name)
    except (CommandError, OSError) as error:
        return f"the lab cannot make a folder of {name}: {error}"
    return None


class Lab:
    """Hosts that reach each other. When it is closed, or its process killed, all of it is gone."""

    def __init__(self, system: Suite | None = None) -> None:
        """:param system: whose programs the hosts run; the machine's own if not given."""
        self.suite = system or suite.own()
        self.name = f"{PREFIX}{secrets.token_hex(3)}"
        self.hosts: dict[str, Host] = {}
        self._numbers = itertools.count(1)
        self._janitor, self._kept_open = _start_janitor(self.name)
        # The name is an argument only to be seen in a list of processes.
        script = "echo $$; exec cat >/dev/null"
        self._fabric = Holder(["--net"], ["sh", "-c", script, self.name], self._kept_open)
        self._on_fabric("link", "add", FABRIC, "type", "bridge", "mcast_snooping", "0")
        self._on_fabric("link", "set", FABRIC, "up")

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def add_host(self, name: str) -> Host:
        """A new host, its NIC up and reachable from the others. No daemon runs in it yet."""
        if name in self.hosts and self.hosts[name].running:
            raise ValueError(f"the lab has a host {name} already")
        number = next(self._numbers)
        address = str(UNDERLAY[number])
        host = Host(self.name, name, address, UNDERLAY.prefixlen, self._kept_open, self.suite)
        self.hosts[name] = host
        # Made inside the fabric and with its end already in the host: the pair is never on the
        # machine itself, and dies with either namespace.
        port = f"{_veth(self.name)}{number}"
        peer = ("peer", "name", NIC, "netns", str(host.pid))
        self._on_fabric("link", "add", port, "type", "veth", *peer)
        self._on_fabric("link", "set", port, "master", FABRIC, "up")
        host.start_nic()
        return host

    def _on_fabric(self, *arguments: str) -> None:
        run(self._fabric.entering(["ip", *arguments]))

    def close(self) -> None:
        """End every host and the fabric, and make sure that nothing is left. Once is enough."""
        for host in self.hosts.values():
            host.stop()
        self.hosts.clear()
        self._fabric.end()
        if self._kept_open >= 0:
            os.close(self._kept_open)
            self._kept_open = -1
        self._janitor.wait(40)
        left = remains(self.name)
        assert not left, f"left behind by {self.name}: {left}"


def _start_janitor(lab: str) -> tuple[subprocess.Popen[bytes], int]:
    """The janitor, and the descriptor that it waits on the closing of."""
    package = __package__ or ""
    end, kept_open = os.pipe()
    janitor = subprocess.Popen(
        [sys.executable, "-m", f"{package}.janitor", lab],
        stdin=end,
        cwd=Path(__file__).parents[package.count(".") + 1],
        env=ENVIRONMENT,
        start_new_session=True,
    )
    os.close(end)
    return janitor, kept_open


def remains(lab: str) -> list[str]:
    """What is on the machine of the lab of this name (or of all whose name begins so).

    No process in its mount namespaces means that these, and what is mounted there, are gone.
    """
    found = [f"cgroup {folder}" for folder in folders(f"{lab}*")]
    links = run(["ip", "-oneline", "link", "show", "type", "veth"]).stdout
    found += [f"link {line}" for line in links.splitlines() if f" {_veth(lab)}" in line]
    for process in Path("/proc").glob("[0-9]*"):
        if any(lab in _text(process / file) for file in ("cmdline", "mountinfo")):
            found.append(f"process {process.name} {_text(process / 'cmdline')}")
    return found


def _veth(lab: str) -> str:
    """How the names of the lab's veths begin; a name has 15 characters at most."""
    return f"lab{lab.removeprefix(PREFIX)}"


def _text(file: Path) -> str:
    """A file of a process that may have ended meanwhile."""
    try:
        return file.read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""
