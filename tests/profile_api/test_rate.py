"""Requests counted per second."""

import pytest

from chalicelib.clock import FixedClock
from chalicelib.errors import Unavailable
from chalicelib.profiles.rate import Rate
from chalicelib.store.memory import MemoryRecords
from tests.events import T0

SECOND = T0 // 1_000 * 1_000


@pytest.fixture
def clock():
    return FixedClock(SECOND)


def test_so_many_in_a_second_and_again_in_the_next(clock):
    rate = Rate(MemoryRecords(clock), clock, 3)
    assert [rate.admits("s") for _ in range(5)] == [True, True, True, False, False]
    clock.advance(999)
    assert not rate.admits("s")
    clock.advance(1)
    assert rate.admits("s")


def test_spaces_do_not_share_and_workers_do(clock):
    work = MemoryRecords(clock)
    first, second = Rate(work, clock, 1), Rate(work, clock, 1)
    assert first.admits("a")
    assert first.admits("b")
    assert not second.admits("a")


class Down(MemoryRecords):
    def add(self, *args, **options):
        raise Unavailable("down")


def test_without_a_limit_nothing_is_counted(clock):
    assert all(Rate(Down(clock), clock, 0).admits("s") for _ in range(1_000))


def test_who_cannot_be_counted_is_let_in(clock):
    assert Rate(Down(clock), clock, 1).admits("s")
