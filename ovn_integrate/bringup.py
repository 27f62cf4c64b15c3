"""All of a host's steps in one, and back again.

A step that ``up`` had to do is written down in external_ids before it is done, so that ``down``
undoes just those, also after ``up`` was killed half way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ovn_integrate import paths, servers
from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.host import addresses, bridge, central, controller, encap, settings, vswitch
from ovn_integrate.ovsdb import HOST, Session

DONE_KEY = "ovn-integrate-up"

_SERVER_PATIENCE = 20.0


@dataclass(frozen=True)
class Wish:
    """What a host shall be.

    :param ipam: addresses of the hosts with the IPAM server and OVN central.
    :param tep: tunnel endpoints of this host.
    :param all_in_one: whether this host is also that of the IPAM server and OVN central.
    :param driver: whether it gets the Docker driver.
    :param timeout: seconds for each step.
    """

    ipam: list[str]
    tep: list[str]
    encap_types: list[str]
    datapath: str = "auto"
    all_in_one: bool = False
    driver: bool = True
    timeout: float = 10.0
    db: str = field(default_factory=paths.host_remote)


@dataclass(frozen=True)
class Step:
    """One step: whether it is done already, how to do it, how to undo it."""

    name: str
    done: Callable[[], bool]
    do: Callable[[], object]
    undo: Callable[[], object]


def up(wish: Wish) -> Iterator[tuple[str, bool]]:
    """Do what is missing; yields each step's name and whether it had to be done.

    :raises Error: the step that failed; the ones before it stay, and a second run goes on there.
    """
    addresses.refuse_foreign("tunnel endpoint", wish.tep)
    yield "Open vSwitch", vswitch.start(wish.timeout, lambda: _write_down_switch(wish))
    with _host(wish.db, wish.timeout) as session:
        vswitch.ensure_system_id(session)
        encap.refuse_impossible(session, wish.encap_types)
        for step in _steps(session, wish):
            needed = not step.done()
            if needed:
                _write_down(session, step.name)
                step.do()
            yield step.name, needed


def down(db: str, timeout: float) -> Iterator[str]:
    """Undo, last first, what ``up`` did on this host; yields the name of each step undone."""
    try:
        session = _host(db, timeout)
    except DatabaseUnavailable:
        if vswitch.running():
            raise
        return
    with session:
        done = _written_down(session)
        ipam = settings.read(session).ipam_hosts
        wish = Wish(ipam, [], [], all_in_one=True, timeout=timeout, db=db)
        steps = {step.name: step for step in _steps(session, wish)}
        for name in reversed(done):
            if name in steps:
                steps[name].undo()
                yield name
        settings.apply(session, {DONE_KEY: None}, "down")
    if "Open vSwitch" in done:
        vswitch.stop(timeout)
        yield "Open vSwitch"


def _steps(session: Session, wish: Wish) -> list[Step]:
    here = [*_central(wish), _ipam_server(wish)] if wish.all_in_one else []
    host = [
        _settings(session, wish),
        Step(
            "integration bridge",
            lambda: bridge.is_right(session, wish.datapath),
            lambda: bridge.create(session, wish.datapath),
            lambda: bridge.delete(session),
        ),
        Step(
            "ovn-controller",
            lambda: controller.running() and controller.registered(session, wish.timeout),
            lambda: controller.start(session, wish.timeout),
            lambda: controller.stop(wish.timeout),
        ),
    ]
    return here + host + ([_driver(wish)] if wish.driver else [])


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
            lambda: central.listens(wish.ipam),
            lambda: central.listen(wish.ipam, wish.timeout),
            lambda: central.running() and central.unlisten(wish.ipam, wish.timeout),
        ),
    ]


def _ipam_server(wish: Wish) -> Step:
    bind = f"{settings.bracketed(wish.ipam[0])}:{paths.IPAM_PORT}" if wish.ipam else ""
    return Step(
        "IPAM server",
        lambda: servers.ask(bind, "GET", "/v2.0/") == 200,
        lambda: servers.start_detached(
            "ipam",
            ["ipam", "start", "--listen", bind],
            lambda: servers.ask(bind, "GET", "/v2.0/") == 200,
            max(wish.timeout, _SERVER_PATIENCE),
        ),
        lambda: servers.stop("ipam", wish.timeout),
    )


def _settings(session: Session, wish: Wish) -> Step:
    keys = {
        **settings.ipam_keys(wish.ipam),
        settings.TEP: ",".join(wish.tep),
        settings.ENCAP_TYPE: ",".join(wish.encap_types),
    }
    return Step(
        "settings",
        lambda: not any(one.needed for one in settings.plan(session, keys)),
        lambda: settings.apply(session, keys, "up"),
        lambda: settings.apply(session, dict.fromkeys(keys), "down"),
    )


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


def _written_down(session: Session) -> list[str]:
    text = settings.root(session).external_ids.get(DONE_KEY, "")
    return [name for name in text.split(",") if name]


def _write_down_switch(wish: Wish) -> None:
    with _host(wish.db, wish.timeout) as session:
        _write_down(session, "Open vSwitch")


def _write_down(session: Session, name: str) -> None:
    names = dict.fromkeys([*_written_down(session), name])
    settings.apply(session, {DONE_KEY: ",".join(names)}, "up")
