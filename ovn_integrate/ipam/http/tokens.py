"""Tokens of people and programs that have no certificate: a file with their hashes.

A token is 32 random bytes, so that its plain hash tells nothing of it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from ovn_integrate import account, jsontext
from ovn_integrate.errors import Conflict, Invalid, NotPermitted
from ovn_integrate.ipam.permit.rules import OPERATOR, READER, Identity
from ovn_integrate.pki import files

ROLES = (OPERATOR, READER)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Entry:
    """What the file has of a token.

    :param sha256: of the token, in hexadecimal.
    """

    name: str
    role: str
    sha256: str
    created: str


class Tokens:
    """Read again when the file was replaced. Any thread may use it.

    :param path: there may be no file yet.
    :raises Invalid: it is no such file.
    :raises NotPermitted: it may not be read, or others may read it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._known: dict[str, Identity] = {}
        self._read()

    def find(self, token: str) -> Identity | None:
        """Whose a token is. What is wrong with a file that was replaced leaves nobody known."""
        try:
            self._read()
        except (Invalid, NotPermitted):
            self._known = {}
        return self._known.get(_digest(token))

    def _read(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._known = None, {}
            return
        seen = found.st_ino, found.st_mtime_ns
        if seen != self._seen:
            self._seen = seen
            entries = load(self._path)
            self._known = {one.sha256: Identity(one.name, one.role) for one in entries}


def create(path: Path, name: str, role: str) -> str:
    """Make a token, which is not written down anywhere.

    :raises Invalid: that is no name, or no role.
    :raises Conflict: there is one of that name.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"token {name!r}", "is no name", "letters, digits, '.', '_' and '-', 64 at most"
        )
    if role not in ROLES:
        raise Invalid(f"role {role!r}", "is none", " or ".join(ROLES))
    token = secrets.token_urlsafe(32)
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with files.locked(path.parent):
        have = load(path)
        if any(one.name == name for one in have):
            raise Conflict(f"token {name}", "exists", f"ovn-integrate ipam token delete {name}")
        _write(path, [*have, Entry(name, role, _digest(token), created)])
    return token


def delete(path: Path, name: str) -> bool:
    """Make a token good for nothing; False when there is none of that name."""
    with files.locked(path.parent):
        have = load(path)
        left = [one for one in have if one.name != name]
        if left != have:
            _write(path, left)
    return left != have


def load(path: Path) -> list[Entry]:
    """What a file has; nothing where there is none.

    :raises Invalid: it is no such file.
    :raises NotPermitted: it may not be read, or others may read it.
    """
    try:
        found = path.stat()
        shared = 0o040 if found.st_gid == account.group() else 0
        if found.st_mode & 0o077 & ~shared:
            raise NotPermitted(str(path), "may be read by others", f"chmod 600 {path}")
        entries = [Entry(**one) for one in jsontext.parse(path.read_bytes())["tokens"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NotPermitted(str(path), f"cannot be read: {error.strerror}", "run as root") from None
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid(str(path), f"is no file of tokens ({type(error).__name__})") from None
    if not all(_fits(one) for one in entries):
        raise Invalid(str(path), "is no file of tokens (an entry)")
    return entries


def _fits(entry: Entry) -> bool:
    texts = all(isinstance(one, str) for one in asdict(entry).values())
    return texts and entry.role in ROLES and len(entry.sha256) == 64


def _write(path: Path, entries: list[Entry]) -> None:
    content = jsontext.dumps({"tokens": [asdict(one) for one in entries]}, indent=1) + "\n"
    files.write(path, content.encode(), files.SHARED)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
