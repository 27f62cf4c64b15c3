"""A check, and what it says of a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ovn_integrate.checks.facts import Facts

State = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    :ivar state: ``warning`` does no harm yet; ``unknown`` could not be looked at, as something
        else is wrong.
    :ivar found: in one line.
    :ivar remedy: the command that mends it, or where to look; empty when all is well.
    """

    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    :ivar why: why it matters, in one sentence.
    :ivar look: raises an Error when it cannot tell.
    :ivar mend: does what is safe to do unasked, and says what it did.
    """

    name: str
    why: str
    look: Callable[[Facts], Verdict]
    mend: Callable[[Facts], str] | None = None


def fine(found: str) -> Verdict:
    return Verdict("ok", found)


def answering(servers: Sequence[str], answers: Callable[[str], bool], remedy: str) -> Verdict:
    """Whether servers answer; it does no harm yet as long as one does.

    :param remedy: what starts one, on its own host.
    """
    dead = [one for one in servers if not answers(one)]
    if dead:
        judge = failed if len(dead) == len(servers) else warning
        return judge(f"does not answer: {', '.join(dead)}", f"on that host: {remedy}")
    return fine(f"{', '.join(servers)} answers")


def warning(found: str, remedy: str) -> Verdict:
    return Verdict("warning", found, remedy)


def failed(found: str, remedy: str) -> Verdict:
    return Verdict("failed", found, remedy)
