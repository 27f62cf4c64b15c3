"""The bodies of libnetwork's remote protocols (moby daemon/libnetwork/{drivers,ipams}/remote/api).

What Docker leaves out or sends as null is an empty value here; keys that are not known are
ignored, as newer engines send more. Replies are plain dicts, made where they are answered.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    IPvAnyInterface,
    IPvAnyNetwork,
    StringConstraints,
)

# Ids become names of links and keys of rows: Docker's are 64 hexadecimal digits, Swarm's 25
# characters of base 36.
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-zA-Z]{1,64}$")]


def _or_empty_map(value: Any) -> Any:
    return {} if value is None else value


def _or_empty_list(value: Any) -> Any:
    return [] if value is None else value


def _or_none(value: Any) -> Any:
    return None if value == "" else _unscoped(value)


def _unscoped(value: Any) -> Any:
    """An IPv6 scope id (RFC 4007) may be any text to ``ipaddress``, and Docker gives none."""
    if isinstance(value, str) and "%" in value:
        raise ValueError("an address with a scope")
    return value


Interface4or6 = Annotated[IPvAnyInterface, BeforeValidator(_unscoped)]
Map = Annotated[dict[str, Any], BeforeValidator(_or_empty_map)]
Cidr = Annotated[IPvAnyInterface | None, BeforeValidator(_or_none)]
Address = Annotated[IPvAnyAddress | None, BeforeValidator(_or_none)]
Pool = Annotated[IPvAnyNetwork | None, BeforeValidator(_or_none)]
Mac = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$")] | None,
    BeforeValidator(_or_none),
]


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    def ids(self) -> tuple[str, ...]:
        """The ids of the networks and endpoints that it is about."""
        return ()


class Nothing(Body):
    """For the methods whose arguments, if any, do not matter."""


class IPAMData(Body):
    """A pool of addresses; ``gateway`` has the pool's prefix length behind it."""

    address_space: str = Field("", alias="AddressSpace")
    pool: Pool = Field(None, alias="Pool")
    gateway: Cidr = Field(None, alias="Gateway")
    aux_addresses: Annotated[dict[str, Interface4or6], BeforeValidator(_or_empty_map)] = Field(
        {}, alias="AuxAddresses"
    )


Pools = Annotated[list[IPAMData], BeforeValidator(_or_empty_list)]


class NetworkBody(Body):
    network_id: Id = Field(alias="NetworkID")

    def ids(self) -> tuple[str, ...]:
        return (self.network_id,)


class CreateNetwork(NetworkBody):
    options: Map = Field({}, alias="Options")
    ipv4_data: Pools = Field([], alias="IPv4Data")
    ipv6_data: Pools = Field([], alias="IPv6Data")


class AllocateNetwork(CreateNetwork):
    """The options are the user's, without libnetwork's map around them."""


class EndpointBody(NetworkBody):
    endpoint_id: Id = Field(alias="EndpointID")

    def ids(self) -> tuple[str, ...]:
        return (self.network_id, self.endpoint_id)


class Interface(Body):
    """What Docker knows of an interface; None is for the driver to choose."""

    address: Cidr = Field(None, alias="Address")
    address_ipv6: Cidr = Field(None, alias="AddressIPv6")
    mac_address: Mac = Field(None, alias="MacAddress")


class CreateEndpoint(EndpointBody):
    interface: Annotated[Interface, BeforeValidator(_or_empty_map)] = Field(
        Interface.model_validate({}), alias="Interface"
    )
    options: Map = Field({}, alias="Options")


class ProgramExternalConnectivity(EndpointBody):
    options: Map = Field({}, alias="Options")


class Join(EndpointBody):
    sandbox_key: str = Field("", alias="SandboxKey")
    options: Map = Field({}, alias="Options")


class RequestPool(Body):
    """``pool`` None is for the driver to choose; ``sub_pool`` is Docker's ``--ip-range``."""

    pool: Pool = Field(None, alias="Pool")
    sub_pool: Pool = Field(None, alias="SubPool")
    options: Map = Field({}, alias="Options")
    v6: bool = Field(False, alias="V6")


class PoolBody(Body):
    pool_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(alias="PoolID")


class RequestAddress(PoolBody):
    address: Address = Field(None, alias="Address")
    options: Map = Field({}, alias="Options")


class ReleaseAddress(PoolBody):
    address: Annotated[IPvAnyAddress, BeforeValidator(_unscoped)] = Field(alias="Address")
