"""When the soak calls a server's needs flat."""

from __future__ import annotations

import pytest

from tests.soak import figures
from tests.soak.figures import Sample


def samples(*rss: float) -> list[Sample]:
    return [Sample(number * 100, number, one, one, 20) for number, one in enumerate(rss)]


@pytest.mark.parametrize(
    ("rss", "grows"),
    [
        ((40, 60, 60, 60.5, 59.5, 60), False),  # what comes at the start is no growth
        ((60, 60, 62, 64, 66, 68, 70), True),
        ((60,), False),
    ],
)
def test_growth_is_seen_once_a_server_has_settled(rss: tuple[float, ...], grows: bool) -> None:
    by, files = figures.grew(samples(*rss))
    assert (by > figures.RSS_MOST) is grows
    assert files == 0
