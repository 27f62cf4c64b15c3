"""Keys (EC P-256), requests and certificates (X.509), as PEM.

What makes them is here; what reads those that others made is :mod:`ovn_integrate.pki.reading`.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ovn_integrate.errors import Invalid
from ovn_integrate.pki.reading import (
    AUTHORITY,
    Certificate,
    digest,
    encoded,
    look,
    parse,
    parse_all,
    parse_own,
    read,
    read_all,
    signed_by,
    vouched,
)

__all__ = [
    "AUTHORITY",
    "Certificate",
    "look",
    "parse",
    "parse_all",
    "parse_own",
    "read",
    "read_all",
    "signed_by",
    "vouched",
]

CENTRAL, CHASSIS, OPERATOR = "central", "chassis", "operator"

_ORGANIZATION = "ovn-integrate"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # a common name has 64 characters at most
_SKEW = datetime.timedelta(minutes=10)  # of the clocks of two hosts
_LIFE_OF_AUTHORITY = datetime.timedelta(days=3650)
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_USAGE = {CENTRAL: [_SERVER, _CLIENT], CHASSIS: [_CLIENT], OPERATOR: [_CLIENT]}


def new_key() -> bytes:
    """A private key, unencrypted (PKCS #8)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def request(key: bytes, name: str) -> bytes:
    """A certificate signing request (PKCS #10) of a name, signed with a key.

    :raises Invalid: the name cannot stand in a certificate.
    """
    subject = _subject(CHASSIS, checked_name(name))
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def new_authority(name: str) -> tuple[bytes, bytes]:
    """The key and the certificate of a new certification authority."""
    key = new_key()
    return key, _authority(key, name, _key(key), _subject(AUTHORITY, name))


def vouch(key: bytes, name: str, authority: tuple[bytes, bytes]) -> bytes:
    """A certificate of an authority's name and key by another authority, as :func:`vouched` asks
    for it (RFC 4210 4.4, NewWithOld).

    :param authority: the other one's key and certificate.
    """
    issuer = x509.load_pem_x509_certificate(authority[1])
    return _authority(key, name, _key(authority[0]), issuer.subject)


def _authority(
    key: bytes, name: str, signer: ec.EllipticCurvePrivateKey, issuer: x509.Name
) -> bytes:
    private = _key(key)
    subject = _subject(AUTHORITY, name)
    builder = _builder(subject, issuer, private.public_key(), _LIFE_OF_AUTHORITY)
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
    )
    return encoded(builder.sign(signer, hashes.SHA256()))


def requested(request: bytes) -> tuple[str, str]:
    """The name that a signing request asks for, and the SHA-256 of its public key.

    :raises Invalid: it is none, is not signed with its own key, or has a key of another kind.
    """
    asked = _request(request)
    names = asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise Invalid("signing request", "has not one common name")
    return checked_name(str(names[0].value)), digest(asked.public_key())


def sign(
    request_or_key: bytes,
    name: str,
    role: str,
    authority: tuple[bytes, bytes],
    life: datetime.timedelta,
    addresses: Sequence[str] = (),
) -> bytes:
    """A certificate of a role for the public key of a request, or that of a private key.

    :param authority: its key and its certificate.
    :param addresses: IP addresses and names by which a server is reached.
    """
    if b"PRIVATE KEY" in request_or_key:
        public: object = _key(request_or_key).public_key()
    else:
        public = _request(request_or_key).public_key()
    issuer_key, issuer = _key(authority[0]), x509.load_pem_x509_certificate(authority[1])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    subject = _subject(role, checked_name(name))
    builder = _builder(subject, issuer.subject, public, life)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USAGE[role]), critical=False)
        .add_extension(_identifier(public), critical=False)
        .add_extension(identifier, critical=False)
    )
    if addresses:
        names = x509.SubjectAlternativeName([_general_name(one) for one in addresses])
        builder = builder.add_extension(names, critical=False)
    return encoded(builder.sign(issuer_key, hashes.SHA256()))


def of_key(certificate: Certificate, key: bytes) -> bool:
    """Whether a certificate is for the public half of a key."""
    return certificate.key == digest(_key(key).public_key())


def checked_name(name: str) -> str:
    """:raises Invalid: the name cannot be the common name of a certificate."""
    if not _NAME.fullmatch(name):
        hint = "letters, digits, dots, dashes and underlines, 64 at most"
        raise Invalid(f"name {name!r}", "cannot stand in a certificate", hint)
    return name


def _builder(
    subject: x509.Name, issuer: x509.Name, public: object, life: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)  # type: ignore[arg-type]  # an EC key, as _request and _key see to
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
    )


def _subject(role: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _request(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        asked = x509.load_pem_x509_csr(pem)
        public = asked.public_key()
        fits = isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1"
        if not fits:
            raise Invalid("signing request", "its key is not of EC P-256")
        if not asked.is_signature_valid:
            raise Invalid("signing request", "is not signed with its own key")
    except (ValueError, InvalidSignature):
        raise Invalid("signing request", "is none") from None
    return asked


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Invalid("private key", "is not of EC P-256")
    return key


def _identifier(public: object) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(public)  # type: ignore[arg-type]


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)
