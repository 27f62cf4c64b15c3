"""Links and addresses of a network namespace of the test's own."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface

import pytest

from ovn_integrate import netlink
from ovn_integrate.errors import CommandFailed, NotPermitted
from ovn_integrate.host import interfaces
from tests.functional.namespaces import own_network


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with own_network():
        yield


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def test_addresses_of_both_families_without_link_local_ones() -> None:
    netlink.make_veth("va", "vb", mac=None, mtu=1500)
    run("ip", "link", "set", "vb", "up")
    run("ip", "addr", "add", "192.0.2.3/24", "dev", "va", "label", "va:1")
    run("ip", "addr", "add", "192.0.2.9", "peer", "192.0.2.10", "dev", "va")
    run("ip", "addr", "add", "2001:db8::3/64", "dev", "va", "nodad")
    run("ip", "addr", "add", "fe80::3/64", "dev", "va", "nodad")
    assert interfaces.addresses() == {
        "127.0.0.1": "lo",
        "::1": "lo",
        "192.0.2.3": "va",
        "192.0.2.9": "va",
        "2001:db8::3": "va",
    }


def test_a_veth_pair_is_made_as_asked_and_corrected_where_it_differs() -> None:
    for mtu, mac in ((1442, "02:00:00:00:00:07"), (1300, "02:00:00:00:00:08")):
        netlink.make_veth("va", "vb", mac=mac, mtu=mtu)
        assert interfaces.mtus() | {"va": mtu, "vb": mtu} == interfaces.mtus()
        assert mac in run("ip", "link", "show", "vb")
        assert ",UP" in run("ip", "link", "show", "va")
    run("ip", "link", "set", "va", "down")
    netlink.make_veth("va", "vb", mac=None, mtu=1300)
    assert ",UP" in run("ip", "link", "show", "va")
    assert mac in run("ip", "link", "show", "vb")


def test_an_address_is_set_once_and_the_link_is_up() -> None:
    netlink.make_veth("va", "vb", mac=None, mtu=1500)
    for _ in range(2):
        netlink.set_address("vb", IPv4Interface("100.64.0.1/16"))
    shown = run("ip", "-o", "-4", "address", "show", "dev", "vb")
    assert shown.count("inet ") == 1
    assert "100.64.0.1/16" in shown
    assert ",UP" in run("ip", "link", "show", "vb")
    with pytest.raises(CommandFailed, match="link vc"):
        netlink.set_address("vc", IPv4Interface("100.64.0.1/16"))


def test_a_pair_whose_other_end_went_away_is_made_anew() -> None:
    netlink.make_veth("va", "vb", mac=None, mtu=1442)
    sleeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    own = os.readlink("/proc/thread-self/ns/net")
    while os.readlink(f"/proc/{sleeper.pid}/ns/net") == own:
        assert sleeper.poll() is None
    run("ip", "link", "set", "vb", "netns", str(sleeper.pid))
    # Another link of that name is not the other end.
    run("ip", "link", "add", "vc", "type", "veth", "peer", "name", "vb")
    with pytest.raises(CommandFailed, match="File exists"):
        netlink.make_veth("va", "vb", mac=None, mtu=1442)
    netlink.delete_link("vc")
    netlink.make_veth("va", "vb", mac=None, mtu=1442)
    assert netlink.exists("vb")
    sleeper.communicate()


def test_deleting_a_link_takes_the_other_end_and_is_no_error_twice() -> None:
    netlink.make_veth("va", "vb", mac=None, mtu=1442)
    assert netlink.delete_link("va")
    assert not netlink.exists("vb")
    assert not netlink.delete_link("va")


def test_checksum_offload() -> None:
    netlink.make_veth("va", "vb", mac=None, mtu=1442)
    assert "tx-checksumming: on" in run("ethtool", "-k", "vb")
    netlink.checksum_offload_off("vb")
    assert "tx-checksumming: off" in run("ethtool", "-k", "vb")
    assert "tx-checksumming: on" in run("ethtool", "-k", "va")


def test_links_that_are_not_there_are_named() -> None:
    with pytest.raises(CommandFailed, match="nope: No such device"):
        netlink.checksum_offload_off("nope")
    with pytest.raises(CommandFailed, match="15 bytes"):
        netlink.make_veth("a" * 16, "vb", mac=None, mtu=1442)


def test_without_root_it_is_said_so() -> None:
    # In a thread: what it gives up does not come back.
    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capset(2), version 3, this thread
        assert libc.capset(header, (ctypes.c_uint32 * 6)()) == 0
        netlink.make_veth("va", "vb", mac=None, mtu=1442)

    with ThreadPoolExecutor(1) as pool, pytest.raises(NotPermitted, match="root"):
        pool.submit(make).result()


def test_many_threads_make_links_at_once() -> None:
    def make(number: int) -> None:
        netlink.make_veth(f"a{number}", f"b{number}", mac=None, mtu=1442)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(make, range(64)))
    assert all(netlink.exists(f"b{number}") for number in range(64))
