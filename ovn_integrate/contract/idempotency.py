"""A creation that is sent twice and done once, as both of its ends know it.

The client gives each creation a key of its own (draft-ietf-httpapi-idempotency-key-header). The
ids of what the server makes come of that key and of who asks, so the client knows them before the
answer, and another client that has the same key makes a thing of its own. Who asks is as the server
knows it; it tells the client what its ids come of.
"""

from __future__ import annotations

import uuid

HEADER = "Idempotency-Key"

DONE_ONCE = "idempotency-key"
"""Alias of the extension: a creation that is sent again is done once."""

FORETOLD = "idempotency-key-id"
"""Alias of the extension: ids are those of :func:`made`, in the namespace of everybody."""

OWN = "idempotency-key-client"
"""Alias of the extension: they are so in the client's own namespace, which its document has."""

EVERYBODY = uuid.NAMESPACE_OID
"""The namespace where the server does not know who asks, so that everybody may do everything."""


def namespace(role: str, name: str) -> uuid.UUID:
    """That of a client's keys, the same on each server that knows it by this role and name."""
    return uuid.uuid5(EVERYBODY, f"client {role} {name}")


def request(path: str, key: str, namespace: uuid.UUID = EVERYBODY) -> uuid.UUID:
    """The one creation of a client that has a key.

    :param path: of the request, without the server's own part: ``/v2.0/ports``.
    """
    return uuid.uuid5(namespace, f"{path} {key}")


def made(request: uuid.UUID, kind: str, number: int = 0) -> str:
    """The id of what a creation makes.

    :param kind: ``Network``, ``Subnet``, ``Port`` …
    :param number: which of that kind, as there may be several in one request.
    """
    return str(uuid.uuid5(request, f"{kind} {number}"))
