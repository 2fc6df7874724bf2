"""API Gateway in front of the Chalice app: from an HTTP request to a proxy event, and back."""

import base64
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from chalicelib.clock import Clock

from . import events

TRACKING, PROFILES, MANAGEMENT = "tracking", "profiles", "management"
METHODS = "GET, POST, OPTIONS"

Headers = Sequence[tuple[str, str]]


class Request(NamedTuple):
    """`target` is the raw request target: path and query as they came over the wire."""

    method: str
    target: str
    headers: Headers
    body: bytes
    client: str = "127.0.0.1"

    @property
    def path(self) -> str:
        """Raw, with duplicate and trailing slashes gone."""
        path = self.target.partition("?")[0]
        return "/" + "/".join(part for part in path.split("/") if part)

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Response(NamedTuple):
    status: int
    headers: Headers
    body: bytes = b""


class Match(NamedTuple):
    pattern: str
    parameters: dict[str, str]
    methods: Mapping[str, Any]


class RouteTable:
    """Finds the pattern of a path; a literal segment beats a parameter, from left to right."""

    def __init__(self, routes: Mapping[str, Mapping[str, Any]]) -> None:
        self._patterns = [(pattern, _segments(pattern), methods) for pattern, methods in routes.items()]

    def find(self, path: str) -> Match | None:
        asked = _segments(path)
        fitting = [found for found in self._patterns if _fits(found[1], asked)]
        if not fitting:
            return None
        pattern, segments, methods = min(fitting, key=lambda found: [_is_parameter(one) for one in found[1]])
        parameters = {one[1:-1]: value for one, value in zip(segments, asked, strict=True) if _is_parameter(one)}
        return Match(pattern, parameters, methods)


def _segments(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _fits(pattern: Sequence[str], asked: Sequence[str]) -> bool:
    return len(pattern) == len(asked) and all(
        _is_parameter(one) or one == other for one, other in zip(pattern, asked, strict=True)
    )


class Gateway:
    """Serves one Chalice app to many threads."""

    def __init__(self, app: Any, clock: Clock, base_url: str = "http://127.0.0.1") -> None:
        _keep_requests_apart(app)
        self._app, self._clock = app, clock
        self._domain = base_url.partition("://")[2]
        self._routes = RouteTable(app.routes)

    def handle(self, request: Request) -> Response:
        response = self._answer(request)
        return response._replace(body=b"") if request.method == "HEAD" else response

    def _answer(self, request: Request) -> Response:
        match = self._routes.find(request.path)
        if match is None:
            return refusal(request, 404, "There is no such route.")
        method = _method(request.method, match.methods)
        if method is not None:
            return self._invoke(request, match, method)
        if request.method == "OPTIONS" and family(request.path) == TRACKING:
            return Response(204, _cors(request))
        return refusal(request, 405, f"{request.method} is not possible here.", [("Allow", ", ".join(match.methods))])

    def _invoke(self, request: Request, match: Match, method: str) -> Response:
        return _response(self._app(self._event(request, match, method), events.LambdaContext("api_handler", 30)))

    def _event(self, request: Request, match: Match, method: str) -> events.Json:
        headers = _multi(request.headers)
        query = _multi(parse_qsl(request.query, keep_blank_values=True))
        body, is_base64 = _body(request, self._app.api.binary_types)
        return {
            "resource": match.pattern,
            "path": request.path,
            "httpMethod": method,
            "headers": {name: values[-1] for name, values in headers.items()} or None,
            "multiValueHeaders": headers or None,
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": match.parameters or None,
            "stageVariables": None,
            "requestContext": self._context(request, match, method),
            "body": body,
            "isBase64Encoded": is_base64,
        }

    def _context(self, request: Request, match: Match, method: str) -> events.Json:
        return {
            "resourcePath": match.pattern,
            "httpMethod": method,
            # On a custom domain, as here, the path has no stage in front.
            "path": request.path,
            "stage": "api",
            "protocol": "HTTP/1.1",
            "accountId": events.ACCOUNT,
            "requestId": str(uuid.uuid4()),
            "requestTimeEpoch": self._clock.now(),
            "domainName": request.header("Host") or self._domain,
            "identity": {"sourceIp": request.client, "userAgent": request.header("User-Agent")},
        }


def _method(asked: str, methods: Mapping[str, Any]) -> str | None:
    if asked in methods:
        return asked
    return "GET" if asked == "HEAD" and "GET" in methods else None


def _multi(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _body(request: Request, binary_types: Sequence[str]) -> tuple[str | None, bool]:
    """Text stays text; what is binary by its type, its coding or its bytes travels as base64."""
    if not request.body:
        return None, False
    kind = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in binary_types and not request.header("Content-Encoding"):
        try:
            return request.body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode("ascii"), True


def _response(answer: Mapping[str, Any]) -> Response:
    headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers.extend((name, str(value)) for value in values)
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode("utf-8")
    return Response(int(answer["statusCode"]), headers, content)


def family(path: str) -> str:
    """The API a path belongs to, by its looks."""
    segments = _segments(path)
    if segments[:1] != ["v1"]:
        return MANAGEMENT
    return PROFILES if segments[1:2] in (["spaces"], ["namespaces"]) else TRACKING


class _Names(NamedTuple):
    """What each API calls a refusal: in `type`, in `code` beside `success`, in `code` below `error`."""

    management: str
    tracking: str
    profiles: str


_REFUSALS = {
    400: _Names("bad-request", "malformed_body", "invalid_request_error"),
    404: _Names("not-found", "not_found", "not_found"),
    405: _Names("method-not-allowed", "method_not_allowed", "invalid_request_error"),
    413: _Names("payload-too-large", "payload_too_large", "invalid_request_error"),
    500: _Names("server-error", "internal_error", "internal_error"),
}


def refusal(request: Request, status: int, message: str, extra: Headers = ()) -> Response:
    """An answer the gateway gives by itself, in the envelope of the API that was asked."""
    kind, names = family(request.path), _REFUSALS[status]
    if kind == TRACKING:
        body: Any = {"success": False, "code": names.tracking, "message": message, "error": message}
        # Clients that know 413 drop the batch as on 400; one of them resends it ten times on 413 and 400 alike.
        return json_response(400 if status == 413 else status, body, [*_cors(request), *extra])
    if kind == PROFILES:
        body = {"error": {"code": names.profiles, "message": message}}
        return json_response(status, body, [("Request-Id", str(uuid.uuid4())), *extra])
    return json_response(status, {"errors": [{"type": names.management, "message": message}]}, extra)


def json_response(status: int, body: Any, extra: Headers = ()) -> Response:
    return Response(status, [("Content-Type", "application/json"), *extra], msgspec.json.encode(body))


def _cors(request: Request) -> Headers:
    origin = request.header("Origin")
    asked = request.header("Access-Control-Request-Headers")
    headers = [
        ("Access-Control-Allow-Origin", origin or "*"),
        ("Access-Control-Expose-Headers", "Retry-After, X-RateLimit-Reset"),
        ("Access-Control-Allow-Methods", METHODS),
        ("Access-Control-Allow-Headers", asked or "authorization, content-type, x-retry-count"),
    ]
    if origin:
        headers += [("Access-Control-Allow-Credentials", "true"), ("Vary", "Origin")]
    return headers


def _keep_requests_apart(app: Any) -> None:
    """Chalice keeps the current request on the app, which is fine in Lambda, where an instance serves one request at
    a time (chalice.local meets the same need with LocalChalice)."""
    slots = threading.local()

    def slot(name: str) -> property:
        def read(_app: Any) -> Any:
            return getattr(slots, name, None)

        def write(_app: Any, value: Any) -> None:
            setattr(slots, name, value)

        return property(read, write)

    apart: dict[str, Any] = {"current_request": slot("current_request"), "lambda_context": slot("lambda_context")}
    app.__class__ = type("LocalChalice", (type(app),), apart)


Handler = Callable[[Request], Response]
