"""The packet filter's rules on a real kernel, in a network namespace of their own."""

from __future__ import annotations

import array
import fcntl
import itertools
import os
import random
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ovn_integrate import netlink
from ovn_integrate.core.collector.reconcile import Keeper
from ovn_integrate.host import packet_filter
from ovn_integrate.host.packet_filter import links, ports
from ovn_integrate.host.packet_filter.ports import Place
from ovn_integrate.host.packet_filter.published import Published
from ovn_integrate.host.packet_filter.wanted import BUILT_IN, Wanted
from ovn_integrate.netns import Namespace
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network
from tests.functional.way_out import (
    CUSTOM,
    DOCKER0,
    DOCKERS,
    GWBRIDGE,
    HOST,
    LINK,
    ONE,
    OUTSIDE,
    OVN,
    PUBLISHED,
    SERVICE,
    WEB,
    Docker,
    Site,
    closed,
    listen,
    open_ones,
    run,
    site,
)

BLOCK = ("100.64.0.0/20",)
BLOCKS = (*BLOCK, "100.64.16.0/20")
OTHER = Published("b" * 64, "udp", "10.0.0.1", 53, "100.64.0.4", 5353)


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    for program in ("iptables", "nft"):
        if shutil.which(program) is None:
            pytest.fail(f"needs {program}")
    with own_network():
        yield


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two iptables has the host's rules."""
    name = str(getattr(request, "param", "nft"))
    for family, what in itertools.product(("iptables", "ip6tables"), ("", "-save", "-restore")):
        program = shutil.which(f"{family}-{name}{what}")
        if program is None:
            pytest.fail(f"needs {family}-{name}{what}")
        (tmp_path / f"{family}{what}").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return name


@pytest.fixture
def host(kind: str) -> Iterator[Site]:
    with site() as made:
        yield made


def have(*blocks: str, published: tuple[Published, ...] = ()) -> list[str]:
    wanted = Wanted("br-x", blocks, published, ("br-x", "docker0"), ("eth0",))
    return packet_filter.mend(lambda _: wanted)


def saved() -> list[str]:
    found = run("iptables-save") + run("ip6tables-save")
    return [line for line in found.splitlines() if line.startswith("-A")]


def test_rules_are_there_once_and_go_without_a_trace() -> None:
    assert have(*BLOCK)
    before = saved()
    assert "-A OVN-GATEWAY-OUT -s 100.64.0.0/20 ! -o br-x -j MASQUERADE" in before
    assert have(*BLOCK) == []
    have(*BLOCK, published=(ONE,))
    assert len(saved()) == len(before) + 1
    have(*BLOCKS, published=(ONE,))
    assert len(saved()) == len(before) + 5
    have(*BLOCK)
    assert saved() == before
    # As two processes may that do so at the same moment.
    run("iptables", "-I", "FORWARD", "-j", "OVN-GATEWAY")
    packet_filter.remove()
    assert saved() == []
    assert not [one for one in run("iptables-save").splitlines() if one.startswith(":OVN")]
    packet_filter.remove()


def test_without_a_way_out_the_ports_of_ovn_are_closed_and_nothing_else_is_done() -> None:
    have()
    assert {one.split()[1] for one in saved()} == {
        *("INPUT", "FORWARD"),
        *("OVN-INTEGRATE-CLOSED", "OVN-INTEGRATE-INPUT", "OVN-INTEGRATE-FORWARD"),
    }
    have(*BLOCK)
    assert have() != []
    assert not [one for one in saved() if "GATEWAY" in one or "SOURCE" in one]


def test_a_rule_that_somebody_took_away_is_put_back() -> None:
    have(*BLOCK, published=(ONE,))
    before = sorted(saved())
    run("iptables", "-D", "FORWARD", "-j", "OVN-GATEWAY")
    run("iptables", "-t", "nat", "-F", "OVN-GATEWAY-OUT")
    run("iptables", "-t", "nat", "-D", "OVN-GATEWAY-IN", "1")
    run("ip6tables", "-t", "mangle", "-F")
    assert have(*BLOCK, published=(ONE,))
    assert sorted(saved()) == before


def test_others_rules_stay() -> None:
    run("iptables", "-A", "FORWARD", "-j", "ACCEPT")
    run("iptables", "-t", "mangle", "-A", "FORWARD", "-j", "MARK", "--set-mark", "1")
    before = saved()
    have(*BLOCK)
    packet_filter.remove()
    assert saved() == before


def test_published_ports_are_read_back_as_they_were_made() -> None:
    assert packet_filter.led() == []
    some = (ONE, OTHER, replace(ONE, port=8081), replace(ONE, protocol="sctp", port=9))
    have(*BLOCK, published=some)
    assert packet_filter.led() == list(some)


@pytest.mark.parametrize(
    ("more", "collides"),
    [
        ({}, True),
        ({"port": 81}, False),
        ({"protocol": "udp"}, False),
        ({"address": "10.0.0.1"}, True),
        ({"target": "100.64.0.9"}, True),
    ],
)
def test_what_hides_what(more: dict[str, object], collides: bool) -> None:
    other = replace(ONE, **more)  # type: ignore[arg-type]
    assert ONE.collides(other) is other.collides(ONE) is collides
    assert not replace(OTHER, address="10.0.0.2").collides(OTHER)


def right(host: Site, docker: Docker | None = None) -> None:
    """What is to get through does, and nothing else."""
    dockers = docker is not None and docker.filtering and docker.leading
    wanted = open_ones(ONE in host.published, dockers)
    assert host.reached([*wanted, *closed()], wanted) == set(wanted)


@pytest.mark.parametrize("generation", ["20", "28"])
@pytest.mark.parametrize("first", ["docker", "driver"])
def test_whoever_starts_first(host: Site, generation: str, first: str) -> None:
    docker = Docker(generation)
    host.published = [ONE]
    if first == "driver":
        host.mend()
    docker.start()
    host.mend()
    right(host, docker)
    docker.start()
    host.mend()
    rules = run("iptables", "-S", "FORWARD").splitlines()
    assert rules[1:3] == ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j OVN-GATEWAY"]
    right(host, docker)


def test_which_bridges_lead_out(host: Site) -> None:
    assert links.outside(LINK, []) == ("eth0",)
    assert links.inside(LINK, ["my.net", "eth0"]) == (
        *(LINK, "docker0", "docker_gwbridge", "my.net"),
    )
    # One with an uplink, one by which another host is the next, one with a tunnel's end.
    vxlan = ("type", "vxlan", "id", "5", "dstport", "0", "local", HOST)
    run("ip", "link", "add", "name", "far", *vxlan)
    for number, name in enumerate(("br-up", "hop", "tep", "br-0123456789ab", "vms")):
        run("ip", "link", "add", name, "type", "bridge")
        run("ip", "address", "add", f"10.9.{number}.1/24", "dev", name)
        run("ip", "link", "set", name, "up")
    run("ip", "link", "set", "far", "master", "br-up")
    run("ip", "route", "add", "10.10.0.0/16", "via", "10.9.1.2", "table", "77")
    assert links.outside(LINK, ["10.9.2.1"]) == ("br-up", "eth0", "hop", "tep")
    assert "br-0123456789ab" in links.inside(LINK, [])
    assert "vms" not in links.inside(LINK, [])


def test_what_the_daemons_listen_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVS_RUNDIR", str(tmp_path))
    monkeypatch.setenv("OVN_RUNDIR", str(tmp_path))
    # That of a process which is none of them, as a stale pid file is.
    (tmp_path / "other.pid").write_text(str(os.getpid()))
    server = OvsdbServer(tmp_path, "host")
    server.start()
    try:
        with listen(7777):
            assert ports.listening_ports() == set()
            control = ("ovs-appctl", "-t", f"{tmp_path}/host.ctl")
            run(*control, "ovsdb-server/add-remote", "ptcp:0:127.0.0.1")
            assert len(ports.listening_ports() - {7777}) == 1
    finally:
        server.stop()


def test_without_docker(host: Site) -> None:
    host.published = [ONE]
    host.mend()
    # Of a bridge of another name only Docker's own rules say that it is one of Docker's.
    wanted = open_ones(published=True, dockers=False)
    refused = [one for one in closed() if one[0] != CUSTOM or one[1] == OVN]
    assert host.reached([*wanted, *refused], wanted) == set(wanted)


def test_the_administrator_decides_first(host: Site) -> None:
    docker = Docker("28")
    docker.start()
    host.published = [ONE]
    host.mend()
    for words in (("-i", LINK, "-d", OUTSIDE), ("-o", LINK, "-s", OUTSIDE)):
        run("iptables", "-I", "DOCKER-USER", *words, "-j", "DROP")
    for _ in range(2):
        refused = [(OVN, OUTSIDE, WEB), (OUTSIDE, HOST, PUBLISHED)]
        sure = [(GWBRIDGE, HOST, PUBLISHED)]
        assert host.reached([*refused, *sure], sure) == set(sure)
        docker.start()
        assert host.reached(refused) == set()
        host.mend()


@pytest.mark.parametrize("table", ["filter", "nat"])
def test_a_table_that_is_flushed_opens_nothing(host: Site, table: str) -> None:
    docker = Docker("20")
    docker.start()
    host.published = [ONE]
    host.mend()
    run("iptables", "-t", table, "-F")
    run("iptables", "-P", "FORWARD", "ACCEPT")
    sure = [(OUTSIDE, HOST, SERVICE)]
    assert host.reached([*sure, *closed()], sure) == set(sure)


def test_while_docker_starts_nothing_is_open_that_was_closed(host: Site) -> None:
    """Its rules come to stand before those of the driver, and accept whatever leaves a bridge."""
    host.published = [ONE]
    host.mend()
    Docker("20").start()
    assert host.reached([(who, OVN, WEB) for who in (DOCKER0, GWBRIDGE)]) == set()
    assert host.differing()


def test_a_client_whose_own_port_is_one_of_ovns_gets_its_answers(host: Site) -> None:
    host.published = [ONE]
    host.mend()

    def connect() -> None:
        with socket.socket() as client:
            client.settimeout(5)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((OUTSIDE, 6645))
            client.connect((HOST, PUBLISHED))

    # One that is closed, and that no server of the test's own has.
    host.ports = replace(host.ports, tcp=(*ports.TCP, 6645))
    host.mend()
    host.spaces[OUTSIDE].run(connect)


CHASSIS = "10.0.0.77"
"""An address beside the host which is nobody's."""


@pytest.mark.parametrize(
    ("who", "source", "target", "protocol"),
    [
        # A container of Docker's would be another chassis, to a tunnel's end or a database.
        (DOCKER0, (CHASSIS, 5000), (OUTSIDE, 6081), "udp"),
        (DOCKER0, (CHASSIS, 5000), (OUTSIDE, 7471), "tcp"),
        (DOCKER0, (CHASSIS, 5000), (OUTSIDE, 6642), "tcp"),
        # And the other way round, a port that is not published.
        (DOCKER0, (DOCKER0, 5000), (OVN, WEB), "tcp"),
        (DOCKER0, (DOCKER0, 5000), (OVN, WEB), "udp"),
        (OUTSIDE, (OUTSIDE, 5000), (OVN, WEB), "udp"),
        (OVN, (OVN, 5000), (DOCKER0, WEB), "tcp"),
    ],
)
def test_no_packet_makes_an_answer_of_another(
    host: Site, who: str, source: Place, target: Place, protocol: str
) -> None:
    """First one goes the other way, with the target's address for its own."""
    Docker("20").start()
    host.published = [ONE]
    host.mend()
    for name in ("all", *os.listdir("/proc/sys/net/ipv4/conf")):
        Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
    to = next(one for one in (OVN, OUTSIDE, DOCKER0) if one == target[0])
    with host.spaces[to].run(sniffer) as sniffing:
        send(host, who, target, source, protocol)
        send(host, who, source, target, protocol)
        # What does get through by the same way, and comes after it.
        mark = {OVN: (HOST, PUBLISHED), OUTSIDE: (OUTSIDE, WEB), DOCKER0: (HOST, DOCKERS)}[to]
        assert host.reached([(who, *mark)], [(who, *mark)])
        assert not seen(sniffing, source, target)


def sniffer() -> socket.socket:
    return socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))


def seen(sniffing: socket.socket, source: Place, target: Place) -> bool:
    """Whether a packet came that goes from a place to another."""
    sniffing.setblocking(False)
    ports_of = struct.pack("!HH", source[1], target[1])
    while True:
        try:
            packet = sniffing.recv(2048)
        except BlockingIOError:
            return False
        # The source may have been masqueraded.
        if packet[16:24] == socket.inet_aton(target[0]) + ports_of:
            return True


def send(host: Site, who: str, source: Place, target: Place, protocol: str) -> None:
    """One packet, from whatever address."""
    number = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}[protocol]
    places = struct.pack("!HH", source[1], target[1])
    if protocol == "udp":
        body = places + struct.pack("!HH", 8, 0)
    else:
        body = places + struct.pack("!IIBBHHH", 1, 0, 5 << 4, 0x02, 1024, 0, 0)
        ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        body = body[:16] + struct.pack("!H", checksum(ends + struct.pack("!HH", number, 20) + body))
        body += bytes(2)
    head = struct.pack(
        *("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, number, 0),
        *(socket.inet_aton(one[0]) for one in (source, target)),
    )

    def raw() -> socket.socket:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    with host.spaces[who].run(raw) as sender:
        sender.sendto(head + body, target)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def test_containers_of_one_bridge_are_none_of_its_business(host: Site) -> None:
    """Where the kernel asks for what a bridge passes on, as Docker has it."""
    Docker("28").start()
    host.mend()
    called = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not called.exists():
        pytest.skip("no br_netfilter")
    called.write_text("1")
    with Namespace() as other:
        made = {"mac": "02:00:00:00:02:01", "mtu": 1500}
        netlink.make_veth_into("other", "eth0", other.descriptor, **made)
        run("ip", "link", "set", "other", "master", "docker0")
        other.run(lambda: run("ip", "address", "add", "172.17.0.9/24", "dev", "eth0"))
        other.run(lambda: run("ip", "link", "set", "eth0", "up"))
        with other.run(lambda: listen(6641)):
            probe = (DOCKER0, "172.17.0.9", 6641)
            assert host.reached([probe], [probe])


def test_a_connection_from_before_ends(host: Site) -> None:
    """What got in while the rules were gone is not kept by being there."""
    host.published = [ONE]
    with host.spaces[DOCKER0].run(socket.socket) as client:
        client.settimeout(5)
        client.connect((HOST, 6642))
        host.mend()
        client.settimeout(0.3)
        # The host's side sends nothing; what is asked now is not acknowledged any more.
        client.sendall(b"x")
        assert _unacknowledged(client)


def _unacknowledged(client: socket.socket) -> bool:
    left = array.array("i", [0])
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        fcntl.ioctl(client, 0x5411, left)  # SIOCOUTQ
        if left[0] == 0:
            return False
    return True


def test_ports_are_open_to_containers_where_that_is_said(host: Site) -> None:
    some = replace(
        host.ports, tcp=tuple(one for one in ports.TCP if one != 9696), open=((OUTSIDE, 6642),)
    )
    host.ports = some
    host.mend()
    sure = [(OVN, HOST, 9696), (GWBRIDGE, OUTSIDE, 9696), (OVN, OUTSIDE, 6642)]
    refused = [(OVN, HOST, 6642), (GWBRIDGE, OUTSIDE, 6641)]
    assert host.reached([*sure, *refused], sure) == set(sure)


class Others:
    """What others do to a host's rules, and what its users want, one thing after another."""

    def __init__(self, host: Site, choice: random.Random) -> None:
        self.host = host
        self.docker = Docker(choice.choice(["20", "28"]))
        self._choice = choice
        self.acts: list[Callable[[], None]] = [
            *(self.flush_filter, self.flush_nat, self.flush_mangle, self.flush_all),
            *(self.nft_flush, self.start_docker, self.start_docker, self.take_a_rule),
            *(self.publish, self.revoke, self.take_a_jump, self.accept_first, self.twice),
        ]

    def act(self) -> str:
        act = self._choice.choice(self.acts)
        act()
        return act.__name__

    def flush_filter(self) -> None:
        run("iptables", "-F")
        self.docker.filtering = False

    def flush_nat(self) -> None:
        run("iptables", "-t", "nat", "-F")
        self.docker.leading = False

    def flush_mangle(self) -> None:
        run("iptables", "-t", "mangle", "-F")
        run("ip6tables", "-t", "mangle", "-F")

    def flush_all(self) -> None:
        """As a reload of firewalld or a script of the administrator's does."""
        for table in ("filter", "nat", "mangle"):
            run("iptables", "-t", table, "-F")
            run("iptables", "-t", table, "-X")
        self.docker.filtering = self.docker.leading = False

    def nft_flush(self) -> None:
        run("nft", "flush", "ruleset")
        self.docker.filtering = self.docker.leading = False

    def start_docker(self) -> None:
        self.docker.start()

    def take_a_rule(self) -> None:
        for table in BUILT_IN:
            lines = run("iptables", "-t", table, "-S").splitlines()
            ours = [one for one in lines if one.startswith("-A OVN-")]
            if ours:
                rule = self._choice.choice(ours).replace("-A ", "-D ", 1)
                run("sh", "-c", f"iptables -t {table} {rule}")

    def take_a_jump(self) -> None:
        for table in BUILT_IN:
            lines = run("iptables", "-t", table, "-S").splitlines()
            ours = [one for one in lines if "-j OVN-" in one and not one.startswith("-A OVN-")]
            if ours:
                rule = self._choice.choice(ours).replace("-A ", "-D ", 1)
                run("sh", "-c", f"iptables -t {table} {rule}")

    def twice(self) -> None:
        subprocess.run(["iptables", "-I", "FORWARD", "-j", "OVN-GATEWAY"], check=False)

    def accept_first(self) -> None:
        run("iptables", "-I", "FORWARD", "-i", LINK, "-j", "ACCEPT")

    def publish(self) -> None:
        self.host.published = [ONE]

    def revoke(self) -> None:
        self.host.published = []


@pytest.mark.parametrize("kind", ["nft", "legacy"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_others_do_the_rules_come_back_and_say_right(host: Site, seed: int) -> None:
    others = Others(host, random.Random(seed))
    others.docker.start()
    host.mend()
    done = []
    for _ in range(8):
        # Several at once, as nobody waits for the driver.
        done.append([others.act() for _ in range(random.Random(seed).randint(1, 3))])
        others.docker.start()
        host.mend()
        assert host.differing() == [], done
        try:
            right(host, others.docker)
        except AssertionError as error:
            raise AssertionError(done) from error


@pytest.mark.parametrize("kind", ["legacy"], indirect=True)
def test_rules_are_where_docker_has_its_own(host: Site) -> None:
    """Here iptables is of the old kind, and then for the driver alone of the new one."""
    Docker("28").start()
    usual = os.environ["PATH"].split(os.pathsep)[0]
    for name in os.listdir(usual):
        (Path(usual) / name).unlink()
    host.published = [ONE]
    host.mend()
    assert "OVN" in run("iptables-legacy-save")
    assert "OVN" not in run("iptables-nft-save")
    # As long as there was no Docker they were where nobody looks now.
    run("iptables-legacy", "-t", "filter", "-F")
    run("iptables-legacy", "-t", "filter", "-X")
    host.mend()
    assert "OVN" in run("iptables-nft-save")
    run("iptables-legacy", "-N", "DOCKER-USER")
    host.mend()
    assert "OVN" not in run("iptables-nft-save")
    assert host.differing() == []


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        *(("nft", f"iptables{table} -F") for table in ("", " -t nat", " -t mangle")),
        ("nft", "nft flush ruleset"),
        ("legacy", "iptables -F"),
    ],
    indirect=["kind"],
)
def test_the_keeper_sees_at_once_what_others_do(host: Site, kind: str, command: str) -> None:
    """Of the old kind nobody tells, and it looks by the clock."""
    host.published = [ONE]
    docker = Docker("28")
    docker.start()
    keeper = Keeper(host.mend, lambda: None)
    keeper.start()
    try:
        _until(lambda: host.differing() == [])
        for _ in range(2):
            run(*command.split())
            begun = time.monotonic()
            _until(lambda: host.differing() == [])
            assert time.monotonic() - begun < (3 if kind == "nft" else 10)
        docker.start()
        _until(lambda: host.differing() == [])
    finally:
        keeper.stop()
    right(host, docker)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
