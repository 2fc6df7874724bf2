"""The Profile API: reading one profile by any of its external ids, and taking an external id away from it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from chalice.app import Blueprint, Response

from ...errors import NotFound
from . import events, identity, links, listing, removal, replies, traits
from .reading import Reading

# Both prefixes name the same space; the older one is in the programs of long-standing users.
PREFIXES = ("spaces", "namespaces")
ANY_CONTENT_TYPE: list[str] = []  # Chalice answers 415 only if there is something in it

routes = Blueprint(__name__)


class Route(NamedTuple):
    """`path` is below the collection."""

    method: str
    path: str
    handler: Callable[[Reading], dict[str, Any]]


def unknown(_reading: Reading) -> dict[str, Any]:
    """Answered here, because API Gateway's own 404 has no `Request-Id`."""
    raise NotFound("There is no such resource.")


ROUTES = (
    Route("GET", "profiles", listing.profiles),
    Route("GET", "profiles/{identifier}/traits", traits.traits),
    Route("GET", "profiles/{identifier}/properties", traits.properties),
    Route("GET", "profiles/{identifier}/external_ids", identity.external_ids),
    Route("GET", "profiles/{identifier}/events", events.events),
    Route("GET", "profiles/{identifier}/links", links.links),
    Route("GET", "profiles/{identifier}/metadata", identity.metadata),
    Route("GET", "profiles/{identifier}/{resource}", unknown),
    Route("POST", "profiles/{identifier}/external_ids/delete", removal.delete_external_id),
    Route("POST", "profiles/{identifier}/{resource}", removal.without_profile),
)


def _answer(route: Route) -> Response:
    """Checks go from who asks, and how often, over the path to the parameters and last the profile."""
    removes = route.method == "POST"
    try:
        reading = Reading(routes.current_request)
        if not removes:
            _ = reading.collection
        return replies.reply(route.handler(reading))
    except Exception as error:
        return replies.refusal(removal.refused(error) if removes else error)


def _register(route: Route) -> None:
    def view(**_path: str) -> Response:
        return _answer(route)

    for prefix in PREFIXES:
        routes.route(
            f"/v1/{prefix}/{{space_id}}/collections/{{collection}}/{route.path}",
            methods=[route.method],
            content_types=ANY_CONTENT_TYPE,
            name=f"{prefix}_{route.handler.__name__}",
        )(view)


for _route in ROUTES:
    _register(_route)
