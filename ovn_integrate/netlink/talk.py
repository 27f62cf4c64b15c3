"""Asking the kernel for all of a kind, and telling it many things in one call (netlink(7)).

A plain socket and not pyroute2: its messages lose what it does not know, and many messages in one
send are what the kernel works through without coming back to this process. SIGKILL in the midst
of that is seen after the last one.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ovn_integrate.errors import CommandFailed, NotPermitted
from ovn_integrate.netlink.message import F_ACK, F_DUMP, F_REQUEST, Message

_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_BUFFER = 4 << 20
_TIMEOUT = 10.0
# linux/netlink.h, linux/socket.h
_CAP_ACK = 10
_SOL_NETLINK = 270
_SNDBUFFORCE, _RCVBUFFORCE = 32, 33
_MANY = 1000  # messages in one call; answers to more might not fit the buffer


@dataclass(frozen=True)
class Order:
    """One thing that the kernel is told.

    :ivar kind: RTM_NEWADDR, RTM_DELADDR and so on; ``message`` has the content.
    :ivar flags: NLM_F_CREATE and so on.
    :ivar forgiven: errors that mean it is so already.
    :ivar what: for the message of an error.
    """

    kind: int
    message: Message
    flags: int
    what: str
    forgiven: tuple[int, ...] = ()


def dump(get: int, body: bytes) -> list[Message]:
    """All things of a kind.

    :param get: RTM_GETADDR and so on.
    :param body: the fixed part of the question.
    :raises CommandFailed: the kernel refused.
    """
    with _socket() as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(body), get, F_REQUEST | F_DUMP, 1, 0) + body)
        found: list[Message] = []
        while True:
            for kind, _, data in _answers(kernel):
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    raise _refused("netlink", _code(data))
                found.append(Message.parse(kind, data))


def tell(orders: Sequence[Order]) -> None:
    """Carry out all orders, in one call of the kernel up to a thousand of them.

    :raises CommandFailed: one of them was refused; the others were carried out all the same.
    :raises NotPermitted: root is needed.
    """
    for at in range(0, len(orders), _MANY):
        _tell(orders[at : at + _MANY])


def _tell(orders: Sequence[Order]) -> None:
    packet = b""
    for number, order in enumerate(orders, 1):
        body = order.message.body()
        flags = F_REQUEST | F_ACK | order.flags
        part = _HEADER.pack(_HEADER.size + len(body), order.kind, flags, number, 0) + body
        packet += part + b"\0" * (-len(part) % 4)
    codes: dict[int, int] = {}
    with _socket() as kernel:
        kernel.send(packet)
        while len(codes) < len(orders):
            for kind, number, data in _answers(kernel):
                if kind == _ERROR:
                    codes[number] = _code(data)
    for number, order in enumerate(orders, 1):
        code = codes[number]
        if code and code not in order.forgiven:
            raise _refused(order.what, code)


def _answers(kernel: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Kind, number and content of each message of the next packet."""
    try:
        packet = kernel.recv(_BUFFER)
    except OSError as error:
        raise _refused("netlink", error.errno or errno.ETIMEDOUT) from error
    at = 0
    while at + _HEADER.size <= len(packet):
        length, kind, _, number, _ = _HEADER.unpack_from(packet, at)
        yield kind, number, packet[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _socket() -> socket.socket:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    kernel.settimeout(_TIMEOUT)
    kernel.bind((0, 0))
    # Answers without a copy of the question.
    kernel.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
    for option in (_SNDBUFFORCE, _RCVBUFFORCE):
        try:
            kernel.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        except PermissionError:
            break
    return kernel


def _code(data: bytes) -> int:
    return -int(struct.unpack_from("=i", data)[0])


def _refused(what: str, code: int) -> CommandFailed | NotPermitted:
    if code in (errno.EPERM, errno.EACCES):
        return NotPermitted(what, "root is needed", "run it with sudo")
    return CommandFailed(what, os.strerror(code))
