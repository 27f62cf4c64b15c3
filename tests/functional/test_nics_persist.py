"""The files for the next boot, read by the tools that they are for."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ovn_integrate.host.nics import files, persist
from ovn_integrate.netlink.link import all_links
from tests.functional.namespaces import own_network
from tests.lab.waiting import wait_for

NIC, BRIDGE = "eth0", "breth0"
MAC = "02:00:00:00:00:05"
_NETWORKD = "/lib/systemd/systemd-networkd"
# By itself: without a bus, and with a /sys that says that no udev is to be waited for.
_RUN_NETWORKD = f"""set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/network
mount -t sysfs -o ro sysfs /sys
cp -p "$1"/*.network /run/systemd/network
SYSTEMD_LOG_TARGET=console exec {_NETWORKD}
"""
_LINK = f"""set -e
ip link add {NIC} address {MAC} type veth peer name other
ip link set other up
ip link set {NIC} up mtu 1400
ip address add 192.0.2.5/24 dev {NIC}
ip address add 198.51.100.9/28 dev {NIC}
ip -6 address add 2001:db8::5/64 dev {NIC} nodad
ip route add default via 192.0.2.1 metric 100
ip route add 10.0.0.0/8 via 192.0.2.2 table 77
ip -6 route add default via 2001:db8::1
ip neighbour add 192.0.2.77 lladdr 02:00:00:00:00:77 dev {NIC}
"""


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host's /etc, in a network namespace with a NIC that has static addresses."""
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.setenv("OVN_INTEGRATE_ETC", str(folder))
    with own_network():
        run("sh", "-c", _LINK)
        yield folder


def run(*argv: str, input: str = "") -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, input=input)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(command: str) -> None:
    if shutil.which(command) is None:
        pytest.fail(f"needs {command}")


def write(kind: str) -> files.Files:
    wanted = persist.files(kind, [all_links()[NIC]], userspace=True)[NIC]
    files.write(BRIDGE, wanted)
    return wanted


def tree(etc: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in etc.rglob("*") if path.is_file()}


def networks(etc: Path) -> dict[str, str]:
    """What netplan makes of its files, by the name of the link."""
    needs("netplan")
    run("netplan", "generate", "--root-dir", str(etc.parent))
    made = (etc.parent / "run/systemd/network").glob("*.network")
    return {path.name.split("netplan-")[1].split(".")[0]: path.read_text() for path in made}


def test_netplan_takes_what_the_nic_has(etc: Path) -> None:
    write("netplan")
    made = networks(etc)
    assert "Address" not in made[NIC].replace("LinkLocalAddressing", "")
    assert "LinkLocalAddressing=no" in made[NIC]
    for line in ("Address=192.0.2.5/24", "Address=2001:db8::5/64", "Gateway=192.0.2.1"):
        assert line in made[BRIDGE]
    unit = next((etc.parent / "run/systemd/system").glob(f"netplan-ovs-{BRIDGE}.service"))
    said = unit.read_text()
    assert f"--may-exist add-br {BRIDGE}" in said
    assert f"--may-exist add-port {BRIDGE} {NIC}" in said


def test_netplans_own_stanza_moves_to_the_bridge_and_comes_back(etc: Path) -> None:
    first = etc / "netplan/50-cloud-init.yaml"
    first.parent.mkdir()
    first.write_text(
        "# by cloud-init\nnetwork:\n  version: 2\n  ethernets:\n"
        f"    nic0:\n      match: {{macaddress: '{MAC}'}}\n      set-name: {NIC}\n"
        "      dhcp4: true\n      nameservers: {addresses: [9.9.9.9]}\n"
        "    eth7:\n      addresses: [203.0.113.7/24]\n"
    )
    before = tree(etc)
    write("netplan")
    made = networks(etc)
    assert "DHCP=ipv4" in made[BRIDGE]
    assert "DNS=9.9.9.9" in made[BRIDGE]
    assert "DHCP" not in made["nic0"]
    assert "203.0.113.7/24" in made["eth7"]
    document = yaml.safe_load(first.read_text())
    assert document["network"]["ethernets"]["nic0"]["set-name"] == NIC
    assert files.remove([BRIDGE]) == []
    assert tree(etc) == before


def query(etc: Path, name: str) -> str:
    needs("ifquery")
    return run("ifquery", "-i", str(etc / "network/interfaces"), name)


def test_ifupdown_takes_what_the_nic_has(etc: Path) -> None:
    write("ifupdown")
    said = query(etc, BRIDGE)
    for line in (
        "address: 192.0.2.5\n",
        "up: ip address add 198.51.100.9/28 dev breth0",
        "up: ip route add default via 192.0.2.1 metric 100 dev breth0",
        "up: ip route add 10.0.0.0/8 via 192.0.2.2 table 77 dev breth0",
        "address: 2001:db8::5\n",
        "ovs_type: OVSBridge",
        "ovs_ports: eth0",
    ):
        assert line in said
    assert "ovs_bridge: breth0" in query(etc, NIC)


def test_ifupdowns_own_stanza_moves_to_the_bridge_and_comes_back(etc: Path) -> None:
    main = etc / "network/interfaces"
    (main.parent / "interfaces.d").mkdir(parents=True)
    main.write_text(
        f"source {main.parent}/interfaces.d/*\nauto lo {NIC}\niface lo inet loopback\n\n"
        f"iface {NIC} inet dhcp\n    metric 7\n    dns-nameservers 9.9.9.9\n\n"
        "auto eth7\niface eth7 inet static\n    address 203.0.113.7/24\n"
    )
    before = tree(etc)
    write("ifupdown")
    said = query(etc, BRIDGE)
    assert "metric: 7" in said
    assert "dns-nameservers: 9.9.9.9" in said
    assert "address: 203.0.113.7\n" in query(etc, "eth7")
    assert "metric" not in query(etc, NIC)
    listed = run("ifquery", "-i", str(main), "--list", "-a").split()
    assert sorted(listed) == [BRIDGE, "eth7", "lo"]
    assert files.remove([BRIDGE]) == []
    assert tree(etc) == before


def test_networkmanager_reads_every_keyfile(etc: Path) -> None:
    needs("nmcli")
    for path, text in write("NetworkManager").items():
        assert text is not None
        assert path.stat().st_mode & 0o077 == 0
        # It reads the keyfile, checks it as a whole, and writes what it took it for.
        modify = ("nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes")
        said = run(*modify, input=text)
        for line in text.splitlines():
            if line.startswith(("address", "route", "method", "type=", "master=", "slave-type=")):
                assert line.replace("route", "") in said.replace("route", ""), (line, said)


def test_networkmanagers_own_addresses_move_to_the_bridge(etc: Path) -> None:
    own = etc / "NetworkManager/system-connections/wired.nmconnection"
    own.parent.mkdir(parents=True)
    own.write_text(
        f"[connection]\nid=wired\ntype=ethernet\ninterface-name={NIC}\n\n[ipv4]\nmethod=auto\n"
        "dns=9.9.9.9;\n\n[ipv6]\nmethod=disabled\n"
    )
    before = tree(etc)
    wanted = write("NetworkManager")
    (interface,) = [text for path, text in wanted.items() if path.stem.endswith("-interface")]
    assert "[ipv4]\nmethod=auto\ndns=9.9.9.9;" in str(interface)
    assert files.remove([BRIDGE]) == []
    assert tree(etc) == before


def test_networkd_gets_one_file_for_each(etc: Path) -> None:
    wanted = {path.name: str(text) for path, text in write("networkd").items()}
    nic, bridge = (wanted[f"00-ovn-integrate-{name}.network"] for name in (NIC, BRIDGE))
    assert "LinkLocalAddressing=no" in nic
    assert "[Address]\nAddress=192.0.2.5/24" in bridge
    assert "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.2\nTable=77" in bridge
    assert "[Neighbor]\nAddress=192.0.2.77" in bridge
    assert "MTUBytes=1400" in bridge


def test_networkd_configures_the_bridge_at_boot_and_leaves_the_nic_bare(etc: Path) -> None:
    if not Path(_NETWORKD).exists():
        pytest.fail(f"needs {_NETWORKD}")
    write("networkd")
    # As at boot; and a link in Open vSwitch's place: networkd is to configure it, not to make it.
    run("ip", "address", "flush", "dev", NIC)
    run("sh", "-c", f"ip link add {BRIDGE} type veth peer name far; ip link set far up")
    log = etc.parent / "log"
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _RUN_NETWORKD]
    with log.open("w") as output:
        daemon = subprocess.Popen([*words, "sh", str(etc / "systemd/network")], stderr=output)
    try:
        wanted = {"192.0.2.5/24", "198.51.100.9/28", "2001:db8::5/64"}
        wait_for(lambda: wanted <= addresses(BRIDGE) and not addresses(NIC), 20, "networkd")
        wait_for(lambda: "metric 100" in run("ip", "route", "show", "default"), 20, "a route")
        assert f"via 192.0.2.2 dev {BRIDGE}" in run("ip", "route", "show", "table", "77")
        assert "192.0.2.77" in run("ip", "neighbour", "show", "dev", BRIDGE, "nud", "permanent")
    finally:
        daemon.terminate()
        daemon.wait(20)
    said = log.read_text()
    assert "Unknown" not in said, said
    # It ignores things of the lab's host as well.
    assert not [line for line in said.splitlines() if "ignoring" in line and ".network" in line]


def addresses(link: str) -> set[str]:
    shown = json.loads(run("ip", "-json", "address", "show", "dev", link))
    return {f"{one['local']}/{one['prefixlen']}" for one in shown[0]["addr_info"]}


@pytest.mark.parametrize("kind", persist.KINDS)
def test_a_file_that_somebody_changed_is_left_alone(etc: Path, kind: str) -> None:
    changed = max(write(kind))
    changed.write_text("# mine\n")
    (said,) = files.remove([BRIDGE])
    assert str(changed) in said
    assert tree(etc) == {str(changed): "# mine\n"}


def test_written_twice_what_was_first_there_counts(etc: Path) -> None:
    before = tree(etc)
    write("ifupdown")
    write("ifupdown")
    record = json.loads((etc / f"ovn-integrate/{BRIDGE}.json").read_text())
    assert {one["before"] for one in record.values()} == {None}
    assert files.remove([BRIDGE]) == []
    assert tree(etc) == before
