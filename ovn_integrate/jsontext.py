"""JSON as RFC 8259 has it, where Python's own takes and makes more (NaN, Infinity).

What a client sends is refused if two readers of it could understand two things. What stands in a
database already is read as far as that goes, and whatever is written is JSON for any reader.
"""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

DEEPEST = 32
"""So many objects and lists may be inside of each other."""

_LARGEST = 2**63
_LONGEST = 20  # characters of such a number


def parse(text: bytes | str) -> Any:
    """What a client sent.

    :raises ValueError: it is no JSON, or has a name twice in one object, a number that is not
        finite or beyond 64 bits, or is too deep.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
        found = _STRICT.decode(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if text.count("[") + text.count("{") > DEEPEST:
        _refuse_deep(found)
    return found


def stored(text: str) -> Any:
    """What a database holds; None for what is no JSON, and for numbers that are not finite."""
    try:
        return _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return None


def stored_object(text: str) -> dict[str, Any]:
    """The same where an object should be; an empty one for anything else."""
    found = stored(text)
    return found if isinstance(found, dict) else {}


def stored_texts(text: str) -> tuple[str, ...]:
    """The same where a list of texts should be.

    :raises ValueError: it is none.
    """
    found = stored(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError("no list of texts")
    return tuple(found)


def dumps(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """The text of a value, all of it printable ASCII; null for numbers that are not finite."""
    plain = indent is None and not sort_keys
    encoder = _ENCODER if plain else _encoder(indent=indent, sort_keys=sort_keys)
    try:
        text = encoder.encode(value)
    except ValueError:
        text = encoder.encode(_strict(value))
    if "\\ud" in text:  # a half of a character perhaps
        text = encoder.encode(_strict(value))
    return text.replace("\x7f", "\\u007f")


def _strict(value: Any) -> Any:
    """The same without what JSON has no word for, and with a mark for each half of a character."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_strict(key): _strict(inner) for key, inner in value.items()}
    return [_strict(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    return found


def _whole(text: str) -> int:
    number = int(text) if len(text) <= _LONGEST else _LARGEST
    if not -_LARGEST <= number < _LARGEST:
        raise ValueError("a number beyond 64 bits")
    return number


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    return number


def _none(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _refuse_deep(value: Any) -> None:
    """:raises ValueError:"""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [each for one in inner for each in one if isinstance(each, (dict, list))]
        if not level:
            return
    raise ValueError("too deep")


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_none
)
_LENIENT = json.JSONDecoder(parse_float=_finite, parse_constant=lambda _: None)
_encoder = partial(json.JSONEncoder, allow_nan=False)
_ENCODER = _encoder()
