"""Answers held to what is declared of them."""

from typing import Any

import msgspec

from app import app
from chalicelib.api import contract
from chalicelib.api.contract.shape import Errors
from infra.local.gateway import RouteTable

_routes = RouteTable(app.routes)


def check(method: str, target: str, status: int, body: Any) -> None:
    """Raises ValidationError for an answer of the management API that has too much, too little or the wrong thing."""
    match = _routes.find(target.partition("?")[0])
    operation = match and contract.management().get((method, match.pattern))
    if operation is None or operation.media:
        return
    if status >= 400:
        msgspec.convert(body, Errors, strict=True)
        return
    assert status == operation.status, f"{method} {operation.path} answers {status}, not {operation.status}"
    assert body.keys() == {"data"}
    msgspec.convert(body["data"], operation.gives, strict=True)
