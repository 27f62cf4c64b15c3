"""What of an endpoint is made on this host while Neutron makes its port."""

from __future__ import annotations

from collections.abc import Callable

from ovn_integrate.core.link.links import Link
from ovn_integrate.core.link.veth import Pair
from ovn_integrate.errors import Error


class Prefetch:
    """The veth pair, and where the port's id and MAC are known beforehand its link to the bridge.

    OVN binds a port that comes after its link as it binds one that came before.

    :param attach: puts a link on the bridge; it is put there again when it is another one.
    :param link: the link for a port's id; None where it cannot be known.
    """

    def __init__(
        self,
        pair: Pair,
        attach: Callable[[Link], None],
        link: Callable[[str], Link] | None,
    ) -> None:
        self._pair = pair
        self._attach = attach
        self._link = link
        self._attached: Link | None = None

    def take(self, port_id: str | None) -> None:
        """Make what can be made; what goes wrong is told by :meth:`finish`.

        :param port_id: what the port's id is going to be; None if nobody knows.
        """
        self._pair.begin()
        if port_id is None or self._link is None or self._pair.failed:
            return
        link = self._link(port_id)
        try:
            self._attach(link)
        except Error:
            return
        self._attached = link

    def finish(self, link: Link) -> None:
        """Return when all of it is made.

        :param link: as the port turned out to be.
        :raises Error: of what could not be made.
        """
        self._pair.finish()
        if link != self._attached:
            self._attach(link)
