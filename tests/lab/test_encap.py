"""Encapsulation types on each generation: STT ended with OVS 3.6 and OVN 25.09."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .host import Host
from .lab import Lab

STT_ENDED = (25, 9)


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("encap")
    host.start_ovs()
    yield host
    host.stop()


def has_stt(host: Host) -> bool:
    version = host.run("ovn-controller", "--version").stdout.split()[1]
    return tuple(map(int, version.split(".")[:2])) < STT_ENDED


def encap_type(host: Host) -> str:
    words = ("ovs-vsctl", "--if-exists", "get", "Open_vSwitch", ".")
    return host.run(*words, "external_ids:ovn-encap-type").stdout.strip()


def test_stt_is_refused_where_it_is_no_more_and_warned_of_where_it_is(host: Host) -> None:
    done = host.cli("set-encap-type", "geneve,stt", check=False)
    if has_stt(host):
        assert done.returncode == 0
        assert "stt: the kernel module is not loaded" in done.stderr
        assert encap_type(host) == '"geneve,stt"'
    else:
        assert done.returncode == 2
        assert "this Open vSwitch has none (OVS 3.6 removed it)" in done.stderr
        assert encap_type(host) == ""


def test_what_southbound_cannot_store_is_refused(host: Host) -> None:
    host.cli("central", "start", "--listen", host.address, "--insecure")
    host.cli("set-ipam", host.address)
    done = host.cli("set-encap-type", "stt", check=False)
    if has_stt(host):
        assert done.returncode == 0
        assert encap_type(host) == "stt"
    else:
        assert done.returncode == 2
        assert "Southbound database allows only geneve, vxlan" in done.stderr
        assert encap_type(host) == ""
    host.cli("set-encap-type", "vxlan,geneve")
    assert encap_type(host) == '"vxlan,geneve"'
