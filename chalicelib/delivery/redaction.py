"""Requests and answers as an owner may see them: without secrets, and no longer than one wants to read."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..destinations.kind import Request
from .transport import Response

BODY = 2_000  # characters
HIDDEN = "[hidden]"
_SHORTEST = 4  # characters: hiding a shorter text would make nonsense of everything, and it guards nothing
_SHOWN = frozenset(
    {
        "accept",
        "content-length",
        "content-type",
        "date",
        "location",
        "retry-after",
        "server",
        "user-agent",
        "x-request-id",
    }
)


def shown_request(request: Request, secrets: Iterable[str]) -> dict[str, Any]:
    """Of the address only the host: many a partner puts its secret behind it."""
    target = urlsplit(request.url)
    path = "/" + HIDDEN if target.path not in ("", "/") or target.query else target.path
    return {
        "method": request.method,
        "url": f"{target.scheme}://{target.hostname or ''}{f':{target.port}' if target.port else ''}{path}",
        "headers": _headers(request.headers, secrets),
        "body": _text(request.body, secrets),
    }


def shown_response(response: Response, secrets: Iterable[str]) -> dict[str, Any]:
    return {
        "status": response.status,
        "headers": _headers(response.headers, secrets),
        "body": _text(response.body, secrets),
    }


def without(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(filter(lambda s: len(s) >= _SHORTEST, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _headers(headers: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    return {
        name: without(value, secrets) if name.lower() in _SHOWN else HIDDEN
        for name, value in headers.items()
        if name.lower() != "set-cookie"
    }


def _text(body: bytes, secrets: Iterable[str]) -> str:
    text = without(body.decode(errors="replace"), secrets)
    return text if len(text) <= BODY else text[:BODY] + "…"
