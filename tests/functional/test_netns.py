"""Network namespaces without a name."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Interface

import pytest

from ovn_integrate import netlink
from ovn_integrate.netns import Namespace
from tests.functional.namespaces import own_network

MAC = "02:00:00:00:00:07"
MAKE = """
import sys
from ovn_integrate import netlink
from ovn_integrate.netns import Namespace
inside = Namespace()
netlink.make_veth_into("va", "eth0", inside.descriptor, mac="02:00:00:00:00:07", mtu=1400)
print("made", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with own_network():
        yield


def test_a_link_goes_into_it_and_with_it() -> None:
    with Namespace() as inside:
        netlink.make_veth_into("va", "eth0", inside.descriptor, mac=MAC, mtu=1400)
        inside.run(lambda: netlink.set_address("eth0", IPv4Interface("192.0.2.1/24")))
        assert inside.run(lambda: netlink.exists("eth0"))
        assert not netlink.exists("eth0")
        assert netlink.veths() == ["va"]
        netlink.set_address("va", IPv4Interface("192.0.2.2/24"))
        with inside.run(lambda: socket.create_server(("192.0.2.1", 0))) as listener:
            target = listener.getsockname()
            # The socket stays where it was made, whoever uses it.
            with socket.create_connection(target, timeout=5) as here, listener.accept()[0] as there:
                here.sendall(b"x")
                assert there.recv(1) == b"x"
    netlink.delete_link("va")


def test_what_a_killed_process_had_is_gone() -> None:
    made = subprocess.Popen(
        [sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "made\n"
    assert netlink.exists("va")
    gone = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    gone.bind((0, 1))  # RTMGRP_LINK: tells of a link that goes
    gone.settimeout(10)
    with gone, made:
        os.kill(made.pid, signal.SIGKILL)
        made.wait(10)
        while netlink.exists("va"):
            gone.recv(65535)
