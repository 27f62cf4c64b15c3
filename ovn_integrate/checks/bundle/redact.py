"""Taking secrets out of what is to be shown to others.

Two ways, as each misses what the other finds: by the names that secrets have, and by the values
that this host's own settings say are secret, wherever those stand.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

MARK = b"[redacted]"

# Bytes of a value that is looked for everywhere: as a word, and from the second on within words.
_SHORTEST, _LONG = 4, 8

_CORE = (
    rb"(?:passwd|password|passphrase|secret|token|psk|credential"
    rb"|private[_-]?key|api[_-]?key|authorization|cookie)[\w.-]*"
)
_WORD = rb"[\w.-]*" + _CORE
_SECRET_NAME = re.compile(rb"(?i)" + _WORD)
_STRING = rb'(?:[^"\\\n]|\\.)*'
_NOT_A_PATH = rb"(?!/)"  # which may be shown
_KEY = rb"-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY-----"

# What has none of these needs no further look: most of a large database.
_HINT = re.compile(rb"(?i)://|PRIVATE KEY|" + _CORE)

_PATTERNS = (
    # The key itself, of whatever kind.
    re.compile(rb"()" + _KEY + rb".*?(?:" + _KEY + rb"|\Z)", re.DOTALL),
    # A URL's password.
    re.compile(rb"(://[^\s/:@\"']*:)[^\s/@\"']+(?=@)"),
    re.compile(rb"(?i)(authorization\\?\"?\s*[:=]\s*\\?\"?)[^\r\n\"\\]+"),
    # A line of an environment file, and a variable in a string of JSON.
    re.compile(rb"(?im)(^[ \t]*(?:export[ \t]+)?" + _WORD + rb"=)" + _NOT_A_PATH + rb"[^\r\n]+"),
    re.compile(rb'(?i)("' + _WORD + rb"=)" + _NOT_A_PATH + _STRING + rb'(?=")'),
    # JSON, a pair of an OVSDB map, and JSON inside of a string.
    re.compile(rb'(?i)("' + _WORD + rb'"\s*:\s*")' + _NOT_A_PATH + _STRING + rb'(?=")'),
    re.compile(rb'(?i)(\[\s*"' + _WORD + rb'"\s*,\s*")' + _NOT_A_PATH + _STRING + rb'(?=")'),
    # From here on without what goes before the word: to look back from each byte would take long.
    re.compile(rb"(?i)(" + _CORE + rb'\\"\s*[:,]\s*\\")' + _NOT_A_PATH + rb'.*?(?=\\")'),
    # Any other text: name=value, name: value, --name value.
    re.compile(rb"(?i)(" + _CORE + rb"\s*[=:]\s*\"?)" + rb"(?![\s\"/\[{\\])[^\s\"',;}\]]+"),
    re.compile(rb"(?i)(--" + _WORD + rb"[ \t]+)" + _NOT_A_PATH + rb"[^\s-][^\s]*"),
)

_RECORD = re.compile(rb"(OVSDB (?:JSON|CLUSTER)) (\d+) ([0-9a-f]{40})\n")


class Redactor:
    """:param known: values that are secret wherever they stand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        spelled: set[bytes] = set()
        for value in known:
            if len(value.encode()) >= _SHORTEST:
                spelled |= {value.encode(), json.dumps(value)[1:-1].encode(), quote(value).encode()}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._known = re.compile(b"|".join(map(_anywhere, longest_first))) if spelled else None

    def clean(self, data: bytes) -> bytes:
        """The same without secrets. A database's file can be loaded afterwards."""
        if _RECORD.match(data):
            return b"".join(self._records(data))
        return self._text(data)

    def _text(self, data: bytes) -> bytes:
        if self._known is not None:
            data = self._known.sub(lambda _: MARK, data)
        if _HINT.search(data) is None:
            return data
        for pattern in _PATTERNS:
            data = pattern.sub(lambda found: found[1] + MARK, data)
        return data

    def _records(self, data: bytes) -> Iterable[bytes]:
        """Of a file of ovsdb(5), each with its length and SHA-1 before it."""
        place = 0
        while head := _RECORD.match(data, place):
            body = data[head.end() : head.end() + int(head[2])]
            clean = self._text(body)
            if clean == body:
                yield head[0]
            else:
                digest = hashlib.sha1(clean).hexdigest()
                yield b"%s %d %s\n" % (head[1], len(clean), digest.encode())
            yield clean
            place = head.end() + int(head[2])
        yield self._text(data[place:])


def _anywhere(value: bytes) -> bytes:
    # A password like "admin" must not take half of every text with it.
    escaped = re.escape(value)
    return escaped if len(value) >= _LONG else rb"(?<!\w)" + escaped + rb"(?!\w)"


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """The values of variables that are secret by their names."""
    return {
        value
        for name, value in environment.items()
        if _SECRET_NAME.fullmatch(name.encode(errors="replace")) and not value.startswith("/")
    }


def known_here(env_files: Iterable[Path], pids: Iterable[int]) -> set[str]:
    """The secrets of this process, of environment files, and of processes, as far as they can be
    read."""
    found = secrets_of(os.environ)
    for file in env_files:
        found |= secrets_of(dict(_assignments(_read(file))))
    for pid in pids:
        pairs = (one.partition("=")[::2] for one in _read(Path(f"/proc/{pid}/environ")).split("\0"))
        found |= secrets_of(dict(pairs))
    return found


def _assignments(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            yield name.strip(), value.strip().strip("\"'")


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
