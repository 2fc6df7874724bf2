"""How large audiences and traits are and were. All of it are additions of Muster's."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalice.app import Blueprint

from ... import bootstrap
from ...alerts.history import Point, SizeHistory
from ...clock import DAY, HOUR
from ...computations.computation import USERS, Computation
from ...instants import to_iso
from ...workspace.body import Body
from .audiences import AUDIENCE, find_audience
from .computed_traits import TRAIT, find_trait
from .endpoint import Call, endpoint

routes = Blueprint(__name__)


class Grain(NamedTuple):
    """`longest` is the longest range, `usual` the one without a start; all in ms."""

    every: int
    usual: int
    longest: int
    points: Callable[[SizeHistory, str, int, int], list[Point]]


GRAINS: Mapping[str, Grain] = {
    "HOUR": Grain(HOUR, DAY, 14 * DAY, SizeHistory.hours),
    "DAY": Grain(DAY, 30 * DAY, 400 * DAY, SizeHistory.days),
}


@endpoint(routes, "GET", AUDIENCE + "/sizes")
def get_audience_sizes(call: Call) -> dict[str, Any]:
    return {"sizes": _sizes(call, find_audience(call))}


@endpoint(routes, "GET", TRAIT + "/sizes")
def get_computed_trait_sizes(call: Call) -> dict[str, Any]:
    return {"sizes": _sizes(call, find_trait(call))}


def _sizes(call: Call, computation: Computation) -> dict[str, Any]:
    """The present size, and those of full hours or midnights (UTC) since the creation. There is none before the
    first values are in."""
    grain, name, start, end = _asked(call)
    application, space_id = bootstrap.current(), computation.space_id
    start = max(start, computation.created_at)
    points = grain.points(application.operations.size_history, space_id, start, end)
    shown: dict[str, Any] = {
        "type": computation.scope if computation.is_computed else USERS,
        "granularity": name,
        "series": [{"time": to_iso(p.at), **_size(p.sizes.get(computation.id, 0))} for p in points],
    }
    if computation.counted:
        shown["current"] = _size(application.sizes.of(space_id).get(computation.id, 0))
    return shown


def _size(count: int) -> dict[str, int]:
    return {"count": count, "uniqueCount": count}


def _asked(call: Call) -> tuple[Grain, str, int, int]:
    """Start inclusive, end exclusive. Raises Invalid."""
    body, now = Body(call.parameters), bootstrap.current().clock.now()
    name = body.choice("granularity", GRAINS) or "HOUR"
    grain = GRAINS[name]
    end = body.instant("end")
    end = now + 1 if end is None else end
    start = body.instant("start")
    start = end - grain.usual if start is None else start
    if not start < end:
        body.reject("end", '"end" must lie after "start"')
    elif end - start > grain.longest:
        body.reject("start", f'"start" and "end" may be at most {grain.longest // DAY} days apart at this granularity')
    body.done()
    return grain, name, start, end
