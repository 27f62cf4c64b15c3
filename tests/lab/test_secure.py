"""The secure mode: hosts join with tokens, and may change what is their own only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import address, ping, run_container
from .command import Done
from .host import Host
from .lab import Lab
from .secured import PKI, Secure, secured, token
from .waiting import wait_for

NETWORK = "secret"


@pytest.fixture(scope="module")
def secure(lab: Lab) -> Iterator[Secure]:
    with secured(lab, "tls") as made:
        made.first.cli("network", "create", NETWORK, "--subnet", "192.168.7.0/24")
        for host in made.hosts:
            host.cli("network", "attach", NETWORK)
            run_container(host, f"on-{host.name}", NETWORK)
        yield made


def chassis(host: Host) -> str:
    words = ("ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids:system-id")
    return host.run(*words).stdout.strip().strip('"')


def files(host: Host) -> dict[str, str]:
    """The mode of each file of keys and certificates."""
    found = host.run("find", PKI, "-type", "f", "-printf", "%P %m\n").stdout
    return dict(line.rsplit(" ", 1) for line in found.splitlines())


def ctl(host: Host, command: str, *words: str, port: int, own: str = "host") -> Done:
    """A database's command on a host, with a certificate that is there."""
    where = json.loads(host.cli("show", "-o", "json").stdout)["settings"]["ovn-remote"]
    remote = where.rpartition(":")[0] + f":{port}"
    keys = ("-p", f"{PKI}/{own}.pem", "-c", f"{PKI}/{own}.pem", "-C", f"{PKI}/ca.pem")
    return host.run(command, f"--db={remote}", *keys, "--timeout=5", *words, check=False)


def talk(made: Secure) -> None:
    for one, other in (made.hosts, reversed(made.hosts)):
        ping(one, f"on-{one.name}", address(other, f"on-{other.name}", NETWORK))


def test_containers_of_two_hosts_that_joined_reach_each_other(secure: Secure) -> None:
    talk(secure)
    for host in secure.hosts:
        shown = json.loads(host.cli("show", "-o", "json").stdout)["settings"]
        assert shown["ovn-remote"] == f"ssl:{secure.central.address}:6642"
        assert shown["ipam"] == f"https://{secure.central.address}:9696"
        assert shown["ovn-nb"] == ""


def test_what_looks_for_faults_is_let_in(secure: Secure) -> None:
    """`test` has the far end made for another chassis, and the rest reads Southbound by TLS."""
    here, there = secure.hosts
    done = here.cli("--timeout", "20", "test", "--to", chassis(there), timeout=120)
    assert "✓ names" in done.stdout
    target = address(there, f"on-{there.name}", NETWORK)
    assert "delivered" in here.cli("--timeout", "20", "trace", f"on-{here.name}", target).stdout
    assert there.name in here.cli("topology").stdout
    asked = ("remotes", "controller", "registered", "tunnels", "bindings", "ipam", "ipam-agrees")
    here.cli("doctor", *asked, "driver", "certificates", timeout=120)
    here.cli("status")
    here.cli("--timeout", "20", "bundle", "/run/lab/b.tar.gz", timeout=120)
    manifest = here.run("tar", "-xzOf", "/run/lab/b.tar.gz", "b/manifest.json").stdout
    items = {item["name"]: item for item in json.loads(manifest)["items"]}
    assert items["ipam/networks.json"]["outcome"] == "ok", items["ipam/networks.json"]


def test_a_network_that_is_closed_and_has_a_way_out_by_ovn(secure: Secure) -> None:
    """All that the driver asks for it, it asks as a chassis."""
    host = secure.first
    words = ("network", "create", "-d", "openvswitch", "--subnet", "192.168.8.0/24")
    host.docker(*words, "-o", "ovn.gateway=ovn", "-o", "ovn.icc=false", "out")
    run_container(host, "guest", "out", "-p", "8080:80")
    ping(host, "guest", secure.central.address)
    host.docker("rm", "-f", "guest")
    host.docker("network", "rm", "out")
    assert "br-ovn-gw" not in host.run("ovs-vsctl", "list-br").stdout


def test_nothing_is_open_in_the_clear(secure: Secure) -> None:
    shown = json.loads(secure.central.cli("central", "status", "-o", "json").stdout)
    where = secure.central.address
    assert shown["listeners"] == [f"pssl:6641:{where}", f"pssl:6642:{where}"]
    for port in (6641, 6642):
        remote = f"tcp:{where}:{port}"
        words = ("ovsdb-client", "--timeout=3", "list-dbs", remote)
        assert secure.first.run(*words, check=False).returncode != 0


def test_keys_are_for_root_alone(secure: Secure) -> None:
    public = {"ca.pem", "authority/central.pem", "authority/hosts.pem", "authority/clients.pem"}
    for host in (secure.central, *secure.hosts):
        secret = {name: mode for name, mode in files(host).items() if name not in public}
        # The IPAM server's user reads the key that it serves with, and no other.
        assert secret.pop("server.pem", "640") == "640"
        assert set(secret.values()) == {"600"}
    assert set(files(secure.first)) == {".lock", "host.pem", "ca.pem"}


def test_a_host_is_not_let_into_northbound(secure: Secure) -> None:
    done = ctl(secure.first, "ovn-nbctl", "show", port=6641)
    assert done.returncode != 0
    assert "switch" not in done.stdout
    # An administrator on the central host is, by TLS as well.
    where = f"ssl:{secure.central.address}:6641"
    own = ("-p", f"{PKI}/server.pem", "-c", f"{PKI}/server.pem")
    authority = ("-C", f"{PKI}/authority/central.pem")
    assert (
        "switch"
        in secure.central.run("ovn-nbctl", f"--db={where}", *own, *authority, "show").stdout
    )


def test_a_host_may_change_what_is_its_own_only(secure: Secure) -> None:
    first, second = secure.hosts
    assert chassis(second) in ctl(first, "ovn-sbctl", "show", port=6642).stdout
    for words in (
        ("chassis-del", chassis(second)),
        ("set", "Chassis", chassis(second), "hostname=mine"),
        ("set", "Encap", "ip=" + second.address, "type=vxlan"),
        ("set", "SB_Global", ".", "external_ids:x=y"),
    ):
        done = ctl(first, "ovn-sbctl", *words, port=6642)
        assert done.returncode != 0, words
        assert "permission error" in done.stderr or "no row" in done.stderr, done.stderr
    done = ctl(first, "ovn-sbctl", "set", "Chassis", chassis(first), "external_ids:x=y", port=6642)
    assert done.returncode == 0, done.stderr
    talk(secure)


# As a client that is none of this program's.
_ASK = """
import requests, sys
where, certificate, authority = sys.argv[1:]
print(requests.get(where, cert=certificate, verify=authority).status_code, end="")
"""


def test_an_operators_certificate_is_let_in_until_it_is_revoked(secure: Secure) -> None:
    central = secure.central
    file = "/run/op.pem"
    central.cli("certificates", "issue", "op", file)
    assert central.cli("certificates", "issue", "op", "/run/other.pem", check=False).returncode == 6
    where = f"https://{central.address}:9696/v2.0/networks"
    ask = (central.program, "-c", _ASK, where, file, f"{PKI}/authority/central.pem")
    assert central.run(*ask).stdout == "200"
    central.cli("certificates", "revoke", "op", "--role", "operator")
    wait_for(lambda: central.run(*ask).stdout == "401", 5, "the refusal")
    own = central.cli("certificates", "revoke", central.name, check=False)
    assert own.returncode == 6
    assert "is this host" in own.stderr


@pytest.mark.parametrize(
    ("made_for", "options", "used_on", "said"),
    [
        ("tls-2", (), "tls-1", "is for host tls-2, and this is tls-1"),
        ("tls-1", ("--expires", "1"), "tls-1", ""),
    ],
)
def test_a_token_is_for_one_host(
    secure: Secure, made_for: str, options: tuple[str, ...], used_on: str, said: str
) -> None:
    """On a host whose certificate is put away, and comes back."""
    host = next(one for one in secure.hosts if one.name == used_on)
    given = token(secure.central, made_for, *options)
    host.run("mv", f"{PKI}/host.pem", f"{PKI}/away.pem")
    try:
        if said:
            done = host.cli("join", given, check=False)
            assert done.returncode == 9
            assert said in done.stderr
        used = host.cli("join", secure.tokens[used_on], check=False)
        assert used.returncode == 9
        assert "was used already" in used.stderr
        assert not said or "host.pem" not in files(host)
    finally:
        host.run("mv", f"{PKI}/away.pem", f"{PKI}/host.pem")
        host.run("rm", "-f", f"{PKI}/joining.key")


def test_joining_again_changes_nothing(secure: Secure) -> None:
    before = files(secure.first)
    words = ("join", secure.tokens[secure.first.name], "--tep", secure.first.address, "-o", "json")
    answer: dict[str, Any] = json.loads(secure.first.cli(*words).stdout)
    assert not answer["changed"], answer
    assert files(secure.first) == before


def test_certificates_are_listed(secure: Secure) -> None:
    rows = json.loads(secure.central.cli("certificates", "list", "-o", "json").stdout)
    assert {(one["role"], one["host"]) for one in rows} >= {
        ("central", "tls-c"),
        ("chassis", "tls-1"),
        ("chassis", "tls-2"),
    }
    assert {one["name"] for one in rows if one["revoked"]} <= {"op"}
    (own, authority) = json.loads(secure.first.cli("certificates", "list", "-o", "json").stdout)
    assert (own["name"], authority["role"]) == (chassis(secure.first), "authority")


def test_status_and_doctor_tell_when_they_end(secure: Secure) -> None:
    host = secure.first
    status = json.loads(host.cli("status", "-o", "json").stdout)
    assert {one["file"] for one in status["certificates"]} == {
        f"{PKI}/host.pem",
        f"{PKI}/ca.pem",
    }
    assert all(one["days"] > 80 for one in status["certificates"])
    assert "certificates are good for" in host.cli("doctor", "certificates").stdout
    assert (
        "certificates are good for"
        in secure.central.cli("doctor", "certificates", check=False).stdout
    )


def test_renewal_is_no_outage(secure: Secure) -> None:
    """ovn-controller stays connected, the databases take the new certificate."""
    host = secure.first
    serials = [host.run("openssl", "x509", "-noout", "-serial", "-in", f"{PKI}/host.pem").stdout]
    pinging = host.popen(
        *("docker", "exec", f"on-{host.name}", "ping", "-q", "-c", "40", "-i", "0.1"),
        address(secure.second, f"on-{secure.second.name}", NETWORK),
        stdout=-1,
    )
    secure.central.cli("certificates", "renew")
    host.cli("certificates", "renew")
    serials.append(
        host.run("openssl", "x509", "-noout", "-serial", "-in", f"{PKI}/host.pem").stdout
    )
    assert serials[0] != serials[1]
    assert pinging.communicate(timeout=60)[0].count(" 0% packet loss") == 1
    # The driver's open connection, a new one, and one that ovn-controller has to make anew.
    run_container(host, "after-renewal", NETWORK)
    host.docker("rm", "-f", "after-renewal")
    mine = secure.central.run("openssl", "x509", "-in", f"{PKI}/server.pem").stdout
    for port in (6641, 6642, 9696):
        where = f"{secure.central.address}:{port}"
        own = ("-cert", f"{PKI}/host.pem", "-key", f"{PKI}/host.pem")
        ask = ("openssl", "s_client", "-connect", where, *own)
        assert mine.strip() in host.run(*ask, input="", check=False).stdout, port
    secure.central.run("ovs-appctl", "-t", "/run/ovn/ovnsb_db.ctl", "ovsdb-server/reconnect")
    wait_for(lambda: host.cli("status").returncode == 0, 20, "the chassis after its renewal")
    assert not json.loads(host.cli("certificates", "renew", "--if-due", "-o", "json").stdout)[
        "changed"
    ]


def test_other_authorities_take_the_place_of_the_first(secure: Secure) -> None:
    """While two hosts ping each other, and in each state what has to connect can."""
    central, hosts = secure.central, secure.hosts
    host = secure.first
    pinging = host.popen(
        *("docker", "exec", f"on-{host.name}", "ping", "-q", "-c", "300", "-i", "0.1"),
        address(secure.second, f"on-{secure.second.name}", NETWORK),
        stdout=-1,
    )
    first = central.read(f"{PKI}/authority/central.pem")

    def rotate() -> str:
        return central.cli("--timeout", "20", "certificates", "rotate").stdout

    def all_connect() -> None:
        central.run("ovs-appctl", "-t", "/run/ovn/ovnsb_db.ctl", "ovsdb-server/reconnect")
        for each in hosts:
            each.cli("network", "list")
            wait_for(lambda e=each: e.cli("status").returncode == 0, 20, "the chassis")

    assert "begun" in rotate()
    early = central.cli("certificates", "rotate", check=False)
    assert early.returncode == 6
    assert f"{host.name} does not trust the new one" in early.stderr
    all_connect()
    for each in hosts:
        each.cli("certificates", "renew")
    assert "changed" in rotate()
    all_connect()
    assert f"{host.name} is signed by the old one" in (
        central.cli("certificates", "rotate", check=False).stderr
    )
    for each in hosts:
        each.cli("certificates", "renew", "--if-due")
    assert "finished" in rotate()
    all_connect()
    for each in hosts:
        each.cli("certificates", "renew", "--if-due")
        assert each.read(f"{PKI}/ca.pem") == central.read(f"{PKI}/authority/central.pem") != first
    all_connect()
    assert pinging.communicate(timeout=120)[0].count(" 0% packet loss") == 1
    run_container(host, "after-rotation", NETWORK)
    host.docker("rm", "-f", "after-rotation")


def test_who_is_revoked_is_refused_at_once(secure: Secure) -> None:
    """The host comes back with another token."""
    host = secure.second
    done = secure.central.cli("certificates", "revoke", host.name)
    assert "Southbound still takes this certificate" in done.stderr
    refused = host.cli("network", "list", check=False)
    assert refused.returncode == 9, refused.stderr
    assert host.cli("certificates", "renew", check=False).returncode == 6
    # It says so itself: the files are there, and not let in. Its name is not to be had for nothing.
    words = ("--timeout", "20", "join")
    used = host.cli(*words, secure.tokens[host.name], "--tep", host.address, check=False)
    assert used.returncode == 9, used.stderr
    nameless = token(secure.central, host.name)
    done = host.cli(*words, nameless, "--tep", host.address, check=False)
    assert done.returncode == 6
    given = f"--system-id {chassis(host)}"
    assert f"ovn-integrate central token {host.name} {given}" in done.stderr
    host.cli(*words, token(secure.central, host.name, *given.split()), "--tep", host.address)
    wait_for(lambda: host.cli("network", "list").returncode == 0, 10, "the host that came back")
    talk(secure)


def test_what_a_host_held_that_is_gone_is_freed(secure: Secure) -> None:
    """Last. It was the way out of a router, which goes out by the other host then."""
    gone, left = secure.second, secure.first
    left.cli("network", "create", "out", "--subnet", "192.168.8.0/24")
    for host in (gone, left):
        options = ("--opt", "ovn.gateway=ovn", "--as", "out")
        host.cli("network", "attach", "out", *options)
        run_container(host, f"out-{host.name}", "out")
    wait_for(lambda: ways_out(secure) == [chassis(gone)], 20, "the way out")
    gone.cli("driver", "stop")
    gone.run("ovn-appctl", "-t", "ovn-controller", "exit", "--restart")
    done = secure.central.cli("chassis", "remove", gone.name)
    assert f"lead out by chassis {chassis(left)}" in done.stdout
    wait_for(lambda: ways_out(secure) == [chassis(left)], 20, "the other way out")
    assert chassis(gone) not in secure.central.run("ovn-sbctl", "show").stdout
    ping(left, f"out-{left.name}", secure.central.address)
    words = ("chassis", "remove", left.name, "--force", "--dry-run")
    assert "no other chassis offers a way" in secure.central.cli(*words).stdout


def ways_out(made: Secure) -> list[str]:
    """The chassis that the routers' gateways are on, by what Southbound has."""
    words = ("ovn-sbctl", "--bare", "--columns=chassis", "find", "Port_Binding")
    found = made.central.run(*words, "type=chassisredirect").stdout.split()
    get = ("ovn-sbctl", "get", "Chassis")
    return [made.central.run(*get, row, "name").stdout.strip().strip('"') for row in found]
