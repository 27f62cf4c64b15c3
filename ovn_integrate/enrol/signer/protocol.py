"""What is said on the signer's socket: one line of JSON each way, then the connection ends."""

from __future__ import annotations

from typing import Any

from ovn_integrate import errors, jsontext
from ovn_integrate.errors import Error, Invalid, ServiceFailed

LONGEST = 64 << 10
"""Bytes of a line."""

HELLO, REDEEM, RENEW, CONNECT = "hello", "redeem", "renew", "connect"

ARGUMENTS: dict[str, tuple[str, ...]] = {
    HELLO: (),
    REDEEM: ("secret", "host", "request", "held", "address"),
    RENEW: ("request", "certificate", "proof", "address"),
    CONNECT: (),
}
"""What each takes, all of them texts."""


def line(what: dict[str, Any]) -> bytes:
    return jsontext.dumps(what).encode() + b"\n"


def asked(text: bytes) -> tuple[str, dict[str, str]]:
    """The operation that a line asks for, and its arguments.

    :raises Invalid: it is none.
    """
    try:
        said = jsontext.parse(text)
    except ValueError:
        said = None
    operation = said.pop("op", None) if isinstance(said, dict) else None
    if not isinstance(operation, str) or operation not in ARGUMENTS:
        raise Invalid("signer", "was asked for what it does not know")
    if set(said) != set(ARGUMENTS[operation]) or not all(map(_plain, said.values())):
        raise Invalid("signer", f"{operation} has other arguments")
    return operation, said


def failed(error: Error) -> dict[str, Any]:
    """An answer that says what went wrong."""
    words = {"subject": error.subject, "what": error.what, "hint": error.hint}
    return {"error": type(error).__name__, **words}


def result(text: bytes) -> dict[str, Any]:
    """The answer that a line is.

    :raises Error: what it says went wrong.
    """
    try:
        said = jsontext.parse(text)
        if "error" not in said:
            return dict(said)
        kind = getattr(errors, str(said["error"]), ServiceFailed)
        words = [str(said[one]) for one in ("subject", "what", "hint")]
    except (ValueError, KeyError, TypeError):
        raise ServiceFailed("signer", "gave no answer", "see its log") from None
    known = isinstance(kind, type) and issubclass(kind, Error)
    raise (kind if known else ServiceFailed)(*words)


def _plain(value: object) -> bool:
    return isinstance(value, str) and value.isascii()
