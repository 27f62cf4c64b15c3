"""What neighbours are told, byte by byte, and how a bridge is asked to tell it."""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from ovn_integrate import openflow
from ovn_integrate.core.link import gratuitous_arp
from ovn_integrate.errors import CommandFailed

MAC = "02:42:c0:a8:01:05"
RAW = bytes.fromhex("0242c0a80105")


def test_an_arp_announcement() -> None:
    (frame,) = gratuitous_arp.frames(MAC, [IPv4Address("192.168.1.5")])
    assert frame[:14] == b"\xff" * 6 + RAW + b"\x08\x06"
    address = bytes([192, 168, 1, 5])
    assert frame[14:] == bytes.fromhex("0001080006040001") + RAW + address + bytes(6) + address


def test_a_neighbour_advertisement() -> None:
    address = IPv6Address("fd01::5")
    (frame,) = gratuitous_arp.frames(MAC, [address])
    assert frame[:14] == bytes.fromhex("333300000001") + RAW + b"\x86\xdd"
    length, kind, hops = struct.unpack_from("!HBB", frame, 18)
    assert (length, kind, hops) == (32, 58, 255)
    assert frame[22:54] == address.packed + IPv6Address("ff02::1").packed
    said = frame[54:]
    assert (said[0], said[4], said[8:24], said[24:]) == (136, 0x20, address.packed, b"\2\1" + RAW)
    # The sum over what the checksum covers, itself included, is all ones (RFC 1071).
    covered = frame[22:54] + struct.pack("!II", length, kind) + said
    total = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def answered(answer: bytes) -> tuple[bytes, str]:
    """What a bridge that answers so was sent, and the error that came of it."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        path = Path(folder) / "br.mgmt"
        server.bind(str(path))
        server.listen()
        got = bytearray()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                got.extend(connection.recv(1 << 16))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        error = ""
        try:
            openflow.inject(path, 7, [b"frame"], 5)
        except CommandFailed as failed:
            error = str(failed)
        thread.join()
        return bytes(got), error


HELLO = bytes.fromhex("0100000800000000")
BARRIER_REPLY = bytes.fromhex("0113000800000000")


def test_a_packet_goes_by_the_flows_of_its_port() -> None:
    got, error = answered(HELLO + BARRIER_REPLY)
    assert error == ""
    out = bytes.fromhex("010d001d00000000 ffffffff 0007 0008 0000 0008 fff9 0000")
    assert got == HELLO + out + b"frame" + bytes.fromhex("0112000800000000")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HELLO + bytes.fromhex("0101000c00000000 00010005"), "error of type 1, code 5"),
        (HELLO, "the connection was closed"),
        (b"", "the connection was closed"),
    ],
)
def test_a_bridge_that_refuses_or_ends_is_told_of(answer: bytes, said: str) -> None:
    assert said in answered(answer)[1]


def test_a_bridge_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"br\.mgmt"):
        openflow.inject(tmp_path / "br.mgmt", 1, [b"frame"], 1)
