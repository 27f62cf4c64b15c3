"""Requests and their answers over connections that are kept: the adapters of ``requests``.

Its only user. Its sessions are left out: for each request they put settings, cookies, hooks and
proxies of the environment together, none of which is wanted here, and take 0.3 of the 0.7 ms of CPU
for it that the driver has for a request; each container costs two or more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from ovn_integrate.clients.neutron import failover
from ovn_integrate.errors import ServiceFailed
from ovn_integrate.host.credentials import Credentials

Answer = requests.Response

_CONNECTIONS = 32
_AGENT = "ovn-integrate"


class Late(Exception):
    """A server gave no answer in time; it may have done what it was asked."""


class Lost(Exception):
    """There was no connection, or it broke off; the message says why.

    :ivar sent: whether the server may have done what it was asked.
    """

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Exchange:
    """The kept connections to some servers. Any thread may use it.

    :param verify: whether the certificates of servers must be signed by somebody known; the path
        of a file or folder with certificates of who may have signed them.
    :param mine: shown to servers of HTTPS, which are trusted by them alone.
    """

    def __init__(self, verify: bool | str, mine: Credentials | None) -> None:
        self._verify = verify if mine is None else mine.ca_cert
        self._cert = None if mine is None else (mine.certificate, mine.private_key)
        self._plain = HTTPAdapter(pool_maxsize=_CONNECTIONS)
        self._watching = _WatchingAdapter(pool_maxsize=_CONNECTIONS)

    def ask(
        self,
        method: str,
        url: str,
        timeout: tuple[float, float],
        *,
        body: bytes | Spoken | None,
        headers: Mapping[str, str],
        watched: bool,
    ) -> Answer:
        """The whole answer, whatever its status.

        :param timeout: seconds for a connection, and for each part of an answer.
        :param watched: whether to give up a server that shows no sign of life.
        :raises Late: there is no answer in time.
        :raises Lost: there is no connection any more.
        :raises ServiceFailed: it cannot be asked at all, or answers no HTTP.
        """
        request = _request(method, url, body, headers)
        adapter = self._watching if watched else self._plain
        try:
            answer = adapter.send(request, False, timeout, self._verify, self._cert)
            answer.content  # noqa: B018  # read from the connection now
        except requests.ConnectTimeout:
            raise Lost(f"no connection within {timeout[0]:g} s", sent=False) from None
        except requests.Timeout:
            raise Late from None
        except requests.ConnectionError as error:
            raise Lost(_reason(error), sent=_was_sent(error)) from error
        except requests.RequestException as error:
            raise ServiceFailed(url, str(error), "ovn-integrate show") from error
        return answer

    def close(self) -> None:
        """Close the connections that are idle; what is asked next goes over new ones."""
        for one in (self._plain, self._watching):
            one.close()


class Spoken:
    """A body that does something when it has been sent.

    ``http.client`` sends piece by piece what it iterates over, and goes on to the answer then.
    """

    def __init__(self, data: bytes, then: Callable[[], None]) -> None:
        self._data = data
        self._then = then

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        self._then()


class _WatchingAdapter(HTTPAdapter):
    """Gives a server up that is silent, for which there must be another one."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {
            **self.poolmanager.pool_classes_by_scheme,
            "http": failover.WatchedPool,
            "https": failover.WatchedSecurePool,
        }


def _request(
    method: str, url: str, body: bytes | Spoken | None, headers: Mapping[str, str]
) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.method, request.url = method, url
    request.headers = CaseInsensitiveDict({"User-Agent": _AGENT, **headers})
    if body is not None:
        request.body = body  # type: ignore[assignment]  # what can be iterated over will do
        request.headers["Content-Type"] = "application/json"
        request.headers["Content-Length"] = str(len(body))
    return request


def _was_sent(error: requests.ConnectionError) -> bool:
    # requests wraps urllib3: a connection that never came to be is a NewConnectionError inside.
    return "NewConnectionError" not in repr(error)


def _reason(error: Exception) -> str:
    """The innermost of the exceptions that requests and urllib3 wrap into each other."""
    cause: BaseException = error
    while True:
        inner = [getattr(cause, "reason", None), *reversed(cause.args)]
        wrapped = next((one for one in inner if isinstance(one, BaseException)), None)
        if wrapped is None:
            return str(cause).rpartition(": ")[2] or type(cause).__name__
        cause = wrapped
