"""What has a form of its own, with what is known to be harmless shown and the rest hidden.

Of others' programs, containers and settings an archive tells that they are there: a secret may
stand anywhere in their arguments and values, and be of any form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from ovn_integrate.checks.bundle.secrets import HARMLESS, is_secret

HIDDEN = "[redacted]"

View = Callable[[bytes], bytes]

# Whose arguments are known here, and tell of faults.
_PROGRAMS = re.compile(
    r"ov[sn]-[\w-]+|ovsdb-[\w-]+|ovn-integrate|dockerd|containerd(?:-shim[\w-]*)?|docker-proxy"
    r"|systemd(?:-(?:journal|udev|login|network|resolve|timesync|oom|machine)d)?|init|agetty"
    r"|dhclient|dhcpcd|udhcpc|NetworkManager|dbus-daemon"
)
_PYTHON, _SHELL = re.compile(r"python[\d.]*"), re.compile(r"(?:ba|da)?sh")
_OURS = re.compile(r"(?:.*/)?ovn[-_]integrate")
_KERNEL = re.compile(r"\[[\w/:.+-]+\]\Z")


def command_line(words: str) -> str:
    """What is shown of a process's arguments: all of a known program, of others their name."""
    argv = words.split()
    if not argv or _KERNEL.match(words):
        return words
    name = _name(argv[0])
    if _PROGRAMS.fullmatch(name):
        return words
    if _PYTHON.fullmatch(name) and any(_OURS.fullmatch(one) for one in argv[1:4]):
        return words
    # Not what a shell is given to do: that is somebody's.
    if _SHELL.fullmatch(name) and len(argv) > 1 and _PROGRAMS.fullmatch(_name(argv[1])):
        return words
    return _program(argv)


def _program(argv: list[str]) -> str:
    """The name alone, and that there are arguments."""
    name = _name(argv[0])
    return f"{name} {HIDDEN}" if len(argv) > 1 else name


def _name(word: str) -> str:
    # A process may have written anything in the place of its name: "postgres: user …", "a=b".
    name = PurePosixPath(word.lstrip("-")).name
    found = re.match(r"[\w.+-]{1,64}(?=:?\Z)", name)
    return found[0] if found else HIDDEN


def processes(data: bytes) -> bytes:
    """Of ``ps -eo pid,ppid,stat,etime,rss,args``."""
    head, *lines = data.decode(errors="replace").splitlines()[:100_000] or [""]
    return _encoded([head, *(_process(line) for line in lines)])


def _process(line: str) -> str:
    found = re.match(r"(\s*\d+\s+\d+\s+\S+\s+\S+\s+\d+ )(.*)", line)
    return found[1] + command_line(found[2]) if found else HIDDEN


def units(data: bytes) -> bytes:
    """Of ``systemctl status``: the processes of each unit, and the last lines of its journal."""
    lines = data.decode(errors="replace").splitlines()
    return _encoded([_unit(line) for line in lines])


def _unit(line: str) -> str:
    found = re.match(r"(\s*[│ ]*[├└|`]─?\s*\d+ )(.*)", line)
    return found[1] + command_line(found[2]) if found else line


def environment(data: bytes) -> bytes:
    """Of a file of variables: all names, and the values that are known to be harmless."""
    lines = data.decode(errors="replace").splitlines()
    return _encoded([_assignment(line) for line in lines])


def _assignment(line: str) -> str:
    found = re.match(r"(\s*#*\s*(?:export\s+)?)([A-Za-z_]\w*)(\+?=)(.*)", line)
    if found is None:
        # A comment, or a line that goes on from the one before, or shell.
        return line if not line.strip() or re.match(r"\s*#[^=]*\Z", line) else HIDDEN
    before, name, equals, value = found.groups()
    harmless = HARMLESS.fullmatch(name) or name.endswith(("_OPTS", "_OPTIONS"))
    shown = not value or (harmless and not is_secret(name.encode()))
    return before + name + equals + (value if shown else HIDDEN)


_LISTS = {"env": "=", "args": "", "cmd": "", "entrypoint": "", "command": ""}
_MAPS = ("labels", "options", "driveropts", "log-opts", "exec-opts", "storage-opts")
# Beside those of this driver and of OVN.
_LABELS = re.compile(
    r"com\.docker\.(?:network|compose|swarm|stack)\..*|org\.opencontainers\.image\..*"
    r"|ovn[._-].*|openvswitch.*|max-(?:size|file)|mode|com\.docker\.driver\..*|maintainer"
)


def docker(value: Any) -> Any:
    """Of what Docker's API answers: variables, arguments and labels as far as they are known."""
    if isinstance(value, Mapping):
        return {key: _member(str(key).lower(), inner) for key, inner in value.items()}
    return [docker(one) for one in value] if isinstance(value, list) else value


def daemon(data: bytes) -> bytes:
    """Of Docker's ``daemon.json``; nothing of one that is no JSON."""
    try:
        return json.dumps(docker(json.loads(data)), indent=1).encode()
    except (ValueError, RecursionError):
        return f"{HIDDEN}\n".encode()


def _member(key: str, value: Any) -> Any:
    if key in _LISTS and isinstance(value, list):
        return [_entry(one) if _LISTS[key] else _word(one) for one in value]
    if key in _LISTS and isinstance(value, str):
        return _program(value.split()) if value.strip() else value
    if key in _MAPS and isinstance(value, Mapping):
        return {name: docker(_labelled(str(name), inner)) for name, inner in value.items()}
    if key in _MAPS and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return [_entry(one) for one in value]
    return docker(value)


def _labelled(name: str, value: Any) -> Any:
    """A label, or an option: a text of somebody's that is not known is hidden."""
    known = _LABELS.fullmatch(name) and not is_secret(name.encode(errors="replace"))
    return value if known or not isinstance(value, str) or not value else HIDDEN


def _entry(item: Any) -> Any:
    """``NAME=VALUE``, or what Docker's plugins have for it."""
    if not isinstance(item, str):
        named = isinstance(item, Mapping) and "Value" in item
        return {**item, "Value": HIDDEN} if named and item["Value"] else docker(item)
    name, equals, value = item.partition("=")
    if not equals or not value:
        return name + equals
    known = HARMLESS.fullmatch(name) or _LABELS.fullmatch(name)
    return item if known and not is_secret(name.encode(errors="replace")) else f"{name}={HIDDEN}"


def _word(item: Any) -> Any:
    return HIDDEN if isinstance(item, str) else docker(item)


def ids(answers: Iterable[bytes]) -> set[bytes]:
    """The ids in answers of Docker's API: they look like secrets, and are looked for."""
    found: set[bytes] = set()
    for data in answers:
        with suppress(ValueError):
            found |= set(_ids(json.loads(data)))
    return found


def _ids(value: Any) -> list[bytes]:
    if isinstance(value, list):
        return [id for one in value for id in _ids(one)]
    if not isinstance(value, Mapping):
        return []
    found = [id for key, one in value.items() for id in _named_ids(str(key), one)]
    return found + [id for one in value.values() for id in _ids(one)]


_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64}|[0-9a-z]{25})")
_ID_KEYS = ("Id", "ID", "ImageID", "Image", "EndpointID", "NetworkID", "SandboxID", "NodeID")


def _named_ids(key: str, value: Any) -> list[bytes]:
    # The containers of a network stand under their ids.
    # In others of its answers their number stands there.
    inside = key == "Containers" and isinstance(value, Mapping)
    texts = [value] if key in _ID_KEYS else [*value] if inside else []
    found = (_ID.fullmatch(one) for one in texts if isinstance(one, str))
    return [one[1].encode() for one in found if one]


def _encoded(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
