"""``certificates list|renew|revoke|issue|accept|rotate``."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import Conflict, Invalid, NotConfigured
from ovn_integrate.host import central, secure, settings
from ovn_integrate.pki import files, x509
from ovn_integrate.pki.authority import CENTRAL, Authority
from ovn_integrate.pki.rotation import BEGUN, NONE, Rotation

_UNTIL = "%Y-%m-%d %H:%M:%SZ"


@group()
def certificates() -> None:
    """The certificates of this host and, on the central one, of all that it signed."""


@verb(name="list")
@click.option("--all", "every", is_flag=True, help="Include those that have expired.")
def list_(app: App, every: bool, form: str) -> None:
    """List those of this host; on a central one, what was signed, and what of it was revoked.

    A serial number is in hexadecimal.
    """
    authority = Authority(paths.pki())
    if authority.made:
        found = [
            _row(one.name, one.role, one.host, one.serial, one.not_after, one.revoked)
            for one in membership.register(authority, app.timeout).issued()
            if every or one.not_after > time.time()
        ]
        known = {row["serial"] for row in found}
        found = [row for row in _of_files(authority.server) if row["serial"] not in known] + found
    else:
        found = _of_files(membership.certificate(), membership.authority())
    columns = {"NAME": "name", "ROLE": "role", "HOST": "host", "SERIAL": "serial"}
    output.rows(found, {**columns, "NOT AFTER": "not_after", "REVOKED": "revoked"}, form)


@verb(audited=lambda _: [])
@click.option(
    "--if-due", is_flag=True, help="Only certificates with less than a third of their time left."
)
def renew(app: App, if_due: bool, form: str) -> None:
    """Replace each key and certificate of this host.

    A host asks the IPAM server, with the certificate that is still valid. Connections go on and no
    daemon restarts: Open vSwitch, OVN and this program's servers read the new files.
    """
    authority = Authority(paths.pki())
    done = []
    if authority.made and secure.make([], anew=not if_due, enter=partial(_enter, app)):
        done.append(str(authority.server))
    if membership.certificate().exists():
        with app.host(settings.TABLES) as session:
            urls = settings.read(session).ipam_urls
        if membership.renew(urls, app.timeout, if_due=if_due):
            done.append(str(membership.certificate()))
    elif not authority.made:
        hint = "ovn-integrate join TOKEN"
        raise NotConfigured(str(membership.certificate()), "does not exist", hint)
    app.changed += done
    words = "certificates: renewed " + ", ".join(done)
    output.outcome(bool(done), words, "certificates: none is due", form, files=done)


@verb(audited=lambda options: [options["name"]])
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([x509.CHASSIS, x509.CENTRAL, x509.OPERATOR]),
    help="Only what it has of this role, as hosts and chassis may have one name.",
)
def revoke(app: App, name: str, role: str | None, form: str) -> None:
    """Revoke the certificates of a host, by its name or its chassis', and delete the chassis.

    To be done on a central host, for a chassis, another central host or an operator. Its join
    tokens end as well. The IPAM servers refuse it at once, and renew it no more. Open vSwitch knows
    no list of revoked certificates: for Southbound the certificate is good until it ends, so keep
    that host away from port 6642 until then; and of a central host, from 6641 too.
    """
    if not name:
        raise Invalid("NAME", "is empty", "ovn-integrate certificates list")
    authority = Authority(paths.pki()).require()
    own = x509.read(authority.server).serial if authority.server.exists() else None
    taken = membership.register(authority, app.timeout).revoke(name, role, own)
    certificates = taken.certificates
    app.changed += [one.serial for one in certificates]
    chassis = {one.name for one in certificates if one.role == x509.CHASSIS}
    gone = [one for one in chassis if central.delete_chassis(one, app.timeout)]
    output.outcome(
        bool(taken),
        f"{name}: {len(certificates)} certificates and {taken.tokens} join tokens revoked",
        f"{name}: nothing that was good",
        form,
        serials=[one.serial for one in certificates],
        tokens=taken.tokens,
        chassis=sorted(gone),
    )
    if certificates:
        end = time.strftime(_UNTIL, time.gmtime(max(one.not_after for one in certificates)))
        words = "still takes this certificate; keep the host away from port"
        output.warn(f"Southbound {words} {paths.SB_PORT} until {end}")


@verb(audited=lambda options: [options["name"]])
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def issue(app: App, name: str, file: Path, form: str) -> None:
    """Make a key and a certificate for an operator, which may do everything at the IPAM server.

    To be done on a central host. FILE gets both, for root alone; Northbound takes it not.
    """
    authority = Authority(paths.pki()).require()
    if file.exists():
        raise Conflict(str(file), "exists", "another FILE")
    key = x509.new_key()
    signed = membership.register(authority, app.timeout).issue(x509.request(key, name))
    app.changed.append(x509.parse(signed).serial)
    files.write(file.absolute(), key + signed)
    output.outcome(True, f"operator {name}: {file}", "", form, file=str(file))


@verb(audited=lambda options: [str(options["file"])])
@click.argument("file", type=click.Path(path_type=Path))
def accept(app: App, file: Path, form: str) -> None:
    """Admit the holder of the certificate in FILE, which an authority of your own signed.

    To be done on a central host, of each certificate that IPAM servers with --ca-certificate are
    to know; also of a central host's that was revoked and is to be one again.
    """
    certificate = x509.read(file)
    roles = (x509.CHASSIS, x509.CENTRAL, x509.OPERATOR)
    if certificate.role not in roles or not certificate.name:
        what = f"is of no role (its unit is {certificate.role!r})"
        raise Invalid(str(file), what, ", ".join(roles))
    words = f"{certificate.role} {certificate.name}"
    known = membership.enter(certificate, app.timeout, chosen=True)
    app.changed += [certificate.name, certificate.serial]
    output.outcome(known, f"{words}: is let in", f"{words}: is let in already", form)


@verb(audited=lambda _: [])
@click.option("--force", is_flag=True, help="Leave out hosts that are not ready, for good.")
def rotate(app: App, force: bool, form: str) -> None:
    """Replace the authorities, one step each time it is run.

    To be done on a central host. First the new ones are made, and vouched for by the old ones; each
    host trusts both when it asks the next time (within 6 hours, or by certificates renew). Then the
    new ones sign, and hosts renew. Then the old ones are trusted no more. Each step waits until all
    are ready, and tells who is not. No connection ends. On other central hosts, after each step:
    copy /etc/ovn-integrate/pki/authority there, and run certificates renew.
    """
    authority = Authority(paths.pki()).require()
    turn = Rotation(authority)
    before = turn.state
    register = membership.register(authority, app.timeout)
    ahead = turn.ahead(register.issued()) if before == NONE and not force else ""
    if ahead:
        hint = f"copy {authority.folder} from there, and run certificates renew; or --force"
        raise Conflict("rotation", f"{ahead} has begun one, or has come further", hint)
    if before in (NONE, BEGUN):
        turn.begin(secure.host_name())
    elif authority.issuer(x509.read(authority.server)) != authority.signer(CENTRAL).key:
        # It was killed before.
        secure.make([], anew=True, enter=partial(_enter, app))
    _enter(app, x509.read(authority.server))
    if before == NONE:
        words = "begun: hosts come to trust the new authority as they ask; then run it again"
        output.outcome(True, f"rotation: {words}", "", form, state=turn.state)
        return
    missing = turn.missing(register.issued())
    if missing and not force:
        names = ", ".join(f"{one.issued.host or one.issued.name} {one.lacks}" for one in missing)
        raise Conflict("rotation", names, "certificates renew, there; or --force to leave it out")
    if before == BEGUN:
        turn.change()
        secure.make([], anew=True, enter=partial(_enter, app))
        words = "changed: the new authority signs; when hosts have renewed run it again"
    else:
        turn.finish()
        _enter(app, x509.read(authority.server))
        words = "finished: the old authority is trusted no more"
    output.outcome(True, f"rotation: {words}", "", form, state=turn.state)


def _enter(app: App, certificate: x509.Certificate) -> bool:
    return membership.enter(certificate, app.timeout)


def _of_files(*files: Path) -> list[dict[str, Any]]:
    rows = []
    found = (one for file in files if file.exists() for one in x509.look(file))
    for one in found:
        host = secure.host_name() if one.role in (x509.CHASSIS, x509.CENTRAL) else ""
        rows.append(_row(one.name, one.role, host, one.serial, one.not_after))
    return rows


def _row(
    name: str, role: str, host: str, serial: str, not_after: float, revoked: float = 0
) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "host": host,
        "serial": serial,
        "not_after": time.strftime(_UNTIL, time.gmtime(not_after)),
        "revoked": bool(revoked),
    }


for _verb in (list_, renew, revoke, issue, accept, rotate):
    certificates.add_command(_verb)
