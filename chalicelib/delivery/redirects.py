"""Following redirects inside one attempt. The transport checks the address of every hop like that of the first."""

import time
from collections.abc import Callable, Mapping
from urllib.parse import urljoin, urlsplit

from ..destinations.kind import Request
from .classification import ETIMEDOUT, no_answer
from .transport import Response, Transport

HOPS = 5

_REPEATED = frozenset({307, 308})  # the request goes again as it was
_FETCHED = frozenset({301, 302, 303})  # would turn a POST into a GET, so only a GET may follow
_HARMLESS = frozenset({"content-type", "user-agent", "x-signature"})  # the owner's own headers may be credentials


def follow(
    transport: Transport, request: Request, timeout: float, monotonic: Callable[[], float] = time.monotonic
) -> Response:
    """The first answer that is no redirect to follow; a redirect itself after `HOPS`. Raises Undelivered.

    `timeout`, in seconds, is for all hops together.
    """
    until = monotonic() + timeout
    response = transport.send(request, timeout)
    for _ in range(HOPS):
        onward = _onward(request, response)
        if onward is None:
            break
        request, left = onward, until - monotonic()
        if left <= 0:
            raise no_answer(ETIMEDOUT)
        response = transport.send(request, left)
    return response


def _onward(request: Request, response: Response) -> Request | None:
    followed = response.status in _REPEATED or (response.status in _FETCHED and request.method == "GET")
    location = response.headers.get("location", "")
    if not followed or not location.isascii() or not location.isprintable() or not location.strip():
        return None
    try:
        url = urljoin(request.url, location.strip()).partition("#")[0]
        return _redirected(request, url)
    except ValueError:
        return None


def _redirected(request: Request, url: str) -> Request | None:
    """None where a redirect must not lead: to other schemes, away from TLS, or with somebody's password."""
    before, after = urlsplit(request.url), urlsplit(url)
    if after.scheme not in ("http", "https") or not after.hostname or after.username is not None or " " in url:
        return None
    if before.scheme == "https" and after.scheme == "http":
        return None
    same = (before.scheme, before.hostname, before.port) == (after.scheme, after.hostname, after.port)
    return request._replace(url=url, headers=request.headers if same else _public(request.headers))


def _public(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
