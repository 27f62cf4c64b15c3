#!/usr/bin/env python3
"""Makes the folder that ``docker plugin create`` takes: config.json, and a rootfs in which this
package's driver runs. What scripts/build-docker-plugin starts.

The rootfs has this machine's own Python with its library, the packages that setup.cfg names from
the environment that runs this, a shell, iptables if there is one, and the shared libraries of them
all. Nothing is fetched, and nothing but the standard library is used.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
SBOM = CHECKOUT / "scripts" / "lock" / "sbom.py"
PACKAGES = "opt/ovn-integrate"
PKI = Path("/etc/ovn-integrate/pki")  # as in config.json and in ovn_integrate/paths.py

# `ip` and the like are not needed: the driver talks to the kernel itself.
FILTER = [f"{one}{what}" for one in ("iptables", "ip6tables") for what in ("", "-save", "-restore")]
PROGRAMS = ("sh", "env", *FILTER)
EXTENSIONS = ("xtables",)  # what iptables loads, beside its libraries

FOLDERS = ("dev", "etc", "opt", "proc", "run", "sys", "tmp", "usr/bin", "usr/sbin", "usr/lib")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
# Of Python's library: its tests, what draws windows, what builds or installs.
NEEDLESS: tuple[str, ...] = ("__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo")
NEEDLESS += ("ensurepip", "lib2to3", "pydoc_data", "config-*", "*.a")

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
_ELF = b"\x7fELF"


def main(target: Path) -> None:
    """Fill a folder that does not exist yet."""
    if target.exists():
        sys.exit(f"{target}: exists; remove it, or name another")
    root = target / "rootfs"
    for name in (*FOLDERS, *({"usr/lib64"} if Path("/lib64").exists() else ())):
        (root / name).mkdir(parents=True)
    for name, to in LINKS.items():
        if (root / to).exists():
            (root / name).symlink_to(to)
    (root / "var").mkdir()
    (root / "var" / "run").symlink_to("../run")
    copy_python(root)
    copy_packages(root / PACKAGES)
    write_bill(root / PACKAGES)
    for program in PROGRAMS:
        copy_program(root, program)
    copy_libraries(root)
    compile_all(root)
    shutil.copy(HERE / "entrypoint", root / "entrypoint")
    shutil.copy(HERE / "config.json", target / "config.json")
    have_keys_folder()
    print(f"{target}: {size(target) >> 20} MB; docker plugin create openvswitch {target}")


def copy_python(root: Path) -> None:
    """The interpreter and its library, where it looks for them."""
    executable = Path(os.path.realpath(sys.executable))
    copy_file(root, executable)
    link = root / "usr/bin/python3"
    if not link.exists():
        link.symlink_to(executable)
    # In a virtual environment the second would be the environment's own.
    platform = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})
    for folder in {sysconfig.get_path("stdlib"), platform}:
        ignore = shutil.ignore_patterns(*NEEDLESS, "site-packages", "dist-packages")
        shutil.copytree(
            folder,
            inside(root, Path(folder)),
            ignore=ignore,
            ignore_dangling_symlinks=True,
            dirs_exist_ok=True,
        )


def copy_packages(target: Path) -> None:
    """This package, and all that it needs."""
    shutil.copytree(
        CHECKOUT / "ovn_integrate",
        target / "ovn_integrate",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for distribution in needed(requirements()):
        for file in distribution.files or ():
            # What lies outside of the folder of packages are commands, which nobody calls here.
            if file.parts[0] != ".." and "__pycache__" not in file.parts:
                copied = target / file
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), copied)


def write_bill(packages: Path) -> None:
    """What of Python is in the plugin, as sbom.cdx.json beside it."""
    version = metadata.version("ovn-integrate")
    words = [sys.executable, str(SBOM), "--version", version, str(packages)]
    done = subprocess.run(words, capture_output=True, check=True)
    (packages / "sbom.cdx.json").write_bytes(done.stdout)


def requirements() -> list[str]:
    """What setup.cfg says that the program needs."""
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    return config["options"]["install_requires"].split("\n")[1:]


def needed(lines: Iterable[str]) -> Iterator[metadata.Distribution]:
    """The distributions of these requirements and, in turn, of theirs.

    One that has a condition and is not here is one whose condition does not hold here.
    """
    waiting, seen = list(lines), set()
    while waiting:
        line = waiting.pop()
        found = _NAME.match(line)
        if found is None or "extra ==" in line or found[0].lower() in seen:
            continue
        seen.add(found[0].lower())
        try:
            distribution = metadata.distribution(found[0])
        except metadata.PackageNotFoundError:
            if ";" not in line:
                sys.exit(f"{found[0]}: is not installed for {sys.executable}")
            continue
        yield distribution
        waiting += distribution.requires or ()


def copy_program(root: Path, name: str) -> None:
    """A program of this machine, under its own name and at its own place."""
    found = shutil.which(name)
    if found is None:
        print(f"{name}: is not installed here, so the plugin has none", file=sys.stderr)
        return
    real = Path(os.path.realpath(found))
    copy_file(root, real)
    link = root / "usr/bin" / name
    if not link.exists():
        link.symlink_to(real)
    if name == "iptables":
        copy_extensions(root)


def copy_extensions(root: Path) -> None:
    """What iptables loads by itself."""
    for name in EXTENSIONS:
        for folder in Path("/usr/lib").glob(f"*/{name}"):
            shutil.copytree(folder, inside(root, folder), dirs_exist_ok=True)


def copy_libraries(root: Path) -> None:
    """The shared libraries of all that is in the rootfs, and the loader (ldd(1))."""
    known: set[Path] = set()
    for file in list(root.rglob("*")):
        if file.is_symlink() or not file.is_file() or not is_elf(file):
            continue
        # It fails for what is linked statically.
        shown = subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout
        for library in map(Path, _LIBRARY.findall(shown)):
            if library not in known and not library.is_relative_to(root.resolve()):
                known.add(library)
                copy_file(root, library)


def compile_all(root: Path) -> None:
    """Spare each start of the plugin the compiling of what it imports."""
    # Names of this folder would else stand in tracebacks.
    words = ["-m", "compileall", "-q", "-s", str(root), "-p", "/", str(root)]
    subprocess.run([sys.executable, *words], check=False)


def have_keys_folder() -> None:
    """The folder of this host's keys, in which there is nothing before it joins: Docker enables no
    plugin that mounts what is not there."""
    try:
        PKI.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError:
        print(f"{PKI}: is to be made before the plugin is enabled, by root", file=sys.stderr)


def copy_file(root: Path, path: Path) -> None:
    """A file with the content that a link of that name leads to."""
    target = inside(root, path)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def inside(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _ELF


def size(folder: Path) -> int:
    """In bytes, of the files in it."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
