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


class AllowedAddressPairsMissingIP(Worded, errors.Invalid):
    words = "AllowedAddressPair must contain ip_address"


class DuplicateAddressPairInRequest(Worded, errors.Invalid):
    words = "Request contains duplicate address pair: mac_address {mac} ip_address {ip}."


class AddressPairAndPortSecurityRequired(Worded, errors.Conflict):
    words = "Port Security must be enabled in order to have allowed address pairs on a port."


class AvailabilityZoneNotFound(Worded, errors.NotFound):
    words = "AvailabilityZone {zone} could not be found."


class AllocationOnAutoAddressSubnet(Worded, errors.Invalid):
    words = (
        "IPv6 address {ip} cannot be directly assigned to a port on subnet {subnet} as the subnet "
        "is configured for automatic addresses"
    )


class InvalidCIDR(Worded, errors.Invalid):
    words = "Invalid CIDR {cidr} given as IP prefix."


class NetworkNotFound(Worded, errors.NetworkNotFound):
    words = "Network {id} could not be found."


class SubnetNotFound(Worded, errors.SubnetNotFound):
    words = "Subnet {id} could not be found."


class PortNotFound(Worded, errors.PortNotFound):
    words = "Port {id} could not be found."


class SubnetPoolNotFound(Worded, errors.NotFound):
    words = "Subnet pool {id} could not be found."


class AddressScopeNotFound(Worded, errors.NotFound):
    words = "Address scope {id} could not be found."


class SecurityGroupNotFound(Worded, errors.SecurityGroupNotFound):
    words = "Security group {id} does not exist"


class SecurityGroupRuleNotFound(Worded, errors.NotFound):
    words = "Security group rule {id} does not exist"


class RouterNotFound(Worded, errors.RouterNotFound):
    words = "Router {id} could not be found"


class RouterInterfaceNotFound(Worded, errors.NotFound):
    words = "Router {router} does not have an interface with id {port}"


class RouterInterfaceNotFoundForSubnet(Worded, errors.NotFound):
    words = "Router {router} has no interface on subnet {subnet}"


class FloatingIPNotFound(Worded, errors.NotFound):
    words = "Floating IP {id} could not be found"


class PortForwardingNotFound(Worded, errors.NotFound):
    words = "Port Forwarding {id} could not be found."


class ExternalGatewayForFloatingIPNotFound(Worded, errors.NotFound):
    words = (
        "External network {network} is not reachable from subnet {subnet}.  Therefore, cannot "
        "associate Port {port} with a Floating IP."
    )


class TagNotFound(Worded, errors.NotFound):
    words = "Tag {tag} could not be found."


class EmptySubnetPoolPrefixList(Worded, errors.Invalid):
    words = "Empty subnet pool prefix list."


class PrefixVersionMismatch(Worded, errors.Invalid):
    words = "Cannot mix IPv4 and IPv6 prefixes in a subnet pool."


class IllegalSubnetPoolPrefixBounds(Worded, errors.Invalid):
    words = "Illegal prefix bounds: {kind}={length}, {base}={limit}."


class IllegalSubnetPoolPrefixUpdate(Worded, errors.Invalid):
    words = "Illegal update to prefixes: {reason}."


class MinPrefixSubnetAllocationError(Worded, errors.Invalid):
    words = (
        "Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {limit}."
    )


class MaxPrefixSubnetAllocationError(Worded, errors.Invalid):
    words = (
        "Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {limit}."
    )


class SubnetPoolDeleteError(Worded, errors.Invalid):
    words = "Unable to delete subnet pool: {reason}."


class NetworkSubnetPoolAffinityError(Worded, errors.Invalid):
    words = "Subnets hosted on the same network must be allocated from the same subnet pool."


class SubnetAllocationError(Worded):
    # Neutron answers it with the status of a bug, 500, and its clients know it as that.
    words = "Failed to allocate subnet: {reason}."


class SubnetPoolQuotaExceeded(Worded, errors.Conflict):
    words = "Per-project subnet pool prefix quota exceeded."


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


class SecurityGroupInUse(Worded, errors.SecurityGroupInUse):
    words = "Security Group {id} in use."


class SecurityGroupRuleExists(Worded, errors.SecurityGroupRuleExists):
    words = "Security group rule already exists. Rule id is {id}."


class PortSecurityPortHasSecurityGroup(Worded, errors.Conflict):
    words = (
        "Port has security group associated. Cannot disable port security or IP address until "
        "security group is removed."
    )


class PortSecurityAndIPRequiredForSecurityGroups(Worded, errors.Invalid):
    words = (
        "Port security must be enabled and port must have an IP address in order to use security "
        "groups."
    )


class SecurityGroupRuleInvalidProtocol(Worded, errors.Invalid):
    words = (
        "Security group rule protocol {protocol} not supported. Only protocol values {values} and "
        "integer representations [0 to 255] are supported."
    )


class SecurityGroupRuleInvalidEtherType(Worded, errors.Invalid):
    words = (
        "Security group rule for ethertype '{ethertype}' not supported. Allowed values are "
        "['IPv4', 'IPv6']."
    )


class SecurityGroupInvalidPortValue(Worded, errors.Invalid):
    words = "Invalid value for port {port}"


class SecurityGroupInvalidPortRange(Worded, errors.Invalid):
    words = "For TCP/UDP protocols, port_range_min must be <= port_range_max"


class SecurityGroupInvalidIcmpValue(Worded, errors.Invalid):
    words = "Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255."


class SecurityGroupMissingIcmpType(Worded, errors.Invalid):
    words = (
        "ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing."
    )


class SecurityGroupProtocolRequiredWithPorts(Worded, errors.Invalid):
    words = "Must also specify protocol if port range is given."


class SecurityGroupInvalidProtocolForPort(Worded, errors.Invalid):
    words = (
        "Ports cannot be specified for protocol {protocol}. Ports are only supported for DCCP, "
        "SCTP, TCP, UDP, UDPLITE."
    )


class SecurityGroupEthertypeConflictWithProtocol(Worded, errors.Invalid):
    words = "Invalid ethertype {ethertype} for protocol {protocol}."


class SecurityGroupMultipleRemoteEntites(Worded, errors.Invalid):
    words = (
        "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be "
        "provided."
    )


class SecurityGroupRuleParameterConflict(Worded, errors.Invalid):
    words = "Conflicting value ethertype {ethertype} for CIDR {cidr}"


class FlatNetworkInUse(Worded, errors.Conflict):
    words = "Unable to create the flat network. Physical network {physical_network} is in use."


class PortInUse(Worded, errors.Conflict):
    words = (
        "Unable to complete operation on port {port} for network {network}. Port already has an "
        "attached device {device}."
    )


class ServicePortInUse(Worded, errors.Conflict):
    words = "Port {port} cannot be deleted directly via the port API: {reason}."


class RouterInUse(Worded, errors.Conflict):
    words = "Router {id} has ports still attached: {ports}"


class RouterExternalGatewayInUseByFloatingIp(Worded, errors.Conflict):
    words = (
        "Gateway cannot be updated for router {router}, since a gateway to external network "
        "{network} is required by one or more floating IPs."
    )


class RouterInterfaceInUseByFloatingIP(Worded, errors.Conflict):
    words = (
        "Router interface for subnet {subnet} on router {router} cannot be deleted, as it is "
        "required by one or more floating IPs."
    )


class FipInUseByPortForwarding(Worded, errors.Conflict):
    words = "Floating IP {id} in use by Port Forwarding resources."


class PortHasBindingFloatingIP(Worded, errors.Conflict):
    words = (
        "Cannot create port forwarding to floating IP {address} ({id}) with port {port} using "
        "fixed IP {fixed}, as that port already has a binding floating IP."
    )


class PortHasPortForwarding(Worded, errors.Invalid):
    words = (
        "Cannot associate floating IP to port {port} because it already has a Port Forwarding "
        "binding."
    )


class FloatingIPPortAlreadyAssociated(Worded, errors.Conflict):
    words = (
        "Cannot associate floating IP {address} ({id}) with port {port} using fixed IP {fixed}, "
        "as that fixed IP already has a floating IP on external network {network}."
    )


class Unauthorized(Worded, errors.NotPermitted):
    words = "{reason}"


class PolicyNotAuthorized(Worded, errors.NotPermitted):
    # Neutron's text ends with "by policy"; which one, its clients need not know.
    words = "{action} is disallowed by policy: {reason}"


class ServiceUnavailable(Worded, errors.DatabaseUnavailable):
    words = "{reason}"


def invalid(attribute: str, reason: str) -> HTTPBadRequest:
    """The error for a value that an attribute does not take."""
    return HTTPBadRequest(reason=f"Invalid input for {attribute}. Reason: {reason}")
