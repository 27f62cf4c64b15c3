"""A client of Neutron's v2.0 API, of this program's own IPAM server or of a real Neutron.

Resources are plain dicts, as Neutron's API reference (v2.0) names
their attributes; ``collection`` is a plural of it: ``networks``, ``ports``, ``security-groups`` …
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from ovn_integrate import errors, faultpoint
from ovn_integrate.clients.neutron import failover
from ovn_integrate.clients.neutron.exchange import Answer, Exchange, Late, Lost, Spoken
from ovn_integrate.clients.neutron.keystone import Access
from ovn_integrate.clients.neutron.refusal import HINT, refusal
from ovn_integrate.contract import idempotency
from ovn_integrate.errors import Conflict, NotFound, ServiceFailed
from ovn_integrate.host.credentials import Credentials

Resource = dict[str, Any]
Meanwhile = Callable[[str | None], None]

TIMEOUT = 10.0
_CONNECT = 3.0
_UNAVAILABLE = 503
_PORTS = "/v2.0/ports"

_NOT_FOUND = {
    "networks": errors.NetworkNotFound,
    "subnets": errors.SubnetNotFound,
    "ports": errors.PortNotFound,
    "security-groups": errors.SecurityGroupNotFound,
}
_UNKNOWN = 401
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Client:
    """Speaks to the first of several servers that answers. Any thread may use it.

    A server that does not live any more is given up for the next within 2 s, also in the middle of
    a request. A creation is sent to another server only if that one sees that it is the same.

    :param urls: base URLs (``http://192.0.2.1:9696``), tried in this order.
    :param timeout: seconds for one answer.
    :param access: of a Neutron that wants to know who asks; it may know another base URL.
    :param credentials: shown to servers of HTTPS, which are trusted by them: those of this host.
        A Neutron with a Keystone has authorities of its own.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout: float = TIMEOUT,
        access: Access | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.urls = tuple(url.rstrip("/") for url in urls)
        self.credentials = credentials
        self._access = access
        self.timeout = timeout
        self._deadline = float("inf")
        self._meanwhile: Meanwhile | None = None
        self._order = failover.Order(self.urls)
        verify = True if access is None else access.verify
        mine = credentials if access is None else None
        self._exchange = Exchange(verify, mine)

    def within(self, seconds: float) -> Client:
        """The same client with another deadline, over all its calls from now on together."""
        client = object.__new__(Client)
        client.__dict__.update(self.__dict__)
        client._deadline = time.monotonic() + seconds
        return client

    def meanwhile(self, do: Meanwhile) -> Client:
        """The same client that uses the server's time: when a request with a body has been sent,
        it does something of its own before it reads the answer.

        :param do: may be called several times, and raises nothing. It is told the id of the port
            that is being made, where the server makes ids that are known before; else None.
        """
        client = object.__new__(Client)
        client.__dict__.update(self.__dict__)
        client._meanwhile = do
        return client

    def ping(self) -> None:
        """Return if a server answers.

        :raises ServiceFailed: none does.
        """
        self._call("GET", "/", "IPAM server")

    def date(self) -> str:
        """What a server says that the time is (RFC 9110, Date); empty if it does not.

        :raises ServiceFailed: none answers.
        """
        said: str = self._answer("GET", "/").headers.get("Date", "")
        return said

    def query(self, collection: str, **filters: str | Sequence[str]) -> list[Resource]:
        """The resources whose attributes have these values; a sequence means any of them."""
        answer = self._call("GET", f"/v2.0/{collection}", collection, params=filters)
        found: list[Resource] = answer[_key(collection)]
        return found

    def find(self, collection: str, name_or_id: str) -> Resource:
        """The one resource of that id or, as names are not unique, of that name.

        :raises NotFound: there is none.
        :raises Conflict: several have that name.
        """
        if _UUID.fullmatch(name_or_id):
            with suppress(NotFound):  # a name may look like an id
                return self.show(collection, name_or_id)
        found = self.query(collection, name=name_or_id)
        subject = f"{_singular(collection)} {name_or_id}"
        if not found:
            raise _NOT_FOUND.get(collection, NotFound)(subject, "does not exist")
        if len(found) > 1:
            ids = ", ".join(one["id"] for one in found)
            raise Conflict(subject, f"{len(found)} have this name", f"give the id: {ids}")
        return found[0]

    def show(self, collection: str, id: str) -> Resource:
        """:raises NotFound: there is none of that id."""
        return self._member("GET", collection, id)

    def create(self, collection: str, **attributes: Any) -> Resource:
        """Make a resource and return all of it."""
        kind = _singular(collection)
        subject = f"{kind} {attributes.get('name') or ''}".strip()
        key = _key(kind)
        path = f"/v2.0/{collection}"
        # Of one key our own server makes one thing, however often it is sent; Neutron ignores it.
        only = str(uuid.uuid4())
        foretold = self._foretold(path, only)
        more = {"headers": {idempotency.HEADER: only}, "foretold": foretold}
        answer = self._call("POST", path, subject, json={key: attributes}, **more)
        made: Resource = answer[key]
        if foretold not in (None, made.get("id")):
            self._order.asked = False  # a server of another version has come
        return made

    def update(self, collection: str, id: str, **attributes: Any) -> Resource:
        """Change attributes and return all of the resource.

        :raises NotFound: there is none of that id.
        """
        return self._member("PUT", collection, id, json={_key(_singular(collection)): attributes})

    def act(self, collection: str, id: str, action: str, **body: Any) -> Resource:
        """Have a member do something that is no change of its attributes.

        :raises NotFound: there is none of that id.
        """
        subject = f"{_singular(collection)} {id}"
        answer: Resource = self._call("PUT", _path(collection, id, action), subject, json=body)
        return answer

    def delete(self, collection: str, id: str) -> bool:
        """Delete a resource; False when there was none."""
        try:
            self._call("DELETE", _path(collection, id), f"{_singular(collection)} {id}")
        except NotFound:
            return False
        return True

    def has_extension(self, alias: str) -> bool:
        """Whether the server has an extension of the API."""
        try:
            self._call("GET", _path("extensions", alias), f"extension {alias}")
        except NotFound:
            return False
        return True

    def tag(self, collection: str, id: str, tag: str) -> None:
        """Add a tag; it may be there already."""
        self._call("PUT", _path(collection, id, "tags", tag), f"{_singular(collection)} {id}")

    def retag(self, collection: str, id: str, tags: Sequence[str]) -> None:
        """Set all tags."""
        path = _path(collection, id, "tags")
        self._call("PUT", path, f"{_singular(collection)} {id}", json={"tags": list(tags)})

    def untag(self, collection: str, id: str, tag: str) -> None:
        """Remove a tag; it may be absent, and so may the resource."""
        with suppress(NotFound):
            self._call("DELETE", _path(collection, id, "tags", tag), f"tag {tag}")

    def _member(self, method: str, collection: str, id: str, **request: Any) -> Resource:
        kind = _singular(collection)
        answer = self._call(method, _path(collection, id), f"{kind} {id}", **request)
        member: Resource = answer[_key(kind)]
        return member

    def _call(self, method: str, path: str, subject: str, **request: Any) -> Any:
        if method == "GET":
            return self._ask(method, path, subject, **request)
        effect = _effect(method, path)
        faultpoint.reach(f"before {effect}")
        answer = self._ask(method, path, subject, **request)
        faultpoint.reach(f"after {effect}")
        return answer

    def _ask(self, method: str, path: str, subject: str, **request: Any) -> Any:
        response = self._answer(method, path, **request)
        if response.status_code == _UNKNOWN and self._show_anew():
            response = self._answer(method, path, **request)
        if response.status_code >= 400:
            raise refusal(response, subject)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ServiceFailed(response.url, "the answer is no JSON", HINT) from None

    def _show_anew(self) -> bool:
        """Have anew what tells who asks; False where nothing does."""
        if self._access is not None:
            self._access.renew()
            return True
        # An open connection is known by the certificate that it was made with, which may have been
        # replaced since, and be revoked or have ended.
        self._exchange.close()
        return self.credentials is not None

    def _answer(self, method: str, path: str, **request: Any) -> Answer:
        """The answer of the first server that gives one."""
        trouble = "no server is set; ovn-integrate set-ipam ADDRESS"
        refusal: Answer | None = None
        doubt: ServiceFailed | None = None
        urls = self._bases()
        for url in urls:
            watched = url != urls[-1]
            timeout = self._timeouts(watched, trouble)
            try:
                if doubt is not None and not self._does_once(url, timeout):
                    break
                response = self._send(method, url + path, timeout, watched, **request)
            except Late:
                # It may have been applied, and the next server works on the same database.
                raise ServiceFailed(url, f"no answer within {timeout[1]:g} s", HINT) from None
            except Lost as error:
                trouble = f"{url}: {error}"
                if method == "POST" and error.sent:
                    doubt = ServiceFailed(url, f"broke off ({error})", HINT)
            else:
                if response.status_code != _UNAVAILABLE:
                    self._order.answered(url)
                    return response
                # It cannot reach its database, or not in time; another server may.
                refusal = response
                if method == "POST":
                    doubt = ServiceFailed(url, "is out of reach of its database", HINT)
            self._order.failed(url)
        if refusal is not None:
            return refusal
        raise doubt or ServiceFailed("IPAM server", f"is out of reach ({trouble})", HINT)

    def _timeouts(self, watched: bool, trouble: str) -> tuple[float, float]:
        """Seconds for a connection and for an answer.

        :raises ServiceFailed: there are none left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ServiceFailed("IPAM server", f"did not answer in time ({trouble})", HINT)
        return min(failover.CONNECT if watched else _CONNECT, left), min(self.timeout, left)

    def _does_once(self, url: str, timeout: tuple[float, float]) -> bool:
        """Whether a server makes one thing of a creation that it, or another, is sent twice."""
        known = self._order.honours
        if url not in known:
            said = self._send(
                "GET", f"{url}/v2.0/extensions/{idempotency.DONE_ONCE}", timeout, True
            )
            known[url] = said.status_code == 200
        return known[url]

    def _foretold(self, path: str, key: str) -> str | None:
        """The id that a creation is going to give to what it makes, if somebody wants to know."""
        if self._meanwhile is None or path != _PORTS:
            return None
        if not self._order.asked:
            self._order.keys = self._namespace()
            self._order.asked = True
        keys = self._order.keys
        return (
            None if keys is None else idempotency.made(idempotency.request(path, key, keys), "Port")
        )

    def _namespace(self) -> uuid.UUID | None:
        """Of this client's keys; None where a server makes ids of something else."""
        for alias in (idempotency.OWN, idempotency.FORETOLD):
            with suppress(NotFound, ValueError):
                path = _path("extensions", alias)
                extension = self._call("GET", path, f"extension {alias}")["extension"]
                return uuid.UUID(extension.get("namespace", str(idempotency.EVERYBODY)))
        return None

    def _bases(self) -> Sequence[str]:
        known = None if self._access is None else self._access.endpoint()
        return self._order.now() if known is None else (known,)

    def _send(
        self,
        method: str,
        url: str,
        timeout: tuple[float, float],
        watched: bool,
        *,
        params: Mapping[str, str | Sequence[str]] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        foretold: str | None = None,
    ) -> Answer:
        own = {} if self._access is None else self._access.headers()
        if params:
            url = f"{url}?{urlencode(params, doseq=True)}"
        body: bytes | Spoken | None = None if json is None else _encoded(json)
        if self._meanwhile is not None and isinstance(body, bytes):
            body = Spoken(body, partial(self._meanwhile, foretold))
        return self._exchange.ask(
            method, url, timeout, body=body, headers={**(headers or {}), **own}, watched=watched
        )


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def _path(*parts: str) -> str:
    return "/v2.0/" + "/".join(quote(part, safe=":") for part in parts)


def _effect(method: str, path: str) -> str:
    """What a request changes, without ids: ``PUT ports``, ``DELETE networks tags``."""
    _, _, collection, *rest = path.split("/")
    return " ".join([method, collection, *rest[1:2]])


def _singular(collection: str) -> str:
    return collection.removesuffix("s")


def _key(words: str) -> str:
    """What a kind, or a collection, is called in a body."""
    return words.replace("-", "_")
