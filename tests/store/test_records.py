"""Records: versions, pages, expiry and counters."""

import pytest

from chalicelib.clock import FixedClock
from chalicelib.errors import Conflict, VersionConflict
from chalicelib.records import Key, Record, Records, every
from tests.store.conftest import NOON


def test_a_record_is_created_once(records: Records, space: str) -> None:
    key = Key(space, "a")
    assert records.create(key, b"one") == Record(key, b"one", 1)
    with pytest.raises(Conflict):
        records.create(key, b"two")
    assert records.get(key) == Record(key, b"one", 1)


def test_nothing_is_found_where_nothing_is(records: Records, space: str) -> None:
    assert records.get(Key(space, "a")) is None
    assert records.get_many([Key(space, "a")]) == {}
    assert records.page(space) == ([], None)
    assert records.counters(Key(space, "a")) == {}
    records.delete(Key(space, "a"))


def test_of_two_replacements_of_one_version_the_second_fails(records: Records, space: str) -> None:
    first = records.create(Key(space, "a"), b"one")
    second = records.replace(first, b"two")
    assert second == Record(Key(space, "a"), b"two", 2)
    with pytest.raises(VersionConflict):
        records.replace(first, b"three")
    assert records.replace(second, b"four").version == 3


def test_what_is_gone_cannot_be_replaced(records: Records, space: str) -> None:
    record = records.create(Key(space, "a"), b"one")
    records.delete(record.key)
    with pytest.raises(VersionConflict):
        records.replace(record, b"two")
    assert records.get(record.key) is None


def test_a_put_is_seen_by_whoever_meant_to_replace(records: Records, space: str) -> None:
    key = Key(space, "a")
    records.put(key, b"one")
    before = records.get(key)
    records.put(key, b"two")
    assert before is not None
    with pytest.raises(VersionConflict):
        records.replace(before, b"three")
    assert records.get(key) == Record(key, b"two", 2)


def test_empty_data_is_data(records: Records, space: str) -> None:
    records.put(Key(space, "a"), b"")
    assert records.get(Key(space, "a")) == Record(Key(space, "a"), b"", 1)


def test_many_records_at_once(records: Records, space: str) -> None:
    keys = [Key(space, f"{n:03d}") for n in range(130)]
    for key in keys[::40]:
        records.create(key, key.sort.encode())
    found = records.get_many([*keys, *keys[:5], Key(space + "x", "000")])
    assert {key: record.data for key, record in found.items()} == {key: key.sort.encode() for key in keys[::40]}


def test_pages_are_in_byte_order_under_a_prefix(records: Records, space: str) -> None:
    for sort in ("b", "a/2", "a/10", "a/é", "a/z", "a", "a0"):
        records.create(Key(space, sort), sort.encode())
    records.create(Key(space + "x", "a/3"), b"elsewhere")
    assert [record.key.sort for record in every(records, space, "a/")] == ["a/10", "a/2", "a/z", "a/é"]
    sorts: list[str] = []
    cursor: str | None = None
    while True:
        page = records.page(space, "a", limit=2, cursor=cursor)
        assert len(page.records) <= 2
        sorts.extend(record.key.sort for record in page.records)
        cursor = page.cursor
        if cursor is None:
            break
    assert sorts == ["a", "a/10", "a/2", "a/z", "a/é", "a0"]


def test_an_expired_record_is_as_good_as_gone(records: Records, space: str, clock: FixedClock) -> None:
    key = Key(space, "a")
    record = records.create(key, b"one", expires_at=NOON + 5_000)
    records.create(Key(space, "b"), b"stays")
    clock.advance(4_999)
    assert records.get(key) == record
    clock.advance(1)
    assert records.get(key) is None
    assert records.get_many([key]) == {}
    assert [found.key.sort for found in records.page(space).records] == ["b"]
    with pytest.raises(VersionConflict):
        records.replace(record, b"two")
    assert records.create(key, b"anew").data == b"anew"
    assert records.get(key) == Record(key, b"anew", 1)


def test_expiry_counts_in_whole_seconds_and_never_too_early(records: Records, space: str, clock: FixedClock) -> None:
    records.put(Key(space, "a"), b"one", expires_at=NOON + 1)
    clock.advance(999)
    assert records.get(Key(space, "a")) is not None
    clock.advance(1)
    assert records.get(Key(space, "a")) is None


def test_a_write_sets_the_expiry_anew(records: Records, space: str, clock: FixedClock) -> None:
    record = records.create(Key(space, "a"), b"one", expires_at=NOON + 1_000)
    replaced = records.replace(record, b"two")
    records.put(Key(space, "b"), b"one", expires_at=NOON + 1_000)
    records.put(Key(space, "b"), b"two", expires_at=NOON + 9_000)
    clock.advance(5_000)
    assert records.get(Key(space, "a")) == replaced
    assert records.get(Key(space, "b")) is not None


def test_counters_add_up(records: Records, space: str) -> None:
    key = Key(space, "sizes")
    assert records.add(key, {"aud_1": 2, "a.b#c": 1}) == {"aud_1": 2, "a.b#c": 1}
    assert records.add(key, {"aud_1": -3}) == {"aud_1": -1, "a.b#c": 1}
    assert records.counters(key) == {"aud_1": -1, "a.b#c": 1}


def test_a_counter_is_no_record_but_takes_its_key(records: Records, space: str) -> None:
    records.add(Key(space, "a"), {"n": 1})
    assert records.get(Key(space, "a")) is None
    assert records.page(space).records == []
    with pytest.raises(Conflict):
        records.create(Key(space, "a"), b"one")


def test_expired_counters_begin_at_zero(records: Records, space: str, clock: FixedClock) -> None:
    key = Key(space, "a")
    records.add(key, {"n": 5}, expires_at=NOON + 1_000)
    records.add(key, {"n": 1})
    assert records.counters(key) == {"n": 6}
    clock.advance(1_000)
    assert records.counters(key) == {}
    assert records.add(key, {"n": 2}, expires_at=NOON + 9_000) == {"n": 2}
    assert records.counters(key) == {"n": 2}


def test_counters_of_a_partition_are_found_by_prefix(records: Records, space: str, clock: FixedClock) -> None:
    for sort in ("hour#2", "hour#1", "day#1"):
        records.add(Key(space, sort), {"n": 1, "delivered.a@b": int(sort[-1])})
    records.add(Key(space, "hour#0"), {"n": 7}, expires_at=NOON + 1_000)
    records.create(Key(space, "hour#3"), b"no counter")
    assert list(records.counted(space, "hour#")) == ["hour#0", "hour#1", "hour#2"]
    clock.advance(1_000)
    assert records.counted(space, "hour#") == {
        "hour#1": {"n": 1, "delivered.a@b": 1},
        "hour#2": {"n": 1, "delivered.a@b": 2},
    }
    assert records.counted(space).keys() == {"day#1", "hour#1", "hour#2"}
    assert records.counted(space, "none#") == {}
