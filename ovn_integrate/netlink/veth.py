"""The two messages to the kernel that every container costs: veth(4)s made and links deleted.

pyroute2 takes 1.9 ms of CPU for each, most of it for the message and for an event loop around its
socket, where the kernel needs 0.5.
"""

from __future__ import annotations

import errno

from ovn_integrate.netlink import message as nl
from ovn_integrate.netlink.message import Message, pack_attributes
from ovn_integrate.netlink.talk import Order, tell

# linux/if.h, linux/if_link.h, linux/veth.h
_UP = 1
_ADDRESS, _NAME, _MTU, _INFO = 1, 3, 4, 18
_KIND, _DATA = 1, 2
_PEER = 1


def add(outer: str, inner: str, *, mac: str | None, mtu: int) -> None:
    """Make a pair, ``outer`` up: one message for both ends.

    :param mac: of ``inner``; the kernel chooses one when it is None.
    :param mtu: of both, in bytes.
    :raises CommandFailed: the kernel refused.
    """
    size = (_MTU, nl.number(mtu))
    other = Message(nl.NEWLINK, (0, 0, 0, 0, 0), ((_NAME, nl.text(inner)), size))
    if mac:
        other = other.put(_ADDRESS, bytes.fromhex(mac.replace(":", "")))
    kind = pack_attributes([(_KIND, b"veth"), (_DATA, pack_attributes([(_PEER, other.body())]))])
    link = Message(nl.NEWLINK, (0, 0, 0, _UP, _UP), ((_NAME, nl.text(outer)), size, (_INFO, kind)))
    tell([Order(nl.NEWLINK, link, nl.F_CREATE | nl.F_EXCL, f"veth {outer}")])


def delete(name: str) -> None:
    """Delete a link, which may be gone.

    :raises CommandFailed: the kernel refused.
    """
    link = Message(nl.NEWLINK, (0, 0, 0, 0, 0), ((_NAME, nl.text(name)),))
    tell([Order(nl.DELLINK, link, 0, f"link {name}", forgiven=(errno.ENODEV,))])
