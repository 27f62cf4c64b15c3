"""What of Docker's behaviour bites a network driver, and the tests that this one knows it.

Known from the engine's source (moby daemon/libnetwork/drivers/remote, pkg/plugins) and from what it
sends. Some tests need a Docker engine to show it: those of the lab. A fact whose last test was
renamed or removed fails here.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

FACTS = {
    "an error is read from Err or from Error: both are in each": (
        "unit/test_driver_app.py::test_a_failed_operation_is_a_200_with_err",
        "unit/test_driver_app.py::test_a_body_that_is_too_large",
        "functional/driver/test_protocol.py::test_an_unknown_path_is_a_404_with_both_error_fields",
    ),
    "a request that is sent again may have lost its body": (
        "functional/driver/test_protocol.py::"
        "test_an_empty_body_is_refused_where_there_are_arguments",
        "lab/test_restart.py::test_the_driver_killed_during_a_call",
    ),
    "who is out of reach is tried for 15 s, and no status is tried again": (
        "lab/test_restart.py::test_the_driver_late_for_a_call",
        "lab/test_restart.py::test_the_driver_dead",
    ),
    "an answer is waited for without end": (
        "functional/driver/test_bounds.py::test_every_call_ends_when_neutron_is_silent",
        "functional/driver/test_bounds.py::test_every_call_ends_when_open_vswitch_is_silent",
    ),
    "capabilities are asked for once and must be had; activation may be refused": (
        "unit/test_driver_app.py::test_capabilities_need_nothing_at_all",
        "unit/test_driver_app.py::test_a_failed_activation_is_not_a_200_so_that_docker_tries_again",
        "functional/driver/test_protocol.py::test_activation_is_refused_until_the_host_is_set_up",
    ),
    "errors of what undoes are logged, and the thing is forgotten": (
        "lab/test_restart.py::test_an_endpoint_that_the_driver_could_not_let_go_of",
        "functional/driver/test_gc.py::test_what_docker_forgot_goes_and_what_it_knows_stays",
    ),
    "of endpoints that ended in a crash nobody is told, unless their addresses are the driver's": (
        "lab/test_restart.py::test_docker_killed",
        "lab/test_ipam.py::test_no_address_is_given_twice_over_two_hosts",
        "functional/driver/test_endpoints.py::"
        "test_an_address_of_a_dead_endpoint_of_this_host_is_taken_back",
    ),
    "networks are not made again after a restart, those of a swarm are": (
        "lab/test_restart.py::test_docker_stopped_and_started",
        "functional/driver/test_ready.py::"
        "test_a_driver_that_was_started_again_knows_what_the_old_one_made",
        "functional/driver/test_swarm.py::"
        "test_the_leader_makes_the_logical_network_before_any_node_has_it",
    ),
    "an endpoint that could not be made is not deleted": (
        "functional/driver/test_endpoints.py::test_a_veth_that_cannot_be_made_leaves_nothing",
        "functional/driver/test_endpoints.py::test_an_ovs_port_that_cannot_be_made_leaves_nothing",
        "functional/driver/test_endpoints.py::test_without_an_ipam_server_nothing_is_made",
        "functional/driver/test_addresses.py::test_it_is_free_when_the_endpoint_could_not_be_made",
        "functional/driver/test_ready.py::test_join_says_what_is_missing_and_undoes_what_it_made",
    ),
    "at boot Docker answers nobody before its containers are started": (
        "lab/test_restart.py::test_docker_stopped_and_started",
        "lab/test_restart.py::test_the_driver_late_at_boot",
    ),
    "a container that found no driver at boot stays stopped": (
        "lab/test_restart.py::test_the_driver_late_at_boot",
        "functional/driver/test_handover.py::"
        "test_what_docker_asks_before_the_driver_is_there_waits_for_it",
        "unit/test_units.py::test_docker_starts_after_it_and_is_never_waited_for",
    ),
    "a stop without the driver succeeds late, and may leave an endpoint in Docker": (
        "lab/test_restart.py::test_the_driver_dead",
        "lab/test_restart.py::test_the_driver_dead_while_docker_restarted_under_living_containers",
    ),
    "names of networks and containers are not told": (
        "lab/test_names.py::test_a_container_is_found_from_the_other_host_by_name_and_alias",
        "functional/driver/test_networks.py::"
        "test_a_network_is_adopted_by_name_and_by_id_and_not_deleted",
        "functional/driver/test_contract.py::test_an_address_with_the_name_of_its_container",
    ),
    "at Leave the link is in the container, later it is back or gone": (
        "functional/driver/test_contract.py::"
        "test_an_endpoint_ends_while_its_link_is_in_the_container",
        "functional/driver/test_contract.py::test_an_endpoint_ends_without_leave",
    ),
    "with a gateway the driver publishes ports, without one Docker does": (
        "functional/driver/test_gateway.py::"
        "test_no_gateway_is_answered_and_dockers_own_only_where_it_shall_be",
        "lab/test_gateway.py::test_a_container_goes_out_and_is_reached_through_ovn",
        "lab/test_engines.py::test_a_published_port_answers_by_dockers_own_gateway",
    ),
    "a driver of global scope needs a key-value store": (
        "functional/driver/test_protocol.py::test_activation_and_capabilities",
        "lab/test_key_value_store.py::test_one_network_seen_by_both_engines",
    ),
    "Docker 29.0.0 to 29.0.2 crashes where the gateway is a driver's": (
        "unit/test_docker_facts.py::test_what_can_only_be_told_is_told",
    ),
    "published ports may be revoked by Leave or DeleteEndpoint alone": (
        "functional/driver/test_contract.py::"
        "test_ports_are_published_no_more_whichever_call_comes_first",
    ),
    "the MAC address among the options is base64": (
        "functional/driver/test_contract.py::"
        "test_the_mac_address_is_read_from_the_interface_as_text",
    ),
    "requests have no type and no host that means anything": (
        "functional/driver/test_contract.py::test_of_a_request_nothing_but_path_and_body_matters",
    ),
}

RESTARTS = {
    "Docker stopped and started": "test_docker_stopped_and_started",
    "Docker killed": "test_docker_killed",
    "Docker restarted under living containers": "test_docker_restarted_under_living_containers",
    "the same with the driver dead": (
        "test_the_driver_dead_while_docker_restarted_under_living_containers"
    ),
    "the driver restarted": "test_the_driver_killed_between_calls",
    "the driver killed in a call": "test_the_driver_killed_during_a_call",
    "the driver dead": "test_the_driver_dead",
    "the driver late": "test_the_driver_late_for_a_call",
    "the driver late at boot": "test_the_driver_late_at_boot",
    "an endpoint that cannot be let go of": "test_an_endpoint_that_the_driver_could_not_let_go_of",
    "power cut": "test_the_power_of_a_host_cut",
}


def _tests(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_they_are_twenty() -> None:
    assert len(FACTS) == 20


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_has_its_tests(fact: str) -> None:
    assert FACTS[fact]
    for one in FACTS[fact]:
        path, _, name = one.partition("::")
        assert name.startswith("test_")
        assert name in _tests(path), one


@pytest.mark.parametrize("event", RESTARTS)
def test_a_restart_has_its_test(event: str) -> None:
    assert RESTARTS[event] in _tests("lab/test_restart.py")


def test_what_can_only_be_told_is_told() -> None:
    said = (TESTS.parent / "README.md").read_text()
    assert "29.0.0 to 29.0.2" in said
    assert "moby#51554" in said
