"""``trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.errors import Invalid, Unhealthy

if TYPE_CHECKING:
    from ovn_integrate.checks.trace_endpoints import Ends
    from ovn_integrate.checks.tracing import Packet, Way


@verb()
@click.argument("source", metavar="CONTAINER")
@click.argument("target", metavar="CONTAINER|IP[:PORT]")
@click.option("--tcp", "protocol", flag_value="tcp", help="[default with a PORT]")
@click.option("--udp", "protocol", flag_value="udp", help="To a PORT.")
@click.option("--icmp", "protocol", flag_value="icmp", help="A ping.  [default without a PORT]")
@click.option("--raw", is_flag=True, help="Print what ovn-trace and ofproto/trace print as well.")
def trace(app: App, source: str, target: str, protocol: str | None, raw: bool, form: str) -> None:
    """Trace the first packet of a new connection: networks, policy, routers, NAT, port, tunnel;
    exit 10 when it is dropped or rejected, naming the rule.

    A container of another host is known by its name in OVN, or as PORT.NETWORK, or by its port's
    id. No packet is sent.
    """
    from ovn_integrate.checks import trace_endpoints, tracing
    from ovn_integrate.checks.facts import Facts

    name, packet = _parse(target, protocol)
    client = app.neutron()
    facts = Facts(app.db or paths.host_remote(), app.timeout)
    try:
        ends = trace_endpoints.find(client, source, name)
        way = tracing.trace(facts, client, ends, packet)
    finally:
        facts.close()
    _show(way, ends, packet, raw, form)
    if way.verdict != "delivered":
        raise Unhealthy(f"{packet} from {source} to {target}", f"{way.verdict} {way.reason}")


def _parse(target: str, protocol: str | None) -> tuple[str, Packet]:
    from ovn_integrate.checks.tracing import Packet, parse_target

    try:
        name, port = parse_target(target)
    except ValueError:
        raise Invalid(f"target {target!r}", "its port is no number", "for example web:80") from None
    wanted = protocol or ("tcp" if port else "icmp")
    if (wanted == "icmp") == bool(port) or not 0 <= port < 65536:
        what = "ICMP has no port" if port else f"{wanted} needs a port of 1 to 65535"
        raise Invalid(f"target {target!r}", what, f"for example {name}:80")
    return name, Packet(wanted, port)


def _show(way: Way, ends: Ends, packet: Packet, raw: bool, form: str) -> None:
    told = {
        "from": {"name": ends.source, "ip": ends.source_ip, "port": ends.port["id"]},
        "to": {"name": ends.target, "ip": ends.target_ip, "packet": str(packet)},
        "verdict": way.verdict,
        "reason": way.reason,
        "way": [{"what": what, "where": where} for what, where in way.lines],
    }
    if output.data({**told, "raw": dict(way.raw)} if raw else told, form):
        return
    output.line(
        f"{packet} from {ends.source} ({ends.source_ip}) to {ends.target} ({ends.target_ip})"
    )
    for what, where in way.lines:
        indent = "" if what.startswith(("network ", "router ")) else "  "
        output.line(f"{indent}{what:{14 - len(indent)}} {where}".rstrip())
    good = way.verdict == "delivered"
    output.line(output.mark(good), f" {way.verdict} {way.reason}")
    for command, printed in way.raw.items() if raw else ():
        output.line()
        output.line(f"$ {command}")
        output.block(printed)
