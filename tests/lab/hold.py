"""The first process of a host: makes the host's own file systems, then holds it until told to end.

It runs as process 1 of new net, mount, UTS and PID namespaces. Its standard input is a pipe whose
other end only the test run has: however that run ends, kill -9 included, the pipe closes, this
process ends, and the kernel then kills everything in the PID namespace. (A parent-death signal
would not do: it follows the *thread* that started the process.)

A program of its own, with nothing of the package imported:
`python -I hold.py LAB NAME [LAYERS CHECKOUT INSIDE]`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

EMPTY = (
    "/etc/docker",
    "/etc/openvswitch",
    "/etc/ovn",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/openvswitch",
    "/var/lib/ovn",
    "/var/log",
)
COPIED = ("/etc", "/var")
BELOW = ("/dev", "/sys")
CGROUPS = "/sys/fs/cgroup"
OWN = Path("/run/lab")


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def mount_tmpfs(lab: str, folder: str) -> None:
    """The source names the lab: that is how a leftover would be found."""
    mount("-t", "tmpfs", "-o", "mode=0755", lab, folder)


def copy_on_write(lab: str, folder: str) -> None:
    """What the host writes there, mount points included, stays off the machine.

    It hides what is mounted below: a checkout on a file system of its own must not lie in /var.
    """
    upper, work = OWN / f"upper{folder}", OWN / f"work{folder}"
    upper.mkdir(parents=True)
    work.mkdir(parents=True)
    layers = f"lowerdir={folder},upperdir={upper},workdir={work}"
    mount("-t", "overlay", "-o", layers, lab, folder)


def enter_folder(lab: str, layers: str, checkout: str, inside: str) -> None:
    """Make these folders, with a layer of this host's own above them, the root.

    Of the mount namespace, not of a process as chroot does: nsenter would leave that, and Docker
    makes its images under a root that is a mount ("remount /: invalid argument" otherwise).
    """
    mount_tmpfs(lab, "/run")
    root = OWN / "root"
    root.mkdir(parents=True)
    mount_above(lab, layers, root, "root")
    inner = root / inside.lstrip("/")
    inner.mkdir(parents=True)
    mount_above(lab, checkout, inner, "checkout")
    for name in BELOW:
        mount("--rbind", name, f"{root}{name}")
    mount("-t", "proc", "proc", f"{root}/proc")
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "mnt"], check=True)
    subprocess.run(["umount", "--lazy", "/mnt"], check=True)


def mount_above(lab: str, lower: str, target: Path, name: str) -> None:
    """The folders `lower` at `target`; what the host writes there stays in its own layer."""
    upper, work = OWN / f"upper-{name}", OWN / f"work-{name}"
    upper.mkdir()
    work.mkdir()
    mount(
        "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", lab, str(target)
    )


def mount_folders(lab: str) -> None:
    """Every program finds its default paths: its own, and empty.

    Docker's data fits on a tmpfs (overlayfs takes one as its upper folder, but not another
    overlayfs, so it cannot lie in the copied /var), and nothing has to be deleted afterwards.
    An empty /run also has no /run/systemd: there is no systemd in a host.
    """
    mount_tmpfs(lab, "/run")
    for folder in (OWN, Path("/run/lock"), Path("/run/netns")):
        folder.mkdir()
    for name in COPIED:
        copy_on_write(lab, name)
    for name in EMPTY:
        Path(name).mkdir(parents=True, exist_ok=True)
        mount_tmpfs(lab, name)


def mount_sys() -> None:
    """/sys shows the network devices of the namespace that mounted it, so a host mounts its own.

    A new /sys hides the cgroup mounts below the old one ("Devices cgroup isn't mounted", says
    dockerd): they are carried over.
    """
    carried = OWN / "cgroup"
    carried.mkdir()
    mount("--rbind", CGROUPS, str(carried))
    mount("-t", "sysfs", "sysfs", "/sys")
    mount("--rbind", str(carried), CGROUPS)
    subprocess.run(["umount", "--recursive", str(carried)], check=True)
    carried.rmdir()


def name_host(name: str) -> None:
    """`hostname -f` asks a name server, for many seconds, unless /etc/hosts has the name."""
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n")
    Path("/etc/hostname").write_text(f"{name}\n")
    subprocess.run(["hostname", name], check=True)


def main(lab: str, name: str, *folder: str) -> None:
    # Still the /proc of the namespace outside, so this is the number that nsenter needs.
    pid = os.readlink("/proc/self")
    if folder:
        enter_folder(lab, *folder)
    mount_folders(lab)
    mount("-t", "proc", "proc", "/proc")
    mount_sys()
    name_host(name)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # A process 1 that ignores SIGCHLD leaves no zombies: the kernel reaps the orphans of daemons
    # that went into the background.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print(pid, flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
