"""Every case, to the IPAM server and with ``REQUIRE=neutron`` to a real Neutron."""

from __future__ import annotations

import pytest

from tests.functional.ipam_api import answers, different
from tests.functional.ipam_api.cases import MODULES
from tests.functional.ipam_api.servers import Embedded
from tests.functional.ipam_api.steps import Case
from tests.functional.ipam_api.talk import Conversation, Server, clear

_CASES = [(module, case) for module, cases in MODULES.items() for case in cases]


@pytest.mark.parametrize(
    ("module", "case"), _CASES, ids=[f"{module}: {case.name}" for module, case in _CASES]
)
def test_answers(server: Server, module: str, case: Case, record: bool) -> None:
    said = list(Conversation(server, case).answers())
    clear(server)
    if record:
        answers.write(module, [one.name for one in MODULES[module]], case.name, said)
        return
    expected = answers.read(module)[case.name]
    if isinstance(server, Embedded):
        said, expected = (different.without(module, one) for one in (said, expected))
        if f"{module}: {case.name}" in different.CASES:
            # What differs no longer need not be listed.
            assert said != expected
            return
    assert said == expected


def test_what_differs_is_a_case() -> None:
    assert different.CASES.keys() <= {f"{module}: {case.name}" for module, case in _CASES}


def test_names_are_not_used_twice() -> None:
    for module, cases in MODULES.items():
        names = [case.name for case in cases]
        assert len(names) == len(set(names)), module


def test_nothing_is_recorded_that_nobody_asks() -> None:
    for module, cases in MODULES.items():
        assert set(answers.read(module)) == {case.name for case in cases}, module
