"""What serves Docker on its plugin socket: the application, and whether it could work here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ovn_integrate.driver.links import Links
from ovn_integrate.errors import Error
from ovn_integrate.host import settings

if TYPE_CHECKING:
    from ovn_integrate.driver.app import Application

log = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds that one transaction on the host's database may take."""

READY_TIMEOUT = 10.0
"""Seconds that Join waits for OVN."""


def application(
    remote: str, *, timeout: float = TIMEOUT, ready_timeout: float = READY_TIMEOUT
) -> Application:
    """The driver's application, to be made in the process that serves it.

    An Open vSwitch that does not answer yet is no reason to fail: the driver refuses to be
    activated until it does, and Docker tries again. Containers that run get back what the kernel
    forgot of their way out.

    :param remote: of the host's database.
    :param ready_timeout: seconds that Join waits for OVN; 0 for not at all.
    """
    from ovn_integrate.driver import app
    from ovn_integrate.driver.driver import Driver
    from ovn_integrate.driver.gateways import Gateways

    links = Links(remote, timeout)
    try:
        Gateways(links).restore()
    except Error as error:
        log.warning("%s", error)
    return app.create(Driver(links, ready_timeout=ready_timeout))


def check(remote: str, timeout: float) -> None:
    """Return if this host is set up for the driver. The IPAM server may be down for now.

    :raises NotConfigured: a setting or the integration bridge is missing.
    :raises DatabaseUnavailable: Open vSwitch does not answer within ``timeout`` seconds.
    """
    links = Links(remote, timeout)
    try:
        settings.require(links.settings(), settings.IPAM, settings.SYSTEM_ID)
        links.check()
    finally:
        links.close()
