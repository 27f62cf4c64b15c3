"""Whether a certificate that a client shows is good, by what the ledger says of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ovn_integrate.pki.ledger import Issued

ORGANIZATION = "ovn-integrate"
ROLES = ("chassis", "central", "operator")


def refusal(certificate: Mapping[str, Any], issued: Issued | None) -> str:
    """Why it is not; empty when it is.

    :param certificate: as of ``ssl.SSLSocket.getpeercert()``, which has verified it.
    :param issued: what the ledger says of its serial number.
    """
    serial = str(certificate["serialNumber"])
    if issued is None:
        return f"the certificate {serial} is none that was signed here, or was replaced"
    if issued.revoked:
        return f"the certificate {serial} was revoked"
    ends = _seconds(certificate["notAfter"])
    if min(ends, issued.not_after) < time.time():
        # The connection may be older than that.
        return f"the certificate {serial} has ended"
    # Another authority's certificate may have the same number.
    if issued.role not in ROLES or not _fits(certificate, issued):
        return f"the certificate {serial} is of no role here"
    return ""


# A client shows one certificate many times, and reading a date takes longer than all else here.
_seconds = lru_cache(maxsize=4096)(ssl.cert_time_to_seconds)


def _fits(certificate: Mapping[str, Any], issued: Issued) -> bool:
    """Whether a certificate says of its holder what the ledger does, and each of it once."""
    subject = [pair for part in certificate["subject"] for pair in part]
    wanted = {
        "commonName": issued.name,
        "organizationName": ORGANIZATION,
        "organizationalUnitName": issued.role,
    }
    return all(
        [own for name, own in subject if name == kind] == [value] for kind, value in wanted.items()
    )
