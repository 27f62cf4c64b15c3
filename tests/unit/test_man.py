"""The manual page is made from the options and the errors, and is not stale."""

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


def test_the_page_is_fresh() -> None:
    written = (ROOT / "man/ovn-integrate.8").read_text()
    assert written == _maker().page(), "run: scripts/make-man"


def test_the_page_is_well_formed() -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    words = ["mandoc", "-Tlint", "-Wwarning", str(ROOT / "man/ovn-integrate.8")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
