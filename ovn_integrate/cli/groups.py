"""Groups of verbs: a verb can be shortened, a misspelt one is answered with the nearest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class Group(click.Group):
    """A group whose verbs can be shortened as long as that leaves one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the first word names (click's own hook, also for completion)."""
        if args and not args[0].startswith("-"):
            args = [self._named(ctx, args[0]), *args[1:]]
        return super().resolve_command(ctx, args)

    def _named(self, ctx: click.Context, word: str) -> str:
        names = self.list_commands(ctx)
        begun = [name for name in names if name.startswith(word)]
        if word not in names and len(begun) == 1:
            return begun[0]
        # A shell that completes wants no errors.
        if word in names or ctx.resilient_parsing:
            return word
        if begun:
            raise click.UsageError(f"{word!r} is short for several: {', '.join(begun)}", ctx)
        raise click.UsageError(f"No such command {word!r}{_nearest(word, names)}", ctx)


def group(**settings: Any) -> Callable[[Callable[..., None]], Group]:
    """A group of verbs under a verb."""

    def decorate(function: Callable[..., None]) -> Group:
        made: Group = click.group(cls=Group, **settings)(function)
        return made

    return decorate


def _nearest(word: str, names: list[str]) -> str:
    import difflib  # 5 ms, which only a mistake pays

    like = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean {like[0]!r}?" if like else "."
