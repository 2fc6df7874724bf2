from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.pipeline.discards import UNKNOWN, Discards
from chalicelib.store.memory.records import MemoryRecords

from ..events import T0


class CountingRecords(MemoryRecords):
    writes = 0

    def add(self, *args, **kwargs):
        self.writes += 1
        return super().add(*args, **kwargs)


def test_counts_add_up_by_code_and_scope():
    clock = FixedClock(T0)
    discards = Discards(MemoryRecords(clock), clock)
    discards.count("src", {"a": 1, "b": 2})
    discards.count("src", {"a": 1})
    discards.count(UNKNOWN, {"c": 1})
    assert discards.of("src") == {"a": 2, "b": 2}
    assert discards.of(UNKNOWN) == {"c": 1}
    assert discards.of("other") == {}


def test_nothing_to_count_costs_no_write_and_much_costs_one():
    records = CountingRecords(FixedClock(T0))
    discards = Discards(records, FixedClock(T0))
    discards.count("src", {})
    assert records.writes == 0
    discards.count("src", {"a": 1, "b": 2, "c": 3})
    assert records.writes == 1


def test_days_are_utc_days_and_end_after_thirty():
    clock = FixedClock(T0)  # noon
    discards = Discards(MemoryRecords(clock), clock)
    discards.count("src", {"a": 1})
    clock.advance(13 * HOUR)
    discards.count("src", {"a": 10})
    assert discards.of("src", days=1) == {"a": 10}
    assert discards.of("src", days=2) == {"a": 11}
    clock.advance(28 * DAY)
    assert discards.of("src") == {"a": 11}
    clock.advance(1 * DAY)
    assert discards.of("src") == {"a": 10}
    assert discards.of("src", days=10_000) == {"a": 10}


def test_expired_counters_are_gone_from_the_store():
    clock = FixedClock(T0)
    records = MemoryRecords(clock)
    Discards(records, clock).count("src", {"a": 1})
    clock.advance(31 * DAY)
    late = Discards(records, FixedClock(T0))
    assert late.of("src") == {}
