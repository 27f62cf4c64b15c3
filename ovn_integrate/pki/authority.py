"""The authority of the central hosts: its keys, and the certificate of this one's servers."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ovn_integrate.errors import NotConfigured
from ovn_integrate.pki import files, x509

LIFE = datetime.timedelta(days=90)
"""Of the certificate of a server or a chassis. Open vSwitch knows no revocation, so that one which
was revoked is good for Southbound until it ends: short, as it is renewed by itself."""

CENTRAL, HOSTS = "central", "hosts"
"""The kinds of authorities: of servers, and of chassis and operators."""

_ENOUGH = 16  # hexadecimal digits of a fingerprint


class Authority:
    """Has its files in a folder; any number of processes may use one at a time.

    :param folder: :func:`ovn_integrate.paths.pki` of the central host.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "authority"
        self.certificate = self.folder / f"{CENTRAL}.pem"
        """What hosts trust servers by, and Northbound its clients."""
        self.clients = self.folder / "clients.pem"
        """What Southbound and the IPAM server trust their clients by."""
        self.server = folder / "server.pem"
        """Key and certificate of the servers of this host."""

    @property
    def made(self) -> bool:
        return self.clients.exists()

    def make(self, host: str) -> bool:
        """Have the two certification authorities; whether they had to be made.

        :param host: of this host, for people who read certificates.
        """
        with files.locked(self.folder):
            if self.made:
                return False
            for kind in (CENTRAL, HOSTS):
                # One that was made before a kill signed nothing, and is made anew.
                key, certificate = x509.new_authority(f"{kind} CA of {host}"[:64])
                files.write(self.folder / f"{kind}.key", key)
                files.write(self.folder / f"{kind}.pem", certificate, files.PUBLIC)
            self.combine()
            return True

    def combine(self) -> None:
        """Have all authorities in the file that clients are let in by."""
        both = [self.folder / f"{kind}.pem" for kind in (CENTRAL, HOSTS)]
        content = b"".join(each.read_bytes() for each in both)
        files.write(self.clients, content, files.PUBLIC)

    def fingerprint(self) -> str:
        """The SHA-256 of the certificate by which hosts trust the servers of this host."""
        return self.shown().fingerprint

    def shown(self) -> x509.Certificate:
        """The authority that signed for the servers of this host: while there are two of them, the
        one that these servers prove."""
        every = x509.read_all(self.certificate)
        if self.server.exists():
            own = x509.read(self.server)
            every = tuple(each for each in every if x509.signed_by(own, each)) or every
        return every[0]

    @property
    def rotates(self) -> bool:
        """Whether there are old ones and new ones of its authorities."""
        return len(x509.read_all(self.folder / f"{HOSTS}.pem")) > 1

    def signer(self, kind: str) -> x509.Certificate:
        """The certificate of the authority of a kind that signs now."""
        return x509.read_all(self.folder / f"{kind}.pem")[0]

    def issuer(self, certificate: x509.Certificate) -> str:
        """The SHA-256 of the key by which a certificate was signed; empty where it is none of
        these authorities'."""
        every = [
            each for kind in (CENTRAL, HOSTS) for each in x509.read_all(self.folder / f"{kind}.pem")
        ]
        return next((each.key for each in every if x509.signed_by(certificate, each)), "")

    def trusts(self) -> str:
        """By which authorities servers are trusted here, as the ledger has it."""
        return trusts(x509.read_all(self.certificate))

    def serve(
        self,
        host: str,
        addresses: Sequence[str],
        *,
        anew: bool = False,
        enter: Callable[[x509.Certificate], object] | None = None,
    ) -> bool:
        """Have a server's key and certificate, for the addresses that it had and for these.

        :param anew: also where it has them, and is not due.
        :param enter: writes a new one down where servers look it up, before it is used.
        :returns: whether it had to be made.
        """
        with files.locked(self.folder):
            had: tuple[str, ...] = ()
            if self.server.exists():
                now = x509.read(self.server)
                had = now.addresses
                if not anew and set(addresses) <= set(had) and not due(now):
                    return False
            wanted = list(dict.fromkeys([*had, *addresses]))
            key = x509.new_key()
            signed = self.sign(key, host, x509.CENTRAL, wanted)
            if enter is not None:
                enter(x509.parse(signed))
            files.write(self.server, key + signed, files.SHARED)
            return True

    def require(self) -> Authority:
        """:raises NotConfigured: this host has none."""
        if not self.made:
            hint = "ovn-integrate central start --tls"
            raise NotConfigured(str(self.folder), "has no certification authority", hint)
        return self

    def sign(self, request: bytes, name: str, role: str, addresses: Sequence[str] = ()) -> bytes:
        """A certificate for a signing request, or for a key.

        :param addresses: of a server, also names.
        """
        kind = CENTRAL if role == x509.CENTRAL else HOSTS
        key = (self.folder / f"{kind}.key").read_bytes()
        every = x509.read_all(self.folder / f"{kind}.pem")
        # While one takes the other's place, and is killed, the first need not be the key's.
        issuer = next((each for each in every if x509.of_key(each, key)), every[0])
        return x509.sign(request, name, role, (key, issuer.pem), LIFE, addresses)


def trusts(authorities: Iterable[x509.Certificate]) -> str:
    """The beginnings of authorities' fingerprints, in one word."""
    return ",".join(sorted(each.fingerprint[:_ENOUGH] for each in authorities))


def due(one: x509.Certificate) -> bool:
    """Whether a certificate shall be renewed: two thirds of its time are over."""
    return time.time() > one.not_after - (one.not_after - one.not_before) / 3
