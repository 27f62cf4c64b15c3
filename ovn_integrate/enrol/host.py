"""This host's own certificate: come by it, have it used, renew it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ovn_integrate import paths
from ovn_integrate.enrol import client, known
from ovn_integrate.errors import (
    DatabaseUnavailable,
    Invalid,
    NotConfigured,
    NotPermitted,
    ServiceFailed,
)
from ovn_integrate.host import credentials, settings
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.host.secure import host_name
from ovn_integrate.ovsdb import HOST, Session
from ovn_integrate.pki import files, rotation, x509
from ovn_integrate.pki import ledger as ledgers
from ovn_integrate.pki import register as registers
from ovn_integrate.pki.authority import HOSTS, Authority, due
from ovn_integrate.pki.authority import trusts as trusted_as
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Register
from ovn_integrate.pki.tokens import Token

log = logging.getLogger(__name__)


def certificate() -> Path:
    """The file with this host's key and certificate."""
    return paths.pki() / "host.pem"


def authority() -> Path:
    """The certificate by which this host trusts the central ones."""
    return paths.pki() / "ca.pem"


def register(central: Authority, timeout: float) -> Register:
    """What a central host signs and has signed; this host is one.

    :param timeout: seconds for the answer of each database.
    """
    ledger = Ledger(paths.nb_remote(), timeout)
    return Register(central, ledger, lambda name: known.places(name, timeout))


def enter(certificate: x509.Certificate, timeout: float, *, chosen: bool = False) -> bool:
    """Write a certificate down that was not signed by the register, so that it is let in; whether
    it was not yet.

    :param chosen: whether an operator says so; else it is that of this host's servers.
    """
    ledger = Ledger(paths.nb_remote(), timeout)
    if chosen:
        host = certificate.name if certificate.role == x509.CENTRAL else ""
        return registers.enter(ledger, certificate, host, chosen=True, issuer=rotation.FOREIGN)
    central = Authority(paths.pki())
    issuer, trusts = central.issuer(certificate), central.trusts()
    return registers.enter(
        ledger, certificate, host_name(), chosen=False, issuer=issuer, trusts=trusts
    )


def own() -> Credentials:
    """What ovn-controller and this program show of this host."""
    return Credentials(str(certificate()), str(certificate()), str(authority()))


def has_joined(fingerprint: str | None = None) -> bool:
    """Whether this host has a certificate.

    :param fingerprint: of the authority that it is to be of; None for any.
    """
    if not (certificate().exists() and authority().exists()):
        return False
    return fingerprint is None or fingerprint in _trusted()


def is_member(
    session: Session, fingerprint: str | None = None, token: Token | None = None, timeout: float = 5
) -> bool:
    """Whether this host has a certificate of its name that has not ended, and shows it.

    :param token: with which it could have another one: whoever brings one wants a certificate that
        is let in, so that the central hosts are asked about the one that is there.
    """
    now = settings.read(session)
    if now.credentials != own():
        return False
    return _has(now.system_id, fingerprint, token, timeout)


def join(session: Session, token: Token | None, fingerprint: str | None, timeout: float) -> None:
    """Come by a certificate, if there is none yet, and have it used.

    Killed half way and called again, it goes on with the same key.

    :param token: None where there must be a certificate, or this is a central host itself.
    :param fingerprint: of the authority that it is to be of; None for any.
    :raises NotPermitted: the token is for another host, or is not taken.
    :raises NotConfigured: there is none, and no token.
    """
    now = settings.read(session)
    settings.require(now, settings.SYSTEM_ID)
    chassis = now.system_id or ""
    with files.locked(paths.pki()):
        if not _has(chassis, fingerprint, token, timeout):
            _come_by(chassis, token, timeout)
    credentials.write(session, settings.ROOT, own())


def leave(session: Session) -> bool:
    """Show the certificate no more; it stays, for another ``up``."""
    return credentials.write(session, settings.ROOT, None)


def renew(addresses: Sequence[str], timeout: float, *, if_due: bool = False) -> bool:
    """Have a new key and certificate in the place of this host's; whether that was done.

    Whoever uses the file sees either the old pair or the new one, and connections go on. What the
    central hosts want to be trusted by is taken over before.

    :param addresses: of the IPAM servers.
    :param if_due: only when two thirds of its time are over, or it is by an older authority.
    :raises NotConfigured: this host has none.
    """
    with files.locked(paths.pki()):
        now = x509.read(certificate())
        central = Authority(paths.pki())
        ours = central.made and _is_of(central)
        wanted = _follow_if_there(central if ours else None, addresses, timeout)
        if if_due and not wanted and not due(now):
            return False
        key = x509.new_key()
        request = x509.request(key, now.name)
        if ours:
            signed = register(central, timeout).renew(request, now.serial)
        else:
            signed = client.renew(addresses, own(), request, timeout)
        _keep(key, now.name, signed)
        # It is used now, which ends the one of before.
        _follow_if_there(central if ours else None, addresses, timeout)
        return True


def keep_fresh(remote: str, timeout: float) -> bool:
    """Renew this host's certificate if it has one that is due, and follow the authorities; whether
    it was renewed.

    :param remote: of the host's database.
    """
    if not has_joined():
        return False
    with Session.open(remote, HOST, settings.TABLES, timeout=timeout) as session:
        urls = settings.read(session).ipam_urls
    return renew(urls, timeout, if_due=True)


def _follow_if_there(central: Authority | None, addresses: Sequence[str], timeout: float) -> bool:
    """As :func:`_follow`; while the central hosts are away all stays as it is."""
    try:
        return _follow(central, addresses, timeout)
    except (ServiceFailed, DatabaseUnavailable) as error:
        log.info("the authorities were not asked after: %s", error)
        return False


def _follow(central: Authority | None, addresses: Sequence[str], timeout: float) -> bool:
    """Trust servers by the authorities that the central hosts have now, and say so; whether this
    host's certificate is by an older one.

    :param central: the authority on this host; None for that of others.
    """
    own_serial = x509.read(certificate()).serial
    if central is not None:
        answer = rotation.offered(central)
        wanted = (
            central.rotates
            and central.issuer(x509.read(certificate())) != central.signer(HOSTS).key
        )
    elif not addresses:
        return False
    else:
        asked = client.authorities(addresses, own(), timeout)
        if asked is None:
            return False
        answer, wanted = asked
    after = _trust(answer)
    trusts = trusted_as(after)
    if central is not None:
        confirm = partial(ledgers.confirm, serial=own_serial, trusts=trusts)
        Ledger(paths.nb_remote(), timeout).change(confirm, "this host's certificate is used")
    else:
        client.trust(addresses, own(), trusts, timeout)
    return wanted


def _trust(answer: bytes) -> tuple[x509.Certificate, ...]:
    """Trust what central hosts want to be trusted by, as far as what is trusted vouches for it; by
    whom this host trusts them then.

    One of several that has not come as far, or says anything else, changes nothing.
    """
    before = authorities()
    try:
        offered = x509.parse_all(answer)
        after = x509.vouched(offered, before)
    except Invalid as error:
        log.warning("%s: stays as it is: %s", authority(), error)
        return before
    if set(after) < set(before) and _steps_back(after, before):
        return before
    if set(after) != set(before):
        keys = {each.key for each in after}
        others = [each for each in offered if each not in after and each.is_authority]
        vouchers = [each.pem for each in others if each.key in keys]
        files.write(_vouchers(), b"".join(vouchers), files.PUBLIC)
        files.write(authority(), b"".join(each.pem for each in after), files.PUBLIC)
    if len(after) == 1:
        _vouchers().unlink(missing_ok=True)
    return after


def _steps_back(after: tuple[x509.Certificate, ...], before: tuple[x509.Certificate, ...]) -> bool:
    """Whether what would be dropped is newer than what would be left, which vouches for it."""
    with suppress(Invalid, NotConfigured):
        return bool(x509.vouched([*before, *x509.read_all(_vouchers())], after))
    return False


def _come_by(chassis: str, token: Token | None, timeout: float) -> None:
    central = Authority(paths.pki())
    if token is None and not central.made:
        hint = "ovn-integrate join TOKEN; ovn-integrate central token HOST makes one"
        raise NotConfigured(str(certificate()), f"is not there for chassis {chassis}", hint)
    key = _pending_key()
    request = x509.request(key, chassis)
    if token is None:
        signed = register(central, timeout).enrol(request, host_name())
        trusted = central.shown().pem
    else:
        _refuse_foreign(token)
        signed, trusted = client.join(token, request, timeout)
    # In this order: a kill in between leaves a host that has not joined that authority yet.
    _keep(key, chassis, signed)
    files.write(authority(), trusted, files.PUBLIC)
    _pending().unlink()


def _keep(key: bytes, name: str, answer: bytes) -> None:
    """Put a key and its certificate in the place of this host's.

    Who signed it cannot be told here: the authority of hosts is not that of the servers, and is
    trusted by servers alone. It gives no trust either; one that is not good is refused by them.

    :raises Invalid: it is not for that key, this chassis and now.
    """
    signed = x509.parse(answer)
    hint = "is that the central host?"
    if not x509.of_key(signed, key):
        raise Invalid("certificate", "is for another key", hint)
    if (signed.name, signed.role, signed.signs) != (name, x509.CHASSIS, False):
        raise Invalid("certificate", f"is not that of chassis {name}", hint)
    if signed.ended or not signed.begun:
        raise Invalid("certificate", "is not good at this time", "compare the clocks of both hosts")
    files.write(certificate(), key + signed.pem)


def _refuse_foreign(token: Token) -> None:
    here = host_name()
    if token.host not in (here, here.partition(".")[0]):
        hint = f"ovn-integrate central token {here}, on the central host"
        raise NotPermitted("join token", f"is for host {token.host}, and this is {here}", hint)


def _pending() -> Path:
    return paths.pki() / "joining.key"


def _pending_key() -> bytes:
    """The key of a join that was not finished, whose answer may have been lost, or a new one."""
    if not _pending().exists():
        files.write(_pending(), x509.new_key())
    return _pending().read_bytes()


def _has(chassis: str | None, fingerprint: str | None, token: Token | None, timeout: float) -> bool:
    if not (has_joined(fingerprint) and _trusted() and _is_good(chassis)):
        return False
    return token is None or client.accepted(token.addresses, own(), timeout)


def _is_good(chassis: str | None) -> bool:
    try:
        now = x509.read(certificate())
    except NotConfigured:
        return False
    return now.name == chassis and not now.ended


def _is_of(central: Authority) -> bool:
    return central.fingerprint() in _trusted()


def _trusted() -> set[str]:
    """The fingerprints of the authorities that this host trusts."""
    return {each.fingerprint for each in authorities()}


def authorities() -> tuple[x509.Certificate, ...]:
    """The authority that this host trusts; while another one takes its place both, of which one
    vouches for the other. None where the file has anything else: it would be trusted as well."""
    try:
        every = x509.read_all(authority())
        vouchers = x509.read_all(_vouchers()) if _vouchers().exists() else ()
    except NotConfigured:
        return ()
    if len(every) == 1:
        return every
    for each in every:
        with suppress(Invalid):
            return x509.vouched([*every, *vouchers], [each])
    return ()


def _vouchers() -> Path:
    return paths.pki() / "vouchers.pem"
