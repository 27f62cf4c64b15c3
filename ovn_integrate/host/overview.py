"""Everything of a host in one answer, for ``ovn-integrate show``."""

from __future__ import annotations

from typing import Any

from ovn_integrate.errors import NotFound
from ovn_integrate.host import bridge, controller, settings
from ovn_integrate.ovsdb import Session

_KEYS = (
    settings.SYSTEM_ID,
    settings.IPAM,
    settings.REMOTE,
    settings.NORTHBOUND,
    settings.TEP,
    settings.ENCAP_TYPE,
)

_PATIENCE = 2.0


def describe(session: Session) -> dict[str, Any]:
    """Settings, bridge, controller and tunnels.

    :param session: has the columns of :data:`bridge.TABLES`.
    """
    keys = settings.root(session).external_ids
    return {
        "settings": {key: keys.get(key, "") for key in _KEYS},
        "bridge": _bridge(session),
        "controller": controller.describe(session, min(_PATIENCE, session.timeout)),
        "tunnels": bridge.tunnels(session),
    }


def _bridge(session: Session) -> dict[str, Any]:
    try:
        return bridge.describe(session)
    except NotFound as error:
        return {"name": f"{settings.read(session).bridge} ({error.what})"}
