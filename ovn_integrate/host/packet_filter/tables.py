"""The kernel's tables, read and set by iptables(8) and ip6tables(8): by whichever of its two kinds
Docker has its rules in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ovn_integrate import faultpoint, paths, runner
from ovn_integrate.host.packet_filter.compare import Chains, parse
from ovn_integrate.host.packet_filter.wanted import CHAINS, DOCKER_USER

_V4, _V6 = "iptables", "ip6tables"
_LEGACY_TABLES = Path("/proc/thread-self/net/ip_tables_names")


@dataclass(frozen=True)
class Tables:
    """The rules of this network namespace at one moment.

    :ivar kind: what the program's name ends with: nothing, ``-nft`` or ``-legacy``.
    :ivar v6: None where this host has no IPv6, or no ip6tables.
    :ivar other: those of the usual kind where that is another one, in which none of ours should be.
    """

    kind: str
    v4: Mapping[str, Chains]
    v6: Mapping[str, Chains] | None
    other: Tables | None = None


def read() -> Tables:
    """All rules that there are.

    :raises CommandFailed: iptables is missing, or refused.
    """
    usual = _read("")
    if not _are_dockers(usual):
        for kind in _other_kinds():
            there = _read(kind)
            if _are_dockers(there):
                return replace(there, other=usual)
    return usual


def write(kind: str, lines: Mapping[str, list[str]], *, six: bool) -> None:
    """Change tables, one after the other and each of them at once.

    :param lines: of iptables-restore(8), by table.
    :raises CommandFailed: a line was refused; of that table nothing was changed.
    """
    text = "".join(
        "\n".join([f"*{table}", *lines[table], "COMMIT", ""])
        for table in CHAINS
        if lines.get(table)
    )
    program = f"{_V6 if six else _V4}{kind}-restore"
    runner.run([program, "--noflush", "--wait"], input=text)
    faultpoint.reach(f"after {program}")


def installed() -> bool:
    """Whether there is an iptables."""
    return runner.installed(f"{_V4}-save")


def _read(kind: str) -> Tables:
    v4 = parse(runner.run([f"{_V4}{kind}-save"]))
    six = paths.ipv6_sysctl().exists() and runner.installed(f"{_V6}{kind}-save")
    return Tables(kind, v4, parse(runner.run([f"{_V6}{kind}-save"])) if six else None)


def _are_dockers(some: Tables) -> bool:
    return DOCKER_USER in some.v4.get("filter", {})


def _other_kinds() -> list[str]:
    """The kinds that have tables beside those of the usual one; to look at a table of the old kind
    would make it."""
    try:
        legacy = bool(_LEGACY_TABLES.read_text().split())
    except OSError:
        legacy = False
    wanted = ["-nft", *(["-legacy"] if legacy else [])]
    return [one for one in wanted if runner.installed(f"{_V4}{one}-save")]
