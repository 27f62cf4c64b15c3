"""The rules of the IPAM against a model of it, on a store in memory."""

from __future__ import annotations

from typing import Any, cast

from hypothesis.stateful import run_state_machine_as_test

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.http.api import create_app
from tests.model import SETTINGS, Machine, MemoryStore


def test_the_rules_are_those_of_the_model() -> None:
    def machine() -> Machine:
        store = cast(Any, MemoryStore())
        return Machine(create_app(Service(store)).test_client())

    run_state_machine_as_test(machine, settings=SETTINGS)
