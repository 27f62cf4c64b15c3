"""An image for containers, made of the machine's static busybox: nothing is pulled.

It has every applet: `httpd -f`, `wget`, `nc`, `dd` and `ping` serve to try a network. Two traps:
`wget -T` crashes in Debian's static build; and process 1 of a container ignores a SIGTERM that it
does not handle, so that `docker stop` of `sleep` or `httpd` takes 10 s, and so does a dockerd that
finds such a container after a crash: run them with `--stop-signal KILL`.
"""

from __future__ import annotations

import io
import tarfile
from functools import cache
from pathlib import Path

from .command import run

IMAGE = "busybox:lab"
BUSYBOX = Path("/bin/busybox")


@cache
def image_tar() -> bytes:
    """The root file system of the image, as `docker import` takes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "etc", "tmp"):
            _add(tar, folder, tarfile.DIRTYPE)
        tar.add(BUSYBOX.resolve(), arcname="bin/busybox")
        for applet in run([str(BUSYBOX), "--list"]).stdout.split():
            if applet != "busybox":
                _add(tar, f"bin/{applet}", tarfile.SYMTYPE, target="busybox")
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, kind: bytes, target: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, target, 0o755
    tar.addfile(entry)
