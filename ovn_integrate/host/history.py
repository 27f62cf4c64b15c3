"""The record of the changes of this host's settings, by which each can be undone.

It is one more key of the same external_ids, so that a change and its record are one transaction:
whoever kills the program finds both or none, and a copy of the database has its record with it.
ovs-vswitchd does not read the column; ovn-controller does, and is woken by the change anyway.
The last :data:`ENTRIES` changes are kept, fewer when they would take more than :data:`SIZE` bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ovn_integrate.errors import Conflict, Invalid, NotFound
from ovn_integrate.host import settings
from ovn_integrate.host.plan import KeyChange, needed, plan
from ovn_integrate.ovsdb import Change, Session

KEY = "ovn-integrate-history"
ENTRIES = 20
SIZE = 16 * 1024


@dataclass(frozen=True)
class Entry:
    """One change.

    :param number: counts up from 1 and is never given again.
    :param at: when it was made, in seconds since the epoch.
    :param verb: what made it.
    :param lines: the keys that it changed.
    :param undone: when it was undone, in seconds since the epoch; None while it stands.
    """

    number: int
    at: int
    verb: str
    lines: tuple[KeyChange, ...]
    undone: int | None = None


def foresee(session: Session, wanted: Mapping[str, str | None]) -> list[KeyChange]:
    """What :func:`apply` would change now, a line for each key."""
    return plan(settings.root(session).external_ids, wanted)


def apply(session: Session, wanted: Mapping[str, str | None], verb: str) -> list[KeyChange]:
    """Write these keys and the record of it in one transaction; None removes a key.

    :returns: a line for each key, with what it was when the transaction was made.
    """

    def change(draft: Change) -> list[KeyChange]:
        root = _locked(draft)
        lines = plan(root.external_ids, wanted)
        changing = needed(lines)
        if changing:
            entries = _known(root.external_ids)
            number = entries[-1].number + 1 if entries else 1
            made = Entry(number, int(time.time()), verb, tuple(changing))
            _write(draft, root, wanted, [*entries, made])
        return lines

    return session.transact(change, verb).value


def read(session: Session) -> list[Entry]:
    """The record, oldest first.

    :raises Invalid: what stands there is not this program's.
    """
    return parse(settings.root(session).external_ids.get(KEY, ""))


def undo(
    session: Session, number: int | None, *, force: bool = False, dry_run: bool = False
) -> tuple[Entry | None, list[KeyChange]]:
    """Have the keys of a change as they were before it.

    :param number: of the change; None is the last one that is not undone.
    :param force: also where a key is no longer as that change left it.
    :param dry_run: write nothing.
    :returns: the change, and a line for each of its keys; none where it was undone before.
    :raises NotFound: the record has no change of that number.
    :raises Conflict: a key has been changed since.
    """

    def change(draft: Change) -> tuple[Entry | None, list[KeyChange]]:
        root = _locked(draft)
        entries = parse(root.external_ids.get(KEY, ""))
        entry = choose(entries, number)
        if entry is None or entry.undone is not None:
            return entry, []
        lines = way_back(entry, root.external_ids, force=force)
        if not dry_run:
            marked = replace(entry, undone=int(time.time()))
            kept = [marked if one is entry else one for one in entries]
            _write(draft, root, {line.key: line.wanted for line in lines}, kept)
        return entry, lines

    return session.transact(change, "undo").value


def choose(entries: Sequence[Entry], number: int | None) -> Entry | None:
    """The change of that number, or the last that is not undone; None where there is none such.

    :raises NotFound: there is no change of that number.
    """
    if number is None:
        return next((one for one in reversed(entries) if one.undone is None), None)
    for one in entries:
        if one.number == number:
            return one
    raise NotFound(f"change {number}", "is not in the record", "ovn-integrate history")


def way_back(entry: Entry, current: Mapping[str, str], *, force: bool) -> list[KeyChange]:
    """What undoing a change writes.

    :raises Conflict: a key is neither as the change left it nor as it was before.
    """
    lines = []
    for made in entry.lines:
        now = current.get(made.key)
        if not force and now not in (made.wanted, made.current):
            raise Conflict(
                f"change {entry.number}",
                f"{made.key} has been changed since, to {now or '(unset)'}",
                "undo what came after it first (ovn-integrate history), or --force",
            )
        lines.append(KeyChange(made.key, now, made.current))
    return lines


def parse(text: str) -> list[Entry]:
    """The record that a key holds.

    :raises Invalid: it holds something else.
    """
    try:
        return [_entry(one) for one in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError):
        raise Invalid(
            f"external_ids:{KEY}",
            "is no record of ovn-integrate's",
            f"ovs-vsctl remove Open_vSwitch . external_ids {KEY}",
        ) from None


def format(entries: Sequence[Entry]) -> str:
    """The key's value for a record: what of its end fits into it, the last change in any case."""
    kept = list(entries[-ENTRIES:])
    text = _text(kept)
    while len(text) > SIZE and len(kept) > 1:
        del kept[0]
        text = _text(kept)
    return text


def _locked(draft: Change) -> Any:
    """The root row, the change to be made again if another writer gets in between: writing keys
    alone does not look at what the others hold."""
    root = settings.root(draft)
    draft.verify(root, "external_ids")
    return root


def _write(
    draft: Change, root: Any, wanted: Mapping[str, str | None], entries: Sequence[Entry]
) -> None:
    draft.set_keys(root, "external_ids", {**wanted, KEY: format(entries)})


def _known(keys: Mapping[str, str]) -> list[Entry]:
    """The record, begun anew where it cannot be read: that must not keep a setting from being
    set."""
    try:
        return parse(keys.get(KEY, ""))
    except Invalid:
        return []


def _text(entries: Sequence[Entry]) -> str:
    rows = [
        {
            "number": one.number,
            "at": one.at,
            "verb": one.verb,
            "keys": {line.key: [line.current, line.wanted] for line in one.lines},
            **({} if one.undone is None else {"undone": one.undone}),
        }
        for one in entries
    ]
    return json.dumps(rows, separators=(",", ":"))


def _entry(row: Mapping[str, Any]) -> Entry:
    lines = [KeyChange(str(key), was, now) for key, (was, now) in dict(row["keys"]).items()]
    return Entry(
        number=int(row["number"]),
        at=int(row["at"]),
        verb=str(row["verb"]),
        lines=tuple(lines),
        undone=row.get("undone"),
    )
