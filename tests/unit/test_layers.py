"""The shape of the package: imports go down only, each library has one importer, edges are few."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ovn_integrate

PACKAGE = Path(ovn_integrate.__file__).parent
LONGEST = 400  # lines of a module

# The models of all kinds of things of the API, each in its kind's folder: a room of its own, as
# what is planned is made of them, and the rules are about what is planned.
MODELS = "ipam/resources/*/model"
OF_MODELS = {"model", "l3", "standard"}

# The rooms of the package by floors, the highest first: folders with all in them, and modules that
# stand alone. A module imports from its own room and from lower floors.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("checks", "container", "host_up", "remove_chassis"),
    ("plugins/libnetwork",),
    ("core/collector",),
    ("core/endpoint",),
    ("core/attachment",),
    ("core/addresses", "core/policy", "core/way_out"),
    ("core/names", "core/network", "core/probe"),
    ("core/link",),
    ("clients/docker", "clients/neutron", "enrol", "ipam/audit", "ipam/http"),
    ("ipam/engine",),
    ("ipam/permit",),
    ("ipam/resources",),
    ("ipam/plan",),
    (MODELS,),
    ("ipam/allocate", "ipam/neutron_errors"),
    ("host",),
    ("audit", "drawing", "group_commit", "init", "periodic", "pki", "servers", "web"),
    (
        *("account", "linelog", "logs", "netlink", "netns", "openflow", "ovsdb", "paths"),
        *("rewrite", "runner"),
    ),
    ("contract", "errors", "faultpoint", "jsontext", "randomid"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Single modules, which may import each other as those of one room do.
TOGETHER = FLOOR["paths"]

# Parts that do not know each other, whichever floors they have.
APART = (("clients", "core", "plugins"), ("enrol",), ("ipam",))

# Where a library may be imported: files, or whole parts of the package.
IMPORTERS = {
    "ovs": {"ovsdb"},
    "psutil": {"host/interfaces.py"},
    "pyroute2": {"netlink"},
    "subprocess": {"runner.py"},
    "cryptography": {"pki/proof.py", "pki/reading.py", "pki/x509.py"},
    "prometheus_client": {"ipam/http/metrics.py"},
    "gunicorn": {"web"},
    "requests": {"clients/neutron/exchange.py"},
    "urllib3": {"clients/neutron/failover.py"},
    "keystoneauth1": {"clients/neutron/keystone.py"},
    "flask": {"plugins/libnetwork/app.py", "ipam/http/api.py"},
    "tabulate": {"cli/output.py"},
    # The answers are written in it, and files of the host are read and written.
    "yaml": {"cli/output.py", "host/hostfile.py", "host/nics/persist/netplan.py"},
    "pydantic": {"plugins/libnetwork/app.py", "plugins/libnetwork/wire.py", "host/hostfile.py"},
}

# Where anything that can go wrong is caught: the process, a request, a job of another thread.
EDGES = {
    "cli/main.py",
    "plugins/libnetwork/app.py",
    "core/names/container_names.py",
    "enrol/signer/server.py",
    "ipam/http/api.py",
    "group_commit.py",
    "periodic.py",
    "web/exchange.py",
    "web/worker.py",
}


@dataclass(frozen=True)
class Module:
    """A module of the package, read once.

    :ivar path: below the package.
    :ivar part: the part of the package that it is or lies in.
    :ivar room: as in FLOORS; empty for the packages around rooms.
    :ivar imports: what it imports when it runs.
    :ivar nodes: its whole tree, in one list.
    """

    path: Path
    part: str
    room: str
    lines: int
    imports: list[str]
    nodes: list[ast.AST]


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package."""
    return tuple(_read(path) for path in sorted(PACKAGE.rglob("*.py")))


def _read(file: Path) -> Module:
    path, text = file.relative_to(PACKAGE), file.read_text()
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    own = path.parts[0].removesuffix(".py")
    imports = _imports(path, tree)
    return Module(path, own, _room(path), len(text.splitlines()), imports, nodes)


def _room(path: Path) -> str:
    """The room of a file, or of what an import names, by its place below the package."""
    parts = path.with_suffix("").parts
    if parts[:2] == ("ipam", "resources") and OF_MODELS.intersection(parts[2:]):
        return MODELS
    names = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in FLOOR), "")


def _imports(path: Path, tree: ast.Module) -> list[str]:
    """What a module imports when it runs: types that only a checker reads are free."""
    names, waiting = [], list[ast.AST]([tree])
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (f"{node.module}." if node.module else "")
            names += [f"{source}{alias.name}" for alias in node.names]
        waiting += ast.iter_child_nodes(node)
    return names


def test_the_package_is_read() -> None:
    """The other tests would pass on no modules."""
    without = [module for module in modules() if not module.room]
    assert {module.path.name for module in without} == {"__init__.py"}
    assert not any(module.imports for module in without)
    assert {module.room for module in modules()} - {""} == set(FLOOR)


def test_imports_go_down() -> None:
    offences = []
    for module in modules():
        for name in module.imports:
            if name.startswith("."):
                offences.append(f"{module.path}: relative import of {name}")
            if not name.startswith("ovn_integrate.") or name == "ovn_integrate.__version__":
                continue
            room = _room(Path(*name.split(".")[1:]))
            if room != module.room and not _below(room, module.room):
                offences.append(f"{module.path} imports {name}, which does not lie below it")
    assert not offences, "\n".join(offences)


def _below(room: str, own: str) -> bool:
    return FLOOR[room] > FLOOR[own] or FLOOR[room] == FLOOR[own] == TOGETHER


def test_parts_that_do_not_know_each_other() -> None:
    offences = [
        f"{module.path} imports {name}"
        for module in modules()
        for side in APART
        if module.part in side
        for name in module.imports
        if name.startswith("ovn_integrate.")
        if any(name.split(".")[1] in other for other in APART if other is not side)
    ]
    assert not offences, "\n".join(offences)


def test_each_library_has_one_importer() -> None:
    offences = []
    for module in modules():
        for name in module.imports:
            allowed = IMPORTERS.get(name.split(".")[0])
            if allowed is not None and not {str(module.path), module.path.parts[0]} & allowed:
                offences.append(f"{module.path} imports {name}")
    assert not offences, "\n".join(offences)


def test_the_core_never_opens_northbound() -> None:
    openers = [
        str(module.path)
        for module in modules()
        if module.part in APART[0]
        if "ovn_integrate.ovsdb.NB" in module.imports
        or any(isinstance(node, ast.Attribute) and node.attr == "NB" for node in module.nodes)
    ]
    assert not openers, "\n".join(openers)


def test_only_the_command_line_prints_and_exits() -> None:
    offences = [
        f"{module.path}:{node.lineno}: {ast.unparse(node.func)}"
        for module in modules()
        if module.part != "cli"
        for node in module.nodes
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "sys.exit", "exit", "os._exit", "click.echo")
    ]
    assert not offences, "\n".join(offences)


# What others wrote reaches people and programs by way of these alone, where it is made safe.
PRINTERS = {"cli/output.py", "cli/progress.py"}
_PRINTING = frozenset(
    (
        *("echo", "secho", "echo_via_pager", "style", "clear"),
        *("prompt", "confirm", "progressbar"),
    )
)


def test_one_module_prints() -> None:
    offences = []
    for module in modules():
        if str(module.path) in PRINTERS:
            continue
        for node in module.nodes:
            text = ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Name)) else ""
            library, _, name = text.rpartition(".")
            writes = library in ("sys.stdout", "sys.stderr") and name.startswith("write")
            if text == "print" or (library == "click" and name in _PRINTING) or writes:
                offences.append(f"{module.path}:{getattr(node, 'lineno', 0)}: {text}")
        if {"click.echo", "click.secho", "click.style"} & set(module.imports):
            offences.append(str(module.path))
    assert not offences, "\n".join(offences)


def test_json_is_read_and_written_in_one_way() -> None:
    offences = [
        str(module.path)
        for module in modules()
        if module.part in ("cli", "ipam")
        and (
            any(name.split(".")[0] == "json" for name in module.imports)
            or any(
                word in (PACKAGE / module.path).read_text() for word in ("jsonify", ".get_json(")
            )
        )
    ]
    assert not offences, "\n".join(offences)


# What writes files otherwise than by rewriting them whole: parameters of the kernel, pid files,
# what is new with each run, a log that is put aside, and a lease beside that of another link.
WRITERS = {
    *("rewrite.py", "linelog.py", "checks/bundle/archive.py"),
    *("web/__init__.py", "enrol/signer/keeper.py", "web/priority.py", "host/nics/guard.py"),
    *("host/gateway.py", "host/nics/conf.py", "host/nics/dhcp.py"),
}


def test_files_are_rewritten_in_one_way() -> None:
    offences = []
    for module in modules():
        for node in module.nodes if str(module.path) not in WRITERS else ():
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            own = called.endswith((".write_text", ".write_bytes"))
            if own or called in ("os.replace", "os.rename", "shutil.move"):
                offences.append(f"{module.path}:{node.lineno}: {called}")
    assert not offences, "\n".join(offences)


def test_everything_is_caught_at_the_edges_only() -> None:
    offences = []
    for module in modules():
        for node in module.nodes:
            if not isinstance(node, ast.ExceptHandler):
                continue
            reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            if broad and not reraises and str(module.path) not in EDGES:
                offences.append(f"{module.path}:{node.lineno}")
    assert not offences, "\n".join(offences)


def test_modules_stay_small() -> None:
    large = [f"{module.path}: {module.lines}" for module in modules() if module.lines > LONGEST]
    assert not large, "\n".join(large)
