"""Everything of a host in one answer, for ``ovn-integrate show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovn_integrate.errors import NotFound
from ovn_integrate.host import bridge, controller, settings
from ovn_integrate.host import keys as known
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
    """Settings, those of single chassis, bridge, controller and tunnels.

    The settings are in the form that :mod:`ovn_integrate.host.hostfile` reads.

    :param session: has the columns of :data:`bridge.TABLES`.
    """
    keys = settings.root(session).external_ids
    return {
        **_settings(keys),
        "bridge": _bridge(session),
        "controller": controller.describe(session, min(_PATIENCE, session.timeout)),
        "tunnels": bridge.tunnels(session),
    }


def _settings(keys: Mapping[str, str]) -> dict[str, Any]:
    """The keys that ovn-controller reads, and where there are any those of single chassis."""
    plain = {key: keys.get(key, "") for key in _KEYS}
    chassis: dict[str, dict[str, str]] = {}
    for spelling in sorted(keys):
        key, name = known.split(spelling) or (None, None)
        if key is not None and name is not None:
            chassis.setdefault(name, {})[key] = keys[spelling]
        elif key is not None:
            plain[key] = keys[spelling]
    return {"settings": plain, **({"chassis": chassis} if chassis else {})}


def _bridge(session: Session) -> dict[str, Any]:
    try:
        return bridge.describe(session)
    except NotFound as error:
        return {"name": f"{settings.read(session).bridge} ({error.what})"}
