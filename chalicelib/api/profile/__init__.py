"""The Profile API: reading one profile by any of its external ids, and taking an external id away from it."""

from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint, Response

from ...errors import NotFound
from . import events, identity, links, listing, replies, traits
from .reading import Reading

Handler = Callable[[Reading], dict[str, Any]]

# Both prefixes name the same space; the older one is in the programs of long-standing users.
PREFIXES = ("spaces", "namespaces")
ANY_CONTENT_TYPE: list[str] = []  # Chalice answers 415 only if there is something in it

routes = Blueprint(__name__)


def unknown(_reading: Reading) -> dict[str, Any]:
    """Answered here, because API Gateway's own 404 has no `Request-Id`."""
    raise NotFound("There is no such resource.")


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "profiles", listing.profiles),
    ("GET", "profiles/{identifier}/traits", traits.traits),
    ("GET", "profiles/{identifier}/properties", traits.properties),
    ("GET", "profiles/{identifier}/external_ids", identity.external_ids),
    ("GET", "profiles/{identifier}/events", events.events),
    ("GET", "profiles/{identifier}/links", links.links),
    ("GET", "profiles/{identifier}/metadata", identity.metadata),
    ("GET", "profiles/{identifier}/{resource}", unknown),
)


def _register(method: str, path: str, handler: Handler) -> None:
    def view(**_path: str) -> Response:
        try:
            return replies.reply(handler(Reading(routes.current_request)))
        except Exception as error:
            return replies.refusal(error)

    for prefix in PREFIXES:
        routes.route(
            f"/v1/{prefix}/{{space_id}}/collections/{{collection}}/{path}",
            methods=[method],
            content_types=ANY_CONTENT_TYPE,
            name=f"{prefix}_{handler.__name__}",
        )(view)


for _route in ROUTES:
    _register(*_route)
