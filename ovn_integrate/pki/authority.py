"""The authority of the central hosts: its keys, and the certificate of this one's servers."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ovn_integrate.errors import NotConfigured
from ovn_integrate.pki import files, x509

LIFE = datetime.timedelta(days=90)
"""Of the certificate of a server or a chassis. Open vSwitch knows no revocation, so that one which
was revoked is good for Southbound until it ends: short, as it is renewed by itself."""

_CENTRAL, _HOSTS = "central", "hosts"


class Authority:
    """Has its files in a folder; any number of processes may use one at a time.

    :param folder: :func:`ovn_integrate.paths.pki` of the central host.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "authority"
        self.certificate = self.folder / f"{_CENTRAL}.pem"
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
            for kind in (_CENTRAL, _HOSTS):
                # One that was made before a kill signed nothing, and is made anew.
                key, certificate = x509.new_authority(f"{kind} CA of {host}"[:64])
                files.write(self.folder / f"{kind}.key", key)
                files.write(self.folder / f"{kind}.pem", certificate, files.PUBLIC)
            both = [self.folder / f"{kind}.pem" for kind in (_CENTRAL, _HOSTS)]
            content = b"".join(one.read_bytes() for one in both)
            files.write(self.clients, content, files.PUBLIC)
            return True

    def fingerprint(self) -> str:
        """The SHA-256 of the certificate by which hosts trust the servers."""
        return x509.read(self.certificate).fingerprint

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
        kind = _CENTRAL if role == x509.CENTRAL else _HOSTS
        issuer = tuple((self.folder / f"{kind}.{end}").read_bytes() for end in ("key", "pem"))
        return x509.sign(request, name, role, (issuer[0], issuer[1]), LIFE, addresses)


def due(one: x509.Certificate) -> bool:
    """Whether a certificate shall be renewed: two thirds of its time are over."""
    return time.time() > one.not_after - (one.not_after - one.not_before) / 3
