"""The parser of OVSDB's messages, against the one that it stands in for."""

from __future__ import annotations

import json
import random
from typing import Any

import ovs.json
import pytest

from ovn_integrate.ovsdb.parser import Parser

MESSAGES: list[Any] = [
    {"id": 1, "result": [], "error": None},
    {"method": "update3", "params": [["monid", "x"], "0", {"T": {"u": {"insert": {"a": 1}}}}]},
    {"id": "a", "result": {'"{"': '}"\\', "{}": ['\\"', "\\\\", "\\{", '"}'], "ü": "日本"}},
    {"id": 2, "result": "x" * 9000 + '"' * 50 + "\\" * 51 + "}" * 50},
    {"id": 3, "result": [{}, {"a": {"b": {"c": {}}}}, "", '"', "\\"]},
    {"id": 4, "result": [{"schema": json.dumps({f"k{n}": f'"{n}"' for n in range(3000)})}]},
    {},
]


def fed(stream: str, sizes: random.Random) -> list[Any]:
    """What comes out when a stream arrives in pieces, as ovs.jsonrpc.Connection.recv() does it."""
    found = []
    parser = Parser()
    waiting = ""
    while stream or waiting:
        if not waiting:
            size = sizes.choice([1, 2, 3, 7, 50, 4096])
            waiting, stream = stream[:size], stream[size:]
        waiting = waiting[parser.feed(waiting) :]
        if parser.is_done():
            found.append(parser.finish())
            parser = Parser()
    return found


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("gap", ["", "\n "])
def test_messages_in_pieces_of_any_size(seed: int, gap: str) -> None:
    sizes = random.Random(seed)
    messages = sizes.sample(MESSAGES, len(MESSAGES))
    assert fed(gap.join(ovs.json.to_string(one) for one in messages), sizes) == messages
    ascii_only = gap.join(json.dumps(one, indent=1) for one in messages)
    assert fed(ascii_only, sizes) == messages


def test_what_is_no_json_is_said_in_a_string() -> None:
    parser = Parser()
    assert parser.feed('{"a": nonsense}{"b"') == 15
    assert parser.is_done()
    assert isinstance(parser.finish(), str)


def test_the_end_without_a_start_is_an_error_and_not_a_wait() -> None:
    parser = Parser()
    parser.feed("] }")
    assert parser.is_done()
    assert isinstance(parser.finish(), str)


def test_the_ovs_package_uses_it_or_its_own_in_c() -> None:
    import ovn_integrate.ovsdb  # noqa: F401

    assert ovs.json.Parser is Parser or ovs.json.PARSER == ovs.json.PARSER_C
