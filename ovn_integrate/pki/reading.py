"""Reads certificates that others made. With ``x509`` and ``proof`` the only
user of ``cryptography``.

A text from elsewhere is read by :func:`parse` or :func:`parse_all`, which take certificates and
nothing beside them. What is trusted or written down is :attr:`Certificate.pem`, which was encoded
here: whoever reads that, however leniently, reads the certificate that was checked.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from ovn_integrate.errors import Invalid, NotConfigured

AUTHORITY = "authority"
"""The role of a certification authority."""

T = TypeVar("T")

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises, of a text or of a part of a certificate that is read later."""

_CERTIFICATE, _KEY = b"CERTIFICATE", b"PRIVATE KEY"
_BLOCK = re.compile(
    rb"^-----BEGIN (?P<label>[A-Z0-9 ]+)-----\r?\n"
    rb"(?P<text>(?:[A-Za-z0-9+/=]+\r?\n)+)"
    rb"-----END (?P=label)-----\r?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Certificate:
    """What a certificate says.

    :ivar serial: in hexadecimal, without leading zeros.
    :ivar not_before: seconds since the epoch; ``not_after`` likewise.
    :ivar fingerprint: SHA-256 of its DER form, in hexadecimal.
    :ivar pem: it alone, encoded again.
    :ivar key: SHA-256 of its public key, in hexadecimal.
    :ivar signs: whether it is that of a certification authority.
    :ivar addresses: those that it is a server's for, and names.
    """

    name: str
    role: str
    serial: str
    not_before: float
    not_after: float
    fingerprint: str
    pem: bytes
    key: str
    signs: bool = False
    addresses: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.not_after < time.time()

    @property
    def begun(self) -> bool:
        return self.not_before <= time.time()

    @property
    def is_authority(self) -> bool:
        return self.signs and self.role == AUTHORITY


def read(path: Path) -> Certificate:
    """What the certificate in a file says: one alone, or one with its private key.

    :raises NotConfigured: there is no such file, or something else is in it.
    """
    return _in_file(path, parse_own)


def read_all(path: Path) -> tuple[Certificate, ...]:
    """What the certificates in a file say, which has at least one and nothing else.

    :raises NotConfigured: there is no such file, or something else is in it.
    """
    return _in_file(path, parse_all)


def look(path: Path) -> tuple[Certificate, ...]:
    """What all certificates in a file say, whatever stands beside them: of a file that somebody
    else made, to show it and for nothing more.

    :raises NotConfigured: there is no such file, or no certificate in it.
    """

    def every(content: bytes) -> tuple[Certificate, ...]:
        try:
            return tuple(map(_certificate, x509.load_pem_x509_certificates(content)))
        except _UNREADABLE:
            raise Invalid("certificate", "is none") from None

    return _in_file(path, every)


def parse(content: bytes) -> Certificate:
    """What a certificate says, which is all that there is in a text (PEM) or in bytes (DER).

    :raises Invalid: it is none, or anything stands beside it.
    """
    if content.startswith(b"\x30"):
        return _from_der(content)
    blocks = _blocks(content)
    if [label for label, _ in blocks] != [_CERTIFICATE]:
        raise Invalid("certificate", "is none, or does not stand alone")
    return _from_der(blocks[0][1])


def parse_all(content: bytes) -> tuple[Certificate, ...]:
    """What one certificate or more say, which are all that there is in a text.

    :raises Invalid: there is none, one twice, or anything else.
    """
    blocks = _blocks(content)
    if {label for label, _ in blocks} != {_CERTIFICATE}:
        raise Invalid("certificates", "are none, or do not stand alone")
    parsed = tuple(_from_der(der) for _, der in blocks)
    if len({each.fingerprint for each in parsed}) < len(parsed):
        raise Invalid("certificates", "are in it twice")
    return parsed


def parse_own(content: bytes) -> Certificate:
    """What a certificate says that stands alone, or with the private key that it is for.

    :raises Invalid: there is another number of either, or something else.
    """
    blocks = _blocks(content)
    labels = sorted(label for label, _ in blocks)
    if labels == [_CERTIFICATE]:
        return parse(content)
    if labels != [_CERTIFICATE, _KEY]:
        raise Invalid("certificate", "is none, or has more than its key beside it")
    by_label = dict(blocks)
    certificate = _from_der(by_label[_CERTIFICATE])
    try:
        key = serialization.load_der_private_key(by_label[_KEY], password=None)
    except (ValueError, TypeError):
        raise Invalid("private key", "is none") from None
    if digest(key.public_key()) != certificate.key:
        raise Invalid("certificate", "is for another key than the one beside it")
    return certificate


def digest(public: object) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        public.public_bytes(  # type: ignore[attr-defined]  # every kind of public key has it
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()


def encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the key of one certificate signed another, by its name too."""
    loaded = [x509.load_pem_x509_certificate(each.pem) for each in (certificate, issuer)]
    try:
        loaded[0].verify_directly_issued_by(loaded[1])
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def vouched(
    offered: Iterable[Certificate], trusted: Iterable[Certificate]
) -> tuple[Certificate, ...]:
    """The authorities among certificates, if each is trusted already, or is vouched for by one that
    is: among them is a certificate of its name and key too that the trusted one signed.

    :raises Invalid: it is not so of one of them, or there is none.
    """
    every, known = list(offered), list(trusted)
    authorities = [each for each in every if signed_by(each, each)]
    vouchers = [each for each in every if each not in authorities]
    by_print = {each.fingerprint for each in known}
    good = [
        each
        for each in authorities
        if each.fingerprint in by_print or any(_vouches(one, each, known) for one in vouchers)
    ]
    if not good or good != authorities or not all(each.is_authority for each in good):
        raise Invalid("authorities", "are not all vouched for by one that is trusted")
    return tuple(good)


def _vouches(voucher: Certificate, authority: Certificate, trusted: list[Certificate]) -> bool:
    same = (voucher.name, voucher.key, voucher.is_authority) == (
        authority.name,
        authority.key,
        True,
    )
    return same and any(signed_by(voucher, each) for each in trusted if each.is_authority)


def _in_file(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise NotConfigured(str(path), str(error.strerror)) from None
    except Invalid as error:
        raise NotConfigured(str(path), f"{error.subject} {error.what}") from None


def _blocks(content: bytes) -> list[tuple[bytes, bytes]]:
    """The labels and contents of the PEM blocks (RFC 7468) that a text consists of.

    :raises Invalid: anything but white space stands before, between or after them.
    """
    blocks, end = [], 0
    for match in _BLOCK.finditer(content):
        if content[end : match.start()].strip():
            break
        end = match.end()
        blocks.append((match["label"], _from_base64(match["text"])))
    if content[end:].strip():
        raise Invalid("PEM", "has something else beside it")
    return blocks


def _from_base64(text: bytes) -> bytes:
    text = b"".join(text.split())
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("PEM", "is not base64") from None
    if base64.b64encode(content) != text:
        raise Invalid("PEM", "is not base64 as it is written")
    return content


def _from_der(der: bytes) -> Certificate:
    try:
        certificate = _certificate(x509.load_der_x509_certificate(der))
    except _UNREADABLE:
        raise Invalid("certificate", "is none") from None
    if certificate.fingerprint != hashlib.sha256(der).hexdigest():
        raise Invalid("certificate", "is not encoded as it is said to be")
    return certificate


def _certificate(parsed: x509.Certificate) -> Certificate:
    return Certificate(
        name=_attribute(parsed, NameOID.COMMON_NAME),
        role=_attribute(parsed, NameOID.ORGANIZATIONAL_UNIT_NAME),
        serial=f"{parsed.serial_number:x}",
        not_before=parsed.not_valid_before_utc.timestamp(),
        not_after=parsed.not_valid_after_utc.timestamp(),
        fingerprint=parsed.fingerprint(hashes.SHA256()).hex(),
        pem=encoded(parsed),
        key=digest(parsed.public_key()),
        signs=_signs(parsed),
        addresses=_addresses(parsed),
    )


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    """Empty where it is not there exactly once."""
    values = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]
    return str(values[0]) if len(values) == 1 else ""


def _signs(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)
