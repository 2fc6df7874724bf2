"""Destinations and what could not be delivered to them."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...delivery.ledger import DeadLetter
from ...workspace.model import Destination
from . import shapes
from .endpoint import SUCCESS, Call, endpoint

routes = Blueprint(__name__)


@endpoint(routes, "POST", "/destinations")
def create_destination(call: Call) -> dict[str, Any]:
    return {"destination": _shown(call, call.workspaces.destinations.create(call.workspace_id, call.content()))}


@endpoint(routes, "GET", "/destinations")
def list_destinations(call: Call) -> dict[str, Any]:
    destinations, pagination = call.page(call.workspaces.destinations.every(call.workspace_id))
    return {"destinations": [_shown(call, destination) for destination in destinations], "pagination": pagination}


@endpoint(routes, "GET", "/destinations/{destination_id}")
def get_destination(call: Call) -> dict[str, Any]:
    return {"destination": _shown(call, _destination(call))}


@endpoint(routes, "PATCH", "/destinations/{destination_id}")
def update_destination(call: Call) -> dict[str, Any]:
    destinations = call.workspaces.destinations
    changed = destinations.update(call.workspace_id, call.id("destination_id"), call.content())
    return {"destination": _shown(call, changed)}


@endpoint(routes, "DELETE", "/destinations/{destination_id}")
def delete_destination(call: Call) -> dict[str, Any]:
    call.workspaces.destinations.delete(call.workspace_id, call.id("destination_id"))
    return SUCCESS


@endpoint(routes, "GET", "/destinations/{destination_id}/dead-letters")
def list_dead_letters(call: Call) -> dict[str, Any]:
    """An addition of Muster's: the messages that were given up, and why; the newest, or page by page when asked."""
    ledger, destination_id = bootstrap.current().ledger, _destination(call).id
    if call.object_parameter("pagination") is None:
        return {"deadLetters": [shapes.dead_letter(letter) for letter in ledger.dead_letters(destination_id)]}

    def fetch(count: int, cursor: str | None) -> tuple[list[DeadLetter], str | None]:
        page = ledger.letter_page(destination_id, count, cursor)
        return page.letters, page.cursor

    letters, pagination = call.forward(fetch)
    return {"deadLetters": [shapes.dead_letter(letter) for letter in letters], "pagination": pagination}


@endpoint(routes, "GET", "/destinations/{destination_id}/debugger")
def list_newest_events(call: Call) -> dict[str, Any]:
    """An addition of Muster's: the newest 500 events made for it, before the partner sees them; `search` chooses."""
    events = bootstrap.current().debugger.newest(_destination(call).id, call.parameters.get("search", ""))
    return {"events": events}


def _destination(call: Call) -> Destination:
    return call.workspaces.destinations.get(call.workspace_id, call.id("destination_id"))


def _shown(call: Call, destination: Destination) -> dict[str, Any]:
    return shapes.destination(destination, call.workspaces.destinations.kinds[destination.metadata_id])
