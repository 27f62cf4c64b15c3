"""What should be of the rules, held against what is: for whoever mends and for whoever reports."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ovn_integrate.host.packet_filter import published
from ovn_integrate.host.packet_filter.published import Published
from ovn_integrate.host.packet_filter.wanted import (
    CHAINS,
    COMMENT,
    DOCKER_USER,
    IN,
    INPUT,
    JUMPS,
    Jump,
    Wanted,
    rules,
)

Chains = dict[str, list[str]]
"""The rules of each chain, without ``-A CHAIN``."""


@dataclass
class Difference:
    """What is wrong in a table.

    :ivar words: in words, one for each thing.
    :ivar lines: of iptables-restore(8), without ``COMMIT``, that set it right.
    """

    words: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def add(self, words: str, *lines: str) -> None:
        self.words.append(words)
        self.lines += lines


def parse(saved: str) -> dict[str, Chains]:
    """What iptables-save(8) printed, by table."""
    found: dict[str, Chains] = {}
    chains: Chains = {}
    for line in saved.splitlines():
        if line.startswith("*"):
            chains = found.setdefault(line[1:].strip(), {})
        elif line.startswith(":"):
            chains.setdefault(line[1:].split()[0], [])
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            chains.setdefault(chain, []).append(rule.strip())
    return found


def differences(
    wanted: Wanted | None, table: str, have: Chains, *, six: bool = False
) -> Difference:
    """What is other in a table than it should be.

    :param wanted: None where no rule of ours should be.
    :param have: the chains of the table, as they are.
    """
    should = rules(wanted, table, six=six) if wanted is not None else {}
    found = Difference()
    for chain in CHAINS[table]:
        if chain in should and have.get(chain) != should[chain]:
            what = "is missing" if chain not in have else _first(should[chain], have[chain])
            found.add(
                f"{table} {chain}: {what}",
                f":{chain} - [0:0]",
                *(f"-A {chain} {rule}" for rule in should[chain]),
            )
    present = dict(have)
    for jump in JUMPS[table]:
        words, lines, left = _jump(jump, present.get(jump.chain, []), jump.to in should)
        present[jump.chain] = left
        if words:
            found.add(f"{table} {jump.chain}: {words}", *lines)
    surplus = [chain for chain in CHAINS[table] if chain in have and chain not in should]
    # One of them may lead to another, which cannot go before.
    found.lines += [f"-F {chain}" for chain in surplus]
    for chain in surplus:
        found.add(f"{table} {chain}: should not be there", f"-X {chain}")
    return found


def led_in(have: Chains) -> list[Published]:
    """The ports that are published by the rules of the table nat."""
    found = (_published(shlex.split(rule)) for rule in have.get(IN, []))
    return [one for one in found if one is not None]


def links_of_docker(tables: Mapping[str, Chains]) -> set[str]:
    """The links that rules of Docker's name, as its bridges are: in a chain of its own, or before
    one. What our rules took for one stays so when Docker's are gone."""
    found = set()
    for chains in tables.values():
        for chain, some in chains.items():
            for rule in some:
                named = dict(pairwise(rule.split()))
                if chain == INPUT or _is_dockers(chain, named.get("-j", "")):
                    found |= {named[way] for way in ("-i", "-o") if way in named}
    return found


def _is_dockers(chain: str, to: str) -> bool:
    """Whether a rule of a chain is Docker's own, and not the administrator's."""
    of_docker = chain.startswith("DOCKER") or to.startswith("DOCKER")
    return of_docker and DOCKER_USER not in (chain, to)


def _first(should: Sequence[str], have: Sequence[str]) -> str:
    missing = [rule for rule in should if rule not in have]
    if missing:
        return f"{missing[0]!r} is missing"
    surplus = [rule for rule in have if rule not in should]
    return f"{surplus[0]!r} should not be there" if surplus else "the order is wrong"


def _jump(jump: Jump, have: list[str], needed: bool) -> tuple[str, list[str], list[str]]:
    """What is wrong with the rule that leads to a chain, the lines that set it right, and the rules
    of the built-in chain afterwards."""
    mine = [
        at for at, rule in enumerate(have) if rule == jump.rule or rule.endswith(f"-j {jump.to}")
    ]
    others = [rule for rule in have if rule not in {have[at] for at in mine}]
    place = _place(jump, others) if needed else None
    if needed and len(mine) == 1 and have[mine[0]] == jump.rule and _is_right(jump, have, mine[0]):
        return "", [], have
    if not needed and not mine:
        return "", [], have
    lines = [f"-D {jump.chain} {have[at]}" for at in mine]
    if place is None:
        return f"leads to {jump.to}, which should not be there", lines, others
    lines.append(f"-I {jump.chain} {place + 1} {jump.rule}")
    words = f"does not lead to {jump.to}"
    if mine:
        words = f"leads to {jump.to} at the wrong place, or more than once"
    return words, lines, [*others[:place], jump.rule, *others[place:]]


def _place(jump: Jump, others: Sequence[str]) -> int:
    """Where the rule belongs: first, or behind what the administrator decides first."""
    users = [at for at, rule in enumerate(others) if rule == f"-j {DOCKER_USER}"]
    return users[-1] + 1 if users and jump.chain == "FORWARD" else 0


def _is_right(jump: Jump, have: Sequence[str], at: int) -> bool:
    before = have[:at]
    if f"-j {DOCKER_USER}" in have and jump.chain == "FORWARD":
        return bool(before) and before[-1] == f"-j {DOCKER_USER}"
    return not any(rule.split()[-1] == "ACCEPT" for rule in before)


def _published(words: Sequence[str]) -> Published | None:
    named = dict(pairwise(words))
    target, _, target_port = named.get("--to-destination", "").rpartition(":")
    return published.parse(
        named.get("--comment", "").removeprefix(COMMENT),
        named.get("-p", ""),
        named.get("-d", "").partition("/")[0],
        named.get("--dport", ""),
        target,
        target_port,
    )
