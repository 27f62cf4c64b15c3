"""All of a host's steps in one, and back again.

A step that ``up`` had to do is written down in external_ids before it is done, so that ``down``
undoes just those, also after ``up`` was killed half way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from ovn_integrate import paths, servers
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.host import (
    addresses,
    bridge,
    central,
    controller,
    encap,
    gateway,
    history,
    secure,
    settings,
    vswitch,
)
from ovn_integrate.host.plan import KeyChange, needed, plan
from ovn_integrate.ovsdb import HOST, Session
from ovn_integrate.pki.tokens import Token

DONE_KEY = "ovn-integrate-up"
SWITCH, SETTINGS, CONTROLLER = "Open vSwitch", "settings", "ovn-controller"

_SERVER_PATIENCE = 20.0


@dataclass(frozen=True)
class Wish:
    """What a host shall be.

    :param ipam: addresses of the hosts with the IPAM server and OVN central.
    :param tep: tunnel endpoints of this host.
    :param all_in_one: whether this host is also that of the IPAM server and OVN central.
    :param driver: whether it gets the Docker driver.
    :param tls: whether it speaks TLS with central, with a certificate of its own.
    :param token: with which it may have that certificate; None where it has it already, and on
        the central host itself.
    :param insecure: whether central may be open to others than this host without TLS.
    :param vm: the settings (:func:`ovn_integrate.host.nested.keys`) of a host that is a VM on a
        chassis, and none itself; empty for a chassis.
    :param timeout: seconds for each step.
    """

    ipam: list[str]
    tep: list[str]
    encap_types: list[str]
    datapath: str = "auto"
    all_in_one: bool = False
    driver: bool = True
    tls: bool = False
    token: Token | None = None
    insecure: bool = False
    vm: Mapping[str, str | None] = field(default_factory=dict)
    timeout: float = 10.0
    db: str = field(default_factory=paths.host_remote)


@dataclass(frozen=True)
class Step:
    """One step: whether it is done already, how to do it, how to undo it.

    :param makes: what doing it comes to, in a word; ``undoes``: what undoing it does.
    :param stays: whether ``down`` leaves it, as it leaves the databases.
    """

    name: str
    done: Callable[[], bool]
    do: Callable[[], object]
    undo: Callable[[], object]
    makes: str = "started"
    undoes: str = "stopped"
    stays: bool = False


@dataclass(frozen=True)
class Foreseen:
    """One step of a dry run.

    :param what: what would be done; empty where it is so already.
    :param lines: the keys of external_ids that it would change.
    """

    step: str
    what: str
    lines: tuple[KeyChange, ...] = ()


def up(wish: Wish) -> Iterator[tuple[str, bool]]:
    """Do what is missing; yields each step's name and whether it had to be done.

    :raises Error: the step that failed; the ones before it stay, and a second run goes on there.
    """
    addresses.refuse_foreign("tunnel endpoint", wish.tep)
    _refuse_open(wish)
    yield SWITCH, vswitch.start(wish.timeout, lambda: _write_down_switch(wish))
    with _host(wish.db, wish.timeout) as session:
        vswitch.ensure_system_id(session)
        encap.refuse_impossible(session, wish.encap_types)
        for step in _steps(session, wish):
            needed = not step.done()
            if needed:
                if not step.stays:
                    _write_down(session, step.name)
                step.do()
            yield step.name, needed


def up_central(wish: Wish) -> Iterator[tuple[str, bool]]:
    """Do what is missing of central and the IPAM server alone, as :func:`up` does; nothing of it
    is written down, so that ``down`` does not undo it."""
    _refuse_open(wish)
    for step in _here(wish):
        needed = not step.done()
        if needed:
            step.do()
        yield step.name, needed


def foresee_up(wish: Wish) -> Iterator[Foreseen]:
    """What :func:`up` would do, step by step, without doing it.

    :raises Error: what it would refuse.
    """
    addresses.refuse_foreign("tunnel endpoint", wish.tep)
    _refuse_open(wish)
    running = vswitch.running()
    yield Foreseen(SWITCH, "" if running else "started")
    if not running:
        # Nothing can be asked after; what a step is called and makes, it tells without a session.
        for step in _steps(cast(Session, None), wish):
            lines = plan({}, _keys(wish)) if step.name == SETTINGS else []
            yield Foreseen(step.name, step.makes, tuple(lines))
        return
    with _host(wish.db, wish.timeout) as session:
        encap.refuse_impossible(session, wish.encap_types)
        settled = True
        for step in _steps(session, wish):
            lines = []
            if step.name == SETTINGS:
                lines = needed(history.foresee(session, _keys(wish)))
                settled = not lines
            # A controller that is there for other settings is not there for these.
            done = step.done() and (settled or step.name != CONTROLLER)
            yield Foreseen(step.name, "" if done else step.makes, tuple(lines))


def foresee_down(db: str, timeout: float) -> Iterator[Foreseen]:
    """What :func:`down` would undo, without undoing it."""
    session = _host_if_running(db, timeout)
    if session is None:
        return
    with session:
        done = _written_down(session)
        wish = _as_it_is(session, db, timeout)
        for step in _done_here(session, wish):
            own: list[KeyChange] = []
            if step.name == SETTINGS:
                own = needed(history.foresee(session, dict.fromkeys(_keys(wish))))
            yield Foreseen(step.name, step.undoes, tuple(own))
    if SWITCH in done:
        yield Foreseen(SWITCH, "stopped")


def down(db: str, timeout: float) -> Iterator[str]:
    """Undo, last first, what ``up`` did on this host; yields the name of each step undone."""
    session = _host_if_running(db, timeout)
    if session is None:
        return
    with session:
        done = _written_down(session)
        for step in _done_here(session, _as_it_is(session, db, timeout)):
            step.undo()
            yield step.name
        gateway.clear(session)
        settings.write(session, {DONE_KEY: None}, "down")
    if SWITCH in done:
        vswitch.stop(timeout)
        yield SWITCH


def _as_it_is(session: Session, db: str, timeout: float) -> Wish:
    """What this host is, as far as undoing needs it."""
    now = settings.read(session)
    return Wish(
        now.ipam_hosts,
        [],
        [],
        all_in_one=True,
        tls=membership.has_joined(),
        vm=dict.fromkeys(
            (settings.MODE, settings.NESTED_BRIDGE, settings.VIF) if now.nested else ()
        ),
        timeout=timeout,
        db=db,
    )


def _done_here(session: Session, wish: Wish) -> list[Step]:
    """The steps that ``up`` did on this host, the last first, but for Open vSwitch itself."""
    # A VM may have been a chassis before.
    known = [*_steps(session, wish), *_chassis(session, wish)]
    steps = {step.name: step for step in known}
    return [steps[name] for name in reversed(_written_down(session)) if name in steps]


def _steps(session: Session, wish: Wish) -> list[Step]:
    here = _here(wish) if wish.all_in_one else []
    host = [
        *([_certificate(session, wish)] if wish.tls else []),
        _settings(session, wish),
        *([] if wish.vm else _chassis(session, wish)),
    ]
    return here + host + ([_driver(wish)] if wish.driver else [])


def _chassis(session: Session, wish: Wish) -> list[Step]:
    return [
        Step(
            "integration bridge",
            lambda: bridge.is_right(session, wish.datapath),
            lambda: bridge.create(session, wish.datapath),
            lambda: bridge.delete(session),
            makes="made or set right",
            undoes="deleted",
        ),
        Step(
            CONTROLLER,
            lambda: controller.running() and controller.registered(session, wish.timeout),
            lambda: controller.start(session, wish.timeout),
            lambda: controller.stop(wish.timeout),
        ),
    ]


def _here(wish: Wish) -> list[Step]:
    """The steps of central and the IPAM server."""
    return [
        *([_authority(wish)] if wish.tls else []),
        *_central(wish),
        _ipam_server(wish),
    ]


def _authority(wish: Wish) -> Step:
    return Step(
        "authority",
        lambda: secure.ready(wish.ipam),
        lambda: secure.make(wish.ipam),
        lambda: False,
        makes="made",
        stays=True,  # hosts trust it
    )


def _certificate(session: Session, wish: Wish) -> Step:
    def trusted() -> str | None:
        """Of the authority that it is to be of; None for whichever this host has joined."""
        if wish.token is not None:
            return wish.token.fingerprint
        return secure.fingerprint() if wish.all_in_one else None

    return Step(
        "certificate",
        lambda: membership.is_member(session, trusted(), wish.token, wish.timeout),
        lambda: membership.join(session, wish.token, trusted(), wish.timeout),
        lambda: membership.leave(session),
        makes="asked for",
        undoes="shown no more",
    )


def _central(wish: Wish) -> list[Step]:
    return [
        Step(
            "OVN central",
            central.running,
            lambda: central.start(wish.timeout),
            lambda: central.stop(wish.timeout),
        ),
        Step(
            "OVN listeners",
            lambda: central.listens(wish.ipam, tls=wish.tls) and (not wish.tls or secure.shown()),
            lambda: _listen(wish),
            lambda: central.running() and central.unlisten(wish.ipam, wish.timeout),
            makes="opened",
            undoes="closed",
        ),
    ]


def _ipam_server(wish: Wish) -> Step:
    bind = f"{settings.bracketed(wish.ipam[0])}:{paths.IPAM_PORT}" if wish.ipam else ""

    def answers() -> bool:
        context = secure.own().context() if wish.tls else None
        return servers.ask(bind, "GET", "/v2.0/", context=context) == 200

    def start() -> None:
        options = secure.ipam_options() if wish.tls else ["--insecure"] * wish.insecure
        if wish.tls:
            # One that is there does not serve by TLS.
            servers.stop("ipam", wish.timeout)
        argv = ["ipam", "start", "--listen", bind, *options]
        servers.start_detached("ipam", argv, answers, max(wish.timeout, _SERVER_PATIENCE))

    return Step(
        "IPAM server",
        answers,
        start,
        lambda: servers.stop("ipam", wish.timeout),
    )


def _listen(wish: Wish) -> None:
    if wish.tls:
        secure.show(wish.timeout)
    central.listen(wish.ipam, wish.timeout, tls=wish.tls)


def _refuse_open(wish: Wish) -> None:
    if wish.all_in_one and not (wish.tls or wish.insecure):
        addresses.refuse_open("OVN central", wish.ipam, "--tls")


def _settings(session: Session, wish: Wish) -> Step:
    keys = _keys(wish)
    return Step(
        SETTINGS,
        lambda: not needed(history.foresee(session, keys)),
        lambda: history.apply(session, keys, "up"),
        lambda: history.apply(session, dict.fromkeys(keys), "down"),
        makes="written",
        undoes="unset",
    )


def _keys(wish: Wish) -> dict[str, str | None]:
    where = settings.ipam_keys(wish.ipam, scheme="ssl" if wish.tls else "tcp")
    if wish.vm:
        return {**where, **wish.vm}
    tunnels = {settings.TEP: ",".join(wish.tep), settings.ENCAP_TYPE: ",".join(wish.encap_types)}
    return {**where, **tunnels}


def _driver(wish: Wish) -> Step:
    bind = f"unix:{paths.plugin_socket()}"
    return Step(
        "Docker driver",
        lambda: servers.ask(bind, "POST", "/Plugin.Activate") == 200,
        lambda: servers.start_detached(
            "driver",
            ["driver", "start"],
            lambda: servers.ask(bind, "POST", "/Plugin.Activate") == 200,
            max(wish.timeout, _SERVER_PATIENCE),
        ),
        lambda: servers.stop("driver", wish.timeout),
    )


def _host(db: str, timeout: float) -> Session:
    return Session.open(db, HOST, bridge.TABLES, timeout=timeout)


def _host_if_running(db: str, timeout: float) -> Session | None:
    """None where Open vSwitch does not run: then there is nothing to undo.

    :raises DatabaseUnavailable: it runs, and its database does not answer.
    """
    try:
        return _host(db, timeout)
    except DatabaseUnavailable:
        if vswitch.running():
            raise
        return None


def _written_down(session: Session) -> list[str]:
    text = settings.root(session).external_ids.get(DONE_KEY, "")
    return [name for name in text.split(",") if name]


def _write_down_switch(wish: Wish) -> None:
    with _host(wish.db, wish.timeout) as session:
        _write_down(session, SWITCH)


def _write_down(session: Session, name: str) -> None:
    names = dict.fromkeys([*_written_down(session), name])
    settings.write(session, {DONE_KEY: ",".join(names)}, "up")
