"""``show``."""

from __future__ import annotations

from typing import Any

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.host import bridge, overview, settings


@verb()
def show(app: App, form: str) -> None:
    """Show this host's settings, integration bridge, controller and tunnels.

    With -o yaml it prints a file that `apply` takes.
    """
    with app.host(bridge.TABLES) as session:
        answer = overview.describe(session)
    if output.data(answer, form):
        return
    rows = [
        {"what": f"{section} {key}", "value": value}
        for section in ("settings", "bridge", "controller")
        for key, value in answer[section].items()
    ]
    behind = len(answer["settings"])
    rows[behind:behind] = _of_chassis(answer)
    rows += [
        {
            "what": f"tunnel {one['chassis']}",
            "value": f"{one['type']} {one['remote_ip']} {one['state']}",
        }
        for one in answer["tunnels"]
    ]
    output.rows(rows, {"WHAT": "what", "VALUE": "value"}, form)


def _of_chassis(answer: dict[str, Any]) -> list[dict[str, str]]:
    """The settings of single chassis; those of this one go before the settings of all."""
    own = answer["settings"][settings.SYSTEM_ID]
    return [
        {
            "what": f"chassis {name} {key}",
            "value": f"{value} (goes first here)" if name == own else value,
        }
        for name, part in answer.get("chassis", {}).items()
        for key, value in part.items()
    ]
