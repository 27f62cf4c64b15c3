"""The standard library's JSON parser in the place of the ``ovs`` package's own.

From PyPI that package comes without its C parser, and the one in Python takes more of a
transaction than all else: half of what a new port costs, and most of a start on a big database.
Messages follow each other without a mark between them (RFC 7047, 4), so this finds where one ends
and hands the whole of it to ``json``.
"""

from __future__ import annotations

import json
import re
from typing import Any

import ovs.json

# Every message is an object, so brackets need no counting; braces do, outside of strings.
_INSIDE = r'"[^"\\]*(?:\\.[^"\\]*)*'
# One whose end has not come yet too, as otherwise each quote inside of it is tried for a start.
_STRINGS = re.compile(rf'{_INSIDE}(?:"|\Z)', re.DOTALL)
_BRACE = re.compile("[{}]")
_MARK = re.compile(rf'{_INSIDE}"|["{{}}]', re.DOTALL)
# Put behind a text to see whether a string takes it in: JSON has it nowhere.
_END = "\0"


class Parser:
    """What ``ovs.jsonrpc`` asks of a parser: text is fed to it until one message is complete."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._depth = 0
        # What stands for a string whose end has not come yet, in front of the next text.
        self._open = ""
        self._done = False

    def feed(self, text: str) -> int:
        """Take in text up to the end of the message.

        :returns: how many characters of it that were.
        """
        seen = self._open + text
        # All strings out at once, and what is left walked over: much quicker than a walk over all.
        bare = _STRINGS.sub("", seen + _END)
        depth = self._depth
        braces = _BRACE.findall(bare)
        for number, brace in enumerate(braces, 1):
            depth += 1 if brace == "{" else -1
            if depth <= 0:
                if number < len(braces) or not bare.endswith("}" + _END):
                    return self._walk(seen, text)
                # Nothing comes after it, as nearly always.
                self._done = True
        self._depth = depth
        self._open = "" if bare.endswith(_END) else _cut(seen)
        self._parts.append(text)
        return len(text)

    def is_done(self) -> bool:
        return self._done

    def finish(self) -> Any:
        """The message, or in a string what is wrong with it, as ``ovs.json`` has it."""
        try:
            return json.loads("".join(self._parts))
        except ValueError as error:
            return str(error)

    def _walk(self, seen: str, text: str) -> int:
        before = len(self._open)
        self._open = ""
        for mark in _MARK.finditer(seen):
            if mark[0] == '"':
                self._open = _cut(seen)
                break
            self._depth += {"{": 1, "}": -1}.get(mark[0], 0)
            if mark[0] == "}" and self._depth <= 0:
                self._done = True
                used = mark.end() - before
                self._parts.append(text[:used])
                return used
        self._parts.append(text)
        return len(text)


def _cut(text: str) -> str:
    """As little as stands for the open string at the end of a text: its quote, and a backslash that
    waits for what it escapes."""
    waiting = len(text) - len(text.rstrip("\\"))
    return '"' + "\\" * (waiting % 2)


def use() -> None:
    """Have ``ovs`` parse with this, unless it has its C parser."""
    if ovs.json.PARSER != ovs.json.PARSER_C:
        ovs.json.Parser = Parser
