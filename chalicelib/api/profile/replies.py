"""How the Profile API answers: JSON with a `Request-Id`, whatever comes of a request. No CORS: it is for servers."""

import logging
import uuid
from typing import Any

from chalice.app import Response

from ...errors import Invalid, NotFound, Retryable, Unauthorized, place_of
from .. import exchange

logger = logging.getLogger(__name__)

RETRY_AFTER = {"Retry-After": "1"}  # seconds: the length of the window in which requests are counted

Headers = dict[str, str]


class Refused(Exception):
    """A request that is answered with a code of its own."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class TooManyRequests(Refused):
    """More requests than the space, or one profile, may have in a second."""

    def __init__(self, message: str) -> None:
        super().__init__(429, "rate_limit_error", message)


def reply(content: dict[str, Any]) -> Response:
    return _json(200, content)


def refusal(error: Exception) -> Response:
    match error:
        case Refused():
            headers = RETRY_AFTER if error.status == 429 else {}
            return _refusal(error.status, error.code, str(error), headers)
        case Unauthorized():
            return _refusal(401, "authentication_error", str(error))
        case Invalid():
            return _refusal(400, "validation_error", str(error))
        case NotFound():
            return _refusal(404, "not_found", str(error))
        case Retryable():
            return _refusal(503, "internal_error", "The service is busy. Try again shortly.", RETRY_AFTER)
    logger.error("A profile request failed: %s", place_of(error))
    return _refusal(500, "internal_error", "Something went wrong on our side.")


def _refusal(status: int, code: str, message: str, headers: Headers | None = None) -> Response:
    return _json(status, {"error": {"code": code, "message": message}}, headers)


def _json(status: int, content: dict[str, Any], headers: Headers | None = None) -> Response:
    return exchange.json_response(status, content, {"Request-Id": str(uuid.uuid4()), **(headers or {})})
