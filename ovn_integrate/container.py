"""OVN central and the IPAM server in the foreground, as the container of the IPAM image runs them.

It ends when it is asked to, and when one of its parts ends: whoever started it (Docker with
``--restart``) starts all of it again, on the databases that are there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ovn_integrate import paths, servers
from ovn_integrate.errors import Conflict
from ovn_integrate.host import addresses, central, interfaces, secure
from ovn_integrate.host.settings import bracketed, parse_address
from ovn_integrate.init import Asked, Init

# `docker stop` kills after 10 s.
_IPAM_GRACE = 6.0


@dataclass(frozen=True)
class Wish:
    """What is served.

    :param listen: an address of this host, or ``0.0.0.0`` or ``::`` for all of them.
    :param access_log: see ``ipam start``; ``audit_log`` likewise.
    :param tls: with certificates; else whoever reaches it may do anything.
    :param insecure: whether that may be others than this host.
    :param timeout: seconds for each question to a database.
    """

    listen: str
    access_log: str
    audit_log: str
    tls: bool
    insecure: bool
    timeout: float

    @property
    def reached(self) -> str:
        """An address at which it is reached from this host."""
        return central.ANY.get(self.listen, self.listen)


def run(wish: Wish, say: Callable[[str], None]) -> None:
    """Serve at an address until SIGTERM or SIGINT.

    :param say: takes a line for each step; ``ready: …`` when hosts may come.
    :raises Invalid: it is no such address, or open to others than this host without ``insecure``.
    :raises CommandFailed: a part ended, or another server has a port.
    :raises Conflict: central runs here already.
    """
    if wish.listen not in central.ANY:
        addresses.refuse_foreign("listen address", [parse_address(wish.listen)])
    if not (wish.tls or wish.insecure):
        addresses.refuse_open("OVN central", [wish.listen], "--tls")
    if os.getpid() == 1:
        _forget()
    if central.running():
        raise Conflict("OVN central", "runs here already", "ovn-integrate central stop")
    init = Init()
    try:
        _start(init, wish, say)
        say(f"ready: {_places(wish)}")
        init.watch()
    except Asked:
        say("stopping")
    finally:
        init.end()


def _start(init: Init, wish: Wish, say: Callable[[str], None]) -> None:
    listen = bracketed(wish.listen)
    for name, argv in central.database_commands(None if wish.tls else listen).items():
        say(f"starting: {name}")
        init.start(name, argv)
    init.until(central.answers)
    say("starting: ovn-northd")
    init.start("ovn-northd", central.northd_command())
    init.until(central.complete)
    options = ["--insecure"] * wish.insecure
    if wish.tls:
        options = _secure(wish)
    else:
        central.prove([wish.reached], wish.timeout)
    say("starting: the IPAM server")
    logs = ["--access-log", wish.access_log, "--audit-log", wish.audit_log]
    words = ["--listen", f"{listen}:{paths.IPAM_PORT}", *logs, *options]
    argv = [sys.executable, "-m", "ovn_integrate", "--timeout", str(wish.timeout), "ipam", "start"]
    init.start("IPAM server", [*argv, *words, "--nb", paths.nb_remote()], grace=_IPAM_GRACE)
    bind = f"{bracketed(wish.reached)}:{paths.IPAM_PORT}"
    context = secure.own().context() if wish.tls else None
    init.until(lambda: servers.ask(bind, "GET", "/healthz", context=context) == 200)


def _secure(wish: Wish) -> list[str]:
    """Have the databases listen by TLS; the words of ``ipam start`` for the same."""
    named = [wish.listen] if wish.listen not in central.ANY else [*interfaces.addresses()]
    secure.make(named)
    secure.show(wish.timeout)
    central.listen([wish.listen], wish.timeout, tls=True)
    return secure.ipam_options()


def _forget() -> None:
    """The pid files of an earlier life, which was killed: the numbers begin anew with each, so
    that a file may name a living process, or the very one that reads it."""
    for folder in (paths.ovn_rundir(), paths.rundir()):
        for pidfile in folder.glob("*.pid"):
            pidfile.unlink()


def _places(wish: Wish) -> str:
    host = bracketed(wish.listen)
    web, way = ("https", "ssl") if wish.tls else ("http", "tcp")
    return (
        f"IPAM server on {web}://{host}:{paths.IPAM_PORT}, OVN Northbound on "
        f"{way}:{host}:{paths.NB_PORT}, Southbound on {way}:{host}:{paths.SB_PORT}"
    )
