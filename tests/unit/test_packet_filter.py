"""The text of the packet filter's rules, and how what is is compared with them: pure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.host import settings
from ovn_integrate.host.packet_filter import ports, published
from ovn_integrate.host.packet_filter.compare import (
    differences,
    led_in,
    links_of_docker,
    parse,
)
from ovn_integrate.host.packet_filter.ports import Ports
from ovn_integrate.host.packet_filter.published import ENDPOINT, RECORD, Published
from ovn_integrate.host.packet_filter.wanted import CHAINS, Wanted, rules

ONE = Published("a" * 64, "tcp", None, 8080, "100.64.0.3", 80)
OTHER = Published("b" * 64, "udp", "10.0.0.1", 53, "100.64.0.4", 5353)
WANTED = Wanted(
    "br-x",
    ("100.64.0.0/20",),
    (ONE, OTHER),
    ("br-x", "docker0"),
    ("eth0",),
    Ports(listening=(9797,), closed=(("10.0.0.9", 9700), ("fd00::9", 9700))),
)
SETTINGS = settings.Settings("me", (), None, None, (), ())


def save(wanted: Wanted, *, six: bool = False) -> str:
    """As iptables-save(8) has it, with what stands before our rules where they belong."""
    lines = []
    for table in CHAINS:
        lines += [f"*{table}", ":FORWARD ACCEPT [0:0]"]
        difference = differences(wanted, table, {}, six=six)
        lines += [one.replace("-I FORWARD 1 ", "-A FORWARD ") for one in difference.lines]
        lines.append("COMMIT")
    text = "\n".join(lines)
    for chain in ("INPUT", "PREROUTING", "POSTROUTING", "OUTPUT"):
        text = text.replace(f"-I {chain} 1 ", f"-A {chain} ")
    return text


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("wanted", [WANTED, Wanted("br-x"), replace(WANTED, blocks=())])
def test_what_was_written_is_what_should_be(wanted: Wanted, six: bool) -> None:
    have = parse(save(wanted, six=six))
    for table in CHAINS:
        assert differences(wanted, table, have[table], six=six).words == []


@pytest.mark.parametrize("six", [False, True])
def test_any_rule_that_is_missing_is_missed(six: bool) -> None:
    lines = save(WANTED, six=six).splitlines()
    for at, line in enumerate(lines):
        if line.startswith("-A "):
            have = parse("\n".join(lines[:at] + lines[at + 1 :]))
            found = [differences(WANTED, table, have[table], six=six) for table in CHAINS]
            assert sum(bool(one.words) for one in found) == 1, line
            assert any(line.split(" ", 2)[2] in one for some in found for one in some.lines)


def test_any_rule_too_many_is_seen() -> None:
    lines = save(WANTED).splitlines()
    for at, line in enumerate(lines):
        if line.startswith("-A ") and ("-A OVN" in line or "-j OVN" in line):
            have = parse("\n".join([*lines[:at], line, *lines[at:]]))
            found = [differences(WANTED, table, have[table]) for table in CHAINS]
            assert any(one.words for one in found), line


def test_nothing_that_closes_comes_after_what_opens() -> None:
    """As the tables are set in this order, and each at once."""
    assert list(CHAINS) == ["mangle", "filter", "nat"]
    for table in CHAINS:
        lines = differences(WANTED, table, {}).lines
        jumps = [at for at, one in enumerate(lines) if one.startswith("-I")]
        assert jumps
        assert min(jumps) > max(at for at, one in enumerate(lines) if one[:2] == "-A")


FORWARD = ("-j DOCKER-USER", "-j DOCKER-FORWARD", "-i docker0 ! -o docker0 -j ACCEPT")


@pytest.mark.parametrize(
    ("have", "lines"),
    [
        ([], ["-I FORWARD 1 -j OVN-GATEWAY"]),
        (FORWARD, ["-I FORWARD 2 -j OVN-GATEWAY"]),
        (["-j LOG", *FORWARD], ["-I FORWARD 3 -j OVN-GATEWAY"]),
        (["-j OVN-GATEWAY"], []),
        ([FORWARD[0], "-j OVN-GATEWAY", *FORWARD[1:]], []),
        (
            ["-j OVN-GATEWAY", *FORWARD],
            ["-D FORWARD -j OVN-GATEWAY", "-I FORWARD 2 -j OVN-GATEWAY"],
        ),
        (
            [*FORWARD, "-j OVN-GATEWAY"],
            ["-D FORWARD -j OVN-GATEWAY", "-I FORWARD 2 -j OVN-GATEWAY"],
        ),
        (
            [FORWARD[0], "-j OVN-GATEWAY", "-j OVN-GATEWAY"],
            [*["-D FORWARD -j OVN-GATEWAY"] * 2, "-I FORWARD 2 -j OVN-GATEWAY"],
        ),
        (["-i br-x -j OVN-GATEWAY"], None),
        (["-j ACCEPT", "-j OVN-GATEWAY"], None),
    ],
)
def test_the_place_behind_docker_user(have: list[str], lines: list[str] | None) -> None:
    chains = {**rules(WANTED, "filter"), "FORWARD": list(have)}
    found = differences(WANTED, "filter", chains).lines
    assert found == lines if lines is not None else found


def test_nothing_is_left_where_nothing_should_be() -> None:
    have = parse(save(WANTED))
    lines = differences(None, "mangle", have["mangle"]).lines
    assert [one for one in lines if one[:2] == "-X"]
    assert max(at for at, one in enumerate(lines) if one[:2] in ("-D", "-F")) < min(
        at for at, one in enumerate(lines) if one[:2] == "-X"
    )


def test_a_record_is_read_as_it_was_written() -> None:
    text = published.record([ONE, replace(OTHER, endpoint_id=ONE.endpoint_id)])
    ids = {ENDPOINT: ONE.endpoint_id, RECORD: text or ""}
    assert published.of(ids) == [ONE, replace(OTHER, endpoint_id=ONE.endpoint_id)]
    assert published.record([]) is None
    assert led_in(parse(save(WANTED))["nat"]) == [ONE, OTHER]


@pytest.mark.parametrize(
    "text",
    [
        "tcp//8080/100.64.0.3",
        "tcp//0/100.64.0.3/80",
        "tcp//65536/100.64.0.3/80",
        "icmp//1/100.64.0.3/80",
        "tcp/-j/8080/100.64.0.3/80",
        "tcp//8080/100.64.0.3;x/80",
        "tcp//8080/fd00::1/80",
        "tcp//٣/100.64.0.3/80",
        "tcp//8080/100.64.0.3/80/-j",
    ],
)
def test_what_is_no_record_becomes_no_rule(text: str) -> None:
    assert published.of({ENDPOINT: "a" * 64, RECORD: text}) == []
    assert published.of({ENDPOINT: "a\nCOMMIT", RECORD: "tcp//80/100.64.0.3/80"}) == []


def test_which_links_are_dockers() -> None:
    saved = (
        "*filter\n:DOCKER-USER - [0:0]\n-A FORWARD -o mine -j DOCKER\n"
        "-A DOCKER-FORWARD -i other ! -o other -j ACCEPT\n-A DOCKER-USER -i eth0 -j ACCEPT\n"
        "-A FORWARD -i eth1 -j ACCEPT\n*mangle\n-A OVN-INTEGRATE-INPUT -i was -j X\n"
    )
    assert links_of_docker(parse(saved)) == {"mine", "other", "was"}


def test_ports_that_are_open_to_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "listening_ports", lambda: {9696, 6641, 6649})
    now = replace(SETTINGS, ipam=("https://10.0.0.9:9700", "name.example:443", "10.0.0.8"))
    now = replace(now, remote="ssl:10.0.0.9:6642,tcp:[fd00::9]:7000")
    closed = ports.find(now)
    assert closed == Ports(
        listening=(6649,), closed=(("10.0.0.9", 9700), ("fd00::9", 7000)), open=()
    )
    reach = ports.check("9696, 10.0.0.9:9700,6649,[fd00::1]:6641")
    opened = ports.find(replace(now, reachable=reach))
    assert 9696 not in opened.tcp
    assert opened.listening == ()
    assert opened.closed == (("fd00::9", 7000),)
    assert opened.open == (("10.0.0.9", 9700), ("fd00::1", 6641))
    assert ports.find(replace(now, reachable="all")) == Ports((), ())
    # As ip6tables spells it, which is not how Python does.
    mapped = replace(now, reachable="[::ffff:10.0.0.9]:6641")
    assert ports.find(mapped).open == (("::ffff:10.0.0.9", 6641),)
    # What somebody wrote by hand, and is none, opens nothing.
    assert ports.find(replace(now, reachable="any,,x:y")) == closed


@pytest.mark.parametrize(
    "text",
    ["", "x", "0", "65536", "10.0.0.1", "10.0.0:1", "80,", "a:80", "8_0", "٣", "fe80::1%eth0:80"],
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(Invalid):
        ports.check(text)
