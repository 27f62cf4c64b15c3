"""Every check of a host, in the order in which one fault causes the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ovn_integrate.checks import (
    certificates,
    chassis,
    rules,
    services,
    southbound,
    switch,
    transport,
    vms,
)
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict
from ovn_integrate.errors import Error, Invalid

CHECKS: tuple[Check, ...] = (
    *switch.CHECKS,
    *chassis.CHECKS,
    *southbound.CHECKS,
    *vms.CHECKS,
    *transport.CHECKS,
    *services.CHECKS,
    *rules.CHECKS,
    *certificates.CHECKS,
)


@dataclass(frozen=True)
class Outcome:
    """A check and its verdict.

    :ivar mended: what was done about it; empty if nothing.
    """

    check: Check
    verdict: Verdict
    mended: str = ""

    @property
    def wrong(self) -> bool:
        return self.verdict.state in ("failed", "unknown")


def chosen(names: Sequence[str]) -> tuple[Check, ...]:
    """The checks of these names; all when there are none.

    :raises Invalid: one does not exist.
    """
    by_name = {one.name: one for one in CHECKS}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise Invalid(f"check {unknown[0]!r}", "does not exist", f"one of: {', '.join(by_name)}")
    return tuple(by_name[name] for name in names) or CHECKS


def examine(
    checks: Sequence[Check], remote: str, timeout: float, *, fix: bool = False
) -> Iterator[Outcome]:
    """Look, and with ``fix`` mend what is safe to mend and look again.

    :param remote: of the host's Open_vSwitch database.
    :param timeout: seconds for each thing that is asked.
    """
    facts = Facts(remote, timeout)
    try:
        for check in checks:
            outcome = Outcome(check, _look(check, facts))
            if fix and check.mend is not None and outcome.verdict.state in ("failed", "warning"):
                outcome = _mend(outcome, facts)
                # What the others look at has changed.
                facts.close()
                facts = Facts(remote, timeout)
                if outcome.mended:
                    outcome = Outcome(check, _look(check, facts), outcome.mended)
            yield outcome
    finally:
        facts.close()


def _look(check: Check, facts: Facts) -> Verdict:
    try:
        return check.look(facts)
    except Error as error:
        return Verdict("unknown", f"{error.subject}: {error.what}", error.hint)


def _mend(outcome: Outcome, facts: Facts) -> Outcome:
    check, verdict = outcome.check, outcome.verdict
    assert check.mend is not None
    try:
        return Outcome(check, verdict, check.mend(facts))
    except Error as error:
        found = f"{verdict.found}; not mended: {error}"
        return Outcome(check, Verdict(verdict.state, found, verdict.remedy))
