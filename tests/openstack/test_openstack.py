"""The command ``openstack`` and its library, with ``none`` and ``admin_token`` for credentials."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests import clients


class Shell:
    """One process that runs commands of ``openstack``."""

    def __init__(self) -> None:
        environment = clients.openstack()
        self.endpoint = ""
        self._process = subprocess.Popen(
            [str(environment / "bin/python"), str(environment / "session.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_bare(),
            text=True,
        )

    def run(self, line: str, *words: str) -> tuple[int, str, str]:
        """The exit code of a command, and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        options = ("--os-auth-type", "none", "--os-endpoint", self.endpoint)
        print(json.dumps([*options, *line.split(), *words]), file=self._process.stdin)
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        return code, out, err

    def __call__(self, line: str, *words: str) -> str:
        """What a command printed, which succeeded."""
        code, out, err = self.run(line, *words)
        assert code == 0, f"{line} {' '.join(words)}\n{out}{err}"
        return out

    def json(self, line: str, *words: str) -> Any:
        return json.loads(self(line, *words, "-f", "json"))

    def fails(self, line: str, *words: str) -> str:
        code, out, err = self.run(line, *words)
        assert code != 0, f"{line} {' '.join(words)}\n{out}"
        return err

    def close(self) -> None:
        self._process.communicate(timeout=20)


def _bare() -> dict[str, str]:
    """This process' environment without settings of OpenStack's."""
    return {name: text for name, text in os.environ.items() if not name.startswith("OS_")}


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    made = Shell()
    yield made
    made.close()


@pytest.fixture
def openstack(shell: Shell, endpoint: str) -> Shell:
    shell.endpoint = endpoint
    return shell


def test_the_command_itself_with_either_kind_of_credentials(endpoint: str) -> None:
    command = str(clients.openstack() / "bin" / "openstack")
    token = {"OS_AUTH_TYPE": "admin_token", "OS_ENDPOINT": endpoint, "OS_TOKEN": "any"}
    words = ["--os-auth-type", "none", "--os-endpoint", endpoint]
    for arguments, env in ((words, {}), ([], token)):
        done = subprocess.run(
            [command, *arguments, "network", "create", "foo", "-f", "json"],
            env={**_bare(), **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["name"] == "foo"


def test_networks_subnets_and_ports(openstack: Shell) -> None:
    made = openstack.json("network create foo --mtu 1400 --tag blue --description", "a network")
    assert (made["mtu"], made["tags"], made["description"]) == (1400, ["blue"], "a network")
    openstack("network set foo --name bar --mtu 1300 --disable --tag green")
    openstack("network unset bar --tag blue")
    shown = openstack.json("network show bar")
    assert (shown["mtu"], shown["admin_state_up"], shown["tags"]) == (1300, False, ["green"])
    openstack("network set bar --enable")
    for line in ("network list", "network list --name bar --long", "network list --tags green"):
        assert [one["Name"] for one in openstack.json(line)] == ["bar"]
    assert openstack.json("network list --tags blue") == []

    words = "--network bar --subnet-range 192.168.1.0/24 --dns-nameserver 9.9.9.9"
    subnet = openstack.json(f"subnet create {words} --allocation-pool", *_pool(10, 99), "sub")
    assert subnet["allocation_pools"] == [{"start": "192.168.1.10", "end": "192.168.1.99"}]
    route = ("--host-route", "destination=10.0.0.0/8,gateway=192.168.1.2")
    openstack("subnet set sub --gateway 192.168.1.254 --no-dhcp --dns-nameserver 1.1.1.1", *route)
    openstack("subnet unset sub --dns-nameserver 9.9.9.9 --allocation-pool", *_pool(10, 99), *route)
    shown = openstack.json("subnet show sub")
    assert (shown["gateway_ip"], shown["dns_nameservers"]) == ("192.168.1.254", ["1.1.1.1"])
    assert (shown["enable_dhcp"], shown["host_routes"]) == (False, [])
    for line in ("subnet list", "subnet list --network bar --ip-version 4"):
        assert [one["Subnet"] for one in openstack.json(line)] == ["192.168.1.0/24"]

    openstack("port create db --network bar --fixed-ip subnet=sub,ip-address=192.168.1.20")
    openstack("port set db --description x --device-owner compute:x --host chassis-1 --tag t")
    openstack("port set db --allowed-address ip-address=192.168.1.21 --dns-name db")
    openstack("port set db --fixed-ip subnet=sub,ip-address=192.168.1.30")
    openstack("port unset db --fixed-ip subnet=sub,ip-address=192.168.1.20 --tag t --host")
    shown = openstack.json("port show db")
    assert [one["ip_address"] for one in shown["fixed_ips"]] == ["192.168.1.30"]
    assert (shown["binding_host_id"], shown["dns_name"]) == ("", "db")
    for filter in ("", "--network bar", "--fixed-ip subnet=sub", "--device-owner compute:x"):
        assert [one["Name"] for one in openstack.json(f"port list {filter}")] == ["db"]
    assert openstack.json("port list --fixed-ip ip-address=192.168.1.31") == []

    assert "still in use" in openstack.fails("network delete bar")
    assert "No Port found for nothing" in openstack.fails("port show nothing")
    openstack("port delete db")
    openstack("subnet delete sub")
    openstack("network delete bar")
    assert openstack.json("network list") == []


def _pool(first: int, last: int) -> tuple[str]:
    return (f"start=192.168.1.{first},end=192.168.1.{last}",)


def test_subnet_pools(openstack: Shell) -> None:
    prefixes = "--pool-prefix 10.0.0.0/16 --default-prefix-length 26 --min-prefix-length 24"
    pool = openstack.json(f"subnet pool create {prefixes} --default pool")
    assert (pool["prefixes"], pool["default_prefixlen"]) == (["10.0.0.0/16"], 26)
    openstack("subnet pool set pool --pool-prefix 10.1.0.0/16 --name mine --tag t")
    openstack("subnet pool set mine --max-prefix-length 28 --no-default --description d")
    openstack("subnet pool unset mine --tag t")
    shown = openstack.json("subnet pool show mine")
    assert (shown["prefixes"], shown["is_default"]) == (["10.0.0.0/15"], False)
    assert (shown["max_prefixlen"], shown["tags"]) == (28, [])
    openstack("network create foo")
    first = openstack.json("subnet create --network foo --subnet-pool mine one")
    assert (first["cidr"], first["subnetpool_id"]) == ("10.0.0.0/26", pool["id"])
    words = "--network foo --subnet-pool mine --prefix-length 28"
    assert openstack.json(f"subnet create {words} two")["cidr"] == "10.0.0.64/28"
    openstack("subnet pool set mine --default")
    assert openstack.json("subnet create --network foo --use-default-subnet-pool three")["cidr"]
    assert len(openstack.json("subnet list --subnet-pool mine")) == 3
    assert [one["Name"] for one in openstack.json("subnet pool list --default")] == ["mine"]
    assert "existing allocations" in openstack.fails("subnet pool delete mine")
    openstack("network delete foo")
    openstack("subnet pool delete mine")
    assert openstack.json("subnet pool list --long") == []


def test_security_groups(openstack: Shell) -> None:
    openstack("network create foo")
    openstack("subnet create --network foo --subnet-range 10.0.0.0/24 sub")
    group = openstack.json("security group create web --description d")
    rule = "security group rule create web --protocol tcp --dst-port 80:81"
    made = openstack.json(f"{rule} --remote-ip 10.0.0.0/8 --ingress")
    assert (made["port_range_max"], made["remote_ip_prefix"]) == (81, "10.0.0.0/8")
    openstack("security group rule create web --remote-group web --ethertype IPv6")
    assert len(openstack.json("security group rule list web")) == 4
    openstack("security group rule delete", made["id"])
    openstack("security group set web --name www --description x --tag t")
    openstack("security group unset www --tag t")
    assert openstack.json("security group show www")["description"] == "x"
    assert [one["Name"] for one in openstack.json("security group list")] == ["www"]
    # A port that names no group has none: there is no default group here.
    assert openstack.json("port create plain --network foo")["security_group_ids"] == []
    made = openstack.json("port create one --network foo --security-group www")
    assert made["security_group_ids"] == [group["id"]]
    found = openstack.json(f"port list --security-group {group['id']}")
    assert [one["Name"] for one in found] == ["one"]
    assert "in use" in openstack.fails("security group delete www")
    openstack("port unset one --security-group www")
    assert openstack.json(f"port list --security-group {group['id']}") == []
    openstack("security group delete www")


def test_routers_floating_ips_and_port_forwardings(openstack: Shell) -> None:
    flat = "--provider-network-type flat --provider-physical-network host"
    openstack(f"network create out --external {flat}")
    openstack("subnet create --network out --subnet-range 100.64.0.0/24 --no-dhcp out-sub")
    openstack("network create foo")
    openstack("subnet create --network foo --subnet-range 192.168.1.0/24 sub")
    router = openstack.json("router create r")
    openstack("router set r --external-gateway out --disable-snat --description d")
    openstack("router add subnet r sub")
    shown = openstack.json("router show r")
    assert shown["external_gateway_info"]["enable_snat"] is False
    assert [one["ip_address"] for one in shown["interfaces_info"]] == ["192.168.1.1"]
    assert [one["Name"] for one in openstack.json("router list")] == ["r"]
    assert len(openstack.json("port list --router r")) == 2

    port = openstack.json("port create web --network foo")
    openstack("floating ip create out --floating-ip-address 100.64.0.50 --port web")
    openstack("floating ip unset 100.64.0.50 --port")
    openstack("floating ip set 100.64.0.50 --port web --description d")
    (one,) = openstack.json("floating ip list --port web")
    assert one["Floating IP Address"] == "100.64.0.50"
    openstack("floating ip unset 100.64.0.50 --port")

    ends = ("--internal-ip-address", port["fixed_ips"][0]["ip_address"], "--port", "web")
    words = "floating ip port forwarding"
    numbers = "--internal-protocol-port 80 --external-protocol-port 8080 --protocol tcp"
    made = openstack.json(f"{words} create {numbers}", *ends, "100.64.0.50")
    openstack(f"{words} set 100.64.0.50", made["id"], "--external-protocol-port", "8081")
    shown = openstack.json(f"{words} show 100.64.0.50", made["id"])
    assert (shown["external_port"], shown["internal_port"]) == (8081, 80)
    assert len(openstack.json(f"{words} list 100.64.0.50 --protocol tcp")) == 1
    assert "in use by Port Forwarding" in openstack.fails("floating ip delete 100.64.0.50")
    openstack(f"{words} delete 100.64.0.50", made["id"])
    openstack("floating ip delete 100.64.0.50")

    openstack("router remove subnet r sub")
    openstack("router unset r --external-gateway")
    openstack("router delete", router["id"])
    assert openstack.json("router list") == []


_LIBRARY = """
import json, sys
import openstack
cloud = openstack.connect(auth_type="none", endpoint=sys.argv[1])
network = cloud.network.create_network(name="foo")
cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24")
wishes = [{"network_id": network.id, "name": f"p{n}", "tags": ["t"]} for n in range(25)]
made = cloud.network.create_ports(wishes)
pages = list(cloud.network.ports(limit=10, network_id=network.id, sort_key="name", sort_dir="asc"))
found = cloud.network.find_port("p7")
missing = cloud.network.find_port("nothing")
filtered = list(cloud.network.ports(fixed_ips="ip_address=" + found.fixed_ips[0]["ip_address"]))
changed = cloud.network.update_port(found, name="seven")
aliases = [one.alias for one in cloud.network.extensions()]
for port in cloud.network.ports():
    cloud.network.delete_port(port, ignore_missing=False)
cloud.network.delete_network(network)
print(json.dumps({
    "made": len({port.fixed_ips[0]["ip_address"] for port in made}),
    "pages": [port.name for port in pages],
    "missing": missing,
    "filtered": [port.name for port in filtered],
    "changed": changed.name,
    "aliases": aliases,
    "left": len(list(cloud.network.networks())),
}))
"""


def test_the_library_makes_many_at_once_and_reads_page_by_page(endpoint: str) -> None:
    python = str(clients.openstack() / "bin" / "python")
    done = subprocess.run(
        [python, "-c", _LIBRARY, endpoint], env=_bare(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["made"] == 25
    assert said["pages"] == sorted(f"p{n}" for n in range(25))
    assert said["missing"] is None
    assert (said["filtered"], said["changed"], said["left"]) == (["p7"], "seven", 0)
    assert {"subnet_allocation", "floating-ip-port-forwarding"} <= set(said["aliases"])
