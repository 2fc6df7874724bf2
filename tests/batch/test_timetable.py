"""When computations of accounts run by themselves."""

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.batch.timetable import Planned, Timetable, cadence_of, shape
from chalicelib.clock import HOUR, MINUTE, FixedClock
from chalicelib.computations.computation import LINKED
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.ids import CountingIds
from chalicelib.store.memory import MemoryRecords
from chalicelib.tasks.cadence import Every, Weekly
from chalicelib.tasks.schedules import Schedules
from tests.events import T0
from tests.pipeline.shop import audience

from .firm import of_accounts, trait_of_accounts

BIG = of_accounts("big", "trait('seats') > 10")


def periodic(interval: Any) -> dict[str, Any]:
    return {"strategy": "PERIODIC", "config": {"interval": interval}}


def weekly(**config: Any) -> dict[str, Any]:
    return {
        "strategy": "SPECIFIC_DAYS",
        "config": {"days": [1, 5], "hours": [9], "timezone": "Europe/Berlin", **config},
    }


class Desk:
    def __init__(self) -> None:
        self.clock = FixedClock(T0)
        self.schedules = Schedules(MemoryRecords(self.clock), self.clock)
        self.timetable = Timetable(self.schedules, CountingIds(self.clock), self.clock)

    def of(self, computation: Any = BIG) -> Planned:
        planned = self.timetable.of(computation)
        assert planned is not None
        return planned


def test_every_eight_hours_unless_the_owner_says_otherwise() -> None:
    desk = Desk()
    before = desk.of()
    assert (before.cadence, before.next_at) == (Every(8 * HOUR), T0 + 4 * HOUR)  # noon: the next slot is at four
    assert list(desk.schedules.agenda.all()) == []
    desk.timetable.wake(BIG)
    assert desk.of() == before
    assert [row.at for row in desk.schedules.agenda.all()] == [T0 + 4 * HOUR]
    assert desk.timetable.get(BIG, before.id) == desk.of()
    desk.timetable.wake(BIG)
    assert desk.of().next_at == T0 + 4 * HOUR


def test_one_schedule_that_can_be_changed_removed_and_added_again() -> None:
    desk = Desk()
    first = desk.of()
    with pytest.raises(Conflict):
        desk.timetable.add(BIG, periodic("1h"))
    changed = desk.timetable.change(BIG, first.id, weekly())
    assert changed == desk.of() == Planned(first.id, Weekly((1, 5), (9,), "Europe/Berlin"), desk.of().next_at)
    desk.timetable.remove(BIG, first.id)
    assert desk.timetable.of(BIG) is None
    for gone in (first.id, "sch_other"):
        with pytest.raises(NotFound):
            desk.timetable.get(BIG, gone)
        with pytest.raises(NotFound):
            desk.timetable.change(BIG, gone, periodic("1h"))
        with pytest.raises(NotFound):
            desk.timetable.remove(BIG, gone)
    desk.timetable.wake(BIG)
    assert desk.timetable.of(BIG) is None
    again = desk.timetable.add(BIG, periodic("15m"))
    assert (again.cadence, again.next_at) == (Every(15 * MINUTE), T0 + 15 * MINUTE)
    assert again.id.startswith("sch_")
    assert again.id != first.id


def test_what_is_switched_off_sleeps_and_wakes_with_what_its_owner_chose() -> None:
    desk = Desk()
    desk.timetable.change(BIG, desk.of().id, periodic("1h"))
    desk.timetable.sleep(BIG.id)
    desk.timetable.sleep(BIG.id)
    assert desk.of().cadence == Every(HOUR)
    assert list(desk.schedules.agenda.all()) == []
    desk.clock.advance(90 * MINUTE)
    desk.timetable.wake(BIG)
    assert desk.of().next_at == T0 + 2 * HOUR
    desk.timetable.forget(BIG.id)
    assert desk.schedules.find(f"batch:{BIG.id}") is None


def test_a_schedule_is_not_due_while_its_computation_is_off() -> None:
    desk = Desk()
    desk.timetable.wake(BIG)
    off = of_accounts("big", BIG.query, enabled=False)
    assert desk.of(off).next_at is None


def test_a_schedule_sleeps_until_the_first_computation_is_through() -> None:
    desk = Desk()
    waiting = of_accounts("big", BIG.query, ready=False)
    changed = desk.timetable.change(waiting, desk.of(waiting).id, periodic("1h"))
    assert changed.next_at == desk.of(waiting).next_at == T0 + HOUR
    assert list(desk.schedules.agenda.all()) == []
    desk.timetable.wake(BIG)
    assert [row.at for row in desk.schedules.agenda.all()] == [T0 + HOUR]


@pytest.mark.parametrize("enabled", [False, True])
def test_that_of_a_linked_audience_names_slots_and_never_has_one(enabled: bool) -> None:
    desk, linked = Desk(), replace(BIG, scope=LINKED, enabled=enabled, ready=False)
    assert desk.timetable.of(linked) is None
    added = desk.timetable.add(linked, periodic("1h"))
    assert added == desk.of(linked) == Planned(added.id, Every(HOUR), T0 + HOUR)
    with pytest.raises(Conflict):
        desk.timetable.add(linked, periodic("1h"))
    assert desk.timetable.change(linked, added.id, weekly()).cadence == Weekly((1, 5), (9,), "Europe/Berlin")
    assert list(desk.schedules.agenda.all()) == []
    desk.timetable.remove(linked, added.id)
    assert desk.timetable.of(linked) is None


def test_what_is_kept_up_to_date_has_none() -> None:
    desk = Desk()
    users = audience("vip", "event('A').count() >= 1")
    assert desk.timetable.of(users) is None
    with pytest.raises(Invalid) as refused:
        desk.timetable.add(users, periodic("1h"))
    assert [problem.field for problem in refused.value.problems] == ["audienceType"]
    assert desk.of(trait_of_accounts("n", "event('A').count()")).cadence == Every(8 * HOUR)


@pytest.mark.parametrize("interval", ["15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"])
def test_intervals_read_as_they_are_written(interval: str) -> None:
    assert shape(Planned("sch_1", cadence_of(periodic(interval)), None)) == periodic(interval)


def test_days_read_as_they_are_written() -> None:
    written = weekly(days=[5, 1, 5], hours=[23, 0])
    assert shape(Planned("sch_1", cadence_of(written), None)) == {
        "strategy": "SPECIFIC_DAYS",
        "config": {"days": (1, 5), "hours": (0, 23), "timezone": "Europe/Berlin"},
    }


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (periodic("7m"), ["config.interval"]),
        (periodic(60), ["config.interval"]),
        (periodic(None), ["config.interval"]),
        (weekly(days=[9]), ["config.days"]),
        (weekly(days=[]), ["config.days"]),
        (weekly(days=[True]), ["config.days"]),
        (weekly(days="1"), ["config.days"]),
        (weekly(hours=[24]), ["config.hours"]),
        (weekly(hours=[-1], days=[7]), ["config.days", "config.hours"]),
        (weekly(hours=None), ["config.hours"]),
        (weekly(timezone="Mars/X"), ["config.timezone"]),
        (weekly(timezone=""), ["config.timezone"]),
        (weekly(timezone="../etc/passwd"), ["config.timezone"]),
        ({"strategy": "PERIODIC", "config": None}, ["config"]),
        ({"strategy": "PERIODIC"}, ["config"]),
        ({"strategy": "DAILY", "config": {"interval": "1h"}}, ["strategy"]),
        ({"config": {"interval": "1h"}}, ["strategy"]),
        ({"strategy": "periodic", "config": "1h"}, ["strategy", "config"]),
        ({}, ["strategy", "config"]),
    ],
)
def test_what_is_wrong_is_named(content: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        cadence_of(content)
    assert [problem.field for problem in refused.value.problems] == fields
