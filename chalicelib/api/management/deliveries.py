"""Sending again and trying out: replays, dead letters and the event tester. All of it are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...delivery.replays import Wish, redrive_of, wish_of
from ...instants import to_iso
from ...workspace.model import Destination
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

DESTINATION = "/destinations/{destination_id}"


@endpoint(routes, "POST", DESTINATION + "/replays", status=201)
def create_replay(call: Call) -> dict[str, Any]:
    """What was made for the destination between `from` and `to`; also while it is disabled."""
    return {"task": _start(call, wish_of(call.content(), bootstrap.current().clock.now()))}


@endpoint(routes, "POST", DESTINATION + "/dead-letters/redrive", status=201)
def redrive_dead_letters(call: Call) -> dict[str, Any]:
    """One, those with one code, or all."""
    wish = redrive_of(call.content(), bootstrap.current().ledger, _destination(call).id)
    return {"task": _start(call, wish)}


@endpoint(routes, "POST", DESTINATION + "/test")
def test_destination(call: Call) -> dict[str, Any]:
    """One real event goes out; what is given as `event` replaces fields of it."""
    return {"test": bootstrap.current().tester.test(_destination(call).id, call.content())}


def _destination(call: Call) -> Destination:
    return call.workspaces.destinations.get(call.workspace_id, call.id("destination_id"))


def _start(call: Call, wish: Wish) -> dict[str, Any]:
    application, destination = bootstrap.current(), _destination(call)
    source = call.workspaces.sources.get(call.workspace_id, destination.source_id)
    slot = application.adapters.ids.ksuid("rpl_")
    made = application.replays.start(application.engine.tasks, destination, source.space_id, wish, slot)
    return {
        "id": made.task_id,
        "kind": made.kind,
        "spaceId": made.space_id,
        "destinationId": made.destination_id,
        "status": made.status,
        "createdAt": to_iso(made.created_at),
    }
