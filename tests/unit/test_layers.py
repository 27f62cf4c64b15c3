"""The shape of the package: imports go down only, each library has one importer, edges are few."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ovn_integrate

PACKAGE = Path(ovn_integrate.__file__).parent
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

# A module may import from lower levels, and from its own part of the package.
LEVELS = {
    "errors": 1,
    "jsontext": 1,
    "faultpoint": 1,
    "once": 1,
    "paths": 2,
    "linelog": 2,
    "runner": 2,
    "netlink": 2,
    "logs": 2,
    "netns": 2,
    "openflow": 2,
    "ovsdb": 2,
    "audit": 3,
    "pump": 3,
    "servers": 3,
    "init": 3,
    "pki": 3,
    "repeated": 3,
    "drawing": 3,
    "web": 3,
    "host": 4,
    "driver": 5,
    "enrol": 5,
    "ipam": 5,
    "bringup": 6,
    "checks": 6,
    "departure": 6,
    "container": 6,
    "cli": 7,
    "__main__": 8,
}

# Where a library may be imported: files, or whole parts of the package.
IMPORTERS = {
    "ovs": {"ovsdb"},
    "psutil": {"host/interfaces.py"},
    "pyroute2": {"netlink"},
    "subprocess": {"runner.py"},
    "cryptography": {"pki/reading.py", "pki/x509.py"},
    "prometheus_client": {"ipam/metrics.py"},
    "gunicorn": {"web"},
    "requests": {"driver/exchange.py"},
    "urllib3": {"driver/failover.py"},
    "keystoneauth1": {"driver/keystone.py"},
    "flask": {"driver/app.py", "ipam/api.py"},
    "tabulate": {"cli/output.py"},
    # The answers are written in it, and files of the host are read and written.
    "yaml": {"cli/output.py", "host/hostfile.py", "host/nics/persist/netplan.py"},
    "pydantic": {"driver/app.py", "driver/wire.py", "host/hostfile.py"},
}

# Where anything that can go wrong is caught: the process, a request, a job of another thread.
EDGES = {
    "cli/main.py",
    "driver/app.py",
    "driver/names.py",
    "ipam/api.py",
    "pump.py",
    "repeated.py",
    "web/exchange.py",
    "web/worker.py",
}


def _imports(path: Path) -> list[str]:
    """What a module imports when it runs: types that only a checker reads are free."""
    tree = ast.parse((PACKAGE / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _part(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def _own(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_down(path: Path) -> None:
    own = _own(path)
    if own == "__init__":
        return
    for name in _imports(path):
        if not name.startswith("ovn_integrate."):
            continue
        part = _part(name)
        if part in ("__version__", own):
            continue
        below = LEVELS[part] < LEVELS[own] or LEVELS[own] == LEVELS[part] == 2
        assert below, f"{path} imports {name}, which does not lie below it"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_each_library_has_one_importer(path: Path) -> None:
    for name in _imports(path):
        library = name.split(".")[0]
        if library in IMPORTERS:
            allowed = IMPORTERS[library]
            assert {str(path), path.parts[0]} & allowed, f"{path} imports {name}"


def test_the_driver_never_opens_northbound() -> None:
    for path in FILES:
        if path.parts[0] == "driver":
            assert "ovn_integrate.ovsdb.NB" not in _imports(path)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    if path.parts[0] == "cli":
        return
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "sys.exit", "exit", "os._exit", "click.echo"), path


# What others wrote reaches people and programs by way of these alone, where it is made safe.
PRINTERS = {"cli/output.py", "cli/progress.py"}
_PRINTING = {
    "echo",
    "secho",
    "echo_via_pager",
    "style",
    "clear",
    "prompt",
    "confirm",
    "progressbar",
}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_one_module_prints(path: Path) -> None:
    if str(path) in PRINTERS:
        return
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        text = ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Name)) else ""
        library, _, name = text.rpartition(".")
        assert text != "print", f"{path}:{node.lineno}"
        assert not (library == "click" and name in _PRINTING), f"{path}:{node.lineno}"
        assert not (library in ("sys.stdout", "sys.stderr") and name.startswith("write")), path
    assert not {"click.echo", "click.secho", "click.style"} & set(_imports(path))


@pytest.mark.parametrize("path", [one for one in FILES if one.parts[0] in ("cli", "ipam")], ids=str)
def test_json_is_read_and_written_in_one_way(path: Path) -> None:
    assert not [name for name in _imports(path) if name.split(".")[0] == "json"]
    assert "jsonify" not in (PACKAGE / path).read_text()
    assert ".get_json(" not in (PACKAGE / path).read_text()


@pytest.mark.parametrize("path", FILES, ids=str)
def test_everything_is_caught_at_the_edges_only(path: Path) -> None:
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if not isinstance(node, ast.ExceptHandler):
            continue
        reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
        if broad and not reraises:
            assert str(path) in EDGES, f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_modules_stay_small(path: Path) -> None:
    assert len((PACKAGE / path).read_text().splitlines()) <= 400
