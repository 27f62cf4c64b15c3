"""``status``."""

from __future__ import annotations

import threading
from typing import Any

import click

from ovn_integrate import paths
from ovn_integrate.checks import status as checks
from ovn_integrate.checks.facts import Facts
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.errors import Unhealthy

_EVERY = 2.0  # seconds

_Line = tuple[str, ...]  # its parts


@verb()
@click.option("--watch", is_flag=True, help="Show it every 2 s until interrupted.")
def status(app: App, watch: bool, form: str) -> None:
    """Show this chassis, its servers and the tunnels to the others; exit 10 when one is wrong."""
    if watch:
        app.progress.end()
    while watch:
        # Put together first, so that the screen is never empty.
        answer = _ask(app)
        output.clear()
        _show(answer, form)
        threading.Event().wait(_EVERY)
    answer = _ask(app)
    _show(answer, form)
    if answer["problems"]:
        raise Unhealthy("this host", "; ".join(answer["problems"]), "ovn-integrate doctor")


def _ask(app: App) -> checks.Answer:
    facts = Facts(app.db or paths.host_remote(), app.timeout)
    try:
        return checks.describe(facts)
    finally:
        facts.close()


def _show(answer: checks.Answer, form: str) -> None:
    if output.data(answer, form):
        return
    for line in _lines(answer):
        output.line(*line)


def _lines(answer: checks.Answer) -> list[_Line]:
    endpoints = ", ".join(answer["tunnel endpoints"])
    lines: list[_Line] = [
        (f"chassis {answer['chassis']} on {endpoints} ({', '.join(answer['encap types'])})",),
        _branch("registered", "yes" if answer["registered"] else "no", answer["registered"]),
        _branch("ovn-controller", answer["controller"], answer["controller"] == "connected"),
        _branch("driver", f"{answer['driver']}, {answer['endpoints']} endpoints", True),
    ]
    lines += [_certificate(one) for one in answer["certificates"]]
    lines += [_served("Southbound", one["remote"], one["state"]) for one in answer["remotes"]]
    lines += [_served("IPAM server", one["url"], one["state"]) for one in answer["ipam"]]
    absent = answer["vms without interface"]
    lines += [_branch("VM's port", f"{one} has no interface here", False) for one in absent]
    lines += [_tunnel(one) for one in answer["others"]]
    return lines


def _served(what: str, where: str, state: str) -> _Line:
    return _branch(what, f"{where} {state}", state in ("answers", "leads", "follows"))


def _tunnel(one: dict[str, Any]) -> _Line:
    words = f"{one['hostname'] or one['chassis']} {one['type']} {one['remote_ip']} {one['state']}"
    return _branch("tunnel", " ".join(words.split()), one["state"] == "up")


def _certificate(one: dict[str, Any]) -> _Line:
    return _branch("certificate", f"{one['file']} {one['state']}", one["days"] >= 0)


def _branch(what: str, words: str, good: bool) -> _Line:
    return "  ", output.mark(good), f" {what:15} {words}"
