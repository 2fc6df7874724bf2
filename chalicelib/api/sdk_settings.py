"""What browser and mobile SDKs ask for when they start: where to send, and that nothing else is to be loaded."""

from typing import Any

from chalice.app import Blueprint, Request, Response

from .. import bootstrap
from ..errors import place_of
from ..pipeline.intake import Reply, failure
from . import exchange
from .tracking import ANY_CONTENT_TYPE, logger, permission, response

routes = Blueprint(__name__)

PATH = "/v1/projects/{write_key}/settings"
CACHED = "public, max-age=300"  # seconds: what changes reaches pages within five minutes


@routes.route(PATH, methods=["GET"], content_types=ANY_CONTENT_TYPE)
def settings(write_key: str) -> Response:
    request = routes.current_request
    headers = exchange.headers(request)
    try:
        reply = _reply(request, exchange.path_values(request)["write_key"])
    except Exception as error:
        logger.error("The settings of an SDK failed: %s", place_of(error))
        reply = failure(500, "internal_error", "The request could not be handled.")
    return response(reply, headers)


@routes.route(PATH, methods=["OPTIONS"], content_types=ANY_CONTENT_TYPE)
def preflight(write_key: str) -> Response:
    return permission(exchange.headers(routes.current_request))


def _reply(request: Request, write_key: str) -> Reply:
    source = bootstrap.current().directory.source_of_write_key(write_key)
    if source is None:
        return failure(404, "not_found", "There is no source with this write key.")
    return Reply(200, sdk_settings(write_key, _api_host(request)), {"Cache-Control": CACHED})


def sdk_settings(write_key: str, api_host: str) -> dict[str, Any]:
    """Without the integration's `apiKey` SDKs ignore where a page tells them to send. Sampling at zero keeps them
    from reporting on themselves elsewhere."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": api_host,
                "addBundledMetadata": True,
                "unbundledIntegrations": [],
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "middlewareSettings": {"routingRules": []},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0},
        "edgeFunction": {},
        "legacyVideoPluginsEnabled": False,
    }


def _api_host(request: Request) -> str:
    """Host and path without the scheme, as SDKs want it; the stage of a deployed API is part of the path."""
    path: str = request.context.get("path") or request.to_original_event()["path"]
    return exchange.headers(request).get("host", "") + path[: path.index("/v1/")] + "/v1"
