"""The authority of a central host: what it signs, for whom, and what it takes back."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ovn_integrate.errors import Conflict, NotConfigured, NotFound
from ovn_integrate.pki import files, x509

LIFE = datetime.timedelta(days=90)
"""Of the certificate of a server or a chassis. Open vSwitch knows no revocation, so that one which
was revoked is good for Southbound until it ends: short, as it is renewed by itself."""

_CENTRAL, _HOSTS = "central", "hosts"


@dataclass(frozen=True)
class Issued:
    """A certificate that was issued.

    :ivar name: its common name: a chassis' system-id, or that of a server.
    :ivar host: the host name that the join token was for.
    :ivar not_after: seconds since the epoch.
    :ivar revoked: when it was, in seconds since the epoch; 0 when it is not.
    """

    name: str
    role: str
    host: str
    serial: str
    not_after: float
    revoked: float = 0.0

    @property
    def valid(self) -> bool:
        return not self.revoked and self.not_after > time.time()


class Authority:
    """Keeps all that it knows in a folder; any number of processes may use one at a time.

    :param folder: :func:`ovn_integrate.paths.pki` of the central host.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "authority"
        self.certificate = self.folder / f"{_CENTRAL}.pem"
        """What hosts trust servers by, and Northbound its clients."""
        self.clients = self.folder / "clients.pem"
        """What Southbound and the IPAM server trust their clients by."""
        self.revocations = self.folder / "revoked"
        self.server = folder / "server.pem"
        """Key and certificate of the servers of this host."""
        self._issued = self.folder / "issued"

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

    def serve(self, host: str, addresses: Sequence[str], *, anew: bool = False) -> bool:
        """Have a server's key and certificate, for the addresses that it had and for these.

        :param anew: also where it has them, and is not due.
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
            signed = self._sign(key, host, x509.CENTRAL, host, wanted)
            files.write(self.server, key + signed)
            return True

    def sign_chassis(self, request: bytes, host: str) -> bytes:
        """A certificate for the chassis that a signing request names.

        Whoever calls holds the folder's lock.

        :param host: the host that may be that chassis.
        :raises Conflict: another host is that chassis.
        """
        name, _ = x509.requested(request)
        for one in self.issued():
            if one.role == x509.CHASSIS and one.name == name and one.valid and one.host != host:
                hint = f"two hosts with one system-id? or: certificates revoke {one.host}"
                raise Conflict(f"chassis {name}", f"is host {one.host}, not {host}", hint)
        return self._sign(request, name, x509.CHASSIS, host)

    def enrol(self, request: bytes, host: str) -> bytes:
        """A certificate for a chassis on the central host itself, which needs no token.

        :raises Conflict: another host is that chassis.
        """
        with files.locked(self.folder):
            return self.sign_chassis(request, host)

    def renew_chassis(self, request: bytes, serial: str) -> bytes:
        """A new certificate for who has the one of a serial number.

        :raises Conflict: that one is revoked, unknown, or of another chassis.
        """
        name, _ = x509.requested(request)
        with files.locked(self.folder):
            old = next((one for one in self.issued() if one.serial == serial), None)
            if old is None or not old.valid or old.name != name:
                hint = "ovn-integrate central token HOST, there"
                raise Conflict(f"chassis {name}", f"may not renew certificate {serial}", hint)
            return self._sign(request, name, x509.CHASSIS, old.host)

    def issued(self) -> list[Issued]:
        """What was issued and has not ended, the oldest first."""
        found = []
        for one in self._issued.glob("*.json"):
            with suppress(FileNotFoundError):  # it ended, and another process has forgotten it
                found.append(Issued(**json.loads(one.read_text())))
        return sorted(found, key=lambda one: one.not_after)

    def revoke(self, name: str) -> list[Issued]:
        """Take back all certificates of a chassis or of a host; what of them was good.

        :raises NotFound: it never had one.
        """
        with files.locked(self.folder):
            found = [
                one
                for one in self.issued()
                if one.role == x509.CHASSIS and name in (one.name, one.host)
            ]
            if not found:
                hint = "ovn-integrate certificates list"
                raise NotFound(f"certificate of {name}", "does not exist", hint)
            good = [one for one in found if one.valid]
            for one in good:
                self._record(replace(one, revoked=time.time()))
            serials = sorted(one.serial for one in self.issued() if one.revoked)
            files.write(self.revocations, "".join(f"{one}\n" for one in serials).encode())
            return good

    def require(self) -> Authority:
        """:raises NotConfigured: this host has none."""
        if not self.made:
            hint = "ovn-integrate central start --tls"
            raise NotConfigured(str(self.folder), "has no certification authority", hint)
        return self

    def _sign(
        self, what: bytes, name: str, role: str, host: str, addresses: Sequence[str] = ()
    ) -> bytes:
        kind = _CENTRAL if role == x509.CENTRAL else _HOSTS
        issuer = tuple((self.folder / f"{kind}.{end}").read_bytes() for end in ("key", "pem"))
        signed = x509.sign(what, name, role, (issuer[0], issuer[1]), LIFE, addresses)
        said = x509.parse(signed)
        self._forget_ended()
        # Written down before anybody has it, so that it can be revoked.
        self._record(Issued(name, role, host, said.serial, said.not_after))
        return signed

    def _record(self, one: Issued) -> None:
        files.write(self._issued / f"{one.serial}.json", json.dumps(asdict(one)).encode())

    def _forget_ended(self) -> None:
        for one in self.issued():
            if one.not_after < time.time():
                (self._issued / f"{one.serial}.json").unlink(missing_ok=True)


def due(one: x509.Certificate) -> bool:
    """Whether a certificate shall be renewed: two thirds of its time are over."""
    return time.time() > one.not_after - (one.not_after - one.not_before) / 3
