"""Sources, their write keys and what is behind them."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...workspace.model import READ, Source
from . import shapes
from .endpoint import SUCCESS, Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)


@endpoint(routes, "POST", "/sources", status=201)
def create_source(call: Call) -> dict[str, Any]:
    """The source feeds the first space of the workspace."""
    space = call.workspaces.spaces(call.workspace_id)[0]
    return {"source": _shown(call, call.workspaces.sources.create(space, call.content()))}


@endpoint(routes, "GET", "/sources")
def list_sources(call: Call) -> dict[str, Any]:
    sources, pagination = call.page(call.workspaces.sources.every(call.workspace_id))
    return {"sources": [_shown(call, source) for source in sources], "pagination": pagination}


@endpoint(routes, "GET", "/sources/{source_id}")
def get_source(call: Call) -> dict[str, Any]:
    return {"source": _shown(call, _source(call)), "trackingPlanId": None}


@endpoint(routes, "PATCH", "/sources/{source_id}")
def update_source(call: Call) -> dict[str, Any]:
    changed = call.workspaces.sources.update(call.workspace_id, call.id("source_id"), call.content())
    return {"source": _shown(call, changed)}


@endpoint(routes, "DELETE", "/sources/{source_id}")
def delete_source(call: Call) -> dict[str, Any]:
    call.workspaces.sources.delete(call.workspace_id, call.id("source_id"))
    return SUCCESS


@endpoint(routes, "POST", "/sources/{source_id}/writekey", versions=ALPHA_ONLY)
def create_write_key(call: Call) -> dict[str, Any]:
    return {"source": _shown(call, call.workspaces.sources.add_write_key(call.workspace_id, call.id("source_id")))}


@endpoint(routes, "DELETE", "/sources/{source_id}/writekey/{write_key}", versions=ALPHA_ONLY)
def remove_write_key(call: Call) -> dict[str, Any]:
    call.workspaces.sources.remove_write_key(call.workspace_id, call.id("source_id"), call.id("write_key"))
    return SUCCESS


@endpoint(routes, "GET", "/sources/{source_id}/connected-destinations")
def list_connected_destinations(call: Call) -> dict[str, Any]:
    destinations = call.workspaces.destinations
    found, pagination = call.page(destinations.of_source(call.workspace_id, _source(call).id))
    shown = [shapes.destination(destination, destinations.kinds[destination.metadata_id]) for destination in found]
    return {"destinations": shown, "pagination": pagination}


@endpoint(routes, "GET", "/sources/{source_id}/discards")
def list_discards(call: Call) -> dict[str, Any]:
    """An addition of Muster's: how many messages were left out, by reason."""
    counts = bootstrap.current().discards.of(_source(call).id)
    return {"discards": [{"code": code, "count": count} for code, count in sorted(counts.items())]}


def _source(call: Call) -> Source:
    return call.workspaces.sources.get(call.workspace_id, call.id("source_id"))


def _shown(call: Call, source: Source) -> dict[str, Any]:
    """Whoever may only read is not shown the write keys: they let events in."""
    shape = shapes.source(source)
    return shape | {"writeKeys": []} if call.token.scope == READ else shape
