"""JSON that any reader reads alike, in and out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn_integrate import jsontext
from ovn_integrate.ipam.neutron_errors import HTTPBadRequest
from ovn_integrate.ipam.resources import bodies

REFUSED = (
    *(f'{{"a": {word}}}' for word in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999")),
    *(f'{{"a": {number}}}' for number in (2**63, -(2**63) - 1, "9" * 5000, "-" + "9" * 5000)),
    '{"a": 1, "a": 2}',
    '{"port": {"name": "a", "name": "a"}}',
    '{"a": ' + "[" * 40 + "]" * 40 + "}",
    "[" * 100_000,
    '{"a":' * 100_000,
    "",
    "{",
    "{'a': 1}",
    '{"a": 01}',
    '{"a": "\x01"}',
    '\ufeff{"a": 1}',
    '{"a": 1} {}',
)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:30])
def test_what_two_readers_may_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsontext.parse(text)
    with pytest.raises(ValueError, match=r"."):
        jsontext.parse(text.encode())
    if text:
        with pytest.raises(HTTPBadRequest):
            bodies.decode(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_it_is_utf8(encoding: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsontext.parse('{"a": 1}'.encode(encoding))


def test_what_fits_is_taken() -> None:
    deep: Any = 1
    for _ in range(jsontext.DEEPEST):
        deep = [deep]
    for value in (deep, {"a": [2**63 - 1, -(2**63), 1.5, "x" * 9, None, {}] * 20}, "[" * 99):
        assert jsontext.parse(json.dumps(value)) == value


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_ANY, st.sampled_from([None, 2]))
def test_what_is_written_is_strict(value: Any, indent: int | None) -> None:
    text = jsontext.dumps(value, indent=indent)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    read = json.loads(text, parse_constant=pytest.fail)
    assert json.dumps(read).encode().decode() == json.dumps(json.loads(json.dumps(read)))


def test_what_is_stored_is_read_as_far_as_it_goes() -> None:
    assert jsontext.stored('{"a": NaN, "b": [1e999, -Infinity, 2]}') == {
        "a": None,
        "b": [None, None, 2],
    }
    for text in ("", "{", "[" * 100_000, "nope"):
        assert jsontext.stored(text) is None
        assert jsontext.stored_object(text) == {}
        with pytest.raises(ValueError, match=r"."):
            jsontext.stored_texts(text)
    assert jsontext.stored_object("[1]") == {}
    assert jsontext.stored_texts('["a"]') == ("a",)
