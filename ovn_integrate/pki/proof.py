"""Proof that who asks for a new certificate has the key of the old one."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ovn_integrate.errors import Invalid
from ovn_integrate.pki.reading import Certificate

# In front of what is signed: a signature that the key makes for TLS, or for a signing request,
# never begins with it.
_PURPOSE = b"ovn-integrate: renewal by who has the old key\n"

_HASH = ec.ECDSA(hashes.SHA256())


def prove(key: bytes, request: bytes) -> str:
    """A signature over a signing request, by the private key of the certificate that it renews."""
    private = serialization.load_pem_private_key(key, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise Invalid("private key", "is not of EC P-256")
    return base64.b64encode(private.sign(_PURPOSE + request, _HASH)).decode()


def proves(proof: str, certificate: Certificate, request: bytes) -> bool:
    """Whether a signature over a signing request was made by the key of a certificate."""
    public = x509.load_pem_x509_certificate(certificate.pem).public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
        public.verify(base64.b64decode(proof, validate=True), _PURPOSE + request, _HASH)
    except (InvalidSignature, ValueError):
        return False
    return True
