"""One request for a profile: who asks, what is asked for, and where the next page is."""

import re
from base64 import b64decode
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from chalice.app import Request

from ... import bootstrap
from ...errors import Invalid, Malformed, NotFound, Problem, Unauthorized
from ...profiles import pages
from ...profiles.profile import Profile
from ...workspace.model import PROFILE_TOKEN, Space
from .. import exchange
from .replies import TooManyRequests

_COLLECTIONS = ("users", "accounts")
_COLLECTION = re.compile(r"[A-Za-z0-9_-]+")


class Reading:
    """An authorised request within its space's rate: its parameters and, once asked for, the profile.

    Raises Unauthorized and TooManyRequests.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.parameters = exchange.query(request)
        self.path = exchange.path_values(request)
        self.space = _authorised_space(request, self.path["space_id"])
        if not bootstrap.current().profile_rate.admits(self.space.id):
            raise TooManyRequests("This space was asked too often within one second.")
        self.name, self.resource = self.path.get("identifier", ""), self.path.get("resource", "")

    @cached_property
    def collection(self) -> str:
        """Raises Invalid and NotFound."""
        return _collection(self.path["collection"])

    def profile(self) -> Profile:
        """Raises NotFound."""
        found = bootstrap.current().lookup.find(self.space.id, self.collection, self.name)
        if found is None:
            raise NotFound("Profile was not found.")
        return found

    def body(self) -> Any:
        """The decoded JSON. Raises Invalid."""
        try:
            return msgspec.json.decode(exchange.body(self._request))
        except (Malformed, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid(Problem("the body is not valid JSON")) from error

    def limit(self, default: int, most: int) -> int:
        """The page size; one above the most is lowered to it."""
        text = self.parameters.get("limit", str(default))
        digits = text.lstrip("0")
        if not text.isascii() or not digits.isdigit():
            raise Invalid(Problem("`limit` must be a whole number from 1", "limit"))
        return most if len(digits) > len(str(most)) else min(int(digits), most)  # int() refuses very long text

    def listed(self, name: str) -> list[str] | None:
        """A comma-separated parameter; None when it was not given."""
        text = self.parameters.get(name)
        return None if text is None else [part for part in text.split(",") if part]

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str | None:
        text = self.parameters.get(name, default)
        if text is not None and text not in choices:
            raise Invalid(Problem(f"`{name}` must be one of {', '.join(choices)}", name))
        return text

    @property
    def start(self) -> str:
        return self.parameters.get("next", "")

    def cursor(self, slice: pages.Slice, limit: int) -> dict[str, Any]:
        """`url` leads to the next page with the same filters and the same version prefix."""
        url = ""
        if slice.next:
            filters = {name: text for name, text in self.parameters.items() if name not in ("limit", "next")}
            parameters = {**filters, "limit": str(limit), "next": slice.next}
            url = f"{_address(self._request)}?{urlencode(parameters, quote_via=quote)}"
        return {"url": url, "has_more": bool(slice.next), "next": slice.next, "limit": limit}


def _authorised_space(request: Request, space_id: str) -> Space:
    """A token of another space is refused like an unknown one, so that spaces cannot be probed."""
    directory = bootstrap.current().directory
    token = directory.token(_token(exchange.headers(request).get("authorization", "")))
    space = directory.space(space_id)
    if token is None or token.kind != PROFILE_TOKEN or space is None or token.space_id != space.id:
        raise Unauthorized("The access token is missing or not valid for this space.")
    return space


def _token(header: str) -> str:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(credentials.strip(), validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def _collection(name: str) -> str:
    if _COLLECTION.fullmatch(name) is None:
        raise Invalid(Problem("`collection` has characters that no collection has", "collection"))
    if name not in _COLLECTIONS:
        raise NotFound(f"There is no collection {name}.")
    return name


def _address(request: Request) -> str:
    headers = exchange.headers(request)
    event = request.to_original_event()
    path = event["requestContext"].get("path") or event["path"]
    return f"{headers.get('x-forwarded-proto', 'http')}://{headers.get('host', '')}{path}"
