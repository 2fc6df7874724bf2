"""Counting by the minute and reading by the hour, whatever is folded when."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR, MINUTE, FixedClock
from chalicelib.delivery.counters import (
    KEPT,
    Counters,
    Name,
    bucket_end,
    counter,
    latency_bucket,
    name_of,
    percentile,
)
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemoryRecords

from .post import delivery
from .world import NOW

START = NOW // DAY * DAY


@pytest.fixture(params=["memory", "aws"])
def made(request):
    clock = FixedClock(START)
    if request.param == "memory":
        return Counters(MemoryRecords(clock), clock), clock
    cloud = request.getfixturevalue("cloud")
    return Counters(DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock), clock), clock


def test_a_counter_tells_what_it_counts():
    one = delivery(payload={"type": "track", "event": "Audience|Entered" + "x" * 100})
    text = counter(one, "discarded", "503")
    assert name_of(text) == Name(
        "discarded",
        "503",
        one.connection_id[-10:],
        one.computation_id[-10:],
        "track",
        ("Audience|Entered" + "x" * 100)[:60],
    )
    assert name_of("delivered") == Name("delivered")
    assert name_of(Name("delivered", connection="c").text()) == Name("delivered", connection="c")


def test_hours_are_the_sums_of_their_minutes_before_and_after_folding(made):
    counters, clock = made
    expected: dict[int, int] = {}
    for step in range(60):
        at = START + step * 23 * MINUTE
        clock.move_to(at)
        counters.add("fold", {"delivered": step + 1, "nothing": 0}, at)
        expected[at // HOUR * HOUR] = expected.get(at // HOUR * HOUR, 0) + step + 1
    until = clock.now() + 1
    for _ in range(3):
        found = counters.by_hour("fold", START, until)
        assert {hour: counts["delivered"] for hour, counts in found.items()} == expected
        clock.advance(20 * MINUTE)
    assert counters.by_hour("fold", START + 2 * HOUR, START + 4 * HOUR).keys() == {START + 2 * HOUR, START + 3 * HOUR}


def test_minutes_are_read_one_by_one(made):
    counters, _ = made
    for minute in (0, 1, 59, 60, 61):
        counters.add("minutes", {"delivered": 1}, START + minute * MINUTE)
    found = counters.by_minute("minutes", START + MINUTE, START + 61 * MINUTE)
    assert [(at - START) // MINUTE for at in sorted(found)] == [1, 59, 60]


def test_what_comes_late_within_its_hour_is_not_lost(made):
    counters, clock = made
    counters.add("late", {"delivered": 1}, START)
    clock.move_to(START + HOUR + 5 * MINUTE)
    assert counters.by_hour("late", START, clock.now())[START]["delivered"] == 1
    counters.add("late", {"delivered": 1}, START + 59 * MINUTE)
    clock.move_to(START + 3 * HOUR)
    assert counters.by_hour("late", START, clock.now())[START]["delivered"] == 2


def test_nothing_is_kept_for_ever():
    clock = FixedClock(START)
    counters = Counters(MemoryRecords(clock), clock)
    counters.add("d", {"delivered": 1}, START)
    clock.move_to(START + 2 * HOUR)
    counters.by_hour("d", START, clock.now())
    clock.move_to(START + KEPT + HOUR)
    assert counters.by_hour("d", START, clock.now()) == {}


@given(st.lists(st.tuples(st.integers(0, 5 * 24 * 60), st.booleans()), max_size=40))
def test_reading_in_between_changes_no_sum(steps):
    clock = FixedClock(START)
    counters = Counters(MemoryRecords(clock), clock)
    minutes = sorted(minute for minute, _ in steps)
    for minute, (_, reads) in zip(minutes, steps, strict=True):
        clock.move_to(START + minute * MINUTE)
        counters.add("d", {"delivered": 1}, clock.now())
        if reads:
            counters.by_hour("d", START, clock.now() + 1)
    found = counters.by_hour("d", START, clock.now() + 1)
    assert sum(counts["delivered"] for counts in found.values()) == len(minutes)
    for hour, counts in found.items():
        assert counts["delivered"] == sum(hour <= START + minute * MINUTE < hour + HOUR for minute in minutes)


@pytest.mark.parametrize("milliseconds", [0, 1, 99, 100, 101, 5_000, 60_000, 4 * HOUR, 14 * DAY])
def test_a_latency_lies_in_its_bucket(milliseconds):
    bucket = int(latency_bucket(milliseconds).removeprefix("latency."))
    assert milliseconds <= bucket_end(bucket)
    assert bucket == 0 or milliseconds > bucket_end(bucket - 1)


def test_a_percentile_is_right_within_its_bucket():
    source = random.Random(5)
    values = sorted(round(source.lognormvariate(7, 1)) for _ in range(5_000))
    counts: dict[int, int] = {}
    for value in values:
        bucket = int(latency_bucket(value).removeprefix("latency."))
        counts[bucket] = counts.get(bucket, 0) + 1
    found, exact = percentile(counts, 0.95), values[round(0.95 * len(values))]
    assert found is not None
    assert abs(found - exact) / exact < 0.1
    assert percentile({}, 0.95) is None
