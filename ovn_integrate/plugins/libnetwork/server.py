"""What serves Docker on its plugin socket: the application, and whether it could work here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ovn_integrate.core.link.links import Links
from ovn_integrate.core.network.options import LOCAL
from ovn_integrate.errors import Error
from ovn_integrate.host import settings

if TYPE_CHECKING:
    from ovn_integrate.plugins.libnetwork.app import Application

log = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds that one transaction on the host's database may take."""

DOCKER_TIMEOUT = 30.0
"""Seconds that Docker has to answer one question about its networks."""

READY_TIMEOUT = 10.0
"""Seconds that Join waits for OVN."""


def application(
    remote: str,
    *,
    timeout: float = TIMEOUT,
    ready_timeout: float = READY_TIMEOUT,
    scope: str = LOCAL,
    gc_interval: float = 0,
    names: bool = False,
    tests: bool = False,
) -> Application:
    """The driver's application, to be made in the process that serves it.

    An Open vSwitch that does not answer yet is no reason to fail: the driver refuses to be
    activated until it does, and Docker tries again. Containers that run get back what the kernel
    forgot of their way out.

    :param remote: of the host's database.
    :param ready_timeout: seconds that Join waits for OVN; 0 for not at all.
    :param scope: one of `options.SCOPES`, what GetCapabilities says.
    :param gc_interval: seconds between two collections of what has no owner; 0 for none.
    :param names: whether to follow Docker's events for the names of containers.
    :param tests: whether to answer the tests of other chassis.
    """
    from ovn_integrate.core.collector import reconcile
    from ovn_integrate.core.collector.in_flight import Calls
    from ovn_integrate.core.probe.responder import Responder
    from ovn_integrate.core.way_out.gateways import Gateways
    from ovn_integrate.plugins.libnetwork import app
    from ovn_integrate.plugins.libnetwork.network_driver import Driver

    links = Links(remote, timeout)
    try:
        Gateways(links).restore()
    except Error as error:
        log.warning("%s", error)
    driver, calls = Driver(links, ready_timeout=ready_timeout, scope=scope), Calls()
    if gc_interval > 0:
        reconcile.Clock(
            lambda pause: driver.collector(calls, pause, DOCKER_TIMEOUT), gc_interval
        ).start()
    if names:
        driver.names().start()
    if tests:
        reconcile.Answerer(Responder(links, timeout)).start()
    reconcile.Keeper(driver.restore, driver.way_out).start()
    return app.create(driver, calls)


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
