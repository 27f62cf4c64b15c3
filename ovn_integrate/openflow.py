"""A packet handed to a bridge of Open vSwitch, as if one of its ports had received it.

One message of OpenFlow 1.0 ("Send Packet Message", section 5.3.6), which Open vSwitch speaks on the
bridge's management socket (ovs-vswitchd(8)); a fork of ``ovs-ofctl`` would cost ten times as much.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from ovn_integrate.errors import CommandFailed

_VERSION = 1
_HELLO, _ERROR, _PACKET_OUT, _BARRIER, _BARRIER_REPLY = 0, 1, 13, 18, 19
_HEADER = struct.Struct("!BBHI")  # version, type, length, transaction
_OUT = struct.Struct("!IHH")  # buffer, port that it came in by, bytes of actions
_OUTPUT = struct.Struct("!HHHH")  # action, its length, port, bytes of the packet for a controller
_NO_BUFFER = 0xFFFFFFFF
_BY_FLOWS = 0xFFF9  # OFPP_TABLE: what the flows do with a packet from that port
_LONGEST = 1 << 16


def inject(management: Path, port: int, packets: Sequence[bytes], timeout: float) -> None:
    """Have a bridge treat Ethernet frames as received by one of its ports.

    :param management: the bridge's management socket.
    :param port: its OpenFlow number.
    :param timeout: seconds for all of it.
    :raises CommandFailed: the bridge does not answer, or refused one.
    """
    asked = _message(_HELLO)
    for packet in packets:
        action = _OUTPUT.pack(0, _OUTPUT.size, _BY_FLOWS, 0)
        asked += _message(_PACKET_OUT, _OUT.pack(_NO_BUFFER, port, len(action)) + action + packet)
    try:
        with socket.socket(socket.AF_UNIX) as bridge:
            bridge.settimeout(timeout)
            bridge.connect(str(management))
            bridge.sendall(asked + _message(_BARRIER))
            _await_barrier(bridge)
    except (OSError, ValueError) as error:
        raise CommandFailed(f"OpenFlow on {management}", str(error)) from error


def _message(kind: int, body: bytes = b"") -> bytes:
    return _HEADER.pack(_VERSION, kind, _HEADER.size + len(body), 0) + body


def _await_barrier(bridge: socket.socket) -> None:
    with bridge.makefile("rb") as stream:
        while True:
            head = stream.read(_HEADER.size)
            if len(head) < _HEADER.size:
                raise ValueError("the connection was closed")
            _, kind, length, _ = _HEADER.unpack(head)
            body = stream.read(length - _HEADER.size)
            if kind == _ERROR:
                raise ValueError(
                    "error of type {}, code {}".format(*struct.unpack_from("!HH", body))
                )
            if kind == _BARRIER_REPLY:
                return
