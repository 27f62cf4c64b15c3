"""A host: its own network, mounts, name and processes, with the programs that a chassis runs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .command import ENVIRONMENT, CommandError, Done, Process, run
from .holder import Holder
from .image import IMAGE, image_tar
from .suite import CHECKOUT, Suite
from .waiting import wait_for

NAMESPACES = ("--net", "--mount", "--uts", "--pid")
HOLD = Path(__file__).with_name("hold.py")
OVS_CTL = "/usr/share/openvswitch/scripts/ovs-ctl"
NIC = "eth0"
UNDERLAY_BRIDGE = "br-ex"
DOCKER_LOG = "/run/lab/dockerd.log"


class Host:
    """Made by `Lab.add_host`. Every program inside finds its default paths, private to the host.

    :ivar suite: whose programs run inside.
    :ivar pid: the first process, as seen from outside.
    :ivar address: the host's address on the underlay.
    """

    def __init__(
        self, lab: str, name: str, address: str, prefix: int, kept_open: int, suite: Suite
    ) -> None:
        self.name = name
        self.address = address
        self.suite = suite
        self._lab = lab
        self._prefix = prefix
        self._children: list[Process] = []
        self._dockerd: Process | None = None
        hold = [sys.executable, "-I", str(HOLD), lab, name]
        if suite.layers:
            layers = ":".join(map(str, suite.layers))
            hold += [layers, str(CHECKOUT), str(suite.checkout)]
        self._holder = Holder(NAMESPACES, hold, kept_open)
        self.pid = self._holder.pid

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.address}>"

    @property
    def program(self) -> str:
        """The Python that has the program under test: ``program -m ovn_integrate``."""
        return str(self.suite.program)

    @property
    def running(self) -> bool:
        return self._holder.running

    def run(
        self,
        *argv: str,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a command inside, to its end. CommandError tells all if it fails."""
        return run(
            self._holder.entering(argv),
            shown=f"{self.name}$ {shlex.join(argv)}",
            input=input,
            check=check,
            timeout=timeout,
            env=env,
        )

    def popen(
        self,
        *argv: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a command inside and go on; it ends with the host at the latest.

        `terminate()` reaches the command as SIGTERM, but what is waited for is the nsenter around
        it: to see a daemon end, signal it from inside (`run("kill", …)`) and wait for this process.
        """
        process = subprocess.Popen(
            self._holder.entering(argv, on_death="TERM"),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env={**ENVIRONMENT, **(env or {})},
        )
        self._children.append(process)
        return process

    def reach(self, *argv: str, env: Mapping[str, str] | None = None) -> Done:
        """Run a command of the machine's own, with this host's network alone."""
        enter = ["nsenter", f"--target={self.pid}", "--net", "--"]
        return run([*enter, *argv], shown=f"{self.name}$ {shlex.join(argv)}", env=env)

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def cli(
        self,
        *arguments: str,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run the program under test, with the suite's Python that has it."""
        return self.run(
            self.program,
            "-m",
            "ovn_integrate",
            *arguments,
            input=input,
            check=check,
            timeout=timeout,
            env={"PATH": self._path, **(env or {})},
        )

    def script(self, name: str, *arguments: str, timeout: float = 60) -> Done:
        """Run a script of this checkout, with the program under test on its PATH."""
        script = self.suite.checkout / "scripts" / name
        return self.run(str(script), *arguments, timeout=timeout, env={"PATH": self._path})

    @property
    def _path(self) -> str:
        return f"{self.suite.program.parent}:{ENVIRONMENT['PATH']}"

    def start_nic(self) -> None:
        """Bring the underlay NIC up, with the host's address."""
        # A veth leaves TCP checksums to a NIC that is not there; the userspace datapath hands such
        # packets on as they are and the receiver drops them: ping answers, TCP times out.
        self.run("ethtool", "-K", NIC, "tx", "off")
        self._carry_address(NIC)

    def _carry_address(self, device: str) -> None:
        # It may have it: whether a link of a bridge dies with ovs-vswitchd is that one's choice.
        self.run("ip", "address", "replace", f"{self.address}/{self._prefix}", "dev", device)
        self.run("ip", "link", "set", device, "up", "mtu", "1500")

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Nothing comes in by the underlay NIC or goes out, and nobody is told so."""
        rules = (("INPUT", "-i"), ("OUTPUT", "-o"))
        for chain, way in rules:
            self.run("iptables", "-I", chain, way, NIC, "-j", "DROP")
        try:
            yield
        finally:
            for chain, way in rules:
                self.run("iptables", "-D", chain, way, NIC, "-j", "DROP")

    def start_ovs(self) -> None:
        """Open vSwitch as a distribution's init leaves it: a random system-id, the hostname,
        the version, no bridge. The datapath is the userspace one."""
        # ovs-ctl gives up without the kernel module, so it starts the database alone.
        self.run(OVS_CTL, "start", "--no-ovs-vswitchd", "--system-id=random")
        self._start_vswitchd()

    def restart_vswitchd(self) -> None:
        """As a new version's installation does, so that bridges' links are made anew; that of the
        underlay gets its address again, as the host's own network configuration would see to."""
        old = self.read("/run/openvswitch/ovs-vswitchd.pid").strip()
        self.run("ovs-appctl", "-t", "ovs-vswitchd", "exit", "--cleanup")
        wait_for(lambda: not self._does("kill", "-0", old), 20, "the end of ovs-vswitchd")
        self.vswitchd_again()

    def vswitchd_again(self) -> None:
        """Start ovs-vswitchd where it died: the links of bridges went with it."""
        self._start_vswitchd()
        wait_for(lambda: self._does("ip", "link", "show", UNDERLAY_BRIDGE), 20, UNDERLAY_BRIDGE)
        self.run("ethtool", "-K", UNDERLAY_BRIDGE, "tx", "off")
        self._carry_address(UNDERLAY_BRIDGE)

    def _does(self, *argv: str) -> bool:
        return self.run(*argv, check=False).returncode == 0

    def _start_vswitchd(self) -> None:
        self.run(
            "ovs-vswitchd",
            "--disable-system",
            "--detach",
            "--pidfile",
            "--log-file",
            "-vconsole:emer",
            "-vsyslog:off",
        )

    def put_nic_in_bridge(self) -> None:
        """Move the NIC and its address into br-ex.

        The userspace datapath finds a tunnel's way out only through one of its own bridges.
        """
        bridge = UNDERLAY_BRIDGE
        self.run(
            *("ovs-vsctl", "--", "add-br", bridge),
            *("--", "set", "Bridge", bridge, "datapath_type=netdev"),
            *("--", "add-port", bridge, NIC),
        )
        self.run("ip", "address", "flush", "dev", NIC)
        self.run("ethtool", "-K", bridge, "tx", "off")
        self._carry_address(bridge)

    def start_docker(self, *extra_args: str) -> None:
        """Start dockerd on its default paths and wait until it answers."""
        daemon = (
            "dockerd",
            f"--cgroup-parent=/{self._lab}",
            # The other choice, systemd, would make its folders where the lab does not look.
            "--exec-opt=native.cgroupdriver=cgroupfs",
            *extra_args,
        )
        self._dockerd = self.popen("sh", "-c", f'exec "$@" >>{DOCKER_LOG} 2>&1', "sh", *daemon)
        wait_for(self._docker_answers, 60, f"dockerd of {self.name}")

    def _docker_answers(self) -> bool:
        assert self._dockerd is not None
        if self._dockerd.poll() is not None:
            raise RuntimeError(f"dockerd of {self.name} ended: {self.read(DOCKER_LOG)[-3000:]}")
        try:
            return bool(self.docker("version", "--format", "{{.Server.Version}}"))
        except CommandError as error:
            raise CommandError(f"{error}\n{self.read(DOCKER_LOG)[-3000:]}") from error

    def stop_docker(self, signal: str = "TERM") -> None:
        """Signal dockerd and wait for its end. KILL leaves containers and pid files, as a crash."""
        assert self._dockerd is not None
        self.run("kill", f"-{signal}", self.read("/run/docker.pid").strip())
        self._dockerd.wait(60)

    def docker(self, *arguments: str, timeout: float = 60) -> str:
        """Run the docker client inside; its output, stripped."""
        return self.run("docker", *arguments, timeout=timeout).stdout.strip()

    def load_image(self) -> str:
        """Give this host's Docker the image `busybox:lab`, and return that name."""
        # An image of `docker import` has no command: with one, `docker run -dit IMAGE` is enough.
        words = ("docker", "import", "--change", 'CMD ["/bin/sh"]', "-", IMAGE)
        done = subprocess.run(
            self._holder.entering(words),
            input=image_tar(),
            capture_output=True,
            timeout=60,
            env=ENVIRONMENT,
            check=False,
        )
        if done.returncode != 0:
            raise CommandError(f"{self.name}$ docker import: {done.stderr.decode()}")
        return IMAGE

    def stop(self) -> None:
        """End the host and everything in it. A second call does nothing."""
        self._holder.end()
        while self._children:
            # Reaps the nsenter processes; what they ran is gone, and they follow at once.
            with self._children.pop() as child:
                child.wait(10)
