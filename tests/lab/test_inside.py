"""The tests that need no lab, on the Python and the databases of the other suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .host import Host
from .lab import Lab
from .tally import INSIDE

_LONG = 1800  # seconds
# netplan, ifupdown and NetworkManager, which these ask, are not among the hosts' programs.
_LEFT_OUT = ("--ignore=tests/functional/test_nics_persist.py",)


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("inside")
    yield host
    host.stop()


@pytest.mark.other_suites
@pytest.mark.timeout(_LONG)
def test_the_unit_and_functional_tests_pass(
    host: Host, record_property: Callable[[str, object], None]
) -> None:
    checkout = str(host.suite.checkout)
    tests = ("-m", "pytest", "-q", "tests/unit", "tests/functional", *_LEFT_OUT)
    words = ("sh", "-c", 'cd "$0" && exec "$@"', checkout, host.program, *tests)
    # A warning that a newer Python or library gives now is a failure of the next one.
    done = host.run(*words, "-W", "error", timeout=_LONG - 20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert "skipped" not in last
    record_property(INSIDE, int(last.split(" passed")[0]))
