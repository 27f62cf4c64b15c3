"""Taking secrets out of what is to be shown to others.

What has a form of its own shows what is known to be harmless (``views``). The rest is text, whose
secrets are found in three ways, as each misses what the others find: by the names that they have
or the words before them, by what a secret itself looks like, and by the values that this host's
own settings hold, wherever those stand.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from ovn_integrate.checks.bundle.secrets import HARMLESS, HINT, is_random, is_secret, is_shown

MARK = b"[redacted]"

# Bytes of a value that is looked for everywhere: as a word, and from the second on within words.
_SHORTEST, _LONG = 4, 8

_STRING = rb'(?:[^"\\\n]|\\.)*'
_VALUE = (
    rb"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\\"[^"\\\n]*\\\""""
    rb"""|(?![\s"'/\[{\\]|$)[^\s"',;}\]\\]+|/[^\s"',;}\]\\]*)"""
)
_KEY = rb"-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_BODY = re.compile(rb"(?:[A-Za-z0-9+/=\s]|\\[nr])*")
_LONGEST_BODY = 20_000

# What can be a name: looked at one by one, as a search for all names takes long in large texts.
_NAME = re.compile(rb"[\w.-]+")
_HINTED = re.compile(rb"(?i)" + HINT)
_LONGEST_NAME = 128
# A name at the start of a line has all of the line, as in an environment file.
_LINE = re.compile(rb"(=)((?!0x)[^\r\n]+)")
_LINE_START = re.compile(rb"(?:^|[\r\n])[ \t#]*(?:export[ \t]+)?\Z")
# Who asks: what follows is of several words.
_HEADER = re.compile(rb"(?i)(?:[\w-]+-)?(?:authorization|cookie)|x-[\w-]+")
_OF_HEADER = re.compile(rb"(\\?[\"']?\s*[:=]\s*\\?[\"']?)((?!0x|[{\[\s])[^\r\n\"'\\]+)")
# After a name in quotation marks: a variable in a string; JSON, or a pair of a list or of OVSDB.
_QUOTED = re.compile(rb'(=|"\s*[:,]\s*")(' + _STRING + rb')(?=")')
_ESCAPED = re.compile(rb'(\\+"\s*[:,]\s*\\+")(.*?)(?=\\+")')
_SINGLE = re.compile(rb"('\s*[:,]\s*')([^'\n]*)(?=')")
_IN_LIST = re.compile(rb"[\[,]\s*\\*[\"']\Z")
# After any other: name=value, name: value, --name value.
_PLAIN = re.compile(rb"(\s*[=:]\s*)(" + _VALUE + rb")")
_OPTION = re.compile(rb"([ \t]+)((?!-)" + _VALUE + rb")")

# All that follows the first group goes, where there is the text before it.
_FOLLOWED = (
    # The key itself, of whatever kind.
    (b"PRIVATE KEY", rb"()" + _KEY + rb".*?(?:" + _KEY + rb"|\Z)"),
    # Who asks, in a URL: a password, or a token alone.
    (b"://", rb"(://)[^\s/@\"'\\]{1,1000}(?=@)"),
    (b"", rb"(?i)(\b(?:bearer|basic)[ \t]{1,9})[\w.+/=~-]{6,}"),
    (b"-u", rb"((?<![^\s\"'])-u[ \t]{0,9}[\"']?)[^\s\"':]+:[^\s\"']+"),
    (b"user", rb"((?<![^\s\"'])--(?:proxy-)?user[= \t]{1,9}[\"']?)[^\s\"':]+:[^\s\"']+"),
    # Programs that take one behind a letter, or a word.
    (b"mysql", rb"(\bmysql[\w-]{0,20}\b[^\n\"]{0,200}?\s-p)[^\s\"']+"),
    (b"mariadb", rb"(\bmariadb[\w-]{0,20}\b[^\n\"]{0,200}?\s-p)[^\s\"']+"),
    (b"sshpass", rb"(\bsshpass\b[^\n\"]{0,200}?\s-p[ \t]{0,9})[^\s\"']+"),
    (b"redis-cli", rb"(\bredis-cli\b[^\n\"]{0,200}?\s-a[ \t]{1,9})[^\s\"']+"),
    (b"ldap", rb"(\bldap\w{1,20}\b[^\n\"]{0,200}?\s-w[ \t]{1,9})[^\s\"']+"),
    (b"requirepass", rb"(\brequirepass[ \t]{1,9})[^\s\"'\\-][^\s\"'\\]*"),
    (b"masterauth", rb"(\bmasterauth[ \t]{1,9})[^\s\"'\\-][^\s\"'\\]*"),
    (b" join ", rb"(\bovn-integrate\b[^\n\"]{0,200}?\sjoin[ \t]{1,9})[^\s\"'-][^\s\"']{15,}"),
)

_VARIABLE = re.compile(rb"(?<![\w.-])([A-Z][A-Z0-9]*_[A-Z0-9_]+)(=)(" + _VALUE + rb")")
_SIMPLE = re.compile(rb"(?:y|n|m|on|off|yes|no|true|false|\d{1,6})")
_ENV = re.compile(rb'("Env"\s*:\s*\[)([^\]]*)')
_ENV_ITEM = re.compile(rb'"([^"\\=]+)=(' + _STRING + rb')"')
_ESCAPED_ENV = re.compile(rb'(\\"Env\\"\s*:\s*\[)[^\]]+')
_ARGUMENTS = re.compile(rb'(\\?"(?:Cmd|Args|Entrypoint)\\?"\s*:\s*\[\s*(\\?")[^"\\]*\\?")[^\]]+')

# Base64 of JSON, which tokens are; and what may be random.
_SIGNED = re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*=*")
_WORD = re.compile(
    rb"(?<![A-Za-z0-9+/_-])"
    rb"(?![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-]))"
    rb"[A-Za-z0-9+/_-]{20,}=*"
)
_DIGEST = re.compile(rb"(?i)(?:sha(?:1|256|384|512)|md5)\W{0,2}\Z")

_RECORD = re.compile(rb"(OVSDB (?:JSON|CLUSTER)) (\d+) ([0-9a-f]{40})\n")


class Redactor:
    """:param known: values that are secret wherever they stand.
    :param shown: words that look like a secret and are none: the ids of what there is.
    """

    def __init__(self, known: Iterable[str] = (), shown: Iterable[bytes] = ()) -> None:
        spelled: set[bytes] = set()
        for value in known:
            if len(value.encode()) >= _SHORTEST:
                spelled |= {value.encode(), json.dumps(value)[1:-1].encode(), quote(value).encode()}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._known = re.compile(b"|".join(map(_anywhere, longest_first))) if spelled else None
        self._shown = frozenset(shown)
        self._salt = secrets.token_bytes(16)

    def clean(self, data: bytes) -> bytes:
        """The same without secrets. A database's file can be loaded afterwards."""
        if _RECORD.match(data):
            return b"".join(self._records(data))
        return self._text(data)

    def _text(self, data: bytes) -> bytes:
        clean, place = [], 0
        for start, end in _certificates(data):
            clean += [self._part(data[place:start]), data[start:end]]
            place = end
        return b"".join([*clean, self._part(data[place:])])

    def _part(self, data: bytes) -> bytes:
        if self._known is not None:
            data = self._known.sub(lambda _: MARK, data)
        data = _SIGNED.sub(MARK, data) if b"eyJ" in data else data
        for text, pattern in _FOLLOWED:
            if text in data:
                # re keeps them compiled.
                data = re.sub(pattern, lambda found: found[1] + MARK, data, flags=re.DOTALL)
        data = b"".join(_without_named(data))
        if b'"Cmd' in data or b'"Args' in data or b'"Entrypoint' in data:
            data = _ARGUMENTS.sub(rb"\1, \2" + MARK + rb"\2", data)
        data = _ESCAPED_ENV.sub(rb"\1\"" + MARK + rb"\"", data)
        data = _ENV.sub(lambda found: found[1] + _ENV_ITEM.sub(_item, found[2]), data)
        data = _VARIABLE.sub(_variable, data)
        return _WORD.sub(self._word, data)

    def _word(self, found: re.Match[bytes]) -> bytes:
        word = found[0]
        bare = word.rstrip(b"=")
        if bare in self._shown or not is_random(bare):
            return word
        if _DIGEST.search(found.string, max(0, found.start() - 9), found.start()):
            return word
        return self._mark(word)

    def _mark(self, word: bytes) -> bytes:
        """The same for the same word, so that it can be found elsewhere in this archive."""
        digest = hmac.new(self._salt, word, hashlib.sha256).hexdigest()
        return b"[redacted-%s]" % digest[:6].encode()

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


def _certificates(data: bytes) -> Iterator[tuple[int, int]]:
    """Where certificates are, which are public and look like nothing else."""
    start, end = data.find(_BEGIN), data.find(_END)
    while start >= 0 and end >= 0:
        if end < start:
            end = data.find(_END, start)
            continue
        short = end - start < _LONGEST_BODY
        if short and _BODY.fullmatch(data, start + len(_BEGIN), end):
            yield start, end + len(_END)
        start = data.find(_BEGIN, start + 1)


def _without_named(data: bytes) -> Iterator[bytes]:
    """The text without the values that follow the name of a secret."""
    innocent: set[bytes] = set()
    place = 0
    for found in _NAME.finditer(data):
        name = found[0]
        if name in innocent or found.start() < place:
            continue
        if len(name) > _LONGEST_NAME or not _HINTED.search(name) or not is_secret(name):
            innocent.add(name)
            continue
        value = _value_after(data, found)
        if value is not None and not is_shown(name, value[2]):
            yield data[place : value.start(2)]
            yield _hidden(value[2])
            place = value.end(2)
    yield data[place:]


def _value_after(data: bytes, name: re.Match[bytes]) -> re.Match[bytes] | None:
    """The value of a name, as the second group, with what is between them as the first."""
    start, end = name.span()
    before = data[max(0, start - 8) : start]
    if _HEADER.fullmatch(name[0]):
        return _OF_HEADER.match(data, end) or _OPTION.match(data, end)
    if before.endswith(b'\\"'):
        found = _ESCAPED.match(data, end)
    elif before.endswith(b'"'):
        found = _QUOTED.match(data, end)
    elif before.endswith(b"'"):
        found = _SINGLE.match(data, end)
    else:
        line = _LINE_START.search(data, max(0, start - 32), start)
        found = _LINE.match(data, end) if line and name[0][:1] not in b".-" else None
    if found is not None and b"," in found[1] and not _IN_LIST.search(before):
        return None  # it is a value itself
    if found is None:
        found = _PLAIN.match(data, end)
    if found is None and name[0].startswith(b"-"):
        found = _OPTION.match(data, end)
    if found is not None and name[0] == b"pass" and found[1] == b": " and before.endswith(b" "):
        return None  # "of what may pass: …"
    return found


def _variable(found: re.Match[bytes]) -> bytes:
    name, equals, value = found.groups()
    harmless = HARMLESS.fullmatch(name.decode()) and not is_secret(name)
    if harmless or _SIMPLE.fullmatch(value) or is_shown(name, value):
        return found[0]
    return bytes(name + equals + _hidden(value))


def _item(found: re.Match[bytes]) -> bytes:
    name, value = found.groups()
    if HARMLESS.fullmatch(name.decode(errors="replace")) and not is_secret(name):
        return found[0]
    return b'"%s=%s"' % (name, MARK if value else b"")


def _hidden(value: bytes) -> bytes:
    """The mark, in the quotation marks that the value is in."""
    if value.startswith(b'\\"') and value.endswith(b'\\"'):
        return b'\\"' + MARK + b'\\"'
    quoted = value[:1] in (b'"', b"'") and value[-1:] == value[:1] and len(value) > 1
    return value[:1] + MARK + value[:1] if quoted else MARK


def _anywhere(value: bytes) -> bytes:
    # A password like "admin" must not take half of every text with it.
    escaped = re.escape(value)
    return escaped if len(value) >= _LONG else rb"(?<!\w)" + escaped + rb"(?!\w)"


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """The values of variables that are secret by their names, or by what they look like."""
    return {
        value
        for name, value in environment.items()
        if (is_secret(name.encode(errors="replace")) or is_random(value.encode(errors="replace")))
        and not is_shown(name.encode(errors="replace"), value.encode(errors="replace"))
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
