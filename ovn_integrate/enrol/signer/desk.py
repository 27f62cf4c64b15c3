"""What the signer does, and what it looks up before."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from pathlib import Path

from ovn_integrate.audit import Audit, Event
from ovn_integrate.enrol import known
from ovn_integrate.enrol.fresh import Entered, Fresh
from ovn_integrate.errors import Error, NotConfigured, NotPermitted
from ovn_integrate.host import secure
from ovn_integrate.ovsdb import TIMEOUT, split_remotes
from ovn_integrate.pki import proof as proofs
from ovn_integrate.pki import register as registers
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Place, Register

_UNIX = "unix:"
_LOOKED = 60.0  # seconds: Northbound may have been put back to an older state meanwhile


class Desk:
    """Any thread may ask it.

    :param folder: :func:`ovn_integrate.paths.pki`; there may be no authority in it.
    :param northbound: tells where Northbound is, where what is signed is written down.
    :param audit: where what was signed, and what was not, is written down too.
    """

    def __init__(
        self, folder: Path, northbound: Callable[[], str], audit: Audit | None = None
    ) -> None:
        self._authority = Authority(folder)
        self._northbound = northbound
        self._audit = audit
        self._entered = "", 0.0

    def start(self) -> None:
        """From now on enter the certificate of this host's servers in the ledger, without which
        they are let in nowhere, and renew it whenever it is due."""
        Entered(self._keep_entered).start()
        Fresh(self._keep_fresh).start()

    def redeem(self, secret: str, host: str, request: str, held: str, address: str) -> bytes:
        """A certificate for a join token.

        :param held: what there is of the chassis that it asks to be, beside what is looked up here:
            by the word of who passes it on; empty for nothing.
        :param address: of who asks, by the word of who passes it on.
        :raises Error: what :func:`tokens.redeem` raises.
        """

        def sign() -> bytes:
            return tokens.redeem(self._register(held), secret, host, request.encode())

        return self._written_down("redeem", "", address, host, sign)

    def renew(self, request: str, certificate: str, proof: str, address: str) -> bytes:
        """A new certificate for who has the key of an old one.

        :param proof: see :mod:`ovn_integrate.pki.proof`.
        :raises Error: it is not proven, or what :meth:`Register.renew` raises.
        """
        old = x509.parse(certificate.encode())

        def sign() -> bytes:
            self._refuse_unproven(request.encode(), old, proof)
            return self._register().renew(request.encode(), old.serial)

        return self._written_down("renew", old.name, address, old.serial, sign)

    def connect(self) -> socket.socket:
        """A connection to Northbound on this host.

        :raises OSError: as of connect(2).
        """
        local = [one for one in split_remotes(self._northbound()) if one.startswith(_UNIX)]
        if not local:
            raise OSError(errno.EADDRNOTAVAIL, "Northbound has no Unix socket here")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            made.setblocking(False)
            made.connect(local[0].removeprefix(_UNIX))
        except OSError:
            made.close()
            raise
        return made

    def _refuse_unproven(self, request: bytes, old: x509.Certificate, proof: str) -> None:
        subject = f"chassis {old.name}"
        trusted = x509.read_all(self._authority.require().clients)
        if old.role != x509.CHASSIS or not any(x509.signed_by(old, one) for one in trusted):
            raise NotPermitted(subject, "shows a certificate of another authority")
        if old.ended:
            raise NotPermitted(subject, "shows a certificate that has ended")
        if not proofs.proves(proof, old, request):
            raise NotPermitted(subject, "does not prove to have the key of its certificate")

    def _register(self, held: str = "") -> Register:
        def places(name: str) -> list[Place]:
            return [*([Place(held)] if held else []), *known.places(name, TIMEOUT)]

        if not self._authority.made:
            raise NotConfigured("certification authority", "is not on this host")
        return Register(self._authority, self._ledger(), places)

    def _ledger(self) -> Ledger:
        remote = self._northbound()
        if "ssl:" in remote:
            secure.present()
        return Ledger(remote)

    def _keep_fresh(self) -> bool:
        host = secure.host_name()
        return self._authority.made and self._authority.serve(host, [], enter=self._enter)

    def _keep_entered(self) -> None:
        if not (self._authority.made and self._authority.server.exists()):
            return
        own, now = x509.read(self._authority.server), time.monotonic()
        known_as, until = self._entered
        entry = own.serial + self._authority.trusts()
        if entry != known_as or now >= until:
            self._enter(own)
            self._entered = entry, now + _LOOKED

    def _enter(self, certificate: x509.Certificate) -> bool:
        return registers.enter(
            self._ledger(),
            certificate,
            secure.host_name(),
            chosen=False,
            issuer=self._authority.issuer(certificate),
            trusts=self._authority.trusts(),
        )

    def _written_down(
        self, verb: str, name: str, address: str, id: str, sign: Callable[[], bytes]
    ) -> bytes:
        ids, why, status = [id], "", 200
        try:
            signed = sign()
            made = x509.parse(signed)
            ids += [made.name, made.serial]
            return signed
        except Error as error:
            why, status = f"{type(error).__name__}: {error}", error.status
            raise
        finally:
            if self._audit is not None:
                role = x509.CHASSIS if name else ""
                self._audit.write(Event("signer", name, role, address, verb, "", ids, why, status))
