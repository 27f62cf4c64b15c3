"""Docker networks on logical networks."""

from __future__ import annotations

from ovn_integrate.contract import tags
from ovn_integrate.host import interfaces
from tests.functional.driver.bed import CHASSIS, Host, Lan


def test_a_network_is_made_with_its_subnets(host: Host, lan: Lan) -> None:
    (network,) = host.neutron.query("networks", name=lan.id)
    assert set(network["tags"]) == {
        tags.MADE,
        tags.of(lan.id),
        tags.at(lan.id, CHASSIS),
    }
    subnets = {one["cidr"]: one for one in host.neutron.query("subnets", network_id=network["id"])}
    assert {cidr: one["gateway_ip"] for cidr, one in subnets.items()} == {
        f"{lan.v4}.0/24": f"{lan.v4}.1",
        f"{lan.v6}/64": f"{lan.v6}1",
    }
    assert not any(one["enable_dhcp"] for one in subnets.values())
    # Asked again, by an engine that lost the answer.
    assert host.ok("NetworkDriver.CreateNetwork", lan.body) == {}
    assert len(host.neutron.query("networks")) == 1
    other = {**lan.body, "IPv4Data": [{"Pool": "10.99.0.0/24"}]}
    assert f"{lan.v4}.0/24" in host.error("NetworkDriver.CreateNetwork", other)


def test_a_network_half_made_is_gone_again(host: Host) -> None:
    lan = Lan(host, 11)
    overlapping = {"Pool": f"{lan.v4}.0/25", "Gateway": f"{lan.v4}.2/25"}
    lan.body["IPv4Data"].append(overlapping)
    host.error("NetworkDriver.CreateNetwork", lan.body)
    assert host.neutron.query("networks") == []


def test_a_network_is_adopted_by_name_and_by_id_and_not_deleted(host: Host) -> None:
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.12.0.0/24")
    for options in ({"ovn.network": "blue"}, {"neutron.net.uuid": network["id"]}):
        lan = Lan(host, 12, **options)
        lan.body["IPv6Data"] = None
        for _ in range(2):
            assert host.ok("NetworkDriver.CreateNetwork", lan.body) == {}
        assert set(host.neutron.show("networks", network["id"])["tags"]) == {
            tags.of(lan.id),
            tags.at(lan.id, CHASSIS),
        }
        host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": lan.id})
    assert host.neutron.show("networks", network["id"])["tags"] == []
    wrong = Lan(host, 13, **{"ovn.network": "blue"})
    said = host.error("NetworkDriver.CreateNetwork", wrong.body)
    assert "10.12.0.0/24" in said
    assert "--subnet 10.12.0.0/24" in said
    host.neutron.create("networks", name="blue")
    assert network["id"] in host.error("NetworkDriver.CreateNetwork", wrong.body)  # two of a name
    for one in host.neutron.query("networks"):
        host.neutron.delete("networks", one["id"])
    said = host.error("NetworkDriver.CreateNetwork", wrong.body)
    assert "ovn-integrate network create blue --subnet" in said
    assert host.neutron.query("networks") == []


def test_a_made_network_goes_with_its_last_holder(host: Host) -> None:
    first = Lan(host, 14)
    host.ok("NetworkDriver.CreateNetwork", first.body)
    second = Lan(host, 14, **{"ovn.network": first.id})
    host.ok("NetworkDriver.CreateNetwork", second.body)
    host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": first.id})
    assert len(host.neutron.query("networks")) == 1
    second.remove()


def test_an_address_for_ovns_dns(host: Host) -> None:
    """No endpoint gets it; it goes with the last Docker network that names it."""
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.17.0.0/24")
    lans = [Lan(host, 17, **{"ovn.network": "blue", "ovn.dns": "10.17.0.253"}) for _ in range(2)]
    for lan in lans:
        lan.body["IPv6Data"] = []
        for _ in range(2):
            host.ok("NetworkDriver.CreateNetwork", lan.body)
    (port,) = host.neutron.query("ports")
    assert [one["ip_address"] for one in port["fixed_ips"]] == ["10.17.0.253"]
    taken = lans[0].endpoint(253, AddressIPv6="")
    assert "10.17.0.253" in host.error("NetworkDriver.CreateEndpoint", taken)
    other = Lan(host, 17, **{"ovn.network": "blue", "ovn.dns": "10.18.0.253"})
    other.body["IPv6Data"] = []
    assert "in no subnet" in host.error("NetworkDriver.CreateNetwork", other.body)
    # One that a port was made for already stays that port's.
    own = host.neutron.create(
        "ports", network_id=network["id"], name="dns", fixed_ips=[{"ip_address": "10.17.0.252"}]
    )
    other.body["Options"]["com.docker.network.generic"]["ovn.dns"] = "10.17.0.252"
    host.ok("NetworkDriver.CreateNetwork", other.body)
    for lan in (lans[0], other):
        host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": lan.id})
    assert {one["id"] for one in host.neutron.query("ports")} == {port["id"], own["id"]}
    host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": lans[1].id})
    assert [one["id"] for one in host.neutron.query("ports")] == [own["id"]]
    host.neutron.delete("ports", own["id"])
    host.neutron.delete("networks", network["id"])


def test_options_of_a_network(host: Host) -> None:
    passes = interfaces.mtus()["lo"] - 58
    for options, words in (
        ({"ovn.netwrok": "blue"}, "ovn.netwrok"),
        ({"com.docker.network.driver.mtu": "tall"}, "no number"),
        ({"com.docker.network.driver.mtu": str(passes + 1)}, f"{passes} bytes"),
        ({"com.docker.network.driver.mtu": "1279"}, "IPv6"),
        ({"ovn.dns": "nine"}, "no IP address"),
        ({"ovn.network": "a", "neutron.net.name": "b"}, "different networks"),
    ):
        assert words in host.error("NetworkDriver.CreateNetwork", Lan(host, 15, **options).body)
    assert host.neutron.query("networks") == []
