"""``ipam start``, once it is known what to serve: as whom, and with what; and ``ipam signer``."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ovn_integrate import account, audit, paths
from ovn_integrate.cli.app import App, verb
from ovn_integrate.errors import Invalid
from ovn_integrate.host import serving

if TYPE_CHECKING:
    from ovn_integrate.enrol.app import Signs
    from ovn_integrate.enrol.signer.client import Signer
    from ovn_integrate.ipam.http.tokens import Tokens

_LATE = (
    "_strptime",
    "encodings.idna",
    "gunicorn.glogging",
    "logging.config",
    "ovn_integrate.enrol.app",
    "ovn_integrate.enrol.signer.desk",
    "ovn_integrate.ipam.http.accesslog",
    "ovn_integrate.ipam.http.server",
    "ovn_integrate.ipam.http.tokens",
    "ovn_integrate.web.worker",
)
_FIRST_HANDED_OVER = 3  # sd_listen_fds(3)


def prepare(options: Mapping[str, Any]) -> None:
    """As root, before somebody else serves."""
    serving.prepare(account.made(account.wanted() or account.NAME), options)


def start(app: App, options: Mapping[str, Any]) -> None:
    """Serve; as the server's own account, if root started this."""
    from ovn_integrate import web

    name = account.wanted()
    if name is None:
        _serve(app, options, None)
        return
    from ovn_integrate.enrol.signer import keeper
    from ovn_integrate.enrol.signer.client import Signer

    with web.claimed(paths.pidfile("ipam")):
        who = account.made(name)
        serving.prepare(who, options)
        keeper.start()
        web.go_first()
        _import_all()
        account.become(who)
        _serve(app, options, Signer(paths.signer_socket()))


def start_prepared(app: App) -> None:
    """Serve as who this is, with what root has made ready."""
    from ovn_integrate.enrol.signer.client import Signer

    _serve(app, serving.prepared(), Signer(paths.signer_socket()))


def _serve(app: App, options: Mapping[str, Any], signer: Signer | None) -> None:
    """:param signer: None where this process may do all by itself."""
    from ovn_integrate import ovsdb, web
    from ovn_integrate.enrol.app import application as enrolment
    from ovn_integrate.enrol.signer.desk import Desk
    from ovn_integrate.host import secure
    from ovn_integrate.ipam.http import accesslog, server
    from ovn_integrate.ipam.http.identity import Known
    from ovn_integrate.ipam.http.site import Open

    files = files_of(options)
    log = accesslog.open_log(options["access_log"])
    changes = _audit(options["audit_log"] or audit.default("ipam"))
    served = None if files is None else web.Files(*files)
    if served is not None:
        web.refuse_unfit(served)
    tokens = _tokens(options, files)
    guarded = files is not None or tokens is not None
    bind = str(options["listen"])
    everybodys = None if guarded else Open(address_of(bind), options["server_name"])
    northbound = str(options["nb"])
    if "ssl:" in northbound:
        secure.present()
    if signer is not None:
        ovsdb.connect_by(signer.connect)
    server.check(northbound, app.timeout)
    app.progress.end()

    def signs() -> Signs:
        if signer is not None:
            return signer
        desk = Desk(paths.pki(), lambda: northbound)
        desk.start()
        return desk

    web.serve(
        lambda: server.application(
            northbound,
            log,
            partial(Known, tokens=tokens) if guarded else None,
            audit=changes,
            open=everybodys,
            enrolment=None
            if files is None
            else lambda inner, store: enrolment(inner, paths.pki(), signs(), store),
        ),
        bind=bind,
        pidfile=paths.pidfile("ipam"),
        log=paths.logfile("ipam"),
        keep_alive=True,
        tls=served,
    )


@verb()
@click.option("--keep-for", type=int, metavar="PID", help="Hold its socket until that one ends.")
@click.option(
    "--descriptor", type=int, metavar="NUMBER", help="The socket, where no unit gives it."
)
@click.option("--parent", type=int, metavar="PID", help="End with that one.")
def signer(
    app: App, keep_for: int | None, descriptor: int | None, parent: int | None, form: str
) -> None:
    """Sign for the IPAM server, with the authority's key; it starts this itself, or a unit does."""
    from ovn_integrate.enrol.signer import keeper
    from ovn_integrate.enrol.signer.desk import Desk
    from ovn_integrate.enrol.signer.server import Server

    app.progress.end()
    if keep_for is not None:
        name = account.wanted()
        keeper.keep(keep_for, None if name is None else account.made(name))
        return
    who = account.known()
    account.confine({account.DAC_OVERRIDE}, [] if who is None else [who.gid])
    if parent is not None:
        keeper.end_with(parent)
    number = _FIRST_HANDED_OVER if descriptor is None else descriptor
    desk = Desk(paths.pki(), serving.northbound, _audit(audit.default()))
    desk.start()
    users = {os.geteuid(), *([] if who is None else [who.uid])}
    Server(socket.socket(fileno=number), desk, users).run()


def files_of(options: Mapping[str, Any]) -> tuple[Path, Path, Path] | None:
    """Those with which TLS is served.

    :raises Invalid: some of them are missing.
    """
    names = ("certificate", "private_key", "ca_certificate")
    given = [options[name] for name in names if options[name]]
    if not given:
        return None
    if len(given) < len(names):
        missing = next(name for name in names if not options[name])
        what = "go together: --certificate, --private-key and --ca-certificate"
        raise Invalid(f"--{missing.replace('_', '-')}", f"is missing, as these {what}")
    return Path(given[0]), Path(given[1]), Path(given[2])


def address_of(bind: str) -> str:
    return bind.rpartition(":")[0].strip("[]")


def _audit(where: str) -> audit.Audit:
    try:
        return audit.open_log(where)
    except OSError as error:
        hint = "another file, by --audit-log"
        raise Invalid(where, f"cannot be written: {error.strerror}", hint) from None


def _tokens(options: Mapping[str, Any], files: object) -> Tokens | None:
    from ovn_integrate.ipam.http.tokens import Tokens

    if options["token_file"]:
        return Tokens(Path(options["token_file"]))
    return None if files is None else Tokens(paths.tokens())


def _import_all() -> None:
    """All that serving needs of Python, while this process may read it: the program may lie where
    the server's account may not look, as below the home of who tries it out."""
    for name in _LATE:
        importlib.import_module(name)
