"""``show``."""

from __future__ import annotations

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.host import bridge, overview


@verb()
def show(app: App, form: str) -> None:
    """Show this host's settings, integration bridge, controller and tunnels."""
    with app.host(bridge.TABLES) as session:
        answer = overview.describe(session)
    if output.data(answer, form):
        return
    rows = [
        {"what": f"{section} {key}", "value": value}
        for section in ("settings", "bridge", "controller")
        for key, value in answer[section].items()
    ]
    rows += [
        {
            "what": f"tunnel {one['chassis']}",
            "value": f"{one['type']} {one['remote_ip']} {one['state']}",
        }
        for one in answer["tunnels"]
    ]
    output.rows(rows, {"WHAT": "what", "VALUE": "value"}, form)
