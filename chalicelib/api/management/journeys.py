"""Journeys of a space. All of it are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ...errors import Invalid, Problem
from ...journeys.model import Journey, Side, Step
from ...profiles.travelling import ENTRY
from ...workspace.journeys.standings import draft_of
from . import journey_shapes as shapes
from .endpoint import SUCCESS, Call, endpoint

routes = Blueprint(__name__)

JOURNEYS = "/spaces/{space_id}/journeys"
JOURNEY = JOURNEYS + "/{journey_id}"


@endpoint(routes, "POST", JOURNEYS)
def create_journey(call: Call) -> dict[str, Any]:
    return _shown(call, call.workspaces.journeys.create(call.space(), call.content(), call.token.id), None)


@endpoint(routes, "GET", JOURNEYS)
def list_journeys(call: Call) -> dict[str, Any]:
    journeys = call.workspaces.journeys
    found, pagination = call.page(journeys.every(call.space().id))
    statuses = journeys.statuses(found)
    return {"journeys": [shapes.outline(one, statuses) for one in found], "pagination": pagination}


@endpoint(routes, "GET", JOURNEY)
def get_journey(call: Call) -> dict[str, Any]:
    return _shown(call, find_journey(call), version_asked(call))


@endpoint(routes, "PATCH", JOURNEY)
def update_journey(call: Call) -> dict[str, Any]:
    journey, number = find_journey(call), version_asked(call)
    draft = draft_of(journey) if number is None else None
    changed = call.workspaces.journeys.update(call.space(), journey, number, call.content(), call.token.id)
    return _shown(call, changed, draft.number if draft else number)


@endpoint(routes, "DELETE", JOURNEY)
def delete_journey(call: Call) -> dict[str, Any]:
    call.workspaces.journeys.delete(find_journey(call))
    return SUCCESS


@endpoint(routes, "POST", JOURNEY + "/publish")
def publish_journey(call: Call) -> dict[str, Any]:
    journey = find_journey(call)
    return _shown(call, call.workspaces.journeys.publish(call.space(), journey, call.content(), call.token.id), None)


@endpoint(routes, "POST", JOURNEY + "/pause")
def pause_journey(call: Call) -> dict[str, Any]:
    return _shown(call, call.workspaces.journeys.pause(find_journey(call), call.token.id), None)


@endpoint(routes, "POST", JOURNEY + "/resume")
def resume_journey(call: Call) -> dict[str, Any]:
    return _shown(call, call.workspaces.journeys.resume(find_journey(call), call.token.id), None)


@endpoint(routes, "POST", JOURNEY + "/archive")
def archive_journey(call: Call) -> dict[str, Any]:
    journey, number = find_journey(call), version_asked(call)
    return _shown(call, call.workspaces.journeys.archive(journey, number, call.token.id), number)


@endpoint(routes, "POST", JOURNEY + "/clone")
def clone_journey(call: Call) -> dict[str, Any]:
    journey, number = find_journey(call), version_asked(call)
    made = call.workspaces.journeys.clone(call.space(), journey, number, call.content(), call.token.id)
    return _shown(call, made, None)


@endpoint(routes, "POST", JOURNEY + "/versions")
def create_journey_version(call: Call) -> dict[str, Any]:
    changed = call.workspaces.journeys.new_version(find_journey(call), call.content(), call.token.id)
    draft = draft_of(changed)
    return _shown(call, changed, draft.number if draft else None)


@endpoint(routes, "GET", JOURNEY + "/steps")
def count_journey_steps(call: Call) -> dict[str, Any]:
    """From the entry on, as the steps were drawn."""
    journey = find_journey(call)
    drawn = call.workspaces.journeys.drawn(journey, version_asked(call))
    sizes = call.workspaces.sizes.of(journey.space_id)

    def row(step: Step, side: Side) -> dict[str, Any]:
        joined = sizes.get(side.computation_id + ENTRY, 0)
        return {**shapes.stop(step, side), "count": sizes.get(side.computation_id, 0), "joined": joined}

    rows = [row(step, side) for step in drawn.version.steps for side in step.sides]
    return {"version": drawn.standing.number, "status": drawn.status, "steps": rows}


def find_journey(call: Call) -> Journey:
    """The journey in the path. Raises NotFound."""
    return call.workspaces.journeys.get(call.space().id, call.id("journey_id"))


def version_asked(call: Call) -> int | None:
    """The number of a version among the parameters. Raises Invalid."""
    text = call.parameters.get("version")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise Invalid(Problem('"version" must be the number of a version', "version"))
    return int(text)


def _shown(call: Call, journey: Journey, number: int | None) -> dict[str, Any]:
    journeys = call.workspaces.journeys
    return {"journey": shapes.journey(journey, journeys.drawn(journey, number), journeys.statuses([journey]))}
