"""The systemd units on a host whose process 1 is systemd, beside the units of Debian's packages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .booted import Booted
from .cluster import prepare
from .image import IMAGE
from .lab import Lab
from .suite import CHECKOUT
from .waiting import wait_for

INSTALL = str(CHECKOUT / "scripts" / "install-units")
PARTS = ("central", "ipam", "controller", "driver")
SERVICES = tuple(f"ovn-integrate-{part}.service" for part in (*PARTS, "signer"))
SOCKETS = ("ovn-integrate-driver.socket", "ovn-integrate-signer.socket")
SOCKET, DRIVER = SOCKETS[0], "ovn-integrate-driver.service"
USER = "user ovn-integrate"
DOCKER = "docker.service"
ENABLED = ("openvswitch-switch.service", "ovn-central.service", "ovn-host.service", DOCKER)
NETWORK = "blue"
DEFAULTS = "/etc/default/ovn-integrate"

_IMAGE = """set -eu
mkdir -p /var/tmp/image/bin
cp /bin/busybox /var/tmp/image/bin
chroot /var/tmp/image /bin/busybox --install -s /bin
tar -C /var/tmp/image -c . | docker import - "$1"
"""

pytestmark = pytest.mark.needs("systemctl")


@pytest.fixture(scope="module")
def booted(own_lab: Lab) -> Iterator[Booted]:
    """A host whose units are all of Debian's and all of ours, and two containers that stay."""
    made = Booted(own_lab, "units", *ENABLED)
    here = made.host.address
    write(made, "/etc/docker/daemon.json", json.dumps({"live-restore": True}))
    options = {"CENTRAL": f"--listen {here}", "IPAM": f"--listen {here}:9696"}
    told = [f"{part}_OPTIONS={listen} --insecure\n" for part, listen in options.items()]
    write(made, DEFAULTS, "".join(told))
    made.cli("set-ipam", here)
    made.cli("set-tep", here)
    made.cli("set-encap-type", "geneve")
    install(made, "--now", *PARTS)
    made.run("systemctl", "reload", DOCKER)
    made.run("sh", "-c", _IMAGE, "sh", IMAGE)
    made.cli("network", "create", NETWORK, "--subnet", "192.168.1.0/24")
    made.cli("network", "attach", NETWORK)
    for name in ("one", "two"):
        kept = ("--restart", "always", "--stop-signal", "KILL", "--name", name)
        made.docker("run", "-d", *kept, "--network", NETWORK, IMAGE, "sleep", "3600")
    yield made
    made.host.stop()


def write(booted: Booted, file: str, text: str) -> None:
    booted.run("sh", "-c", 'printf %s "$1" >"$2"', "sh", text, file)


def install(booted: Booted, *words: str) -> dict[str, str]:
    """What ``scripts/install-units`` says of each unit and of the user, the last of several."""
    prefix = str(Path(booted.host.program).parents[1])
    said = booted.run(INSTALL, "--prefix", prefix, *words).stdout
    pairs = (re.split(r"\s{2,}", line, maxsplit=1) for line in said.splitlines())
    return dict(pairs)


def talk(booted: Booted) -> None:
    """Fails unless the containers reach each other by name."""
    booted.docker("exec", "one", "ping", "-c", "1", "-W", "2", "two")
    booted.docker("exec", "two", "ping", "-c", "1", "-W", "2", "one")


def started(booted: Booted, unit: str) -> int:
    """When a unit became active in this boot, in microseconds."""
    return int(booted.properties(unit)["ActiveEnterTimestampMonotonic"])


def pids(booted: Booted) -> set[str]:
    """The first processes of the containers, as systemd's machine sees them."""
    form = "{{.State.Pid}}"
    return set(booted.docker("inspect", "--format", form, "one", "two").split())


def status_of(booted: Booted, part: str, pid: str = "") -> dict[str, str]:
    """What proc(5) tells of a unit's main process."""
    pid = pid or booted.properties(f"ovn-integrate-{part}.service")["MainPID"]
    lines = booted.run("cat", f"/proc/{pid}/status").stdout.splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def nothing_refused(booted: Booted) -> None:
    """Fails where a unit of ours was denied what it tried."""
    logged = booted.run("journalctl", "--no-pager", "-u", "ovn-integrate-*").stdout
    refused = r"(?i)not permitted|permission denied|read-only file|EPERM|EACCES"
    assert not [line for line in logged.splitlines() if re.search(refused, line)]


def test_all_run_and_are_enabled(booted: Booted) -> None:
    for unit in (*SERVICES, *SOCKETS):
        properties = booted.properties(unit)
        # Its socket and the IPAM server start the signer.
        enabled = "indirect" if unit == "ovn-integrate-signer.service" else "enabled"
        assert (properties["ActiveState"], properties["UnitFileState"]) == ("active", enabled)
    assert booted.properties("ovn-controller.service")["ActiveState"] == "active"
    assert booted.cli("driver", "status").returncode == 0
    talk(booted)


def test_the_servers_are_confined(booted: Booted) -> None:
    for part in ("driver", "ipam", "signer"):
        status = status_of(booted, part)
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), part
        assert status["CapEff"] != status_of(booted, "", "self")["CapEff"], part
    assert status_of(booted, "ipam")["CapBnd"] == "0" * 16
    assert int(status_of(booted, "ipam")["Uid"].split()[0]) > 0


def test_they_write_where_a_certificate_is_to_be_that_comes_later(booted: Booted) -> None:
    folder = "/etc/ovn-integrate"
    services = [f"ovn-integrate-{part}.service" for part in ("driver", "signer")]
    # What is not there when a confined service starts stays read-only to it.
    booted.run("sh", "-c", f"test ! -e {folder} || mv {folder} {folder}.aside")
    try:
        booted.run("systemctl", "restart", *services)
        booted.run("mkdir", "-p", folder)
        for unit in services:
            inside = ("nsenter", f"--target={booted.properties(unit)['MainPID']}", "--mount", "--")
            booted.run(*inside, "touch", f"{folder}/tried")
            assert booted.run(*inside, "touch", "/etc/tried", check=False).returncode != 0
    finally:
        booted.run("rm", "-rf", folder)
        booted.run("sh", "-c", f"test ! -e {folder}.aside || mv {folder}.aside {folder}")
        booted.run("systemctl", "restart", *services)


def test_a_confined_driver_has_containers_go_out_and_be_reached(booted: Booted) -> None:
    """By OVN: with rules of the packet filter, a link of the host's and its parameters."""
    words = ("network", "create", "-d", "openvswitch", "--subnet", "10.7.0.0/24")
    booted.docker(*words, "-o", "ovn.gateway=ovn", "out")
    script = "mkdir /www && echo hello >/www/index.html && exec httpd -f -p 80 -h /www"
    named = ("--name", "web", "--network", "out", "-p", "8080:80", "--stop-signal", "KILL")
    booted.docker("run", "-d", *named, IMAGE, "sh", "-c", script)
    here = booted.host.address
    for address in (here, "127.0.0.1"):
        url = f"http://{address}:8080/index.html"
        done = booted.run("busybox", "wget", "-q", "-O", "-", url, timeout=20)
        assert "--to-destination" in booted.run("iptables-save", "-t", "nat").stdout
        assert done.stdout == "hello\n"
    booted.docker("exec", "web", "ping", "-c", "1", "-W", "5", here)
    booted.docker("rm", "-f", "web")
    booted.docker("network", "rm", "out")
    assert "--dport 8080" not in booted.run("iptables-save", "-t", "nat").stdout
    nothing_refused(booted)


def test_installing_again_changes_nothing(booted: Booted) -> None:
    before = {unit: started(booted, unit) for unit in (*SERVICES, *SOCKETS)}
    said = install(booted, "--now", *PARTS)
    assert said == dict.fromkeys(before, "already installed") | {USER: "already there"}
    assert {unit: started(booted, unit) for unit in before} == before


def test_a_boot_has_the_socket_before_docker(booted: Booted) -> None:
    booted.power_off()
    booted.boot()
    order = ("ovn-integrate-central.service", "ovn-integrate-ipam.service", DRIVER, DOCKER)
    times = [started(booted, unit) for unit in order]
    assert times == sorted(times)
    assert 0 < started(booted, SOCKET) < started(booted, DRIVER)
    assert started(booted, "ovn-integrate-controller.service") < started(booted, DOCKER)
    wait_for(lambda: talk(booted) is None, 30, "the containers to talk")


def test_the_driver_killed_comes_again(booted: Booted) -> None:
    old = booted.properties(DRIVER)["MainPID"]
    booted.run("systemctl", "kill", "--signal=KILL", DRIVER)
    # What Docker asks meanwhile waits in the socket.
    booted.docker("network", "create", "-d", "openvswitch", "meanwhile")
    booted.docker("network", "rm", "meanwhile")
    assert booted.properties(DRIVER)["MainPID"] not in ("0", old)
    talk(booted)


def test_docker_restarted_keeps_the_containers(booted: Booted) -> None:
    before = pids(booted)
    booted.run("systemctl", "restart", DOCKER)
    assert pids(booted) == before
    talk(booted)


def test_a_boot_without_southbound_does_not_wait_for_it(booted: Booted) -> None:
    """Docker comes up all the same, and the chassis once Southbound does."""
    controller = "ovn-integrate-controller.service"
    booted.run("systemctl", "disable", "ovn-central.service", *SERVICES[:2])
    booted.power_off()
    booted.boot()
    assert booted.properties(DOCKER)["ActiveState"] == "active"
    assert booted.properties(controller)["ActiveState"] != "active"
    booted.run("systemctl", "start", *SERVICES[:2])
    wait_for(lambda: booted.properties(controller)["ActiveState"] == "active", 30, controller)
    # Docker does not try those again that it could not start at boot.
    booted.docker("start", "one", "two")
    wait_for(lambda: talk(booted) is None, 30, "the containers to talk")


def test_where_the_distribution_has_no_unit_the_daemon_runs_in_ours(booted: Booted) -> None:
    controller = "ovn-integrate-controller.service"
    theirs = ("ovn-host.service", "ovn-controller.service")
    booted.run("systemctl", "stop", controller, *theirs)
    booted.run("systemctl", "mask", *theirs)
    try:
        booted.run("systemctl", "start", controller)
        pid = booted.run("cat", "/run/ovn/ovn-controller.pid").stdout.strip()
        assert controller in booted.run("cat", f"/proc/{pid}/cgroup").stdout
        assert booted.cli("controller", "status").returncode == 0
        talk(booted)
        booted.run("systemctl", "stop", controller)
        assert booted.run("kill", "-0", pid, check=False).returncode != 0
    finally:
        booted.run("systemctl", "unmask", *theirs)
        booted.run("systemctl", "start", *theirs, controller)


def test_what_became_secure_is_so_after_a_boot(booted: Booted) -> None:
    """Central and the chassis go over to TLS once, by hand; the units need no word of it."""
    here = booted.host.address
    booted.run("systemctl", "enable", "ovn-central.service")
    booted.cli("--timeout", "20", "up", "--all-in-one", "--tls", "--ipam", here, "--tep", here)
    booted.run("rm", DEFAULTS)
    assert install(booted, "--now", *PARTS)["ovn-integrate-ipam.service"] == "started"
    booted.power_off()
    booted.boot()
    assert serves_by_tls(booted)
    old = booted.properties("ovn-integrate-ipam.service")["MainPID"]
    booted.run("systemctl", "kill", "--signal=KILL", "ovn-integrate-ipam.service")
    wait_for(lambda: serves_by_tls(booted), 30, "the IPAM server")
    assert booted.properties("ovn-integrate-ipam.service")["MainPID"] not in ("0", old)
    wait_for(lambda: talk(booted) is None, 30, "the containers to talk")
    booted.cli("central", "token", "another")
    booted.docker("network", "create", "-d", "openvswitch", "--subnet", "10.9.0.0/24", "more")
    booted.docker("network", "rm", "more")


def test_a_host_joins_by_the_signer_in_its_unit(booted: Booted, own_lab: Lab) -> None:
    joining = own_lab.add_host("joining")
    try:
        prepare(joining)
        token = booted.cli("central", "token", joining.name).stdout.strip()
        joining.cli("--timeout", "20", "join", token, "--tep", joining.address)
        joining.cli("certificates", "renew")
        verbs = ["redeem", "renew"]
        signed = booted.run("journalctl", "-u", "ovn-integrate-signer").stdout
        assert re.findall(r'"by": "signer".*"verb": "(redeem|renew)"', signed) == verbs
    finally:
        joining.stop()
    nothing_refused(booted)


def serves_by_tls(booted: Booted) -> bool:
    """Whether all units run, and nothing of central listens in the clear."""
    units = (*SERVICES, *SOCKETS)
    assert {booted.properties(unit)["ActiveState"] for unit in units} == {"active"}
    found = json.loads(booted.cli("central", "status", "-o", "json").stdout)["listeners"]
    here = booted.host.address
    assert found == [f"pssl:{port}:{here}" for port in (6641, 6642)]
    return f"https://{here}:9696" in booted.cli("ipam", "status").stdout


def test_uninstalling_leaves_nothing(booted: Booted) -> None:
    said = install(booted, "--uninstall", "--dry-run")
    assert set(said.values()) == {"to be removed"}
    talk(booted)
    install(booted, "--uninstall")
    left = booted.run("find", "/etc/systemd/system", "-name", "ovn-integrate*").stdout
    assert left == ""
    assert booted.run("systemctl", "is-active", DRIVER, check=False).stdout.strip() == "inactive"
    # Debian's own go on.
    assert booted.properties("ovn-controller.service")["ActiveState"] == "active"
