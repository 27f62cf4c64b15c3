"""A creation that is sent twice and done once, as both of its ends know it.

The client gives each creation a key of its own (draft-ietf-httpapi-idempotency-key-header). The
ids of what the server makes come of that key, so the client knows them before the answer.
"""

from __future__ import annotations

import uuid

HEADER = "Idempotency-Key"

DONE_ONCE = "idempotency-key"
"""Alias of the extension: a creation that is sent again is done once."""

FORETOLD = "idempotency-key-id"
"""Alias of the extension: ids are those of :func:`made`."""


def request(path: str, key: str) -> uuid.UUID:
    """The one creation that has a key.

    :param path: of the request, without the server's own part: ``/v2.0/ports``.
    """
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{path} {key}")


def made(request: uuid.UUID, kind: str, number: int = 0) -> str:
    """The id of what a creation makes.

    :param kind: ``Network``, ``Subnet``, ``Port`` …
    :param number: which of that kind, as there may be several in one request.
    """
    return str(uuid.uuid5(request, f"{kind} {number}"))
