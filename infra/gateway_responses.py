"""What API Gateway answers by itself, without asking the function."""

import json
from typing import Any

Json = dict[str, Any]

EXPOSED = "'Retry-After, X-RateLimit-Reset'"


def gateway_responses() -> Json:
    """By API Gateway's name of the reason."""
    return {
        # A route that does not exist: 403 by default, which clients take for a wrong token.
        "MISSING_AUTHENTICATION_TOKEN": _response("not_found", "There is no such route.", 404),
        "REQUEST_TOO_LARGE": _response("payload_too_large", "The request is too large.", 413),
        "THROTTLED": _response("too_many_requests", "Too many requests.", 429),
        "DEFAULT_4XX": _response("invalid_request", "The request is not valid."),
        "DEFAULT_5XX": _response("internal_error", "The request could not be handled."),
    }


def _response(code: str, message: str, status: int | None = None) -> Json:
    response: Json = {
        "responseParameters": _headers(),
        "responseTemplates": {"application/json": json.dumps(_body(code, message))},
    }
    return response if status is None else {"statusCode": status, **response}


def _body(code: str, message: str) -> Json:
    """One body for all three APIs, because the gateway cannot tell them apart: `errors` is read by clients of the
    management API, `error` by those of the Profile API, `success` and `code` by those of the tracking API."""
    return {
        "success": False,
        "code": code,
        "message": message,
        "error": {"code": code, "message": message},
        "errors": [{"type": code.replace("_", "-"), "message": message}],
    }


def _headers() -> Json:
    """Without them a browser sees a network error instead of the answer, and its SDK sends for ever."""
    headers = {
        "Access-Control-Allow-Origin": "method.request.header.Origin",
        "Access-Control-Allow-Credentials": "'true'",
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "'Origin'",
    }
    return {f"gatewayresponse.header.{name}": value for name, value in headers.items()}
