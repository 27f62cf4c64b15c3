"""Becomes systemd, process 1 of a machine inside of a host: with processes and cgroups of its own.

The host around it has the network, /etc and /var, which outlive a boot, and ends it with itself.
What a systemd does to the machine that it runs on is kept off this one: /run, /tmp, /dev and the
control groups are new with each boot (Debian 12's tmpfiles rules empty /tmp), of /proc/sys only the
network's part can be written, and only those units start that are enabled here.

A program of its own, with nothing of the package imported: `python -I boot.py LAB NAME [UNIT…]`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
UNITS = Path("/etc/systemd/system")
SETTINGS = Path("/etc/systemd/system.conf.d/lab.conf")
SYSTEMD = "/lib/systemd/systemd"
APART = ("--pid", "--mount", "--cgroup", "--fork", "--kill-child", "--propagation", "private")
INSIDE = "--inside"
DEVICES = ("full", "net/tun", "null", "random", "tty", "urandom", "zero")
# What belongs to hardware, to a console, or to the kernel that all share.
MASKED = (
    *("systemd-tmpfiles-setup-dev.service", "systemd-sysctl.service"),
    *("systemd-tmpfiles-clean.timer", "systemd-modules-load.service"),
    *("systemd-random-seed.service", "systemd-remount-fs.service", "systemd-logind.service"),
    *("systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "getty.target"),
    *("systemd-pstore.service", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *("dev-hugepages.mount", "dev-mqueue.mount", "sys-fs-fuse-connections.mount"),
    *("sys-kernel-config.mount", "proc-sys-fs-binfmt_misc.automount", "e2scrub_reap.service"),
    *("systemd-firstboot.service", "systemd-machine-id-commit.service", "remote-fs.target"),
    *("systemd-binfmt.service", "systemd-journal-flush.service", "systemd-sysusers.service"),
)


# The folder, the kind and the options of a mount.
Mounted = tuple[str, str, str]


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def mount_tmpfs(lab: str, folder: str) -> None:
    """The source names the lab: that is how a leftover would be found."""
    mount("-t", "tmpfs", "-o", "mode=0755", lab, folder)


def hierarchies() -> list[Mounted]:
    """The mounts of control groups on this machine: folder, file system, options."""
    found = {}  # a host has its own above those of the machine
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind in ("cgroup", "cgroup2") and folder.startswith(str(CGROUPS)):
            own = [one for one in options.split(",") if one not in ("rw", "relatime")]
            found[folder] = (folder, kind, ",".join(own))
    return list(found.values())


def enter_cgroups(name: str) -> None:
    """Go into a group of this name in each hierarchy, which the namespace then has as its root."""
    for folder, _, _ in hierarchies():
        group = Path(folder, name)
        group.mkdir(parents=True, exist_ok=True)
        for part in (*reversed(group.relative_to(folder).parents), group.relative_to(folder)):
            for file in ("cpuset.cpus", "cpuset.mems"):
                inherit(Path(folder, part, file))
        (group / "cgroup.procs").write_text("0")


def inherit(file: Path) -> None:
    """A new group of version 1 has no processor and no memory until it is given some."""
    above = file.parent.parent / file.name
    if file.exists() and above.exists() and not file.read_text().strip():
        file.write_text(above.read_text())


def mount_cgroups(lab: str, mounted: list[Mounted]) -> None:
    if all(folder != str(CGROUPS) for folder, _, _ in mounted):
        mount_tmpfs(lab, str(CGROUPS))
    for folder, kind, options in mounted:
        Path(folder).mkdir(exist_ok=True)
        named = "none," if options.startswith("name=") else ""
        mount("-t", kind, *(("-o", named + options) if kind == "cgroup" else ()), lab, folder)


def mount_folders(lab: str) -> None:
    """Of devices the few that a container has; above all no console and no /dev/kmsg."""
    # Generators make units of what is in /etc/fstab, /etc/init.d and more.
    for folder in ("/tmp", "/var/tmp", "/lib/systemd/system-generators"):
        mount("-t", "tmpfs", lab, folder)
    kept = Path("/tmp/devices")
    kept.mkdir()
    mount("--rbind", "/dev", str(kept))
    mount_tmpfs(lab, "/dev")
    for name in DEVICES:
        device = Path("/dev", name)
        device.parent.mkdir(exist_ok=True)
        device.touch()
        mount("--bind", str(kept / name), str(device))
    subprocess.run(["umount", "--recursive", "--lazy", str(kept)], check=True)
    for name in ("pts", "shm"):
        Path("/dev", name).mkdir()
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666", lab, "/dev/pts")
    mount("-t", "tmpfs", "-o", "mode=1777", lab, "/dev/shm")
    os.symlink("pts/ptmx", "/dev/ptmx")
    os.symlink("/proc/self/fd", "/dev/fd")
    mount_tmpfs(lab, "/run")
    Path("/run/lock").mkdir()


def open_home(lab: str) -> None:
    """The program's Python may lie below a home that is closed to other users, who run it too."""
    home = Path("/", *Path(sys.base_prefix).parts[1:2])
    if home.stat().st_mode & 0o001:
        return
    first = Path(sys.base_prefix).relative_to(home).parts[0]
    kept = Path("/tmp/home")
    kept.mkdir()
    mount("--rbind", str(home), str(kept))
    mount_tmpfs(lab, str(home))
    (home / first).mkdir()
    mount("--rbind", str(kept / first), str(home / first))
    subprocess.run(["umount", "--recursive", "--lazy", str(kept)], check=True)


def mount_kernel(lab: str, mounted: list[Mounted]) -> None:
    """The parameters of the network are the host's own; all others are the machine's."""
    mount("-t", "proc", "proc", "/proc")
    mount("--bind", "/proc/sys/net", "/proc/sys/net")
    mount("--rbind", "/proc/sys", "/proc/sys")
    mount("-o", "remount,bind,ro", "/proc/sys")
    subprocess.run(["umount", "--recursive", "--lazy", str(CGROUPS)], check=True)
    mount_cgroups(lab, mounted)


def choose_units(units: list[str]) -> None:
    """Enable these and nothing that a package of the machine has enabled."""
    shutil.rmtree(UNITS)
    UNITS.mkdir()
    for name in MASKED:
        (UNITS / name).symlink_to("/dev/null")
    # At the end of all what ignores SIGTERM, as a container's first process does, has 90 s else.
    SETTINGS.parent.mkdir(exist_ok=True)
    SETTINGS.write_text("[Manager]\nDefaultTimeoutStopSec=5\n")
    subprocess.run(["systemctl", "enable", *units], check=True, stderr=subprocess.DEVNULL)


def main(lab: str, name: str, *units: str) -> None:
    if units:
        choose_units(list(units))
        # udev makes the NIC's MAC address of it and the NIC's name, which all hosts share.
        Path("/etc/machine-id").write_text(f"{secrets.token_hex(16)}\n")
    enter_cgroups(f"{lab}/{name}")
    words = [sys.executable, "-I", __file__, INSIDE, lab]
    os.execvp("unshare", ["unshare", *APART, "--", *words])


def inside(lab: str) -> None:
    mounted = hierarchies()
    mount_folders(lab)
    open_home(lab)
    mount_kernel(lab, mounted)
    environment = {"PATH": os.environ["PATH"], "container": "ovn-lab", "LANG": "C.UTF-8"}
    os.execve(SYSTEMD, [SYSTEMD, "--unit=multi-user.target", "--show-status=no"], environment)


if __name__ == "__main__":
    if sys.argv[1] == INSIDE:
        inside(sys.argv[2])
    else:
        main(*sys.argv[1:])
