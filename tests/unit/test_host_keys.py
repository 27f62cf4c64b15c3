"""The table of ovn-controller's keys, and what fits each of them."""

from __future__ import annotations

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.host import keys, plan
from ovn_integrate.host.plan import KeyChange

GOOD = [
    ("hostname", "web-1.example", "web-1.example"),
    ("ovn-bridge-datapath-type", "netdev", "netdev"),
    ("ovn-remote", "tcp:192.0.2.1:6642, ssl:[2001:db8::1]:6642", None),
    ("ovn-remote", "unix:/run/ovn/ovnsb_db.sock", "unix:/run/ovn/ovnsb_db.sock"),
    ("ovn-remote", "ssl:central.example:6642", "ssl:central.example:6642"),
    ("ovn-remote-probe-interval", "0", "0"),
    ("ovn-remote-probe-interval", "1000", "1000"),
    ("ovn-monitor-all", "False", "false"),
    ("ovn-encap-type", "geneve,vxlan,geneve", "geneve,vxlan"),
    ("ovn-encap-ip", "192.0.2.1,2001:DB8::1", "192.0.2.1,2001:db8::1"),
    ("ovn-encap-tos", "0x10", "0x10"),
    ("ovn-encap-tos", "inherit", "inherit"),
    ("ovn-bridge-mappings", "physnet1:br-a,physnet2:br-b", "physnet1:br-a,physnet2:br-b"),
    ("ovn-chassis-mac-mappings", "p:AA:bb:cc:dd:ee:ff", "p:aa:bb:cc:dd:ee:ff"),
    ("ovn-cms-options", "enable-chassis-as-gw,card:x", "enable-chassis-as-gw,card:x"),
    ("ovn-memlimit-lflow-cache-kb", str(2**64 - 1), str(2**64 - 1)),
    ("ovn-trim-wmark-perc-lflow-cache", "0100", "100"),
    ("garp-max-timeout-sec", "2147483", "2147483"),
    ("ct-zone-range", "1-65535", "1-65535"),
    ("dynamic-routing-port-mapping", "lrp:eth1", "lrp:eth1"),
    ("ovn-evpn-vxlan-ports", "4789,4790", "4789,4790"),
    ("ovn-evpn-local-ip", "10-192.0.2.1,10-2001:db8::1,192.0.2.2", None),
    ("ipam", "192.0.2.1,[2001:db8::1]:9797,https://neutron.example", None),
]

BAD = [
    ("hostname", "a\nb"),
    ("ovn-bridge", "a-bridge-of-16-by"),
    ("ovn-bridge-datapath-type", "dpdk"),
    ("ovn-remote", "tcp:192.0.2.1"),
    ("ovn-remote", "tcp:192.0.2.1:0"),
    ("ovn-remote", "tcp:192.0.2.1:65536"),
    ("ovn-remote", "tcp:2001:db8::1:6642"),
    ("ovn-remote", "tcp:[nonsense]:6642"),
    ("ovn-remote", "ptcp:6642:0.0.0.0"),
    ("ovn-remote", "tcp:a:1,"),
    ("ovn-remote", "unix:"),
    ("ovn-remote-probe-interval", "999"),
    ("ovn-remote-probe-interval", "-1"),
    ("ovn-monitor-all", "1"),
    ("ovn-encap-type", "gre"),
    ("ovn-encap-ip", "0.0.0.0"),
    ("ovn-encap-ip-default", "192.0.2.1,192.0.2.2"),
    ("ovn-encap-tos", "256"),
    ("ovn-encap-tos", "3"),
    ("ovn-bridge-mappings", "physnet1"),
    ("ovn-bridge-mappings", "physnet1:"),
    ("ovn-bridge-mappings", ":br-a"),
    ("ovn-chassis-mac-mappings", "p:aa:bb:cc:dd:ee"),
    ("ovn-cms-options", "a,,b"),
    ("ovn-limit-lflow-cache", "4294967296"),
    ("ovn-trim-wmark-perc-lflow-cache", "101"),
    ("garp-max-timeout-sec", "2147484"),
    ("ct-zone-range", "0-10"),
    ("ct-zone-range", "10-9"),
    ("ct-zone-range", "1-65536"),
    ("ct-zone-range", "5"),
    ("ovn-evpn-vxlan-ports", "0"),
    ("ovn-evpn-local-ip", "x-192.0.2.1"),
    ("ipam", "nowhere"),
]


@pytest.mark.parametrize(("name", "value", "written"), GOOD)
def test_what_fits_is_written_in_one_spelling(name: str, value: str, written: str | None) -> None:
    expected = written if written is not None else value.replace(" ", "")
    assert keys.checked(keys.find(name), value) == expected


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_does_not_fit_is_refused_with_what_would(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        keys.checked(keys.find(name), value)
    assert refused.value.hint.startswith("it is: ")


@pytest.mark.parametrize("name", keys.KEYS)
def test_nothing_fits_no_key(name: str) -> None:
    if name != "hostname":
        with pytest.raises(Invalid):
            keys.checked(keys.find(name), "")


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(Invalid, match="did you mean 'ovn-encap-ip-default'"):
        keys.find("ovn-encap-ip-defualt")
    with pytest.raises(Invalid, match="ovn-integrate keys"):
        keys.find("zzz")


@pytest.mark.parametrize(
    ("spelling", "found"),
    [
        ("ovn-bridge", ("ovn-bridge", None)),
        ("ovn-bridge-a", ("ovn-bridge", "a")),
        ("ovn-bridge-mappings", ("ovn-bridge-mappings", None)),
        ("ovn-bridge-mappings-a", ("ovn-bridge-mappings", "a")),
        ("ovn-encap-ip-default-a-b", ("ovn-encap-ip-default", "a-b")),
        ("ovn-encap-ip-defaul", ("ovn-encap-ip", "defaul")),
        ("system-id-a", None),
        ("ovn-integrate-up", None),
        ("rundir", None),
    ],
)
def test_what_stands_in_external_ids_is_a_key_and_a_chassis(
    spelling: str, found: tuple[str, str | None] | None
) -> None:
    assert keys.split(spelling) == found
    if found is not None:
        assert keys.spelled(*found) == spelling


def test_versions_are_refused_or_warned_of_as_they_read_a_key() -> None:
    new = [KeyChange("ovn-encap-ip-default", None, "192.0.2.1")]
    with pytest.raises(Invalid, match=r"OVN 24\.03 does not read it, only 24\.09 and newer do"):
        keys.refuse_unread(new, (24, 3))
    keys.refuse_unread(new, (24, 9))
    keys.refuse_unread(new, None)
    keys.refuse_unread([KeyChange("ovn-encap-ip-default", "192.0.2.1", None)], (24, 3))
    old = [KeyChange("ovn-set-local-ip-a", None, "true")]
    assert keys.warnings(old, {}, (24, 3)) == ["ovn-set-local-ip-a: obsolete, OVN 24.09 dropped it"]
    assert "no effect on OVN 25.03 here" in keys.warnings(old, {}, (25, 3))[0]
    assert keys.version_matters(old)
    assert keys.version_matters(new)
    assert not keys.version_matters([KeyChange("ovn-monitor-all", None, "true")])


@pytest.mark.parametrize(
    ("after", "right"),
    [
        ({"ovn-encap-ip": "1,2", "ovn-encap-ip-default": "2"}, True),
        ({"ovn-encap-ip": "1,2", "ovn-encap-ip-default": "3"}, False),
        ({"ovn-encap-ip-default": "3"}, False),
        ({"ovn-encap-ip": "1", "ovn-encap-ip-a": "2", "ovn-encap-ip-default-a": "2"}, True),
        ({"ovn-encap-ip": "1", "ovn-encap-ip-default-a": "1"}, True),
        ({"ovn-encap-ip": "1", "ovn-encap-ip-a": "2", "ovn-encap-ip-default-a": "1"}, False),
    ],
)
def test_a_default_tunnel_endpoint_is_one_of_the_chassis(
    after: dict[str, str], right: bool
) -> None:
    lines = plan.plan({}, dict(after))
    if right:
        keys.refuse_contradiction(lines, after)
    else:
        with pytest.raises(Invalid):
            keys.refuse_contradiction(lines, after)
    # What was wrong before is not the fault of a plan for something else.
    keys.refuse_contradiction(plan.plan(after, {"hostname": "x"}), after)
