"""All of NICs back on them, from whatever state: it undoes a move, and it is ``bridge-to-nics``.

It may be killed anywhere and done again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from ovn_integrate import netlink
from ovn_integrate.errors import CommandFailed, Error
from ovn_integrate.faultpoint import reach
from ovn_integrate.host.nics import bridges, conf, dhcp, files
from ovn_integrate.host.nics.state import Nic, State
from ovn_integrate.netlink import talk
from ovn_integrate.netlink.link_state import Place, Traits, move
from ovn_integrate.ovsdb import HOST, Session


def put_back(state: State, timeout: float, who: str) -> list[str]:
    """Have all of the NICs on them again, and their bridges gone.

    The addresses come first, which need nobody but the kernel.

    :param who: does it, for :mod:`faultpoint`.
    :returns: what was not put back, a line for each.
    :raises Error: Open vSwitch still has the bridges, or did not say that it has let them go.
    """
    wrong: list[str] = []
    for nic in state.nics:
        _try(wrong, partial(_to_nic, nic))
        reach(f"{who}-addresses")
    _try(wrong, lambda: wrong.extend(files.remove(one.bridge for one in state.nics)))
    with Session.open(state.db, HOST, bridges.TABLES, timeout=timeout) as session:
        for nic in state.nics:
            dhcp.stop(nic.bridge)
            reach(f"{who}-client")
            bridges.delete(session, nic.bridge, nic.name)
            reach(f"{who}-bridge")
            _try(wrong, partial(_finish, nic))
            reach(f"{who}-finished")
    return wrong


def _to_nic(nic: Nic) -> None:
    conf.write(nic.name, nic.conf, silent=True)
    talk.tell(move(Traits.from_data(nic.traits), place(nic.bridge), _there(nic.name)))


def _finish(nic: Nic) -> None:
    """What may have gone with the bridge, and what must not be before it went."""
    talk.tell(move(Traits.from_data(nic.traits), place(nic.bridge), _there(nic.name)))
    conf.write(nic.name, nic.conf)
    if nic.offload:
        netlink.set_checksum_offload(nic.name, on=True)
    for words in nic.clients:
        dhcp.start(words, nic.traits["name"], nic.name)


def place(link: str) -> Place:
    """A link, with the index 0 if it is not there."""
    return link, netlink.index(link) or 0


def _there(link: str) -> Place:
    try:
        return link, socket.if_nametoindex(link)
    except OSError:
        raise CommandFailed(f"NIC {link}", "is not there") from None


def _try(wrong: list[str], work: Callable[[], None]) -> None:
    """One thing that does not work must not keep the next from being done."""
    try:
        work()
    except Error as error:
        wrong.append(str(error))
