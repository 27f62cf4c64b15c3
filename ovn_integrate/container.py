"""OVN central and the IPAM server in the foreground, as the container of the IPAM image runs them.

It ends when it is asked to, and when one of its parts ends: whoever started it (Docker with
``--restart``) starts all of it again, on the databases that are there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ovn_integrate import paths, servers
from ovn_integrate.errors import Conflict
from ovn_integrate.host import addresses, central
from ovn_integrate.host.settings import bracketed, parse_address
from ovn_integrate.init import Asked, Init

# `docker stop` kills after 10 s.
_IPAM_GRACE = 6.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def run(listen: str, access_log: str, timeout: float, say: Callable[[str], None]) -> None:
    """Serve at an address until SIGTERM or SIGINT.

    :param listen: an address of this host, or ``0.0.0.0`` or ``::`` for all of them.
    :param access_log: see ``ipam start``.
    :param timeout: seconds for each question to a database.
    :param say: takes a line for each step; ``ready: …`` when hosts may come.
    :raises Invalid: it is no such address.
    :raises CommandFailed: a part ended, or another server has a port.
    :raises Conflict: central runs here already.
    """
    if listen not in _ANY:
        listen = parse_address(listen)
        addresses.refuse_foreign("listen address", [listen])
    if os.getpid() == 1:
        _forget()
    if central.running():
        raise Conflict("OVN central", "runs here already", "ovn-integrate central stop")
    init = Init()
    try:
        _start(init, listen, access_log, timeout, say)
        say(f"ready: {_places(listen)}")
        init.watch()
    except Asked:
        say("stopping")
    finally:
        init.end()


def _start(
    init: Init, listen: str, access_log: str, timeout: float, say: Callable[[str], None]
) -> None:
    for name, argv in central.database_commands(bracketed(listen)).items():
        say(f"starting: {name}")
        init.start(name, argv)
    init.until(central.answers)
    say("starting: ovn-northd")
    init.start("ovn-northd", central.northd_command())
    init.until(central.complete)
    reached = _ANY.get(listen, listen)
    central.prove([reached], timeout)
    say("starting: the IPAM server")
    words = ["--listen", f"{bracketed(listen)}:{paths.IPAM_PORT}", "--access-log", access_log]
    argv = [sys.executable, "-m", "ovn_integrate", "--timeout", str(timeout), "ipam", "start"]
    init.start("IPAM server", [*argv, *words, "--nb", paths.nb_remote()], grace=_IPAM_GRACE)
    bind = f"{bracketed(reached)}:{paths.IPAM_PORT}"
    init.until(lambda: servers.ask(bind, "GET", "/healthz") == 200)


def _forget() -> None:
    """The pid files of an earlier life, which was killed: the numbers begin anew with each, so
    that a file may name a living process, or the very one that reads it."""
    for folder in (paths.ovn_rundir(), paths.rundir()):
        for pidfile in folder.glob("*.pid"):
            pidfile.unlink()


def _places(listen: str) -> str:
    host = bracketed(listen)
    return (
        f"IPAM server on http://{host}:{paths.IPAM_PORT}, OVN Northbound on "
        f"tcp:{host}:{paths.NB_PORT}, Southbound on tcp:{host}:{paths.SB_PORT}"
    )
