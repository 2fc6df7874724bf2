"""Audiences of a space."""

from collections.abc import Callable, Sequence
from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...computations.computation import Computation
from ...overview.status import ERROR
from ...workspace.body import Body
from . import older_clients, shapes
from .endpoint import SUCCESS, Call, endpoint
from .planned import forget_schedules, schedules_of
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

MOST_AUDIENCES = 200  # per page; other lists give out more

AUDIENCES = "/spaces/{space_id}/audiences"
AUDIENCE = AUDIENCES + "/{audience_id}"

# What is compared in lower case with the text searched for.
SEARCHES: dict[str, Callable[[Computation, str], bool]] = {
    "NAME": lambda audience, text: text in audience.name.lower(),
    "KEY": lambda audience, text: audience.key.startswith(text),
    "DEFINITION": lambda audience, text: text in audience.query.lower(),
}
SORTS: dict[str, Callable[[Computation], Any]] = {
    "NAME": lambda audience: (audience.name.lower(), audience.id),
    "CREATED_AT": lambda audience: (audience.created_at, audience.id),
    "UPDATED_AT": lambda audience: (audience.updated_at, audience.id),
}
DIRECTIONS = ("ASC", "DESC")


@endpoint(routes, "POST", AUDIENCES)
def create_audience(call: Call) -> dict[str, Any]:
    created = call.workspaces.audiences.create(call.space(), older_clients.audience(call.content()), call.token.id)
    return {"audience": shapes.audience(created)}


@endpoint(routes, "GET", AUDIENCES)
def list_audiences(call: Call) -> dict[str, Any]:
    space = call.space()
    found, pagination = call.page(_matching(call, call.workspaces.audiences.every(space.id)), MOST_AUDIENCES)
    return {"audiences": in_full(call, found), "pagination": pagination}


@endpoint(routes, "GET", AUDIENCE)
def get_audience(call: Call) -> dict[str, Any]:
    return {"audience": in_full(call, [find_audience(call)])[0]}


@endpoint(routes, "PATCH", AUDIENCE)
def update_audience(call: Call) -> dict[str, Any]:
    changed = call.workspaces.audiences.update(find_audience(call), call.content(), call.token.id)
    return {"audience": shapes.audience(changed)}


@endpoint(routes, "DELETE", AUDIENCE)
def delete_audience(call: Call) -> dict[str, Any]:
    audience = find_audience(call)
    call.workspaces.audiences.delete(audience)
    forget_schedules(audience)
    return SUCCESS


@endpoint(routes, "GET", AUDIENCE + "/audience-references", versions=ALPHA_ONLY)
def list_audience_consumers(call: Call) -> dict[str, Any]:
    consumers = _matching(call, call.workspaces.audiences.consumers(find_audience(call)))
    found, pagination = call.page(_sorted(call, consumers))
    return {"audiences": [shapes.audience(audience) for audience in found], "pagination": pagination}


def find_audience(call: Call) -> Computation:
    """The audience in the path. Raises NotFound."""
    return call.workspaces.audiences.get(call.space().id, call.id("audience_id"))


def in_full(call: Call, audiences: Sequence[Computation]) -> list[dict[str, Any]]:
    """As they are shown when they are read."""
    sizes = call.workspaces.sizes.of(audiences[0].space_id) if audiences else {}
    schedules = "schedules" in call.parameters.get("include", "").split(",")
    retrying = bootstrap.current().overviews.retrying(audiences)
    return [
        shapes.full_audience(a, sizes.get(a.id, 0))
        | ({"status": ERROR} if a.id in retrying else {})
        | ({"schedules": schedules_of(a)} if schedules else {})
        for a in audiences
    ]


def _matching(call: Call, audiences: Sequence[Computation]) -> list[Computation]:
    """Those that `search` asks for; all without it."""
    asked = call.object_parameter("search")
    if asked is None:
        return list(audiences)
    search = Body(asked, "search.")
    type, text = search.choice("type", SEARCHES, required=True), search.required_text("query").lower()
    search.done()
    return [audience for audience in audiences if SEARCHES[type or ""](audience, text)]


def _sorted(call: Call, audiences: Sequence[Computation]) -> list[Computation]:
    """As `sort` asks; the newest first without it."""
    asked = call.object_parameter("sort")
    field, direction = "CREATED_AT", "DESC"
    if asked is not None:
        sort = Body(asked, "sort.")
        field = sort.choice("field", SORTS, required=True) or field
        direction = sort.choice("direction", DIRECTIONS, required=True) or direction
        sort.done()
    return sorted(audiences, key=SORTS[field], reverse=direction == "DESC")
