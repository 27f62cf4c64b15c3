"""The page on the architecture is true: its picture is fresh, and its places exist."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import ovn_integrate
from tests.unit.test_layers import FLOOR, MODELS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(ovn_integrate.__file__).parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def _drawer() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(
        "draw_architecture", str(ROOT / "scripts/draw-architecture")
    )
    spec = importlib.util.spec_from_loader("draw_architecture", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_picture_is_fresh() -> None:
    drawer = _drawer()
    assert drawer.PICTURE.read_text() == drawer.picture(), "run: scripts/draw-architecture"


def test_the_picture_and_the_page_have_all_rooms() -> None:
    graph, counts = _drawer().rooms()
    alone = {"ipam/allocate", "ipam/neutron_errors"}  # modules beside the rooms of a folder
    assert {room for room in graph if counts[room]} - {"ipam"} == set(FLOOR) - alone
    folders = {room for room in FLOOR if (PACKAGE / room).is_dir()}
    assert not [room for room in folders - {MODELS} if f"`{room}/`" not in PAGE]


def test_every_place_that_the_page_names_exists() -> None:
    names = re.findall(r"`([a-z_/]+(?:\.py|/))`", PAGE)
    assert len(names) > 30
    missing = [
        name
        for name in names
        if not ((PACKAGE / name).exists() or (ROOT / name).exists() or _in_a_room(name))
    ]
    assert not missing


def _in_a_room(name: str) -> bool:
    """Whether a file is named by its last part alone, behind one of its own room."""
    return any(PACKAGE.rglob(name)) if "/" not in name else False


def test_questions_are_answered_where_the_page_says() -> None:
    table = re.findall(r"^\| [^|]+\? \| `([^`]+)`: `([^`]+)` \|$", PAGE, re.MULTILINE)
    assert len(table) >= 5
    for file, name in table:
        tree = ast.parse((PACKAGE / file).read_text())
        defined = {
            getattr(node, "name", None) or ast.unparse(getattr(node, "targets", [node])[0])
            for node in tree.body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assign))
        }
        assert name in defined, f"{file} has no {name}"
