"""The kinds of source and destination there are to choose from."""

from typing import Any

from chalice.app import Blueprint

from ...errors import NotFound
from ...workspace.source_kinds import ALL_KINDS, SOURCE_KINDS
from . import shapes
from .endpoint import Call, endpoint

routes = Blueprint(__name__)


@endpoint(routes, "GET", "/catalog/sources")
def list_source_kinds(call: Call) -> dict[str, Any]:
    kinds, pagination = call.page(list(SOURCE_KINDS.values()))
    return {"sourcesCatalog": [shapes.source_metadata(kind) for kind in kinds], "pagination": pagination}


@endpoint(routes, "GET", "/catalog/sources/{metadata_id}")
def get_source_kind(call: Call) -> dict[str, Any]:
    kind = ALL_KINDS.get(call.id("metadata_id"))
    if kind is None:
        raise NotFound("there is no kind of source with this id")
    return {"sourceMetadata": shapes.source_metadata(kind)}


@endpoint(routes, "GET", "/catalog/destinations")
def list_destination_kinds(call: Call) -> dict[str, Any]:
    kinds, pagination = call.page(list(call.workspaces.destinations.kinds.values()))
    return {"destinationsCatalog": [shapes.destination_metadata(kind) for kind in kinds], "pagination": pagination}


@endpoint(routes, "GET", "/catalog/destinations/{metadata_id}")
def get_destination_kind(call: Call) -> dict[str, Any]:
    kind = call.workspaces.destinations.kinds.get(call.id("metadata_id"))
    if kind is None:
        raise NotFound("there is no kind of destination with this id")
    return {"destinationMetadata": shapes.destination_metadata(kind)}
