"""``ipam start|stop|status|check|token``."""

from __future__ import annotations

import ipaddress
import ssl
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click

from ovn_integrate import paths, servers
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.cli.serving import address_of, files_of, signer
from ovn_integrate.cli.token import token
from ovn_integrate.errors import DatabaseUnavailable, Invalid, NotConfigured, Unhealthy
from ovn_integrate.host import addresses, settings
from ovn_integrate.host.credentials import Credentials

if TYPE_CHECKING:
    from ovn_integrate.ipam.audit.findings import Finding

_ROOT = "/v2.0/"


@group()
def ipam() -> None:
    """The embedded IPAM server (Neutron's v2.0 API on OVN Northbound), and what it keeps there."""


@verb()
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    help=f"Where to serve.  [default: 127.0.0.1:{paths.IPAM_PORT}, on a central host of the secure "
    "mode where Southbound listens]",
)
@click.option("--nb", metavar="REMOTE", help="OVN Northbound.  [default: as set, else this host's]")
@click.option("--certificate", metavar="FILE", help="Serve TLS with this certificate (PEM).")
@click.option("--private-key", metavar="FILE", help="Its key; may be the same file.")
@click.option(
    "--ca-certificate",
    metavar="FILE",
    help="Authority of clients' certificates; the ledger in Northbound says which are valid.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="Accept tokens too, see ipam token.  [default with TLS: /etc/ovn-integrate/tokens.json]",
)
@click.option(
    "--insecure", is_flag=True, help="Serve other hosts without TLS, where anybody may do anything."
)
@click.option(
    "--server-name",
    multiple=True,
    metavar="NAME",
    help="A name by which clients reach it where everybody may do everything, beside this host's "
    "and localhost: what asks by another one may be a page in somebody's browser.",
)
@click.option(
    "--access-log",
    default="-",
    show_default=True,
    metavar="FILE|-|off",
    help="A line of JSON for each request: in a file that logrotate(8) may move away, or on "
    "standard output, which is the server's log with --detach.",
)
@click.option(
    "--audit-log",
    metavar="FILE|journal|-",
    help="A line of JSON for each change, join and renewal, and each refusal of one.  [default: "
    "the journal, where there is one, else /var/log/ovn-integrate/ipam/audit.log]",
)
@click.option(
    "--detach", is_flag=True, help="Return once it serves, and leave it in the background."
)
@click.option(
    "--prepare", "step", flag_value="prepare", help="As root: prepare what it needs, and return."
)
@click.option(
    "--prepared", "step", flag_value="prepared", help="Serve what was made ready, as any user."
)
def start(
    app: App, listen: str | None, detach: bool, step: str | None, form: str, **options: Any
) -> None:
    """Serve the IPAM until SIGTERM, or in the background with --detach.

    With a certificate, or with tokens, each client is known and has the rights of its role;
    without, anybody may do anything. Replaced files apply to the next connections.

    Where ``central start --tls`` has made certificates, they are the default.

    Started by root it serves as the user ovn-integrate, which is made if there is none, and another
    process of root's signs for it (OVN_INTEGRATE_USER names another user, or root for none).
    """
    if step == "prepared":
        from ovn_integrate.cli import serving

        serving.start_prepared(app)
        return
    by_central = _take_centrals(options)
    bind = _bind(listen or (_beside_southbound() if by_central else "127.0.0.1"))
    files = files_of(options)
    if files is None and not options["insecure"]:
        addresses.refuse_open("IPAM server", [address_of(bind)], "--certificate")
    running = servers.pid("ipam")
    if running:
        output.outcome(
            False, "", f"IPAM server: already running (pid {running})", form, pid=running
        )
        return
    options["nb"] = _northbound(app, options["nb"])
    if detach:
        _detach(app, bind, options, form)
        return
    from ovn_integrate.cli import serving

    options["listen"] = bind
    if step == "prepare":
        serving.prepare(options)
        return
    serving.start(app, options)


def _take_centrals(options: dict[str, Any]) -> bool:
    """Have it serve with the certificates of this central host; whether it does."""
    from ovn_integrate.host import secure

    files = secure.ipam_files()
    told = options["insecure"] or any(options[name] for name in files)
    if told or secure.fingerprint() is None:
        return False
    options.update(files)
    return True


def _beside_southbound() -> str:
    from ovn_integrate.host import secure

    return secure.ipam_address()


def _detach(app: App, bind: str, options: dict[str, Any], form: str) -> None:
    argv = ["--timeout", str(app.timeout), "ipam", "start", "--listen", bind]
    for name, value in options.items():
        for each in value if isinstance(value, tuple) else [value] if value else []:
            argv += [f"--{name.replace('_', '-')}", *([] if each is True else [each])]
    secure = options["certificate"] is not None
    context = _anybodys() if secure else None
    servers.start_detached(
        "ipam", argv, lambda: servers.ask(bind, "GET", "/", context=context) == 200, app.timeout
    )
    url = f"{'https' if secure else 'http'}://{bind}"
    pid = servers.pid("ipam")
    output.outcome(True, f"IPAM server: serving {url}", "", form, pid=pid, bind=bind)


def _anybodys() -> ssl.SSLContext:
    """To see whether there is an answer at all: which server it is, its pid tells."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@verb()
def stop(app: App, form: str) -> None:
    """Stop the IPAM server, letting requests in flight finish."""
    stopped = servers.stop("ipam", app.timeout)
    output.outcome(stopped, "IPAM server: stopped", "IPAM server: not running", form)


@verb()
def status(app: App, form: str) -> None:
    """Show whether it runs here and whether the configured one answers; exit 10 when not."""
    with app.host(settings.TABLES) as session:
        now = settings.read(session)
    urls = now.ipam_urls
    answers = {url: _answer(url, now.credentials) for url in urls}
    pid = servers.pid("ipam")
    shown = {url: "answers" if code == 200 else f"no ({code})" for url, code in answers.items()}
    output.pairs({"pid": pid, **shown}, form)
    if not (pid or urls) or any(code != 200 for code in answers.values()):
        raise Unhealthy("IPAM server", "does not answer", "ovn-integrate ipam start --detach")


def _answer(url: str, mine: Credentials | None) -> int | None:
    scheme, _, bind = url.partition("://")
    context = mine.context() if mine is not None and scheme == "https" else None
    return servers.ask(bind, "GET", "/v2.0/networks?limit=1", context=context)


@verb(audited=lambda options: [] if options["repair"] else None)
@click.option("--repair", is_flag=True, help="Repair what can be repaired safely.")
@click.option("--nb", metavar="REMOTE", help="OVN Northbound.  [default: as set, else this host's]")
def check(app: App, repair: bool, nb: str | None, form: str) -> None:
    """Find inconsistencies in OVN Northbound; exit 10 when any are left.

    Duplicate addresses and MACs, rows of what is gone, addresses outside their subnet, and ports
    whose rows say something else than what they were given.
    """
    from ovn_integrate.ipam.audit import repair as repairs

    remote = _northbound(app, nb)
    found = repairs.look(remote, app.timeout)
    left = repairs.mend(remote, app.timeout) if repair and found else found
    app.changed += [one.subject for one in found if one not in left]
    lines = [_finding(one, mended=one not in left) for one in dict.fromkeys([*found, *left])]
    columns = {"FOUND": "kind", "WHERE": "where", "WHAT": "what", "": "remedy"}
    if found or form != "table":
        output.rows(lines, columns, form)
    else:
        output.outcome(False, "", "OVN Northbound: nothing is wrong", form)
    if left:
        hint = "the last column says what to do"
        if not repair and any(one.repair for one in left):
            hint = "ovn-integrate ipam check --repair"
        raise Unhealthy("OVN Northbound", f"{len(left)} findings", hint)


def _finding(finding: Finding, *, mended: bool) -> dict[str, Any]:
    remedy = finding.mend if finding.repair is None else f"--repair: {finding.mend}"
    return {
        "kind": finding.kind,
        "where": finding.subject,
        "what": finding.what,
        "remedy": f"mended: {finding.mend}" if mended else remedy,
        "mended": mended,
    }


def _northbound(app: App, named: str | None) -> str:
    """The Northbound database to serve: the named one, else as :func:`_known_northbound`."""
    remote = named or _known_northbound(app)
    if "ssl:" in remote:
        from ovn_integrate.host import secure

        # Northbound takes those of servers, not the one that this host has as a chassis.
        secure.present()
    return remote


def _known_northbound(app: App) -> str:
    """All of a cluster that is set, else this host's own."""
    local = paths.nb_remote()
    here = (paths.ovn_rundir() / "ovnnb_db.sock").exists()
    remote = None
    # A central host need not be a chassis.
    allowed = suppress(DatabaseUnavailable, NotConfigured) if here else nullcontext()
    with allowed, app.host(settings.TABLES) as session:
        remote = settings.read(session).northbound
    # Of a cluster's members only the leader serves, which need not be this host's.
    return remote if remote and (not here or "," in remote) else local


def _bind(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        host, port = listen, str(paths.IPAM_PORT)
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise Invalid(f"--listen {listen!r}", "is no ADDRESS:PORT") from None
    return f"{settings.bracketed(str(address))}:{port}"


for _verb in (start, stop, status, check, token, signer):
    ipam.add_command(_verb)
