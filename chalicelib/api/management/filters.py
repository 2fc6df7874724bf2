"""What chooses among events on their way: filters of spaces and of destinations."""

from typing import Any

import msgspec
from chalice.app import Blueprint

from ...delivery.filtering import previewed
from ...instants import to_iso
from ...workspace.body import Body
from ...workspace.conditions import read_condition
from ...workspace.destination_filters import read_actions
from ...workspace.model import Destination, DestinationFilter, SpaceFilter
from ...workspace.space_filters import MOST
from .endpoint import SUCCESS, Call, endpoint
from .versions import BETA

routes = Blueprint(__name__)

FILTERS = "/filters"
FILTER = FILTERS + "/{filter_id}"
OF_DESTINATION = "/destination/{destination_id}/filters"
ONE_OF_DESTINATION = OF_DESTINATION + "/{filter_id}"
BETA_AND_ALPHA = (BETA, "v1alpha")


@endpoint(routes, "POST", FILTERS, versions=BETA_AND_ALPHA)
def create_space_filter(call: Call) -> dict[str, Any]:
    return {"filter": space_filter(call.workspaces.space_filters.create(call.workspace_id, call.content()))}


@endpoint(routes, "GET", FILTERS, versions=BETA_AND_ALPHA)
def list_space_filters(call: Call) -> dict[str, Any]:
    asked = Body(call.parameters)
    space_id = asked.required_text("integrationId")
    asked.done()
    space = call.workspaces.space(call.workspace_id, space_id)
    found, pagination = call.numbered_page(call.workspaces.space_filters.of(space.id), MOST)
    return {"filters": [space_filter(one) for one in found], "pagination": pagination}


@endpoint(routes, "GET", FILTER, versions=BETA_AND_ALPHA)
def get_space_filter(call: Call) -> dict[str, Any]:
    return {"filter": space_filter(call.workspaces.space_filters.get(call.workspace_id, call.id("filter_id")))}


@endpoint(routes, "PATCH", FILTER, versions=BETA_AND_ALPHA)
def update_space_filter(call: Call) -> dict[str, Any]:
    filters, filter_id = call.workspaces.space_filters, call.id("filter_id")
    return {"filter": space_filter(filters.update(call.workspace_id, filter_id, call.content()))}


@endpoint(routes, "DELETE", FILTER, versions=BETA_AND_ALPHA)
def delete_space_filter(call: Call) -> dict[str, Any]:
    call.workspaces.space_filters.delete(call.workspace_id, call.id("filter_id"))
    return {"deleted": True}


@endpoint(routes, "POST", OF_DESTINATION)
def create_destination_filter(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    made = call.workspaces.destination_filters.create(destination, call.content())
    return {"filter": destination_filter(destination, made)}


@endpoint(routes, "GET", OF_DESTINATION)
def list_destination_filters(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    found, pagination = call.page(destination.filters)
    return {"filters": [destination_filter(destination, one) for one in found], "pagination": pagination}


@endpoint(routes, "GET", ONE_OF_DESTINATION)
def get_destination_filter(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    found = call.workspaces.destination_filters.get(destination.workspace_id, destination.id, call.id("filter_id"))
    return {"filter": destination_filter(destination, found)}


@endpoint(routes, "PATCH", ONE_OF_DESTINATION)
def update_destination_filter(call: Call) -> dict[str, Any]:
    destination, filter_id = _destination(call), call.id("filter_id")
    filters = call.workspaces.destination_filters
    changed = filters.update(destination.workspace_id, destination.id, filter_id, call.content())
    return {"filter": destination_filter(destination, changed)}


@endpoint(routes, "DELETE", ONE_OF_DESTINATION)
def delete_destination_filter(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    call.workspaces.destination_filters.delete(destination.workspace_id, destination.id, call.id("filter_id"))
    return SUCCESS


@endpoint(routes, "POST", "/destination/filters/preview")
def preview_destination_filter(call: Call) -> dict[str, Any]:
    body = Body(call.content())
    payload, asked = body.mapping("payload", required=True), body.inner("filter", required=True)
    when, actions = read_condition(asked, required=True), read_actions(asked, required=True)
    body.done()
    return {"inputPayload": payload, "result": previewed(when or "", actions or [], payload or {})}


def _destination(call: Call) -> Destination:
    return call.workspaces.destinations.get(call.workspace_id, call.id("destination_id"))


def space_filter(shown: SpaceFilter) -> dict[str, Any]:
    return {
        "id": shown.id,
        "workspaceId": shown.workspace_id,
        "integrationId": shown.space_id,
        "enabled": shown.enabled,
        "name": shown.name,
        "if": shown.when,
        "drop": shown.drop,
        **_rest(shown),
    }


def destination_filter(destination: Destination, shown: DestinationFilter) -> dict[str, Any]:
    return {
        "id": shown.id,
        "sourceId": destination.source_id,
        "destinationId": destination.id,
        "if": shown.when,
        "actions": msgspec.to_builtins(shown.actions),
        "title": shown.title,
        "enabled": shown.enabled,
        **_rest(shown),
    }


def _rest(shown: SpaceFilter | DestinationFilter) -> dict[str, Any]:
    described = {} if shown.description is None else {"description": shown.description}
    return {**described, "createdAt": to_iso(shown.created_at), "updatedAt": to_iso(shown.updated_at)}
