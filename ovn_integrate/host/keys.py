"""Every key of external_ids that ovn-controller reads, with its type and the OVN that reads it.

From ovn-controller(8) and ``controller/*.c`` of OVN 20.03 to 26.03; what is older than OVN has the
version of the Open vSwitch that OVN was then a part of. A key with a chassis' name behind it
(``KEY-CHASSIS``) goes first for that chassis, for all keys but a few, since 23.03.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ovn_integrate.errors import Invalid
from ovn_integrate.host import settings, values
from ovn_integrate.host.plan import KeyChange, hidden, needed
from ovn_integrate.host.values import Check, listed, mapping, number, one_of

Version = tuple[int, int]

OLDEST: Version = (23, 3)
"""The oldest OVN that this program is made for."""


@dataclass(frozen=True)
class Key:
    """A key.

    :param kind: what a value is, in a word.
    :param check: of a value; see :mod:`ovn_integrate.host.values`.
    :param doc: what it means, in a few words.
    :param since: the first version that reads it: (2, x) is of Open vSwitch, the others OVN's.
    :param default: what counts when it is not set.
    :param dropped: the OVN that reads it no more.
    :param suffixed: whether ``KEY-CHASSIS`` is read.
    """

    name: str
    kind: str
    check: Check
    doc: str
    since: Version
    default: str = ""
    dropped: Version | None = None
    suffixed: bool = True


_MAPPINGS = listed(mapping(values.bridge, "physnet1:br-eth1"))
_MACS = listed(mapping(values.mac, "physnet1:02:00:00:00:00:01"))
_PORTS = listed(mapping(values.word, "router-port:eth1"))
_FLAG, _COUNT = values.boolean, number()
_SECONDS = number(0, (2**31 - 1) // 1000)  # ovn-controller keeps them as milliseconds in an int

_TABLE = (
    Key("system-id", "text", values.word, "name of this chassis", (2, 5), suffixed=False),
    Key("hostname", "text", values.word, "host name in Southbound", (2, 6), "that of the host"),
    Key("ovn-bridge", "bridge", values.bridge, "integration bridge", (2, 5), "br-int"),
    Key(
        "ovn-bridge-datapath-type",
        "word",
        one_of("system", "netdev"),
        "datapath of the integration bridge",
        (2, 12),
        "as it is",
    ),
    Key("ovn-remote", "remotes", listed(values.remote), "Southbound database", (2, 5)),
    Key(
        "ovn-remote-probe-interval",
        "ms",
        values.probe_interval,
        "probes of Southbound's connection",
        (2, 6),
        "5000",
    ),
    Key("ovn-monitor-all", "flag", _FLAG, "follow all of Southbound", (20, 3), "false"),
    Key("ovn-encap-type", "types", listed(values.encap_type), "encapsulation of tunnels", (2, 5)),
    Key("ovn-encap-ip", "addresses", listed(values.address), "tunnel endpoints", (2, 5)),
    Key(
        settings.TEP_DEFAULT,
        "address",
        values.address,
        "the default one of several tunnel endpoints",
        (24, 9),
    ),
    Key("ovn-encap-csum", "flag", _FLAG, "checksums in tunnels", (2, 7), "true"),
    Key("ovn-encap-tos", "tos", values.tos, "TOS of tunnels", (21, 12), "none"),
    Key("ovn-encap-df_default", "flag", _FLAG, "tunnels forbid fragments", (22, 9)),
    Key(
        "ovn-enable-flow-based-tunnels",
        "flag",
        _FLAG,
        "one port for all tunnels (experimental)",
        (26, 3),
        "false",
    ),
    Key("ovn-bridge-mappings", "map", _MAPPINGS, "bridges of physical networks", (2, 5)),
    Key("ovn-chassis-mac-mappings", "map", _MACS, "MACs on physical networks", (2, 12)),
    Key("ovn-cms-options", "words", listed(values.word), "what the CMS wants to know", (2, 9)),
    Key("ovn-transport-zones", "words", listed(values.word), "tunnels within these", (2, 12)),
    Key("ovn-is-interconn", "flag", _FLAG, "gateway between OVN clusters", (20, 3), "false"),
    Key(
        "ovn-match-northd-version",
        "flag",
        _FLAG,
        "wait for an ovn-northd of the same version",
        (20, 12),
        "false",
    ),
    Key("ovn-enable-lflow-cache", "flag", _FLAG, "cache of logical flows", (20, 9), "true"),
    Key("ovn-limit-lflow-cache", "number", _COUNT, "its entries, at most", (21, 3), "any"),
    Key(
        "ovn-memlimit-lflow-cache-kb",
        "number",
        number(0, 2**64 - 1),
        "its kilobytes, at most",
        (21, 3),
        "any",
    ),
    Key("ovn-trim-limit-lflow-cache", "number", _COUNT, "trim it from here", (21, 9), "10000"),
    Key(
        "ovn-trim-wmark-perc-lflow-cache",
        "percent",
        number(0, 100),
        "trim it below this part of its peak",
        (21, 9),
        "50",
    ),
    Key("ovn-trim-timeout-ms", "ms", _COUNT, "trim it when idle so long", (21, 12), "30000"),
    Key(
        "garp-max-timeout-sec",
        "seconds",
        _SECONDS,
        "longest time between gratuitous ARPs",
        (23, 9),
        "0",
        suffixed=False,
    ),
    Key(
        "arp-nd-max-timeout-sec",
        "seconds",
        _SECONDS,
        "longest time between questions for a next hop",
        (25, 3),
        "16",
        suffixed=False,
    ),
    Key(
        "ovn-bridge-remote",
        "remote",
        values.remote,
        "OpenFlow of the integration bridge",
        (24, 9),
        "unix:BRIDGE.mgmt",
        suffixed=False,
    ),
    Key(
        "ovn-bridge-remote-probe-interval",
        "ms",
        _COUNT,
        "probes of OpenFlow's connection",
        (24, 9),
        "0",
        suffixed=False,
    ),
    Key("ct-zone-range", "range", values.zone_range, "conntrack zones", (24, 9), "1-65535"),
    Key("ovn-cleanup-on-exit", "flag", _FLAG, "a chassis that stops leaves", (25, 9), "true"),
    Key(
        "dynamic-routing-port-mapping",
        "map",
        _PORTS,
        "links of dynamic routing's ports",
        (25, 3),
        suffixed=False,
    ),
    Key(
        "ovn-evpn-vxlan-ports",
        "ports",
        listed(number(1, 65535)),
        "UDP ports of EVPN's tunnels",
        (25, 9),
    ),
    Key(
        "ovn-evpn-local-ip",
        "addresses",
        listed(values.evpn_address),
        "source addresses of EVPN's tunnels",
        (25, 9),
    ),
    Key(
        "ovn-openflow-probe-interval",
        "seconds",
        _COUNT,
        "probes of OpenFlow's connection",
        (2, 12),
        "0",
        (24, 3),
    ),
    Key(
        "ovn-set-local-ip",
        "flag",
        _FLAG,
        "tunnels start at the tunnel endpoint",
        (22, 3),
        "false",
        (24, 9),
    ),
    Key(
        "ovn-ofctrl-wait-before-clear",
        "ms",
        _COUNT,
        "keep old flows so long after a start",
        (22, 6),
        "0",
        (25, 9),
    ),
    # Not of ovn-controller: this program's, and of those that came before it.
    Key(
        "ipam",
        "servers",
        listed(values.server),
        "IPAM server (read by ovn-integrate)",
        (2, 5),
        suffixed=False,
    ),
    Key(
        "ovn-nb",
        "remotes",
        listed(values.remote),
        "Northbound database (read by ovn-integrate)",
        (2, 5),
        suffixed=False,
    ),
)

KEYS = {key.name: key for key in _TABLE}

_SUFFIXED = sorted((key.name for key in _TABLE if key.suffixed), key=len, reverse=True)


def find(name: str, chassis: str | None = None) -> Key:
    """The key of that name.

    :param chassis: the one whose own value is meant.
    :raises Invalid: there is no such key, or none for one chassis.
    """
    key = KEYS.get(name)
    if key is None:
        raise Invalid(f"key {name!r}", "is none that ovn-controller reads", nearest(name, KEYS))
    if chassis is not None and not key.suffixed:
        raise Invalid(f"key {name!r}", "is not read for one chassis alone", "leave the chassis out")
    return key


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint to an unknown name: the known one that is most like it."""
    import difflib  # for the unlucky alone

    like = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {like[0]!r}?" if like else "see: ovn-integrate keys"


def checked(key: Key, value: str) -> str:
    """A value of a key as it is to be written.

    :raises Invalid: it does not fit; the hint says what would.
    """
    try:
        return key.check(value)
    except ValueError as error:
        raise Invalid(f"{key.name} {value!r}", "does not fit", f"it is: {error}") from None


def spelled(key: str, chassis: str | None) -> str:
    """How a key stands in external_ids."""
    return f"{key}-{chassis}" if chassis else key


def split(spelling: str) -> tuple[str, str | None] | None:
    """The key and the chassis of what stands in external_ids; None where it is no such key."""
    if spelling in KEYS:
        return spelling, None
    # The longest goes first: ovn-bridge-remote-A is not the key ovn-bridge of a chassis remote-A.
    for name in _SUFFIXED:
        if spelling.startswith(f"{name}-"):
            return name, spelling[len(name) + 1 :]
    return None


def version_matters(lines: Iterable[KeyChange]) -> bool:
    """Whether there are versions of OVN from 23.03 on that do not read what a plan sets."""
    setting = [key for line, key in _known(lines) if line.wanted is not None]
    return any(key.since > OLDEST or key.dropped is not None for key in setting)


def refuse_unread(lines: Iterable[KeyChange], version: Version | None) -> None:
    """Refuse to set what this host's ovn-controller is too old to read.

    :param version: of the OVN that is installed here; None where there is none.
    :raises Invalid: with the version that reads it.
    """
    for line, key in _known(lines):
        if line.wanted is not None and version is not None and version < key.since:
            raise Invalid(
                line.key,
                f"OVN {dotted(version)} does not read it, only {dotted(key.since)} and newer do",
                "--force to write it all the same",
            )


def refuse_contradiction(lines: Iterable[KeyChange], after: Mapping[str, str]) -> None:
    """Refuse a plan that makes a default tunnel endpoint none of the tunnel endpoints:
    ovn-controller would ignore it.

    :param after: the keys as they are after the plan.
    :raises Invalid: for one chassis or for all.
    """
    if not any(line.key.startswith(settings.TEP) for line in needed(lines)):
        return
    for spelling, default in after.items():
        name, chassis = split(spelling) or ("", None)
        if name == settings.TEP_DEFAULT:
            tep = after.get(spelled(settings.TEP, chassis)) or after.get(settings.TEP, "")
            if default not in tep.split(","):
                raise Invalid(
                    f"{spelling} {default!r}",
                    f"is none of {settings.TEP}, {tep or '(unset)'}",
                    f"ovn-integrate set-tep {tep or default} --default ONE-OF-THEM, or unset it",
                )


def warnings(
    lines: Iterable[KeyChange], current: Mapping[str, str], version: Version | None
) -> list[str]:
    """What an operator should know of the keys that a plan sets.

    :param current: the keys as they are after it.
    """
    said = []
    for line, key in _known(lines):
        if line.wanted is not None and key.dropped is not None:
            gone = version is not None and version >= key.dropped
            effect = f"no effect on OVN {dotted(version)} here" if gone and version else "obsolete"
            said.append(f"{line.key}: {effect}, OVN {dotted(key.dropped)} dropped it")
    suffixed = [line for line in lines if line.key in KEYS and KEYS[line.key].suffixed]
    return said + hidden(suffixed, current, current.get(settings.SYSTEM_ID))


def dotted(version: Version) -> str:
    """A version as it is written: OVN's months have two digits, and OVN was a part of OVS once."""
    major, minor = version
    return f"OVS {major}.{minor}" if major < 20 else f"{major}.{minor:02}"


def _known(lines: Iterable[KeyChange]) -> Iterable[tuple[KeyChange, Key]]:
    for line in needed(lines):
        found = split(line.key)
        if found is not None:
            yield line, KEYS[found[0]]
