"""``controller start|stop|status``."""

from __future__ import annotations

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.errors import Unhealthy
from ovn_integrate.host import bridge, settings
from ovn_integrate.host import controller as daemon


@group()
def controller() -> None:
    """Start, stop or show the status of ovn-controller."""


@verb()
def start(app: App, form: str) -> None:
    """Start ovn-controller and wait until the Southbound database shows this chassis."""
    with app.host(bridge.TABLES) as session:
        started = daemon.start(session, app.timeout)
        chassis = settings.read(session).system_id
    output.outcome(
        started,
        f"ovn-controller: started, chassis {chassis} is registered",
        f"ovn-controller: already running, chassis {chassis} is registered",
        form,
        chassis=chassis,
    )


@verb()
def stop(app: App, form: str) -> None:
    """Stop ovn-controller; its chassis leaves the Southbound database."""
    stopped = daemon.stop(app.timeout)
    output.outcome(stopped, "ovn-controller: stopped", "ovn-controller: not running", form)


@verb()
def status(app: App, form: str) -> None:
    """Show whether ovn-controller runs, is connected and registered; exit 10 when not."""
    with app.host(settings.TABLES) as session:
        answer = daemon.describe(session, app.timeout)
    output.pairs(answer, form)
    if not answer["registered"] or answer["connection"] != "connected":
        raise Unhealthy("ovn-controller", "is not right", "ovn-integrate controller start")


for _verb in (start, stop, status):
    controller.add_command(_verb)
