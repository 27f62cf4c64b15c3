"""The manual pages are made from the options and the errors, and are not stale."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _maker() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("make_man", str(ROOT / "scripts/make-man"))
    spec = importlib.util.spec_from_loader("make_man", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


MAKER = _maker()
PAGES: dict[str, str] = MAKER.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_fresh(name: str) -> None:
    file = ROOT / "man" / name
    assert file.exists(), f"{name} is missing; run: scripts/make-man"
    assert file.read_text() == PAGES[name], f"{name} is stale; run: scripts/make-man"


def test_no_page_is_left_of_what_is_gone() -> None:
    assert {file.name for file in (ROOT / "man").glob("*.8")} == set(PAGES)


def test_every_verb_has_been_given_a_page() -> None:
    missing = MAKER.unassigned()
    assert not missing, f"say in PAGES of scripts/make-man on which page to put: {missing}"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed(name: str) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    words = ["mandoc", "-Tlint", "-Wwarning", str(ROOT / "man" / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
