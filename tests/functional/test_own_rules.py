"""What quickstart takes out of a real packet filter again: what Docker put there, nothing else."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import ovn_integrate
from tests.functional.namespaces import own_network

_SCRIPT = Path(ovn_integrate.__file__).parents[1] / "scripts" / "own-rules"

_DOCKER = (
    *(f"-N {chain}" for chain in ("DOCKER", "DOCKER-USER", "DOCKER-ISOLATION-STAGE-1")),
    "-P FORWARD DROP",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -o docker0 -j DOCKER",
    "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
    "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
    "-A DOCKER-USER -j RETURN",
    "-t nat -N DOCKER",
    "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    "-t nat -A DOCKER -i docker0 -j RETURN",
    "-t raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP",
)
# Of a container, or a network, that came when all was recorded.
_LATER = (
    "-A DOCKER -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
    "-A FORWARD -o br-0123456789ab -j DOCKER",
    "-t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.3:80",
)
_OTHERS = (
    "-A INPUT -p tcp -m tcp --dport 23 -j DROP",
    "-A INPUT -s 192.0.2.0/24 -m comment --comment 'a \"b\" $(touch x) `c`; d' -j ACCEPT",
    "-N f2b-sshd",
    "-A f2b-sshd -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable",
    "-A INPUT -p tcp -m tcp --dport 22 -j f2b-sshd",
    "-A FORWARD -i docker0 -o eth9 -j DROP",
    "-A FORWARD -i wg0 -j ACCEPT",
    "-t nat -A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE",
    "-t raw -A PREROUTING -p udp -m udp --dport 53 -j CT --notrack",
    "-t mangle -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    "-P OUTPUT DROP",
)


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    with own_network():
        yield


def _run(code: str, *words: object) -> str:
    argv = ["bash", "-euo", "pipefail", "-c", f'. "{_SCRIPT}"\n{code}', "bash", *map(str, words)]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout


def _add(*rules: str) -> None:
    for rule in rules:
        subprocess.run(f"iptables -w {_quoted(rule)}", shell=True, check=True, timeout=30)


def _quoted(rule: str) -> str:
    return rule.replace("!", "\\!")


def _now() -> list[str]:
    # An empty table that nobody used may be listed, or not.
    default = {f"-P {chain} ACCEPT" for chain in _CHAINS}
    lines = _run("rules_now iptables").splitlines()
    return sorted(line for line in lines if line.partition(" ")[2] not in default)


_CHAINS = ("INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING")


def _recorded(folder: Path) -> tuple[Path, Path]:
    before, own = folder / "before", folder / "own"
    return before, own


@pytest.mark.parametrize("seed", range(12))
def test_rules_of_others_stay(tmp_path: Path, seed: int) -> None:
    """Whatever others had, add and remove, before and after."""
    chosen = random.Random(seed)
    chains, rest = [_OTHERS[2]], [one for one in _OTHERS if one != _OTHERS[2]]
    had = chosen.sample(rest, seed % 5)
    _add(*chains, *had)
    before, own = _recorded(tmp_path)
    before.write_text(_run("rules_now iptables"))
    _add(*_DOCKER)
    own.write_text(_run('rules_since iptables "$1"', before))
    gone = [one for one in had if one.partition(" -A ")[1] or one.startswith("-A")][:1]
    added = [one for one in rest if one not in had]
    _add(*_LATER, *added, *(one.replace("-A ", "-D ", 1) for one in gone))
    expected = set(had) - set(gone) | set(added)

    _run('undo_rules iptables "$1" "$2"', before, own)
    found = _now()
    assert not [
        line for line in found if "DOCKER" in line or ("DROP" in line and "-P FORWARD" in line)
    ]

    # The same as if there had never been a Docker.
    for table in ("filter", "nat", "raw", "mangle"):
        _add(f"-t {table} -F", f"-t {table} -X")
    _add("-P OUTPUT ACCEPT")
    _add(*chains, *sorted(expected, key=_OTHERS.index))
    assert found == _now()
    assert not (Path.cwd() / "x").exists()


def test_what_an_administrator_put_into_docker_user_stays(tmp_path: Path) -> None:
    before, own = _recorded(tmp_path)
    before.write_text(_run("rules_now iptables"))
    _add(*_DOCKER)
    own.write_text(_run('rules_since iptables "$1"', before))
    _add("-I DOCKER-USER -s 203.0.113.0/24 -j DROP")
    _run('undo_rules iptables "$1" "$2"', before, own)
    assert _now() == ["filter -A DOCKER-USER -s 203.0.113.0/24 -j DROP", "filter -N DOCKER-USER"]
    # Twice is as once.
    _run('undo_rules iptables "$1" "$2"', before, own)
    assert len(_now()) == 2


def test_a_policy_that_somebody_set_stays(tmp_path: Path) -> None:
    before, own = _recorded(tmp_path)
    _add("-P FORWARD DROP")
    before.write_text(_run("rules_now iptables"))
    _add(*_DOCKER)
    own.write_text(_run('rules_since iptables "$1"', before))
    _run('undo_rules iptables "$1" "$2"', before, own)
    assert _now() == ["filter -P FORWARD DROP"]
