"""The IPAM on a real Northbound against the same model as the one in memory, step by step."""

from __future__ import annotations

from flask.testing import FlaskClient
from hypothesis.stateful import run_state_machine_as_test

from ovn_integrate.ipam.audit import repair
from tests.functional.daemons import OvsdbServer
from tests.model import SETTINGS, Machine


def test_northbound_holds_what_the_model_says(api: FlaskClient, nb: OvsdbServer) -> None:
    class Northbound(Machine):
        def teardown(self) -> None:
            assert repair.look(nb.remote, 5) == []
            super().teardown()

    run_state_machine_as_test(lambda: Northbound(api), settings=SETTINGS)
    for table in ("Logical_Switch", "Logical_Switch_Port", "DHCP_Options", "DNS"):
        assert nb.ctl("--bare", "--columns=_uuid", "list", table) == ""
