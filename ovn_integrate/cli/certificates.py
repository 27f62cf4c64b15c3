"""``certificates list|renew|revoke``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import NotConfigured
from ovn_integrate.host import central, secure, settings
from ovn_integrate.pki import x509
from ovn_integrate.pki.authority import Authority

_UNTIL = "%Y-%m-%d %H:%M:%SZ"


@group()
def certificates() -> None:
    """The certificates of this host and, on the central one, of all that it signed."""


@verb(name="list")
def list_(app: App, form: str) -> None:
    """List those of this host; on a central one, its servers' and what hosts were given.

    Of the latter those that have ended are not shown. A serial number is in hexadecimal.
    """
    authority = Authority(paths.pki())
    if authority.made:
        found = _of_files(authority.server) + [
            _row(one.name, one.role, one.host, one.serial, one.not_after, one.revoked)
            for one in membership.register(authority, app.timeout).issued()
        ]
    else:
        found = _of_files(membership.certificate(), membership.authority())
    columns = {"NAME": "name", "ROLE": "role", "HOST": "host", "SERIAL": "serial"}
    output.rows(found, {**columns, "NOT AFTER": "not_after", "REVOKED": "revoked"}, form)


@verb(audited=lambda _: [])
@click.option("--if-due", is_flag=True, help="Only what has less than a third of its time left.")
def renew(app: App, if_due: bool, form: str) -> None:
    """Have a new key and certificate in the place of each that this host has.

    A host asks the IPAM server, with the one that is still good. Connections go on, and nothing has
    to be started again: Open vSwitch, OVN and this program's servers read the files anew.
    """
    authority = Authority(paths.pki())
    done = []
    if authority.made and secure.make([], anew=not if_due):
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
def revoke(app: App, name: str, form: str) -> None:
    """Take back what was signed for a host, by its name or its chassis', and delete the chassis.

    To be done on a central host. The IPAM servers refuse it at once, and renew it no more. Open
    vSwitch knows no list of revoked certificates: for Southbound the certificate is good until it
    ends, so keep that host away from port 6642 until then.
    """
    authority = Authority(paths.pki()).require()
    taken = membership.register(authority, app.timeout).revoke(name)
    app.changed += [one.serial for one in taken]
    gone = [one for one in {one.name for one in taken} if central.delete_chassis(one, app.timeout)]
    output.outcome(
        bool(taken),
        f"{name}: {len(taken)} certificates revoked",
        f"{name}: nothing that was good",
        form,
        serials=[one.serial for one in taken],
        chassis=sorted(gone),
    )
    if taken:
        end = time.strftime(_UNTIL, time.gmtime(max(one.not_after for one in taken)))
        words = "still takes this certificate; keep the host away from port"
        output.warn(f"Southbound {words} {paths.SB_PORT} until {end}")


def _of_files(*files: Path) -> list[dict[str, Any]]:
    rows = []
    for one in (x509.read(file) for file in files if file.exists()):
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


for _verb in (list_, renew, revoke):
    certificates.add_command(_verb)
