"""What a real Neutron answered, a line for each case."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tests.functional.ipam_api.talk import Answer

_FOLDER = Path(__file__).parent / "answers"


@cache
def read(module: str) -> dict[str, list[Answer]]:
    """The answers of a module's cases, by the name of the case."""
    if not _file(module).exists():
        return {}
    lines = _file(module).read_text().splitlines()
    return {one["case"]: one["answers"] for one in map(json.loads, lines)}


def write(module: str, names: list[str], case: str, said: list[Answer]) -> None:
    """Keep the answers of one case.

    :param names: the module's cases, in the order in which they shall stand.
    """
    known = read(module)
    known[case] = said
    lines = (_line(name, known[name]) for name in names if name in known)
    _file(module).write_text("".join(lines))


def _line(case: str, said: list[Answer]) -> str:
    return json.dumps({"case": case, "answers": said}, ensure_ascii=False) + "\n"


def _file(module: str) -> Path:
    return _FOLDER / f"{module}.jsonl"
