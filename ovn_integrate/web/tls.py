"""TLS with the certificates of clients, from files that may be replaced while it is served.

A client without a certificate is let in as nobody: what nobody may do is for the application to
say. There is no resumption, so that each connection proves again that its client has the key.
"""

from __future__ import annotations

import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from ovn_integrate import account
from ovn_integrate.errors import Invalid, NotPermitted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """PEM files.

    :param certificate: the server's, with those between it and the CA's if there are any.
    :param ca: of who signs clients' certificates.
    """

    certificate: Path
    private_key: Path
    ca: Path

    def all(self) -> tuple[Path, ...]:
        return self.certificate, self.private_key, self.ca


class Tls:
    """A context for each new connection, made anew when a file was replaced.

    :raises Invalid: the files are none, or do not belong together.
    :raises NotPermitted: they may not be read.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._seen = _look(files)
        self._context = load(files)

    def context(self) -> ssl.SSLContext:
        """Files that do not fit together, as half a replacement does not, change nothing yet."""
        seen = _look(self._files)
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = load(self._files)
                log.info("read anew: %s", self._files.certificate)
            except (Invalid, NotPermitted) as error:
                log.warning("the certificate of before goes on: %s", error)
        return self._context


def load(files: Files) -> ssl.SSLContext:
    """:raises Invalid: the files are none, or do not belong together.
    :raises NotPermitted: they may not be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_OPTIONAL
    for path in files.all():
        _refuse_unreadable(path)
    try:
        # Without this one an encrypted key would be asked for on the terminal.
        context.load_cert_chain(files.certificate, files.private_key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        what = f"is no certificate with the key of {files.private_key} ({_reason(error)})"
        raise Invalid(str(files.certificate), what) from None
    try:
        context.load_verify_locations(files.ca)
    except ssl.SSLError as error:
        raise Invalid(str(files.ca), f"is no certificate ({_reason(error)})") from None
    return context


def _refuse_unreadable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except PermissionError:
        name = account.name_of(os.geteuid())
        hint = f"chgrp {name} {path}; chmod g+r {path}"
        raise NotPermitted(str(path), f"may not be read by user {name}", hint) from None
    except OSError as error:
        raise Invalid(str(path), f"cannot be read: {error.strerror}") from None


def _look(files: Files) -> list[tuple[int, int, int] | None]:
    return [_place(path) for path in files.all()]


def _place(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
