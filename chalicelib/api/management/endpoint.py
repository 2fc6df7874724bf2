"""One way for every operation: who is asking, what was sent, and one envelope for every outcome."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from chalice.app import Blueprint, Request, Response

from ... import bootstrap
from ...errors import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    Retryable,
    Unauthorized,
    Unsound,
    place_of,
)
from ...workspace.body import united
from ...workspace.model import API_TOKEN, Space, Token
from ...workspace.service import Workspaces
from .. import contract, exchange
from ..contract import reading
from ..contract.operation import Operation
from . import access, audited, limits, paging
from .versions import STABLE, content_type

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_ID = 255
LARGEST_BODY = 100_000  # bytes: what is set up is one record, and DynamoDB takes 400 KB
DEEPEST = 32  # levels of nesting
INTEGERS = range(-(2**63), 2**64)  # what the stored form can hold
ANY_CONTENT_TYPE: list[str] = []  # Chalice answers 415 only if there is something in it

SUCCESS = {"status": "SUCCESS"}


class BadRequest(Exception):
    """A request that makes no sense, whatever the state of things."""


class TooLarge(Exception):
    """A body that no request of this API needs."""


class Call:
    """One authorised request. Raises Unauthorized when it carries no token of the management API."""

    def __init__(self, request: Request, operation: Operation | None) -> None:
        self._request, self._operation = request, operation
        self._path = exchange.path_values(request)
        self.parameters = exchange.query(request)
        self.headers = exchange.headers(request)
        self.token = _token(request)
        self._content: dict[str, Any] | None = None

    @property
    def workspaces(self) -> Workspaces:
        return bootstrap.current().workspaces

    @property
    def workspace_id(self) -> str:
        return self.token.workspace_id

    @property
    def request_id(self) -> str | None:
        """As API Gateway calls it."""
        found: str | None = self._request.context.get("requestId")
        return found

    def id(self, name: str) -> str:
        """A variable part of the path. Raises NotFound for what no id can be."""
        value = self._path[name]
        if not 0 < len(value) <= LONGEST_ID or not value.isascii():
            raise NotFound("nothing has this id")
        return value

    def name(self, variable: str) -> str:
        """A variable part of the path that somebody else has named. Raises NotFound for an empty one."""
        value = self._path[variable]
        if not value:
            raise NotFound("nothing has an empty name")
        return value

    def names(self, variable: str) -> bool:
        """Whether the path has this variable part."""
        return variable in self._path

    def space(self) -> Space:
        """The space in the path. Raises NotFound when it is not one of this workspace."""
        return self.workspaces.space(self.workspace_id, self.id("space_id"))

    def content(self) -> dict[str, Any]:
        """The declared fields of the body, a JSON object; no body is an empty one. What is wrong with their form goes
        along, for `Body` to raise it with everything else. Raises BadRequest and TooLarge."""
        if self._content is None:
            content = json_object(self._request)
            takes = self._operation.takes if self._operation else None
            self._content = reading.read(takes, content) if takes else content
        return self._content

    def query_problems(self) -> Sequence[Problem]:
        """Everything that is wrong with the form of the declared parameters."""
        asks = self._operation.asks if self._operation else None
        return reading.read(asks, paging.query_of(asks, self.parameters)).problems if asks else ()

    def object_parameter(self, name: str) -> dict[str, Any] | None:
        return paging.object_parameter(self.parameters, name)

    def page(self, items: Sequence[T], most: int = paging.MOST) -> tuple[list[T], dict[str, Any]]:
        """The page of the items that was asked for, and its description."""
        return paging.page(items, self.object_parameter("pagination"), most)

    def numbered_page(self, items: Sequence[T], most: int) -> tuple[list[T], dict[str, Any]]:
        """The same of a list whose cursors are numbers."""
        return paging.numbered_page(items, self.object_parameter("pagination"), most)

    def forward(
        self, fetch: Callable[[int, str | None], tuple[list[T], str | None]], most: int = paging.MOST
    ) -> tuple[list[T], dict[str, Any]]:
        """The same of a list that is only read forwards."""
        return paging.forward(fetch, self.object_parameter("pagination"), most)


Handler = Callable[[Call], dict[str, Any] | Response]


def endpoint(
    routes: Blueprint, method: str, path: str, *, versions: Sequence[str] = STABLE, status: int = 200
) -> Callable[[Handler], Handler]:
    """Register a handler. What it returns becomes `data` of an answer with `status`, unless it is an answer itself."""

    def register(handler: Handler) -> Handler:
        def view(**_path: str) -> Response:
            return answer(routes.current_request, handler, versions, status, path)

        routes.route(path, methods=[method], content_types=ANY_CONTENT_TYPE, name=handler.__name__)(view)
        return handler

    return register


def json_object(request: Request) -> dict[str, Any]:
    """The body of a request; no body is an empty object. Raises BadRequest and TooLarge."""
    try:
        body = exchange.body(request)
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"the body is larger than {LARGEST_BODY} bytes")
        content = msgspec.json.decode(body or b"{}")
    except (Malformed, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest("the body is not valid JSON") from error
    if not isinstance(content, dict):
        raise BadRequest("the body must be a JSON object")
    if not _can_be_stored(content, DEEPEST):
        raise BadRequest(f"the body has a number beyond 64 bits, or is nested deeper than {DEEPEST} levels")
    return content


def _can_be_stored(value: Any, levels: int) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return levels > 0 and all(_can_be_stored(item, levels - 1) for item in inner)
    return not isinstance(value, int) or value in INTEGERS


def answer(request: Request, handler: Handler, versions: Sequence[str], status: int, path: str) -> Response:
    headers = {"Content-Type": content_type(exchange.headers(request).get("accept", ""), versions)}
    try:
        call = Call(request, contract.management().get((request.method, path)))
        headers |= limits.admit(call.workspace_id, request.method, path)
        access.check(call.token, request.method, path)
        answered = _run(call, request.method, _with_query(handler), path)
    except Exception as error:
        status, errors = refusal(error)
        headers |= error.headers if isinstance(error, limits.TooMany) else {}
        return exchange.json_response(status, {"errors": errors}, headers)
    return answered if isinstance(answered, Response) else exchange.json_response(status, {"data": answered}, headers)


def _run(call: Call, method: str, handler: Handler, path: str) -> dict[str, Any] | Response:
    change = audited.change(call, method, path)
    if change is not None:
        change.begin()
    try:
        answered = handler(call)
    finally:
        if method != "GET":  # even a failed write may have changed something that is cached here
            bootstrap.current().directory.refresh()
    if change is not None and isinstance(answered, dict):
        change.done(answered)
    return answered


def _with_query(handler: Handler) -> Handler:
    """The handler, refusing with its own problems also those of the form of the query. Only what reads has a query, so
    it does no harm to find out about the former first."""

    def checked(call: Call) -> dict[str, Any] | Response:
        form = call.query_problems()
        try:
            answered = handler(call)
        except Invalid as error:
            if not form:
                raise
            raise Invalid(*united(error.problems, form)) from error
        if form:
            raise Invalid(*form)
        return answered

    return checked


def _token(request: Request) -> Token:
    scheme, _, secret = exchange.headers(request).get("authorization", "").partition(" ")
    token = bootstrap.current().directory.token(secret.strip()) if scheme.lower() == "bearer" else None
    if token is None or token.kind != API_TOKEN:
        raise Unauthorized("send a valid API token: `Authorization: Bearer <token>`")
    return token


def refusal(error: Exception) -> tuple[int, list[dict[str, Any]]]:
    """Status and errors of the answer."""
    match error:
        case Unsound():
            return 400, [_error("input-validation", p.message, p.field, p.data) for p in error.problems]
        case Invalid():
            return 422, [_error("input-validation", p.message, p.field, p.data) for p in error.problems]
        case BadRequest():
            return 400, [_error("bad-request", str(error))]
        case TooLarge():
            return 413, [_error("payload-too-large", str(error))]
        case Unauthorized():
            return 401, [_error("unauthorized", str(error))]
        case Forbidden():
            return 403, [_error("forbidden", str(error))]
        case NotFound():
            return 404, [_error("not-found", str(error))]
        case Conflict():
            return 409, [_error("conflict", str(error), data=error.data)]
        case limits.TooMany():
            return 429, [_error("RequestError", str(error), data=error.data)]
    logger.error("A management request failed: %s", place_of(error))
    if isinstance(error, Retryable):
        return 503, [_error("server-error", "Somebody else changed this or a service is busy. Try again shortly.")]
    return 500, [_error("server-error", "Something went wrong on our side.")]


def _error(type: str, message: str, field: str | None = None, data: Any = None) -> dict[str, Any]:
    optional = {"field": field, "data": data}
    return {"type": type, "message": message} | {name: value for name, value in optional.items() if value is not None}
