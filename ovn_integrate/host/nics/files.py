"""The files that have NICs in their bridges at the next boot too, and the way back from them.

What each of them was before lies in a record, written first: from there it is put back, unless
somebody has changed the file since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ovn_integrate import paths
from ovn_integrate.errors import CommandFailed
from ovn_integrate.rewrite import rewrite

Files = Mapping[Path, str | None]
"""What files shall hold; None for one that shall not be there."""

_FOLDER = "ovn-integrate"
_MODE = 0o600  # keyfiles must be so, and netplan wants it
_READ_BY_OTHERS = (".network",)  # networkd is not root


def write(bridge: str, wanted: Files) -> None:
    """Write the files of a bridge, after the record of what they were."""
    record = {str(path): {"before": _text(path), "written": text} for path, text in wanted.items()}
    for name, known in _record(bridge).items():
        # Of a run that was killed, or of one before: what was first there counts.
        if name in record:
            record[name]["before"] = known["before"]
    _put(_place(bridge), json.dumps(record, indent=2))
    for path, text in wanted.items():
        _put(path, text)


def written(bridge: str) -> bool:
    """Whether files were written for a bridge."""
    return _place(bridge).exists()


def before(bridge: str) -> dict[str, str | None]:
    """What :func:`remove` would have the files of a bridge hold."""
    return {name: known["before"] for name, known in _record(bridge).items()}


def remove(bridges: Iterable[str]) -> list[str]:
    """Have the files of bridges as they were before; those that were left alone, and why."""
    waiting = list(bridges)
    said: list[str] = []
    while waiting:
        # A file may have been changed for one NIC and then for another: the last goes first.
        untouched = (one for one in waiting if _is_as_written(one))
        bridge = next(untouched, waiting[0])
        said += _remove(bridge)
        waiting.remove(bridge)
    return said


def _is_as_written(bridge: str) -> bool:
    return all(
        _text(Path(name)) in (known["written"], known["before"])
        for name, known in _record(bridge).items()
    )


def _remove(bridge: str) -> list[str]:
    left = []
    for name, known in _record(bridge).items():
        path = Path(name)
        now = _text(path)
        if now == known["written"]:
            _put(path, known["before"])
        elif now != known["before"]:
            left.append(f"{name}: left as it is, somebody has changed it")
    _put(_place(bridge), None)
    return left


def _record(bridge: str) -> dict[str, dict[str, str | None]]:
    text = _text(_place(bridge))
    found: dict[str, dict[str, str | None]] = json.loads(text) if text else {}
    return found


def _place(bridge: str) -> Path:
    return paths.etc() / _FOLDER / f"{bridge}.json"


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(str(path), error.strerror or "cannot be read") from error


def _put(path: Path, text: str | None) -> None:
    """In one step: a reader sees the old or the new.

    :raises CommandFailed: it cannot be written.
    """
    try:
        if text is None:
            path.unlink(missing_ok=True)
        else:
            _replace(path, text)
    except OSError as error:
        raise CommandFailed(str(path), error.strerror or "cannot be written") from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = 0o644 if path.suffix in _READ_BY_OTHERS else _MODE
    rewrite(path, text.encode(), fresh)
