"""Makes the folders of a suite: its system by debootstrap, and above it an environment of Python.

Each command has a mount and a PID namespace of its own: when the run is killed, it ends with all
that it started, and nothing stays mounted.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from .command import CommandError, run

ROOT = "root"
UPPER = "upper"

_TIMEOUT = 1800.0
_PACKAGES = (
    *("docker.io", "iptables", "openvswitch-switch", "ovn-central", "ovn-host"),
    *("python3", "python3-venv", "ca-certificates", "mandoc"),
    *("iproute2", "iputils-ping", "ethtool", "procps", "hostname", "busybox-static", "tcpdump"),
    "nftables",
)
# The client was a part of docker.io before.
_MORE = {"bookworm": ()}
_MORE_SINCE = ("docker-cli",)

# pip's own settings, where the machine has some.
_SETTINGS = ("/etc/resolv.conf", "/etc/pip.conf", "/root/.config/pip/pip.conf")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

_APART = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"),
    *("--pid", "--mount-proc", "--fork", "--kill-child", "--"),
)
_ENTER = """set -eu
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" "$@"
"""

# A mirror that is kept still for a while serves sid past its date; signatures are checked as ever.
_INSTALL = """set -eu
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
apt-get -o Acquire::Check-Valid-Until=false update
apt-get install --yes --no-install-recommends "$@"
apt-get clean
"""


def packages(suite: str) -> tuple[str, ...]:
    """The packages that a host of this suite has beside the essential ones."""
    return _PACKAGES + _MORE.get(suite, _MORE_SINCE)


def make_system(made: Path, suite: str, packages: Sequence[str]) -> None:
    """Fill ``made/root`` with a suite and these packages, from the machine's own mirror.

    :raises CommandError: with all that the command said.
    """
    root = made / ROOT
    _run("debootstrap", "--variant=minbase", suite, str(root), _mirror())
    _run_inside(root, "sh", "-c", _INSTALL, "sh", *packages)


def make_environment(
    made: Path, system: Path, requirements: Sequence[str], inside: Path, checkout: Path
) -> None:
    """Fill ``made/upper`` with a virtual environment of the suite's own Python, to lie above it.

    The program itself is not installed: the environment looks for it in ``checkout``, where each
    host has the checkout that it is to run.

    :raises CommandError: with all that the command said.
    """
    upper, work, merged = (made / name for name in (UPPER, "work", "merged"))
    for folder in (upper, work, merged):
        folder.mkdir()
    _copy_settings(upper)
    python = str(inside / "bin" / "python")
    name = "ovn-integrate"
    script = f"""set -eu
    python3 -m venv {inside}
    {python} -m pip install --quiet --disable-pip-version-check "$@"
    echo {checkout} >$(echo {inside}/lib/python*/site-packages)/{name}.pth
    printf '#!/bin/sh\\nexec {python} -m ovn_integrate "$@"\\n' >{inside}/bin/{name}
    chmod +x {inside}/bin/{name}
    """
    layers = f"lowerdir={system / ROOT},upperdir={upper},workdir={work}"
    enter = f'mount -t overlay -o "{layers}" overlay "$1"\n{_ENTER}'
    _run_inside(merged, "sh", "-c", script, "sh", *requirements, enter=enter)


def _mirror() -> str:
    """The address of Debian's packages in the machine's own apt sources."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Label: Debian")
    words = ("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted)
    found = run(words).stdout.split()
    if not found:
        raise CommandError("the machine's apt sources name no mirror of Debian (after an update)")
    return found[0]


def _copy_settings(upper: Path) -> None:
    """What pip needs to reach an index as it does on the machine, to be used inside."""
    for name in (*_SETTINGS, _certificates()):
        if Path(name).exists():
            target = upper / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target)


def _certificates() -> str:
    return os.environ.get("PIP_CERT") or _CERTIFICATES


def _run_inside(root: Path, *argv: str, enter: str = _ENTER) -> None:
    _run("sh", "-c", enter, "sh", str(root), *argv)


def _run(*argv: str) -> None:
    run([*_APART, *argv], shown=shlex.join(argv), timeout=_TIMEOUT, env=kept_settings())


def kept_settings() -> dict[str, str]:
    """The caller's own variables for proxies and for pip, which `run` leaves out."""
    kept = ("PIP_", "http_proxy", "https_proxy", "no_proxy")
    return {key: value for key, value in os.environ.items() if key.startswith(kept)}
