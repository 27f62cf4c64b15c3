"""The DHCP clients of a link, handed over to another one with the lease that they have."""

from __future__ import annotations

import os
import re
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ovn_integrate import paths, runner
from ovn_integrate.errors import CommandFailed, Conflict

_DHCLIENT = "dhclient"
_UDHCPC = "udhcpc"
_OTHERS = ("dhcpcd", "dhcp6c")
_LEASES = Path("/var/lib/dhcp")
_PIDS = Path("/run")
_PATIENCE = 10.0
_WAITS = 60.0


@dataclass(frozen=True)
class Client:
    """A DHCP client that runs: its process and the words of its command."""

    pid: int
    words: list[str]

    @property
    def name(self) -> str:
        return _name(self.words)


def clients(link: str) -> list[Client]:
    """Those of a link, in this network namespace: a container's may bear the same name."""
    own = os.readlink(paths.PROCESSES / "self/ns/net")
    found = []
    for process in paths.PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            known = _name(words) in (_DHCLIENT, _UDHCPC, *_OTHERS) and link in words[1:]
            if known and os.readlink(process / "ns/net") == own:
                found.append(Client(int(process.name), words))
    return found


def refuse_others(link: str) -> None:
    """:raises Conflict: a client of a kind that cannot be handed over has the link."""
    for one in clients(link):
        if one.name in _OTHERS or _supervised(one):
            raise Conflict(
                f"{one.name} (process {one.pid})",
                f"has {link}, and cannot be handed over to a bridge",
                "stop what runs it, the addresses stay; or configure them by hand",
            )


def stop(link: str) -> list[list[str]]:
    """End the clients of a link, which keeps its addresses; their commands, to start them again.

    By SIGKILL: they have written their lease down, and must not give it back.

    :raises CommandFailed: one does not end.
    """
    found = clients(link)
    for one in found:
        _end(one)
    return [one.words for one in found]


def start(words: list[str], old: str, new: str) -> None:
    """Start a client as it ran on ``old``, on ``new`` and with the same lease.

    :raises CommandFailed: it did not start.
    """
    if any(
        one.words[0] == words[0] and _family(one.words) == _family(words) for one in clients(new)
    ):
        return
    argv = words if old == new else renamed(words, old, new)
    if _name(words) == _DHCLIENT:
        if old != new:
            _copy_leases(_option(words, "-lf"), _option(argv, "-lf"), old, new)
        argv = argv if "-nw" in argv else [argv[0], "-nw", *argv[1:]]
    elif "-b" not in argv:
        argv = [*argv, "-b"]
    runner.run(argv, timeout=_WAITS)


def _name(words: list[str]) -> str:
    """busybox's clients may be started by its own name."""
    names = [Path(word).name for word in words[:2]]
    return names[-1] if names[:1] == ["busybox"] else "".join(names[:1])


def _supervised(one: Client) -> bool:
    return {_DHCLIENT: "-d", _UDHCPC: "-f"}.get(one.name) in one.words


def _end(one: Client) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(one.pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            if not select.select([descriptor], [], [], _PATIENCE)[0]:
                raise CommandFailed(f"{one.name} (process {one.pid})", "does not end")
        finally:
            os.close(descriptor)


def _family(words: list[str]) -> bool:
    return "-6" in words


def renamed(words: list[str], old: str, new: str) -> list[str]:
    """The command for another link; its files are others, so that both can be there."""
    part = re.compile(rf"(?<![0-9A-Za-z]){re.escape(old)}(?![0-9A-Za-z])")
    argv = [part.sub(new, word) for word in words]
    if _name(words) == _DHCLIENT:
        six = "6" if _family(words) else ""
        for option, default in (
            ("-lf", _LEASES / f"dhclient{six}.{new}.leases"),
            ("-pf", _PIDS / f"dhclient{six}.{new}.pid"),
        ):
            if option not in words:
                argv[1:1] = [option, str(default)]
            elif _option(argv, option) == _option(words, option):
                argv[argv.index(option) + 1] = str(default)
    return argv


def _option(words: list[str], option: str) -> Path:
    if option in words:
        return Path(words[words.index(option) + 1])
    return _LEASES / ("dhclient6.leases" if _family(words) else "dhclient.leases")


def _copy_leases(source: Path, target: Path, old: str, new: str) -> None:
    """With the lease the client asks for the address that it had, and gets it."""
    if source.exists():
        text = source.read_text(errors="surrogateescape")
        target.parent.mkdir(parents=True, exist_ok=True)
        renamed = text.replace(f'interface "{old}";', f'interface "{new}";')
        target.write_text(renamed, errors="surrogateescape")
