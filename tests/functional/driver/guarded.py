"""The IPAM server for a chassis, as if it had shown its certificate, and for an operator.

So that all that the tests have the driver do is done with no more than it may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ovn_integrate.ipam.http import server
from ovn_integrate.ipam.http.identity import IDENTITY
from ovn_integrate.ipam.http.watched import Wsgi
from ovn_integrate.ipam.permit.rules import CHASSIS, OPERATOR, Identity

TOKEN = "of an operator"


class Operator:
    """What a client sends with its requests (`clients.neutron.keystone.Access`)."""

    verify = True

    def endpoint(self) -> None:
        return None

    def headers(self) -> dict[str, str]:
        return {"X-Auth-Token": TOKEN}

    def renew(self) -> None:
        pass


def application(nb_remote: str, chassis: str = "chassis-1") -> Wsgi:
    """:param chassis: who asks without a token."""

    def identified(inner: Wsgi) -> Wsgi:
        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            known = environ.get("HTTP_X_AUTH_TOKEN") == TOKEN
            environ[IDENTITY] = Identity("op", OPERATOR) if known else Identity(chassis, CHASSIS)
            return inner(environ, start)

        return answer

    return server.application(nb_remote, before=identified)
