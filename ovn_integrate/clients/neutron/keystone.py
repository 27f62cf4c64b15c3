"""Credentials for a real Neutron, from the variables that OpenStack's own clients read (``OS_*``).

The only user of ``keystoneauth1``, which is imported when ``OS_AUTH_TYPE`` or ``OS_AUTH_URL`` is
set; without them nobody is asked for a token. Which variables there are is keystoneauth's: one for
each option of the plugin that ``OS_AUTH_TYPE`` names ("password" if it names none).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from ovn_integrate.errors import NotConfigured, NotPermitted, ServiceFailed

TIMEOUT = 10.0
"""Seconds that Keystone has for one answer."""

_KEYSTONE = "Keystone"
_HINT = "see the OS_ variables of this process"
_OF_NOBODY = {"noauth": "none"}
_YES = frozenset({"1", "true", "yes", "on"})


class Access:
    """Where Neutron is, and what its requests carry. Any thread may use it.

    :param variables: the environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        try:
            from keystoneauth1 import loading, session
        except ImportError:
            raise NotConfigured(
                "OS_AUTH_TYPE or OS_AUTH_URL",
                "is set, and keystoneauth1 is not installed",
                "pip install 'ovn-integrate[keystone]'",
            ) from None
        insecure = variables.get("OS_INSECURE", "").lower() in _YES
        self.verify: bool | str = False if insecure else variables.get("OS_CACERT") or True
        self._endpoint = variables.get("OS_ENDPOINT") or variables.get("OS_ENDPOINT_OVERRIDE")
        self._interface = variables.get("OS_INTERFACE") or "public"
        self._region = variables.get("OS_REGION_NAME") or None
        kind = variables.get("OS_AUTH_TYPE") or _guessed(variables)
        with _explained():
            loader: Any = loading.get_plugin_loader(_OF_NOBODY.get(kind, kind))
            auth = loader.load_from_options(**_options(loader.get_options(), variables))
        self._session: Any = session.Session(auth=auth, verify=self.verify, timeout=TIMEOUT)

    def endpoint(self) -> str | None:
        """Neutron's base URL by the catalog, or None when that is silent.

        :raises ServiceFailed: Keystone does not answer.
        :raises NotPermitted: Keystone does not know these credentials.
        """
        found = self._endpoint or self._ask(self._of_catalog)
        return None if found is None else str(found).rstrip("/").removesuffix("/v2.0")

    def _of_catalog(self) -> str | None:
        from keystoneauth1 import exceptions

        try:
            found: str | None = self._session.get_endpoint(
                service_type="network",
                interface=self._interface,
                region_name=self._region,
                skip_discovery=True,
            )
        except exceptions.EndpointNotFound:
            return None
        return found

    def headers(self) -> dict[str, str]:
        """What a request carries; a token that is about to expire is replaced first."""
        return self._ask(self._session.get_auth_headers) or {}

    def renew(self) -> None:
        """Forget the token, as Neutron takes it no more."""
        self._session.invalidate()

    def _ask(self, question: Callable[[], Any]) -> Any:
        with _explained():
            return question()


def access() -> Access | None:
    """The credentials of this process; None when its environment has none."""
    if not (os.environ.get("OS_AUTH_TYPE") or os.environ.get("OS_AUTH_URL")):
        return None
    return _access(frozenset(item for item in os.environ.items() if item[0].startswith("OS_")))


@cache
def _access(variables: frozenset[tuple[str, str]]) -> Access:
    # One for all clients of a process: a token is issued once, and all use it.
    return Access(dict(variables))


def _guessed(variables: Mapping[str, str]) -> str:
    return "token" if "OS_TOKEN" in variables and "OS_USERNAME" not in variables else "password"


def _options(known: Any, variables: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for option in known:
        for name in (option.name, *(old.name for old in option.deprecated)):
            value = variables.get("OS_" + name.replace("-", "_").upper())
            if value and option.dest not in found:
                found[option.dest] = value
    return found


@contextmanager
def _explained() -> Iterator[None]:
    """Makes one line of what keystoneauth raises."""
    from keystoneauth1 import exceptions

    try:
        yield
    except (exceptions.MissingRequiredOptions, exceptions.NoMatchingPlugin) as error:
        raise NotConfigured(_KEYSTONE, _line(error), _HINT) from error
    except (exceptions.Unauthorized, exceptions.Forbidden) as error:
        raise NotPermitted(_KEYSTONE, f"refused the credentials ({_line(error)})", _HINT) from error
    except exceptions.ClientException as error:
        raise ServiceFailed(_KEYSTONE, _line(error), _HINT) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
