"""NICs into bridges and out of them, under a guard that knows the way back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ovn_integrate import netlink, paths
from ovn_integrate.errors import CommandFailed, Conflict, Error, NotFound
from ovn_integrate.faultpoint import reach
from ovn_integrate.host.nics import bridges, conf, dhcp, files, guard, restore, state
from ovn_integrate.host.nics.state import Nic, State
from ovn_integrate.netlink import talk
from ovn_integrate.netlink.link import Link, all_links
from ovn_integrate.netlink.link_state import Traits, move, take
from ovn_integrate.ovsdb import Session

CONFIRM = "ovn-integrate nics-to-bridge --confirm"


@dataclass(frozen=True)
class Wish:
    """How NICs shall be moved.

    :ivar db: the remote of the host's database, for the guard too.
    :ivar within: seconds in which it must be confirmed; None without a guard.
    :ivar timeout: seconds for Open vSwitch to take in each change.
    """

    db: str
    within: float | None
    timeout: float


def settle(wish: Wish) -> list[str]:
    """See to a move that was left alone; what became of it, in lines. The lock must be held.

    :raises Conflict: one waits for its confirmation.
    """
    kept = state.load()
    if kept is None:
        return []
    names = ", ".join(one.name for one in kept.nics)
    if kept.stage == state.MOVED and kept.left > 0:
        guard.start(kept.db, wish.timeout)  # if it was killed
        raise Conflict(
            f"NIC {names}",
            f"waits {kept.left:.0f} s more for the last move's confirmation",
            CONFIRM,
        )
    wrong = restore.put_back(kept, wish.timeout, "settle")
    state.forget()
    return [f"{names}: put back first, as the last move was neither finished nor confirmed", *wrong]


def abandon(wish: Wish) -> tuple[list[str], list[str]]:
    """Put back what waits for its confirmation, as that is asked for now, or was left alone.

    :returns: what was left to say, and the bridges that are gone. The lock must be held.
    """
    kept = state.load()
    if kept is None:
        return [], []
    wrong = restore.put_back(kept, wish.timeout, "settle")
    state.forget()
    return wrong, [one.bridge for one in kept.nics]


def put_in(
    session: Session, links: Sequence[Link], wish: Wish, wanted: Mapping[str, files.Files]
) -> Iterator[tuple[str, str]]:
    """Move NICs into bridges of their own; yields each NIC and what was done with it.

    The lock must be held. On any error, and when the caller goes away, all is as before.

    :param wanted: the files to be written for the next boot, by NIC.
    :raises Error: what failed; if something could not be put back, that is said too.
    """
    kept = State(wish.db, [_snapshot(link) for link in links])
    state.save(kept)
    reach("nics-recorded")
    try:
        if wish.within is not None:
            guard.start(wish.db, wish.timeout)
        reach("nics-guarded")
        for link, nic in zip(links, kept.nics, strict=True):
            for step in _put_in(session, link, nic):
                yield nic.name, step
            if nic.name in wanted:
                files.write(nic.bridge, wanted[nic.name])
                reach("nics-files")
                yield nic.name, f"{len(wanted[nic.name])} files written"
        reach("nics-last")
    except BaseException as error:
        _give_up(kept, wish, error)
        raise
    if wish.within is None:
        _keep(session, kept)
        return
    kept.stage, kept.deadline = state.MOVED, time.monotonic() + wish.within
    state.save(kept)


def confirm(session: Session, timeout: float) -> list[str]:
    """Let NICs stay in their bridges; those that waited for it. The lock must be held.

    :raises Conflict: there is nothing to confirm, or the move was never finished.
    """
    kept = state.load()
    if kept is None:
        inside = [nic for name, nic in bridges.made(session).items() if _is_in(session, name, nic)]
        if not inside:
            raise Conflict(
                "nics-to-bridge", "no move waits for a confirmation", f"see {_log()} for the last"
            )
        return []
    if kept.stage != state.MOVED:
        restore.put_back(kept, timeout, "settle")
        state.forget()
        raise Conflict("nics-to-bridge", "was killed half way; all is put back now", "run it again")
    _keep(session, kept)
    return [one.name for one in kept.nics]


def put_out(session: Session, names: Sequence[str], wish: Wish) -> list[str]:
    """Move all back from bridges to their NICs, and remove these; what was left to say.

    The lock must be held. Killed in the midst of it, it is finished by the guard.
    """
    pairs = {name: bridges.made(session)[name] for name in names}
    kept = State(wish.db, [_snapshot_of_bridge(session, *pair) for pair in pairs.items()])
    state.save(kept)
    reach("out-recorded")
    if wish.within is not None:
        guard.start(wish.db, wish.timeout)
    wrong = restore.put_back(kept, wish.timeout, "out")
    state.forget()
    return wrong


def to_put_out(session: Session, names: Sequence[str]) -> list[str]:
    """The bridges of these names, or all that were made for NICs, that can be removed.

    :raises NotFound: there is none of that name.
    :raises Conflict: there are other ports on it.
    """
    made = bridges.made(session)
    for name in names:
        if name not in made:
            known = ", ".join(made) or "there are none"
            raise NotFound(f"bridge {name}", "was not made by nics-to-bridge", f"one of: {known}")
    links = all_links()
    chosen = list(dict.fromkeys(names or made))
    for name in chosen:
        row = session.find("Bridge", name=name)
        ports = bridges.strangers(row, made[name])
        above = [
            one.name for one in links.values() if name in links and one.below == links[name].index
        ]
        if ports or above:
            raise Conflict(
                f"bridge {name}",
                f"has {', '.join([*ports, *above])} on it",
                f"ovs-vsctl del-port {name} {ports[0]}" if ports else f"ip link delete {above[0]}",
            )
        if made[name] not in links:
            raise NotFound(f"NIC {made[name]}", "is not there", f"ovs-vsctl del-br {name}")
    return chosen


def _put_in(session: Session, link: Link, nic: Nic) -> Iterator[str]:
    userspace = bridges.userspace(session)
    bridges.create(session, nic.bridge, nic.name, mac=link.mac, mtu=nic.mtu, offload=nic.offload)
    reach("nics-bridge")
    yield f"bridge {nic.bridge} made"
    target = restore.place(nic.bridge)
    if not target[1]:
        raise CommandFailed(f"bridge {nic.bridge}", "has no link", f"see {paths.ovs_logdir()}")
    conf.write(nic.bridge, nic.conf, silent=True)
    if userspace:
        _checksums_by_the_kernel(nic)
    reach("nics-prepared")
    dhcp.stop(nic.name)
    reach("nics-client-stopped")
    bridges.join(session, nic.bridge, nic.name)
    reach("nics-joined")
    found = Traits.from_data(nic.traits)
    talk.tell(move(found, found.place, target))
    reach("nics-moved")
    conf.write(nic.name, conf.QUIET)
    conf.write(nic.bridge, nic.conf)
    reach("nics-quiet")
    things = len(found.words())
    yield f"{things} addresses, routes, neighbours and rules moved"
    if nic.clients:
        for words in nic.clients:
            dhcp.start(words, nic.name, nic.bridge)
        # A client's script may begin with what it takes for a link of its own.
        talk.tell(move(found, None, target))
        reach("nics-client-started")
        yield f"{len(nic.clients)} DHCP clients handed over"


def _snapshot(link: Link) -> Nic:
    clients = [one.words for one in dhcp.clients(link.name)]
    return Nic(
        name=link.name,
        bridge=bridges.name_of(link.name),
        traits=take(link.name).as_data(),
        conf=conf.read(link.name),
        mtu=link.mtu,
        offload=_is_virtual(link.name) and netlink.checksum_offload(link.name),
        clients=clients,
    )


def _snapshot_of_bridge(session: Session, name: str, nic: str) -> Nic:
    """What a bridge has, for its NIC; the NIC's own parameters are those that the bridge got."""
    has_link = netlink.exists(name)
    return Nic(
        name=nic,
        bridge=name,
        traits=take(name if has_link else nic).as_data(),
        conf=conf.read(name) if has_link else {},
        mtu=0,
        offload=bridges.offload(session, name),
        clients=[one.words for one in dhcp.clients(name)],
    )


def _checksums_by_the_kernel(nic: Nic) -> None:
    """See :func:`netlink.checksum_offload_off`; real hardware fills in those of its own packets."""
    for name in (nic.bridge, nic.name):
        if _is_virtual(name):
            netlink.checksum_offload_off(name)


def _is_virtual(name: str) -> bool:
    return not (paths.LINKS / name / "device").exists()


def _give_up(kept: State, wish: Wish, reason: BaseException) -> None:
    """Put all back; what cannot be is left to the guard, and said."""
    try:
        wrong = restore.put_back(kept, wish.timeout, "giving-up")
    except Error as error:
        wrong = [str(error)]
    else:
        state.forget()
    if wrong and isinstance(reason, Error):
        reason.hint = f"not put back: {'; '.join(wrong)}"


def _keep(session: Session, kept: State) -> None:
    for nic in kept.nics:
        if files.written(nic.bridge):
            bridges.keep(session, nic.name)
    reach("nics-kept")
    state.forget()


def _is_in(session: Session, bridge: str, nic: str) -> bool:
    return bridges.of_port(session, nic) == bridge


def _log() -> str:
    return str(paths.logfile(guard.NAME))
