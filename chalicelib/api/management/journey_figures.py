"""How people go through journeys: in numbers of days, and one by one. All of it are additions of Muster's."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalice.app import Blueprint

from ... import bootstrap
from ...clock import DAY
from ...delivery.journey_figures import DAYS, Figures
from ...delivery.progress import ENTERED, INSIDE
from ...delivery.sizes import of_version
from ...errors import Conflict, NotFound
from ...identity.external_id import USERS
from ...instants import to_iso
from ...journeys.model import DRAFT, LIVE, MOVING, PAUSED, Journey, Step
from ...journeys.passage import COMPLETED, EXITED, Passage
from ...journeys.route import Route, Stop, route_of
from ...journeys.whereabouts import Place, exits_at, places, reenters_at
from ...profiles.profile import Profile
from ...profiles.travelling import ENTRY
from ...workspace.body import Body
from ...workspace.journeys.service import Drawn
from . import journey_shapes as shapes
from .endpoint import Call, endpoint
from .journeys import JOURNEY, find_journey, version_asked

routes = Blueprint(__name__)

USUAL = 7 * DAY  # without a start, that many days up to the end

NO_FIGURES = "a draft has no figures, for nobody goes through it: publish it, or ask for an estimate"


class Asked(NamedTuple):
    """`first` and `last` are midnights (epoch ms), the beginnings of the days that are asked for."""

    first: int
    last: int


@endpoint(routes, "GET", JOURNEY + "/figures")
def get_journey_figures(call: Call) -> dict[str, Any]:
    journey = find_journey(call)
    asked = _asked(call)
    drawn = call.workspaces.journeys.drawn(journey, version_asked(call))
    if drawn.standing.status == DRAFT:
        raise Conflict(NO_FIGURES)
    figures = bootstrap.current().journey_figures.between(drawn.version.id, asked.first, asked.last)
    sizes = call.workspaces.sizes.of(journey.space_id)
    return {
        "figures": _head(journey, drawn, asked)
        | _totals(drawn, figures, sizes)
        | _steps(journey, drawn, figures, sizes)
    }


@endpoint(routes, "GET", JOURNEY + "/profiles/{external_id}")
def get_journey_profile(call: Call) -> dict[str, Any]:
    """Of every version that was published, the newest first; also of people who left, or never entered."""
    journey = find_journey(call)
    profile = bootstrap.current().lookup.find(journey.space_id, USERS, call.name("external_id"))
    if profile is None:
        raise NotFound("there is no profile with this external id")
    published = [standing for standing in reversed(journey.versions) if standing.status != DRAFT]
    drawn = [call.workspaces.journeys.drawn(journey, standing.number) for standing in published]
    shown = [_passage(journey, one, profile, bootstrap.current().clock.now()) for one in drawn]
    return {"journeyProfile": {"profileId": profile.profile_id, "versions": shown}}


def _asked(call: Call) -> Asked:
    """Raises Invalid."""
    body, today = Body(call.parameters), _midnight(bootstrap.current().clock.now())
    first, last = body.instant("from"), body.instant("to")
    last = today if last is None else _midnight(last)
    first = last - USUAL + DAY if first is None else _midnight(first)
    if last > today:
        body.reject("to", '"to" must not lie in the future')
    elif first > last:
        body.reject("to", '"to" must not lie before "from"')
    elif first <= today - DAYS * DAY:
        body.reject("from", f"there are figures of the last {DAYS} days only, today included")
    body.done()
    return Asked(first, last)


def _midnight(instant: int) -> int:
    return instant // DAY * DAY


def _head(journey: Journey, drawn: Drawn, asked: Asked) -> dict[str, Any]:
    return {
        "journeyId": journey.id,
        "version": drawn.standing.number,
        "status": drawn.status,
        "from": to_iso(asked.first)[:10],
        "to": to_iso(asked.last)[:10],
    }


def _totals(drawn: Drawn, figures: Figures, sizes: Mapping[str, int]) -> dict[str, Any]:
    def total(kind: str) -> int:
        return sizes.get(of_version(drawn.version.id, kind), 0)

    return {
        "entered": figures.entered,
        "completed": figures.completed,
        "exits": figures.exited,
        "inProgress": total(INSIDE),
        "total": {"entered": total(ENTERED), "completed": total(COMPLETED), "exits": total(EXITED)},
    }


def _steps(journey: Journey, drawn: Drawn, figures: Figures, sizes: Mapping[str, int]) -> dict[str, Any]:
    route, steps, joins = route_of(journey, drawn.version), _by_id(drawn), figures.joins
    return {
        "steps": [
            _named(stop, steps)
            | {"joins": joins.get(stop.id, 0), **_shares(stop, joins, route)}
            | {"count": sizes.get(stop.computation_id, 0), "joined": sizes.get(stop.computation_id + ENTRY, 0)}
            for stop in route.stops
        ]
    }


def _shares(stop: Stop, joins: Mapping[str, int], route: Route) -> dict[str, Any]:
    """Where several stops lead here, the previous one is that which most people got to."""
    previous = max((way.origin for way in stop.ways), key=lambda origin: joins.get(origin, 0), default=None)
    count, entries = joins.get(stop.id, 0), joins.get(route.stops[0].id, 0)
    return {
        "previousKey": next((one.key for one in route.stops if one.id == previous), None),
        "percentOfPrevious": None if previous is None else _percent(count, joins.get(previous, 0)),
        "percentOfEntry": _percent(count, entries),
    }


def _percent(part: int, whole: int) -> float | None:
    """With one decimal, halves up; None of nothing."""
    return (2_000 * part + whole) // (2 * whole) / 10 if whole else None


def _by_id(drawn: Drawn) -> dict[str, Step]:
    return {step.id: step for step in drawn.version.steps}


def _named(stop: Stop, steps: Mapping[str, Step]) -> dict[str, Any]:
    step = steps[stop.step_id]
    return shapes.stop(step, step.sides[stop.place])


def _passage(journey: Journey, drawn: Drawn, profile: Profile, now: int) -> dict[str, Any]:
    route, steps = route_of(journey, drawn.version), _by_id(drawn)
    passage = profile.head.journeys.get(drawn.version.id, Passage())
    found = places(route, passage, drawn.standing.status in MOVING, now)
    return {
        "version": drawn.standing.number,
        "versionId": drawn.version.id,
        "status": drawn.status,
        "cycle": passage.cycle,
        **_instants(route, passage, drawn.standing.status),
        "outcome": passage.outcome,
        "steps": [_named(place.stop, steps) | _place(place) for place in found],
    }


def _instants(route: Route, passage: Passage, status: str) -> dict[str, str | None]:
    """Nobody leaves where nobody moves, nor comes again where a version was replaced."""
    instants = {
        "enteredAt": passage.entered_at,
        "exitsAt": exits_at(route, passage) if status in MOVING else None,
        "exitedAt": passage.exited_at,
        "reentryAt": reenters_at(route, passage) if status in (LIVE, PAUSED) else None,
    }
    return {name: _shown(instant) for name, instant in instants.items()}


def _place(place: Place) -> dict[str, Any]:
    shown: dict[str, Any] = {"joinedAt": _shown(place.joined_at), "member": place.is_member}
    if place.waits_for is not None:
        shown["waitsFor"] = place.waits_for
    if place.ready_at is not None:
        shown["readyAt"] = to_iso(place.ready_at)
    return shown


def _shown(instant: int | None) -> str | None:
    return None if instant is None else to_iso(instant)
