"""The errors of Neutron's API that this server answers, with Neutron's own words.

The class name is the ``type`` of the error document. Types and texts: the recorded answers of
Neutron 29 with ML2/OVN, and ``neutron_lib/exceptions/__init__.py``.
"""

from __future__ import annotations

from typing import ClassVar

from ovn_integrate import errors


class Worded(errors.Error):
    """An error whose whole message is ``words``, filled in with facts."""

    words: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        super().__init__("", self.words.format(**facts))

    def __str__(self) -> str:
        return self.what


class HTTPBadRequest(Worded, errors.Invalid):
    words = "{reason}"


class BadRequest(Worded, errors.Invalid):
    words = "Bad {resource} request: {reason}."


class InvalidInput(Worded, errors.Invalid):
    words = "Invalid input for operation: {reason}."


class InvalidAllocationPool(Worded, errors.Invalid):
    words = "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(Worded, errors.Invalid):
    words = "The allocation pool {pool} spans beyond the subnet cidr {cidr}."


class InvalidIpForNetwork(Worded, errors.Invalid):
    words = "IP address {ip} is not a valid IP for any of the subnets on the specified network."


class InvalidIpForSubnet(Worded, errors.Invalid):
    words = "IP address {ip} is not a valid IP for the specified subnet."


class HTTPNotFound(Worded, errors.NotFound):
    words = "The resource could not be found."


class NetworkNotFound(Worded, errors.NetworkNotFound):
    words = "Network {id} could not be found."


class SubnetNotFound(Worded, errors.SubnetNotFound):
    words = "Subnet {id} could not be found."


class PortNotFound(Worded, errors.PortNotFound):
    words = "Port {id} could not be found."


class SubnetPoolNotFound(Worded, errors.NotFound):
    words = "Subnet pool {id} could not be found."


class SecurityGroupNotFound(Worded, errors.NotFound):
    words = "Security group {id} does not exist."


class TagNotFound(Worded, errors.NotFound):
    words = "Tag {tag} could not be found."


class GatewayConflictWithAllocationPools(Worded, errors.Conflict):
    words = "Gateway ip {ip} conflicts with allocation pool {pool}."


class OverlappingAllocationPools(Worded, errors.Conflict):
    words = "Found overlapping allocation pools: {pool} {other} for subnet {cidr}."


class IpAddressAlreadyAllocated(Worded, errors.IpAddressAlreadyAllocated):
    words = "IP address {ip} already allocated in subnet {subnet}"


class IpAddressGenerationFailure(Worded, errors.IpAddressGenerationFailure):
    words = "No more IP addresses available on network {id}."


class MacAddressInUse(Worded, errors.MacAddressInUse):
    words = "Unable to complete operation for network {id}. The mac address {mac} is in use."


class NetworkInUse(Worded, errors.NetworkInUse):
    words = (
        "Unable to complete operation on network {id}. There are one or more ports still in use "
        "on the network, id for these ports is: {ports}."
    )


class SubnetInUse(Worded, errors.SubnetInUse):
    words = (
        "Unable to complete operation on subnet {id}: One or more ports have an IP allocation "
        "from this subnet."
    )


class ServiceUnavailable(Worded, errors.DatabaseUnavailable):
    words = "{reason}"


def invalid(attribute: str, reason: str) -> HTTPBadRequest:
    """The error for a value that an attribute does not take."""
    return HTTPBadRequest(reason=f"Invalid input for {attribute}. Reason: {reason}")
