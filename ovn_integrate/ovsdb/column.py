"""Values of columns: as Python has them, and as they go over the wire (RFC 7047, 5.1).

The ``ovs`` package makes an object of each atom and of each value, and makes them anew whenever
one is read or written: half of what a new port cost, and most of the memory of a large replica.
Here a value is kept as plain Python has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import ovs.db.types

Names = Mapping[str, str]
"""From the id of a row that this transaction inserts to the name it has therein."""

_ZERO = str(UUID(int=0))
_ABSENT = object()


class Column:
    """One column of a table.

    A value is an atom, a dict, or a list in order without repetitions; ids of rows are text.

    :ivar default: the value of a row that was not given one.
    :ivar refers: whether it holds ids of rows.
    :ivar table: the name of the table that these are of, if the schema says so.
    """

    def __init__(self, name: str, kind: ovs.db.types.Type) -> None:
        self.name = name
        self._kind = kind
        self._is_map = kind.is_map()
        self._is_scalar = kind.is_scalar()
        self.refers = kind.key.type == ovs.db.types.UuidType and not self._is_map
        self.table = kind.key.ref_table_name
        self._key = _checker(kind.key)
        self._value = _checker(kind.value) if self._is_map else None
        self._is_text = self._is_map and _is_free(kind.key) and _is_free(kind.value)
        self._ids = [_is_id(one) for one in (kind.key, kind.value) if one is not None]
        self.default = self._default()

    def from_wire(self, wire: Any) -> Any:
        """A value that the server sent."""
        if self._is_map:
            # The keys of all rows are the same few.
            return {_shared(_bare(key)): _bare(value) for key, value in wire[1]}
        if self._is_scalar:
            return _bare(wire)
        if isinstance(wire, list) and wire[0] == "set":
            return sorted(map(_bare, wire[1]))
        return [_bare(wire)]

    def to_wire(self, value: Any, names: Names) -> Any:
        if self._is_map:
            key, text = self._ids
            return [
                "map",
                [[_dressed(k, key, names), _dressed(v, text, names)] for k, v in value.items()],
            ]
        if self._is_scalar:
            return _dressed(value, self._ids[0], names)
        return ["set", [_dressed(one, self._ids[0], names) for one in value]]

    def keys_to_wire(self, keys: list[Any]) -> Any:
        """Keys of a map, as they are named to be deleted."""
        return ["set", [_dressed(key, self._ids[0], {}) for key in keys]]

    def checked(self, value: Any) -> Any:
        """A value that somebody wants to write, as it is kept.

        :raises ValueError: it does not fit.
        """
        if self._is_scalar:
            return self._key(value)
        found: dict[Any, Any] | list[Any]
        if self._value is not None:
            if not isinstance(value, Mapping):
                raise ValueError("a map is expected")
            if self._is_text and {*map(type, value), *map(type, value.values())} <= {str}:
                return dict(value)
            found = {self._key(key): self._value(text) for key, text in value.items()}
        else:
            several = value if isinstance(value, (list, set, tuple)) else [value]
            found = sorted({self._key(one) for one in several})
        if not self._kind.n_min <= len(found) <= self._kind.n_max:
            most = "many" if self._kind.n_max == sys.maxsize else self._kind.n_max
            raise ValueError(f"{len(found)} values where {self._kind.n_min} to {most} are allowed")
        return found

    def checked_atom(self, value: Any) -> Any:
        """One member of a set, likewise."""
        return self._key(value)

    def changed(self, old: Any, difference: Any) -> Any:
        """What an old value became, by the difference that the server sent.

        ovsdb-server(7), 4.1.14: of a map or set the members that came or went; else the new value.
        """
        if self._is_map:
            new = dict(old)
            for key, value in difference.items():
                if new.get(key, _ABSENT) == value:
                    del new[key]
                else:
                    new[key] = value
            return new
        return sorted(set(old) ^ set(difference)) if self._kind.n_max > 1 else difference

    def _default(self) -> Any:
        if self._is_map:
            return {}
        atom = _ZERO if self.refers else self._kind.key.type.default
        if self._is_scalar:
            return atom
        return [atom] * self._kind.n_min


def _is_id(base: ovs.db.types.BaseType) -> bool:
    return bool(base.type == ovs.db.types.UuidType)


def _is_free(base: ovs.db.types.BaseType) -> bool:
    """Whether any text fits."""
    bounds = base.min_length, base.max_length
    free = base.enum is None and bounds in ((None, None), (0, sys.maxsize))
    return bool(base.type == ovs.db.types.StringType) and free


def _bare(atom: Any) -> Any:
    return atom[1] if isinstance(atom, list) else atom


def _dressed(atom: Any, is_id: bool, names: Names) -> Any:
    if not is_id:
        return atom
    return ["named-uuid", names[atom]] if atom in names else ["uuid", atom]


def _shared(key: Any) -> Any:
    return sys.intern(key) if isinstance(key, str) else key


def _checker(base: ovs.db.types.BaseType) -> Callable[[Any], Any]:
    """What lets the atoms of a type pass, and raises ValueError for all others."""
    if _is_id(base):
        return _id
    allowed = None if base.enum is None else {atom.value for atom in base.enum.values}
    name = base.type.to_string()
    kinds = (int, float) if name == "real" else base.type.python_types
    least, most = base.min, base.max
    if name == "string":
        least, most = base.min_length, base.max_length
    size: Callable[[Any], Any] = len if name == "string" else lambda atom: atom
    # Most strings are of any length.
    free = allowed is None and (least, most) in ((None, None), (0, sys.maxsize))

    def check(atom: Any) -> Any:
        # To Python a truth value is a number too.
        if not isinstance(atom, kinds) or (isinstance(atom, bool) and name != "boolean"):
            raise ValueError(f"expected {name}, got {type(atom).__name__}")
        if free:
            return atom
        if least is not None and size(atom) < least:
            raise ValueError(f"less than {least}")
        if most is not None and size(atom) > most:
            raise ValueError(f"more than {most}")
        if allowed is not None and atom not in allowed:
            raise ValueError(f"not one of {', '.join(sorted(map(str, allowed)))}")
        return atom

    return check


def _id(atom: Any) -> str:
    found = getattr(atom, "uuid", atom)  # of a row, or an id as it is
    if not isinstance(found, UUID):
        raise ValueError(f"expected a row, got {type(atom).__name__}")
    return str(found)
