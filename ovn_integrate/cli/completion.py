"""What a shell can complete beside verbs and options: types, keys, values, checks.

Each is asked for while somebody waits at a prompt, so that what is slow to import is so in the
function that needs it, and nothing is asked of a database or a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def encap_types(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The next of several types, with commas between."""
    from ovn_integrate.host import encap

    before, comma, _ = begun.rpartition(",")
    left = [kind for kind in encap.TYPES if kind not in before.split(",")]
    return _items({before + comma + kind: "" for kind in left}, begun)


def keys(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The keys that ovn-controller reads."""
    from ovn_integrate.host.keys import KEYS

    return _items({key.name: key.doc for key in KEYS.values()}, begun)


def key_values(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The values of the key that stands before, where there are few."""
    from ovn_integrate.host.keys import KEYS

    key = KEYS.get(context.params.get("key") or "")
    if key is not None and key.kind == "types":
        return encap_types(context, parameter, begun)
    return _items(["true", "false"] if key is not None and key.kind == "flag" else [], begun)


def checks(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The checks of doctor that are not named yet."""
    from ovn_integrate.checks.examine import CHECKS

    named = context.params.get("checks") or ()
    return _items({one.name: one.why for one in CHECKS if one.name not in named}, begun)


def _items(values: Iterable[str], begun: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    helps = values if isinstance(values, Mapping) else {}
    fitting = [one for one in values if one.startswith(begun)]
    return [CompletionItem(one, help=helps.get(one) or None) for one in fitting]
