"""Checks of the certificates: those that this host shows, and on a central one its servers'."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn_integrate import paths
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, failed, fine, warning
from ovn_integrate.errors import Error, NotConfigured
from ovn_integrate.ovsdb import split_remotes

if TYPE_CHECKING:
    from ovn_integrate.pki import x509

_SOON = 14  # days
_AUTHORITIES = ("central.pem", "hosts.pem")
_DAY = 86400.0
_RENEW = "ovn-integrate certificates renew"


def describe(facts: Facts) -> list[dict[str, Any]]:
    """Each certificate that is used here, with the days that it is good for; below 0 it is not."""
    found = []
    for file in _files(facts):
        try:
            days = _days_left(file)
            state = f"good for {days:.0f} days" if days >= 0 else f"expired {-days:.0f} days ago"
        except NotConfigured as error:
            days, state = -1.0, error.what
        found.append({"file": file, "days": round(days, 1), "state": state})
    return found


def _certificates(facts: Facts) -> Verdict:
    files = _files(facts)
    if files:
        return _expiry(files)
    secured = [one for one in split_remotes(facts.settings.remote or "") if one.startswith("ssl:")]
    if secured:
        join = "ovn-integrate join TOKEN"
        return failed(f"{secured[0]} needs a certificate, and none is set", join)
    return fine("no certificate is in use")


def _files(facts: Facts) -> list[str]:
    """What this host shows and trusts, and on a central one what its servers do."""
    folder = paths.pki()
    central = [folder / "server.pem", *(folder / "authority" / name for name in _AUTHORITIES)]
    served = [str(one) for one in central if one.exists()]
    try:
        mine = facts.settings.credentials
    except Error:
        # A central host need not be a chassis.
        if not served:
            raise
        return served
    return served if mine is None else [mine.certificate, mine.ca_cert, *served]


def _expiry(files: Iterable[str]) -> Verdict:
    left = {}
    for file in files:
        try:
            left[file] = _days_left(file)
        except NotConfigured as error:
            return failed(f"{error.subject}: {error.what}", "ovn-integrate join TOKEN")
    file, days = min(left.items(), key=lambda pair: pair[1])
    if days < 0:
        # Nobody takes it any more, so that it cannot renew itself.
        return failed(f"{file} expired {-days:.0f} days ago", "ovn-integrate join TOKEN")
    if days < _SOON:
        return warning(f"{file} expires in {days:.0f} days", _RENEW)
    return fine(f"certificates are good for {days:.0f} days")


def _days_left(file: str) -> float:
    """Until the first of those in a file ends.

    :raises NotConfigured: there is no certificate in that file."""
    # cryptography takes 0.1 s to import, which most hosts need not pay.
    from ovn_integrate.pki import x509

    path = Path(file)
    # Others may be of an administrator's own making, with text and several certificates in them.
    ours = path.is_relative_to(paths.pki())
    found = _of_ours(path) if ours else x509.look(path)
    return (min(each.not_after for each in found) - time.time()) / _DAY


def _of_ours(path: Path) -> Sequence[x509.Certificate]:
    from ovn_integrate.enrol import host
    from ovn_integrate.pki import x509

    if path == host.authority():
        trusted = host.authorities()
        if not trusted:
            raise NotConfigured(str(path), "has something else than the authority in it")
        return trusted
    # Of two authorities, while one takes the other's place.
    several = path.parent.name == "authority"
    return x509.read_all(path) if several else [x509.read(path)]


CHECKS = (Check("certificates", "on the day that they end this host is cut off", _certificates),)
