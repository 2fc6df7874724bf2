"""Sizes as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.alerts.history import KEPT, SizeHistory
from chalicelib.clock import DAY, HOUR, MINUTE, FixedClock
from chalicelib.delivery.sizes import Sizes, sized_spaces
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import Head, Outcome
from chalicelib.store.memory import MemoryRecords
from tests.events import T0

MIDNIGHT = T0 // DAY * DAY


class Now:
    """Sizes that are what they are told to be."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def of(self, space_id: str) -> dict[str, int]:
        return dict(self.sizes)


class World:
    def __init__(self, start: int = MIDNIGHT) -> None:
        self.clock = FixedClock(start)
        self.work = MemoryRecords(self.clock)
        self.now = Now()
        self.history = SizeHistory(self.work, self.now, self.clock)

    def pass_hours(self, *counts: int | None) -> None:
        """What somebody has at the start of each hour; nobody looks in an hour of None."""
        for count in counts:
            if count is not None:
                self.now.sizes = {"aud": count} if count else {}
                self.clock.advance(20_000)
                self.history.note("s")
                self.clock.advance(-20_000)
            self.clock.advance(HOUR)

    def hours(self, start: int, end: int) -> list[tuple[int, int]]:
        points = self.history.hours("s", MIDNIGHT + start * HOUR, MIDNIGHT + end * HOUR)
        return [((point.at - MIDNIGHT) // HOUR, point.sizes.get("aud", 0)) for point in points]

    def records(self) -> int:
        return len(self.work._items)


@pytest.fixture
def world():
    return World()


def test_each_hour_has_what_was_noted_in_it(world):
    world.pass_hours(3, 4, 4, 0, 7)
    assert world.hours(0, 24) == [(0, 3), (1, 4), (2, 4), (3, 0), (4, 7), (5, 7)]
    assert world.hours(1, 3) == [(1, 4), (2, 4)]
    assert world.hours(-3, 1) == [(0, 3)]


def test_an_hour_that_nobody_looked_in_has_what_was_known_last(world):
    world.pass_hours(3, None, 5)
    assert world.hours(0, 3) == [(0, 3), (1, 3), (2, 5)]


def test_what_does_not_change_is_written_once_a_day(world):
    world.pass_hours(*[5] * 24)
    one_day = world.records()
    world.pass_hours(*[5] * 24)
    assert world.records() - one_day == 2
    assert [count for _, count in world.hours(0, 48)] == [5] * 48


@given(st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=80))
def test_hours_and_days_are_what_was_seen(counts):
    world = World()
    world.pass_hours(*counts)
    seen, present = {}, None
    for hour, count in enumerate([*counts, None]):
        present = count if count is not None else present
        if present is not None:
            seen[hour] = present
    assert dict(world.hours(0, len(counts) + 1)) == seen
    days = world.history.days("s", MIDNIGHT, MIDNIGHT + 10 * DAY)
    first: dict[int, int] = {}
    for hour, count in enumerate(counts):
        if count is not None:
            first.setdefault(hour // 24, count)
    assert all(point.at % DAY == 0 for point in days)
    assert {point.at: point.sizes.get("aud", 0) for point in days}.items() >= {
        MIDNIGHT + day * DAY: count for day, count in first.items()
    }.items()


def test_hours_are_forgotten_after_two_weeks_and_days_are_not(world):
    world.pass_hours(*[n % 2 for n in range(24 * 17)])
    hours = world.hours(0, 24 * 17)
    assert hours[0][0] <= 24 * 2 + 1
    assert len(hours) >= 14 * 24
    assert len(world.history.days("s", MIDNIGHT, world.clock.now())) == 17


def test_yesterday_is_not_what_was_noted_days_ago(world):
    world.pass_hours(1)
    world.clock.advance(DAY)
    assert world.history.a_day_ago("s") == {"aud": 1}
    world.clock.advance(2 * DAY)
    assert world.history.a_day_ago("s") is None
    assert KEPT > 14 * DAY


def test_spaces_are_listed_once_somebody_was_counted():
    clock = FixedClock(T0)
    work = MemoryRecords(clock)
    sizes = Sizes(work)
    assert sized_spaces(work) == []
    head = Head(outcomes={"a": Outcome(True, "aud_1", T0)})
    for n in range(20):
        sizes.apply([ProfileChange(f"r{n}", f"s{n % 2}", f"use_{n}", 1, None, None, head)])
    assert sized_spaces(work) == ["s0", "s1"]
    clock.advance(10 * MINUTE)
    assert SizeHistory(work, sizes, clock).spaces() == ["s0", "s1"]
