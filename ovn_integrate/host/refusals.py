"""What of a plan could never work on this host, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ovn_integrate.errors import Conflict
from ovn_integrate.host import addresses, controller, encap, keys, settings
from ovn_integrate.host.plan import KeyChange, needed, outcome
from ovn_integrate.ovsdb import Session

_ANYWAY = "--force to write it all the same"


def refuse(session: Session, lines: Sequence[KeyChange], *, force: bool) -> list[str]:
    """Refuse a plan that could not work; what stays as it is was not this plan's doing.

    :param session: has the columns of :data:`settings.TABLES`.
    :param force: let pass what may be right later: a version, an address, another name.
    :returns: warnings.
    :raises Invalid: a key that this OVN does not read, an address that is not here, a tunnel that
        could not come up, a default tunnel endpoint that is none.
    :raises Conflict: the chassis would change its name while ovn-controller runs.
    """
    changing = needed(lines)
    current = settings.root(session).external_ids
    after = outcome(current, changing)
    version = controller.version() if keys.version_matters(changing) else None
    keys.refuse_contradiction(changing, after)
    if not force:
        keys.refuse_unread(changing, version)
        _refuse_foreign(changing, current.get(settings.SYSTEM_ID))
        _refuse_another_name(changing)
    types = _wanted(changing, settings.ENCAP_TYPE, current.get(settings.SYSTEM_ID))
    if types:  # it asks Southbound, which may not be there
        encap.refuse_impossible(session, types)
    return keys.warnings(changing, after, version) + encap.warnings(types)


def _refuse_foreign(lines: Iterable[KeyChange], chassis: str | None) -> None:
    wanted = _wanted(lines, settings.TEP, chassis)
    if wanted:
        addresses.refuse_foreign("tunnel endpoint", wanted, f"; or {_ANYWAY}")


def _refuse_another_name(lines: Iterable[KeyChange]) -> None:
    """ovn-controller(8): a new system-id leaves the old chassis behind in Southbound."""
    for line in lines:
        if line.key == settings.SYSTEM_ID and line.current and controller.running():
            raise Conflict(
                f"{line.key} {line.current!r}",
                "cannot change while ovn-controller runs, its chassis would stay in Southbound",
                f"ovn-integrate controller stop; or {_ANYWAY}",
            )


def _wanted(lines: Iterable[KeyChange], key: str, chassis: str | None) -> list[str]:
    """The parts of what this chassis' key shall be."""
    mine = (key, keys.spelled(key, chassis))
    return [
        part
        for line in lines
        if line.key in mine
        for part in (line.wanted or "").split(",")
        if part
    ]
