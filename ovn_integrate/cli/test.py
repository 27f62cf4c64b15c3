"""``test``."""

from __future__ import annotations

import signal
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.errors import Unhealthy

if TYPE_CHECKING:
    from ovn_integrate.checks.between import Step


@verb()
@click.option("--to", metavar="CHASSIS", help="The other end: a chassis, or its host's name.")
@click.option(
    "--answer",
    is_flag=True,
    help="Answer the tests of other chassis until SIGINT, where no driver runs.",
)
def test(app: App, to: str | None, answer: bool, form: str) -> None:
    """Test the network to another chassis, or of this one: ping, MTU, TCP, names; exit 10 when
    something fails.

    It makes a logical network with two ports, one here and one there, where the driver brings it
    up, and removes all of it. What a killed test leaves goes with the next one, or with driver gc.
    """
    # So that all of it is taken away again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if answer:
        _answer(app)
        return
    from ovn_integrate.checks import between
    from ovn_integrate.checks.facts import Facts

    facts = Facts(app.db or paths.host_remote(), app.timeout)
    try:
        here, there = between.peer(facts, to)
        steps = []
        # Closed at once whatever ends the loop, as that takes away what was made.
        with closing(between.run(facts, app.neutron(), here, there)) as found:
            for step in found:
                steps.append(step)
                if form == "table":
                    _say(step)
    finally:
        facts.close()
    bad = [step.name for step in steps if not step.ok]
    told = {"from": vars(here), "to": vars(there), "ok": not bad, "steps": _data(steps)}
    output.data(told, form)
    if bad:
        where = f"network from {here.host} to {there.host}"
        raise Unhealthy(where, f"failed: {', '.join(bad)}", "ovn-integrate doctor, on both")


def _answer(app: App) -> None:
    from ovn_integrate.core.link.links import Links
    from ovn_integrate.core.probe.responder import Responder

    links = Links(app.db or paths.host_remote(), app.timeout)
    output.line("answering the tests of other chassis, until SIGINT", err=True)
    try:
        while True:
            # It returns when the settings of this host changed.
            Responder(links, app.timeout).follow()
    finally:
        links.close()


def _say(step: Step) -> None:
    output.line(output.mark(step.ok), f" {step.name:10} {step.found}")
    for reason in step.reasons:
        output.line(f"{'':12} {reason}")


def _data(steps: list[Step]) -> list[dict[str, Any]]:
    return [
        {"step": one.name, **{k: v for k, v in vars(one).items() if k != "name"}} for one in steps
    ]
