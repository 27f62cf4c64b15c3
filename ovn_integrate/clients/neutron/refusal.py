"""What Neutron says when it refuses, as an error of this program."""

from __future__ import annotations

from collections.abc import Mapping

from ovn_integrate import errors
from ovn_integrate.clients.neutron.exchange import Answer
from ovn_integrate.errors import Conflict, Error, Invalid, NotFound, NotPermitted, ServiceFailed

HINT = "ovn-integrate ipam status"
"""What to try where it was out of reach, or failed."""

_BY_STATUS: dict[int, type[Error]] = {
    400: Invalid,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
}


def refusal(response: Answer, subject: str) -> Error:
    """Neutron's error body as one of ours: by the name of its type, else by its status."""
    kind, message = _said(response)
    known = getattr(errors, kind, None)
    if not (isinstance(known, type) and issubclass(known, Error)):
        known = _BY_STATUS.get(response.status_code, ServiceFailed)
    return known(subject, message.rstrip(". "), HINT if known is ServiceFailed else "")


def _said(response: Answer) -> tuple[str, str]:
    try:
        said = response.json()["NeutronError"]
    except (ValueError, KeyError, TypeError):
        return "", f"status {response.status_code} from {response.url}"
    if not isinstance(said, Mapping):
        return "", str(said)
    return str(said.get("type", "")), str(said.get("message", ""))
