"""Certificates for tests, made by openssl(1)."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from ovn_integrate.pki import ledger, x509
from ovn_integrate.web import Files

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A CA in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate, self._key = folder / "ca.pem", folder / "ca-key.pem"
        _openssl(
            *("req", "-x509", *_CURVE, "-days", "2", "-subj", "/O=ovn-integrate/CN=ca"),
            *("-addext", "keyUsage=critical,keyCertSign"),  # which Python 3.13 insists on
            *("-keyout", self._key, "-out", self.certificate),
        )

    def issue(self, name: str, unit: str = "chassis", serial: int = 1, days: int = 1) -> Files:
        """A certificate for 127.0.0.1 and for its holder as a client."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        request, more = self._folder / f"{name}.csr", self._folder / "extensions"
        subject = f"/O=ovn-integrate/OU={unit}/CN={name}"
        _openssl("req", "-new", *_CURVE, "-subj", subject, "-keyout", key, "-out", request)
        more.write_text(
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
            "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        _openssl(
            *("x509", "-req", "-in", request, "-out", certificate, "-days", days),
            *("-CA", self.certificate, "-CAkey", self._key, "-set_serial", serial),
            *("-extfile", more),
        )
        return Files(certificate, key, self.certificate)


def enter(remote: str, files: Files) -> None:
    """Have the ledger of a Northbound say that a certificate is good."""
    ledger.Ledger(remote).change(partial(_write, x509.read(files.certificate)), "enter")


def _write(certificate: x509.Certificate, entries: ledger.Entries) -> None:
    name, role, serial = certificate.name, certificate.role, certificate.serial
    issued = ledger.Issued(name, role, "", serial, certificate.not_after)
    entries[issued.key] = issued.entry()


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
