"""When computations of accounts run: each has at most one schedule."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...batch.timetable import Timetable
from .audiences import AUDIENCE, find_audience
from .computed_traits import TRAIT, find_trait
from .endpoint import SUCCESS, Call, endpoint
from .planned import schedule, schedules_of
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

SCHEDULES = "/schedules"
SCHEDULE = SCHEDULES + "/{schedule_id}"


@endpoint(routes, "GET", AUDIENCE + SCHEDULES, versions=ALPHA_ONLY)
def list_audience_schedules(call: Call) -> dict[str, Any]:
    return {"audienceSchedules": schedules_of(find_audience(call))}


@endpoint(routes, "POST", AUDIENCE + SCHEDULES, versions=ALPHA_ONLY)
def add_audience_schedule(call: Call) -> dict[str, Any]:
    return {"audienceSchedule": schedule(_timetable().add(find_audience(call), call.content()))}


@endpoint(routes, "GET", AUDIENCE + SCHEDULE, versions=ALPHA_ONLY)
def get_audience_schedule(call: Call) -> dict[str, Any]:
    return {"audienceSchedule": schedule(_timetable().get(find_audience(call), call.id("schedule_id")))}


@endpoint(routes, "PATCH", AUDIENCE + SCHEDULE, versions=ALPHA_ONLY)
def update_audience_schedule(call: Call) -> dict[str, Any]:
    changed = _timetable().change(find_audience(call), call.id("schedule_id"), call.content())
    return {"audienceSchedule": schedule(changed)}


@endpoint(routes, "DELETE", AUDIENCE + SCHEDULE, versions=ALPHA_ONLY)
def remove_audience_schedule(call: Call) -> dict[str, Any]:
    _timetable().remove(find_audience(call), call.id("schedule_id"))
    return SUCCESS


@endpoint(routes, "GET", TRAIT + SCHEDULES)
def list_computed_trait_schedules(call: Call) -> dict[str, Any]:
    return {"schedules": schedules_of(find_trait(call))}


@endpoint(routes, "POST", TRAIT + SCHEDULES)
def add_computed_trait_schedule(call: Call) -> dict[str, Any]:
    return {"schedule": schedule(_timetable().add(find_trait(call), call.content()))}


@endpoint(routes, "PATCH", TRAIT + SCHEDULE)
def update_computed_trait_schedule(call: Call) -> dict[str, Any]:
    changed = _timetable().change(find_trait(call), call.id("schedule_id"), call.content())
    return {"schedule": schedule(changed)}


@endpoint(routes, "DELETE", TRAIT + SCHEDULE)
def remove_computed_trait_schedule(call: Call) -> dict[str, Any]:
    _timetable().remove(find_trait(call), call.id("schedule_id"))
    return SUCCESS


def _timetable() -> Timetable:
    return bootstrap.current().timetable
