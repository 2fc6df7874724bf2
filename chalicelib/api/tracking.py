"""The tracking API over HTTP: its paths, and the CORS headers that every reply to a browser needs."""

import logging
import re

from chalice.app import Blueprint, Request, Response

from .. import bootstrap
from ..errors import Malformed, place_of
from ..pipeline.intake import ACCEPTED, Call, Reply, failure
from . import exchange

logger = logging.getLogger(__name__)

routes = Blueprint(__name__)

KINDS = ("identify", "track", "page", "screen", "group", "alias", "batch")
PATHS = {path: kind for kind in KINDS for path in (f"/v1/{kind}", f"/v1/{kind[0]}")} | {"/v1/import": "import"}
METRICS = "/v1/m"  # browsers report on themselves here; nobody reads it

ANY_CONTENT_TYPE: list[str] = []  # Chalice answers 415 only if there is something in it

ALWAYS_ALLOWED = ("authorization", "content-type", "x-retry-count")
EXPOSED = "Retry-After, X-RateLimit-Reset"
PREFLIGHT_AGE = "86400"  # seconds, the most any browser takes
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def receive() -> Response:
    """Take in one message or a batch."""
    return _answer(routes.current_request)


def ignore() -> Response:
    """Answer a browser's report on itself."""
    return response(ACCEPTED, exchange.headers(routes.current_request))


def preflight() -> Response:
    """Tell a browser which requests it may send."""
    return permission(exchange.headers(routes.current_request))


for _path in PATHS:
    routes.route(_path, methods=["POST"], content_types=ANY_CONTENT_TYPE)(receive)
routes.route(METRICS, methods=["POST"], content_types=ANY_CONTENT_TYPE)(ignore)
for _path in (*PATHS, METRICS):
    routes.route(_path, methods=["OPTIONS"], content_types=ANY_CONTENT_TYPE)(preflight)


def _answer(request: Request) -> Response:
    headers = exchange.headers(request)
    try:
        call = Call(PATHS[request.path], headers, exchange.body(request), exchange.address(request))
        reply = bootstrap.current().intake.accept(call)
    except Malformed as error:
        reply = failure(400, "malformed_body", str(error))
    except Exception as error:  # Chalice's own answer would lack the CORS headers: browsers would send again for ever
        logger.error("A tracking request failed: %s", place_of(error))
        reply = failure(500, "internal_error", "The request could not be handled.")
    return response(reply, headers)


def response(reply: Reply, headers: dict[str, str]) -> Response:
    return exchange.json_response(reply.status, reply.body, {**reply.headers, **_cors(headers)})


def _cors(headers: dict[str, str]) -> dict[str, str]:
    origin = headers.get("origin")
    allowed = {"Access-Control-Allow-Origin": "*"}
    if origin:
        # A page that sends credentials is not served by the asterisk.
        allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}
    return {**allowed, "Access-Control-Expose-Headers": EXPOSED}


def permission(headers: dict[str, str]) -> Response:
    requested = _HEADER_NAME.findall(headers.get("access-control-request-headers", "").lower())
    granted = {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": ", ".join(dict.fromkeys((*ALWAYS_ALLOWED, *requested))),
        "Access-Control-Max-Age": PREFLIGHT_AGE,
    }
    return exchange.json_response(200, {}, {**_cors(headers), **granted})
