"""The veth pair of an endpoint: one end for the bridge, one for the container."""

from __future__ import annotations

from ovn_integrate import faultpoint, netlink
from ovn_integrate.errors import Error

_PREFIX = netlink.NAME_MAX - 2


def outer(endpoint_id: str) -> str:
    """The name of an endpoint's link on the bridge."""
    return f"ve{endpoint_id[:_PREFIX]}"


def inner(endpoint_id: str) -> str:
    """The name of an endpoint's link that goes into the container."""
    return f"vc{endpoint_id[:_PREFIX]}"


class Pair:
    """A veth pair, made once and at a moment that suits: while Neutron makes the port.

    Not in a thread beside the request: the two would only wait for each other's Python.
    """

    def __init__(self, endpoint_id: str, mac: str | None, mtu: int, *, userspace: bool) -> None:
        self._outer, self._inner = outer(endpoint_id), inner(endpoint_id)
        self._mac, self._mtu, self._userspace = mac, mtu, userspace
        self._begun = False
        self._error: Error | None = None

    @property
    def failed(self) -> bool:
        """Whether it could not be made."""
        return self._error is not None

    def begin(self) -> None:
        """Make it, if that has not been done; what went wrong is told by :meth:`finish`."""
        if self._begun:
            return
        self._begun = True
        try:
            faultpoint.reach("before veth")
            netlink.make_veth(self._outer, self._inner, mac=self._mac, mtu=self._mtu)
            faultpoint.reach("after veth")
            if self._userspace:
                netlink.checksum_offload_off(self._inner)
                faultpoint.reach("after checksum offload")
        except Error as error:
            self._error = error

    def finish(self) -> None:
        """Return when it is made.

        :raises CommandFailed: the kernel refused.
        """
        self.begin()
        if self._error is not None:
            raise self._error
