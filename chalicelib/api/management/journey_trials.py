"""Before people go through a journey: how many would enter, and what its steps would tell. Additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...computations.computation import ANONYMOUS_ID, DEFAULT_EXTERNAL_IDS, USERS
from ...delivery.rehearsal import rehearsal
from ...errors import Conflict, Invalid, NotFound, Problem
from ...journeys.model import ENTRY, Journey, Step, Target, Version
from ...previews.quota import Exhausted
from ...previews.request import Asked
from ...workspace.body import Body
from ...workspace.journeys.standings import draft_of
from .endpoint import Call, endpoint
from .journeys import JOURNEY, find_journey, version_asked
from .limits import TooMany

routes = Blueprint(__name__)

TEST_USER = "test-user-"  # no person of an owner's is called like that, and no partner takes it for one
NOTHING_SENT = "this step sends to no destination that takes single events"


@endpoint(routes, "POST", JOURNEY + "/estimate")
def estimate_journey(call: Call) -> dict[str, Any]:
    """Everybody who meets the entry condition now, over all stored events."""
    application, space, journey = bootstrap.current(), call.space(), find_journey(call)
    version = _newest(call, journey)
    anonymous = [ANONYMOUS_ID] if version.settings.anonymous else []
    asked = Asked(query=_entry_query(version), scope=USERS, external_ids=[*DEFAULT_EXTERNAL_IDS, *anonymous])
    try:
        return {"audiencePreview": {"id": application.desk.previews.create(space, asked).id}}
    except Exhausted as error:
        raise TooMany(error.consumed, application.clock.now()) from error


@endpoint(routes, "POST", JOURNEY + "/steps/{step_id}/test")
def test_journey_step(call: Call) -> dict[str, Any]:
    """Real events go out, about somebody who does not exist."""
    journey, body = find_journey(call), Body(call.content())
    only = body.text("destinationId")
    body.done()
    version = call.workspaces.journeys.drawn(journey, version_asked(call)).version
    step = next((step for step in version.steps if step.id == call.id("step_id")), None)
    if step is None:
        raise NotFound("the journey has no step with this id")
    return {"tests": _tested(step, _targets(step, only), journey.space_id)}


def _newest(call: Call, journey: Journey) -> Version:
    """The draft, if there is one."""
    draft = draft_of(journey)
    return call.workspaces.journeys.drawn(journey, draft.number if draft else None).version


def _entry_query(version: Version) -> str:
    return next(side.query or "" for step in version.steps if step.type == ENTRY for side in step.sides)


def _targets(step: Step, only: str | None) -> list[Target]:
    """Raises Invalid."""
    targets = [target for target in step.targets if only in (None, target.destination_id)]
    if only is not None and not targets:
        raise Invalid(Problem("the step does not send to this destination", "destinationId"))
    return targets


def _tested(step: Step, targets: list[Target], space_id: str) -> list[dict[str, Any]]:
    """What a destination has no use for in a form is left out, like lists: it would not be sent. Raises Conflict where
    nothing is left."""
    application = bootstrap.current()
    user_id, now = application.adapters.ids.ksuid(TEST_USER), application.clock.now()
    found: list[dict[str, Any]] = []
    refusal = Conflict(NOTHING_SENT)
    for target in targets:
        for event in rehearsal(step.sides[0], target, space_id, user_id, now):
            try:
                tested = application.tester.test(target.destination_id, {"event": event})
            except Conflict as error:
                refusal = error
            else:
                found.append({"destinationId": target.destination_id, **tested})
    if not found:
        raise refusal
    return found
