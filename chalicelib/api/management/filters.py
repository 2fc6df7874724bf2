"""What chooses among events on their way: filters of spaces and destinations, and subscriptions to actions.

None of them is evaluated, so none can be made: one that was kept and not kept to would let through what its owner
believes to be held back. Lists are empty, as clients that look first expect.
"""

from typing import Any, NoReturn

from chalice.app import Blueprint

from ...errors import Invalid, NotFound, Problem
from ...workspace.body import Body
from .endpoint import Call, endpoint
from .versions import ALPHA_ONLY, BETA

routes = Blueprint(__name__)

FILTERS = "/filters"
OF_DESTINATION = "/destination/{destination_id}/filters"
SUBSCRIPTIONS = "/destinations/{destination_id}/subscriptions"
BETA_AND_ALPHA = (BETA, "v1alpha")

NO_SPACE_FILTERS = "events are not filtered before they reach a space: leave out at the source what should not arrive"
NO_DESTINATION_FILTERS = "events are not filtered for destinations: choose by the query of the audience what is sent"
NO_ACTIONS = "no kind of destination has actions to subscribe: what is sent is set on the connection of an audience"


@endpoint(routes, "POST", FILTERS, versions=BETA_AND_ALPHA)
def create_space_filter(call: Call) -> dict[str, Any]:
    body = Body(call.content())
    _check_space(call, body)
    _refuse(body, "if", NO_SPACE_FILTERS)


@endpoint(routes, "GET", FILTERS, versions=BETA_AND_ALPHA)
def list_space_filters(call: Call) -> dict[str, Any]:
    _check_space(call, Body(call.parameters))
    return {"filters": []}


@endpoint(routes, "GET", FILTERS + "/{filter_id}", versions=BETA_AND_ALPHA)
@endpoint(routes, "PATCH", FILTERS + "/{filter_id}", versions=BETA_AND_ALPHA)
@endpoint(routes, "DELETE", FILTERS + "/{filter_id}", versions=BETA_AND_ALPHA)
@endpoint(routes, "GET", OF_DESTINATION + "/{filter_id}")
@endpoint(routes, "PATCH", OF_DESTINATION + "/{filter_id}")
@endpoint(routes, "DELETE", OF_DESTINATION + "/{filter_id}")
def no_filter(call: Call) -> dict[str, Any]:
    raise NotFound("there is no filter with this id")


@endpoint(routes, "POST", OF_DESTINATION)
def create_destination_filter(call: Call) -> dict[str, Any]:
    _check_destination(call)
    _refuse(Body(call.content()), "if", NO_DESTINATION_FILTERS)


@endpoint(routes, "GET", OF_DESTINATION)
def list_destination_filters(call: Call) -> dict[str, Any]:
    _check_destination(call)
    filters, pagination = call.page(list[Any]())
    return {"filters": filters, "pagination": pagination}


@endpoint(routes, "POST", "/destination/filters/preview")
def preview_destination_filter(call: Call) -> dict[str, Any]:
    _refuse(Body(call.content()), "filter", NO_DESTINATION_FILTERS)


@endpoint(routes, "POST", SUBSCRIPTIONS, versions=ALPHA_ONLY)
def create_subscription(call: Call) -> dict[str, Any]:
    _check_destination(call)
    _refuse(Body(call.content()), "actionId", NO_ACTIONS)


@endpoint(routes, "GET", SUBSCRIPTIONS, versions=ALPHA_ONLY)
def list_subscriptions(call: Call) -> dict[str, Any]:
    _check_destination(call)
    subscriptions, pagination = call.page(list[Any]())
    return {"subscriptions": subscriptions, "pagination": pagination}


@endpoint(routes, "GET", SUBSCRIPTIONS + "/{subscription_id}", versions=ALPHA_ONLY)
@endpoint(routes, "PATCH", SUBSCRIPTIONS + "/{subscription_id}", versions=ALPHA_ONLY)
@endpoint(routes, "DELETE", SUBSCRIPTIONS + "/{subscription_id}", versions=ALPHA_ONLY)
def no_subscription(call: Call) -> dict[str, Any]:
    raise NotFound("there is no subscription with this id")


def _check_space(call: Call, body: Body) -> None:
    space_id = body.required_text("integrationId")
    body.done()
    call.workspaces.space(call.workspace_id, space_id)


def _check_destination(call: Call) -> None:
    call.workspaces.destinations.get(call.workspace_id, call.id("destination_id"))


def _refuse(body: Body, field: str, reason: str) -> NoReturn:
    """With whatever else is wrong."""
    if not any(problem.field == field for problem in (*body.problems, *body.form)):
        body.reject(field, reason, {"code": "not_supported"})
    body.done()
    raise Invalid(Problem(reason, field))
