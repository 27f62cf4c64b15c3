"""Who may do what: where it is asked, and by whom. The rules for chassis are in ``chassis``.

Everybody known may read everything. An operator, and the central host itself, may do everything; a
reader nothing more. What a **chassis** may follows from facts alone: who made a thing and who holds
it (``ownership``), and which host it is bound to. No name, tag or text that one who asks may
choose says anything here.

It is asked twice, in the transaction itself. Before the work: whether the thing is one to delete,
or to connect, at all. After it: of **each thing that the request has planned to make, change or
delete**, by whatever path, the difference between what it is and what it shall be. So a path that
is new, or a thing that changes along with another, is not forgotten; and what nobody has decided on
is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ovn_integrate.ipam.permit import chassis, facts
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.plan.ownership import CENTRAL, CHASSIS, OPERATOR, READER, ROLES

if TYPE_CHECKING:
    from ovn_integrate.ipam.plan.draft import Draft

__all__ = ["CENTRAL", "CHASSIS", "OPERATOR", "READER", "ROLES", "Act", "Identity"]

CREATE, UPDATE, DELETE, TAG, CONNECT, DISCONNECT = (
    *("create", "update", "delete", "tag"),
    *("add_interface_to", "remove_interface_from"),
)


@dataclass(frozen=True)
class Identity:
    """Who asks.

    :param name: of a chassis its ``system-id``, as in ``binding:host_id``.
    :param role: one of ROLES.
    """

    name: str
    role: str

    @property
    def owner(self) -> str:
        """Whose things those are that it makes."""
        return ownership.owner(self.role, self.name)


@dataclass(frozen=True)
class Act:
    """A request to change something.

    :param what: CREATE, UPDATE, …
    :param kind: of the thing that it names.
    :param id: of it; None at a creation.
    :param wanted: what the body says, by the names of the model where that has them.
    """

    what: str
    kind: type
    id: str | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict)


def before(who: Identity, act: Act, draft: Draft) -> str | None:
    """Why it may not be tried; None when it may."""
    return _refusal(who, act, draft, chassis.before)


def after(who: Identity, act: Act, draft: Draft) -> str | None:
    """Why what is planned may not be done; None when it may."""
    return _refusal(who, act, draft, chassis.after)


def instead(who: Identity, act: Act, draft: Draft) -> str | None:
    """Why it would have been refused, if not for an error; None when it may be told of that."""
    return _refusal(who, act, draft, chassis.instead)


def _refusal(who: Identity, act: Act, draft: Draft, rule: Any) -> str | None:
    if who.role in (OPERATOR, CENTRAL):
        return None
    if who.role != CHASSIS:
        return f"{who.role} {who.name} may only read"
    why = rule(facts.Asking(who.owner, who.name, act.what, act.kind, act.id, act.wanted, draft))
    return None if why is None else f"chassis {who.name}: {why}"
