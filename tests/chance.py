"""What is too much to try all of it in each run: a tenth, by a seed that the run prints.

``--whole`` tries all of it, ``--seed N`` the same tenth again. Each run without a seed has another
one, so that runs together try everything.
"""

from __future__ import annotations

import math
import os
import random
import secrets
from collections.abc import Sequence
from typing import TypeVar

import pytest

SHARE = 10
# How much longer than usual what tries input does so; all of it then, in every run of that kind.
FUZZ = int(os.environ.get("FUZZ", "0"))

T = TypeVar("T")

_whole = True
_seed = 0


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole",
        action="store_true",
        help="all crashes, faults and made-up input, of which a run tries a tenth otherwise",
    )
    parser.addoption(
        "--seed", type=int, metavar="N", help="which tenth; by chance if it is not given"
    )


def configure(config: pytest.Config) -> None:
    """Choose the tenth; a worker takes that of who started it."""
    global _whole, _seed
    given = getattr(config, "workerinput", {}).get("seed", config.option.seed)
    config.option.seed = secrets.randbelow(10_000) if given is None else given
    if getattr(config.option, "hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(config.option.seed)
    _whole, _seed = config.option.whole, config.option.seed


def described() -> str:
    """Returns what was tried, in words that have it tried again."""
    return f"crashes, faults and made-up input: {'all' if _whole else 'a tenth'}, --seed {_seed}"


def seed() -> int:
    """Returns what else of a run is left to chance is begun with."""
    return _seed


def some(of: Sequence[T], what: str) -> list[T]:
    """Returns a tenth of what could be tried, in its order; at least one.

    :param what: tells one choice from another, as the seed does.
    """
    if _whole:
        return list(of)
    chance = random.Random(f"{_seed} {what}")
    chosen = chance.sample(range(len(of)), math.ceil(len(of) / SHARE))
    return [of[number] for number in sorted(chosen)]


def times(number: int) -> int:
    """Returns how often something is tried that all of it would be tried so often."""
    if FUZZ:
        return number * FUZZ
    return number if _whole else math.ceil(number / SHARE)
