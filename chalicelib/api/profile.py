"""The Profile API: reading one profile by any of its external ids."""

import logging
import re
import uuid
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from chalice.app import Blueprint, Request, Response

from .. import bootstrap
from ..errors import Invalid, NotFound, Problem, Retryable, Unauthorized, place_of
from ..profiles import pages
from ..profiles.profile import Profile
from ..workspace.model import PROFILE_TOKEN, Space
from . import exchange

logger = logging.getLogger(__name__)
routes = Blueprint(__name__)

TRAITS_LIMIT = (10, 200)  # default and most per page
EXTERNAL_IDS_LIMIT = (25, 100)
RETRY_AFTER = 1  # seconds

_COLLECTIONS = ("users", "accounts")
_COLLECTION = re.compile(r"[A-Za-z0-9_-]+")
_CLASSES = (pages.AUDIENCE_CLASS, pages.TRAIT_CLASS)

Handler = Callable[["Reading"], dict[str, Any]]


class Reading:
    """One authorised request for a profile: its space, parameters and, once asked for, the profile."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.parameters = exchange.query(request)
        path = exchange.path_values(request)
        self.space = _authorised_space(request, path["space_id"])
        self.collection = _collection(path["collection"])
        self._name = path["identifier"]

    def profile(self) -> Profile:
        """Raises NotFound."""
        found = bootstrap.current().lookup.find(self.space.id, self.collection, self._name)
        if found is None:
            raise NotFound("Profile was not found.")
        return found

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

    @property
    def start(self) -> str:
        return self.parameters.get("next", "")

    def cursor(self, slice: pages.Slice, limit: int) -> dict[str, Any]:
        """`url` leads to the next page with the same filters and the same version prefix."""
        url = ""
        if slice.next:
            parameters = {**self.parameters, "limit": str(limit), "next": slice.next}
            url = f"{_address(self._request)}?{urlencode(parameters, quote_via=quote)}"
        return {"url": url, "has_more": bool(slice.next), "next": slice.next, "limit": limit}


def traits(reading: Reading) -> dict[str, Any]:
    limit = reading.limit(*TRAITS_LIMIT)
    trait_class, include = reading.parameters.get("class"), reading.listed("include")
    if trait_class is not None and trait_class not in _CLASSES:
        raise Invalid(Problem(f"`class` must be one of {', '.join(_CLASSES)}", "class"))
    catalogue = bootstrap.current().directory.view(reading.space.id).catalogue
    shown = [
        trait
        for trait in pages.traits(reading.profile(), catalogue, reading.space.engage_source_id)
        if (trait_class is None or trait.trait_class == trait_class) and (include is None or trait.key in include)
    ]
    slice = pages.traits_from(shown, limit, reading.start)
    show = pages.verbose_trait if reading.parameters.get("verbose") == "true" else pages.trait_value
    return {"traits": {t.key: show(t) for t in slice.items}, "cursor": reading.cursor(slice, limit)}


def external_ids(reading: Reading) -> dict[str, Any]:
    limit = reading.limit(*EXTERNAL_IDS_LIMIT)
    shown = pages.external_ids(reading.profile(), reading.listed("include"))
    slice = pages.external_ids_from(shown, limit, reading.start)
    items = [pages.external_id_item(item, reading.collection) for item in slice.items]
    return {"data": items, "cursor": reading.cursor(slice, limit)}


def metadata(reading: Reading) -> dict[str, Any]:
    profile = reading.profile()
    return {"segment_id": profile.profile_id, "metadata": pages.metadata(profile)}


def unknown(_reading: Reading) -> dict[str, Any]:
    """Answered here, because API Gateway's own 404 has no `Request-Id`."""
    raise NotFound("There is no such resource.")


def answer(request: Request, handler: Handler) -> Response:
    """Run a handler; every outcome is JSON and carries a `Request-Id`. No CORS: this API is for servers."""
    try:
        return _reply(200, handler(Reading(request)))
    except Unauthorized as error:
        return _refusal(401, "authentication_error", str(error))
    except Invalid as error:
        return _refusal(400, "validation_error", str(error))
    except NotFound as error:
        return _refusal(404, "not_found", str(error))
    except Retryable:
        reply = _refusal(503, "internal_error", "The service is busy. Try again shortly.")
        reply.headers["Retry-After"] = str(RETRY_AFTER)
        return reply
    except Exception as error:
        logger.error("A profile request failed: %s", place_of(error))
        return _refusal(500, "internal_error", "Something went wrong on our side.")


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


def _reply(status: int, content: dict[str, Any]) -> Response:
    return exchange.json_response(status, content, {"Request-Id": str(uuid.uuid4())})


def _refusal(status: int, code: str, message: str) -> Response:
    return _reply(status, {"error": {"code": code, "message": message}})


def _register(resource: str, handler: Handler) -> None:
    # Both prefixes name the same space; the older one is in the programs of long-standing users.
    for prefix in ("spaces", "namespaces"):
        path = f"/v1/{prefix}/{{space_id}}/collections/{{collection}}/profiles/{{identifier}}/{resource}"

        def view(handler: Handler = handler, **_parts: str) -> Response:
            return answer(routes.current_request, handler)

        routes.route(path, methods=["GET"], name=f"{prefix}_{handler.__name__}")(view)


for _resource, _handler in (
    ("traits", traits),
    ("external_ids", external_ids),
    ("metadata", metadata),
    ("{resource}", unknown),
):
    _register(_resource, _handler)
