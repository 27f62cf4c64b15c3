"""Renewal by itself, in the processes that serve for months."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ovn_integrate.errors import Conflict
from ovn_integrate.periodic import Repeated

FIRST, EVERY = 60.0, 6 * 3600.0
"""Seconds: a host that was off for weeks renews soon after its start; a central host that is away
when it is asked is asked again a hundred times before it is too late."""

OFTEN = 2.0
"""Seconds: nobody with the certificate of a central host's servers is let in before."""

log = logging.getLogger(__name__)


class Fresh(Repeated):
    """Renews what is due.

    :param renew: does it; whether anything was due.
    """

    def __init__(
        self, renew: Callable[[], bool], first: float = FIRST, every: float = EVERY
    ) -> None:
        super().__init__("renewing", first, every)
        self._renew = renew

    def _do(self) -> None:
        if self._renew():
            log.warning("certificate renewed")


class Entered(Repeated):
    """Has the certificate of this host's servers in the ledger, from the start on.

    :param enter: enters it where it is missing.
    """

    def __init__(self, enter: Callable[[], object], every: float = OFTEN) -> None:
        super().__init__("the servers' certificate", 0.0, every)
        self._enter = enter
        self._refused = ""

    def _do(self) -> None:
        try:
            self._enter()
        except Conflict as error:
            if str(error) != self._refused:
                self._refused = str(error)
                raise
