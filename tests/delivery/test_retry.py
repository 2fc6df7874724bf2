import random

import pytest

from chalicelib.destinations.schedule import Schedule

HOUR = 3_600_000
FIRST = 1_800_000_000_000

# Per retry: the shortest and the longest delay, then the earliest and latest it may happen after the first attempt.
TABLE = [
    (60, 72, 60, 72),
    (120, 144, 180, 216),
    (240, 288, 420, 504),
    (480, 576, 900, 1_080),
    (960, 1_152, 1_860, 2_232),
    (1_920, 2_304, 3_780, 4_536),
    (2_700, 3_240, 6_480, 7_776),
    (2_700, 3_240, 9_180, 11_016),
    (2_700, 3_240, 11_880, 14_256),
]


class Constant:
    def __init__(self, value):
        self._value = value

    def random(self):
        return self._value


def offsets(source, seconds_per_attempt=0.0):
    """Seconds after the first attempt of every retry of a message that always fails."""
    schedule, now, attempts = Schedule(), FIRST, 1
    found: list[float] = []
    while True:
        now += round(seconds_per_attempt * 1_000)
        instant = schedule.next_at(attempts, FIRST, now, source)
        if instant is None:
            return found
        now = instant
        found.append((now - FIRST) / 1_000)
        attempts += 1


def test_ten_thousand_messages_keep_to_the_table():
    source = random.Random(7)
    for _ in range(10_000):
        found = offsets(source)
        assert len(found) == 9
        before = 0.0
        for at, (shortest, longest, earliest, latest) in zip(found, TABLE, strict=True):
            assert shortest <= round(at - before, 3) <= longest
            assert earliest <= at <= latest
            before = at


def test_messages_are_spread_over_the_whole_jitter():
    source = random.Random(7)
    first = [offsets(source)[0] for _ in range(2_000)]
    assert min(first) < 60.1
    assert max(first) > 71.9


@pytest.mark.parametrize(("draw", "column"), [(0.0, 2), (1.0, 3)])
def test_the_extremes_are_the_edges_of_the_table(draw, column):
    assert [round(at) for at in offsets(Constant(draw))] == [row[column] for row in TABLE]


def test_nine_retries_fit_even_when_every_attempt_takes_its_ten_seconds():
    assert len(offsets(Constant(0.999999), seconds_per_attempt=10)) == 9


def test_a_tenth_retry_never_happens_even_with_time_left():
    assert Schedule(cap=60).next_at(10, FIRST, FIRST + HOUR, Constant(0.0)) is None
    assert Schedule(retries=99).next_at(10, FIRST, FIRST + 11_880_000, Constant(0.0)) is None


def test_a_partner_can_only_lengthen_the_wait():
    soon, late = FIRST + 5_000, FIRST + HOUR
    assert Schedule().next_at(1, FIRST, FIRST, Constant(0.0), soon) == FIRST + 60_000
    assert Schedule().next_at(1, FIRST, FIRST, Constant(0.0), late) == late


def test_a_wait_beyond_the_deadline_is_no_wait():
    assert Schedule().next_at(1, FIRST, FIRST, Constant(0.0), FIRST + 4 * HOUR) == FIRST + 4 * HOUR
    assert Schedule().next_at(1, FIRST, FIRST, Constant(0.0), FIRST + 4 * HOUR + 1) is None
