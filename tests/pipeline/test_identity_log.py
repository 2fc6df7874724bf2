"""The log of what identity resolution decided out of the ordinary."""

import pytest

from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.errors import Invalid
from chalicelib.pipeline.identity_log import BLOCKED, MERGED, VALUE_LIMIT, Entry, IdentityLog
from chalicelib.store.memory import MemoryRecords
from tests.events import T0


class Stage:
    def __init__(self):
        self.clock = FixedClock(T0)
        self.log = IdentityLog(MemoryRecords(self.clock), self.clock)

    def write(self, *entries):
        self.log.write("s", entries)

    def messages(self, **filters):
        return [entry.message_id for entry in self.log.page("s", **filters).entries]


def entry(message_id, at=T0, kind=VALUE_LIMIT, **fields):
    return Entry(at=at, kind=kind, message_id=message_id, source_id="src", **fields)


def test_the_newest_come_first_across_days():
    stage = Stage()
    stage.write(entry("m1", T0 - 3 * DAY), entry("m3", T0), entry("m2", T0 - HOUR))
    assert stage.messages() == ["m3", "m2", "m1"]
    assert stage.log.page("other").entries == []


def test_the_same_entry_again_changes_nothing_and_two_of_one_event_stay_apart():
    stage = Stage()
    stage.write(entry("m1", type="email", value="e2"), entry("m1", type="anonymous_id", value="a9"))
    stage.write(entry("m1", type="email", value="e2"))
    assert stage.messages() == ["m1", "m1"]


def test_filters():
    stage = Stage()
    stage.write(
        entry("m1", T0 - 2, BLOCKED, value="null"), entry("m2", T0 - 1, MERGED), entry("m3", T0, BLOCKED, value="0")
    )
    assert stage.messages(kind=BLOCKED) == ["m3", "m1"]
    assert stage.messages(value="null") == ["m1"]
    assert stage.messages(since=T0 - 1) == ["m3", "m2"]
    assert stage.messages(until=T0) == ["m2", "m1"]
    assert stage.messages(since=T0 + 1) == []


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_walk_shows_each_entry_once(limit):
    stage = Stage()
    stage.write(*(entry(f"m{n}", T0 - n * 7 * HOUR) for n in range(12)))
    found, cursor = [], None
    while True:
        page = stage.log.page("s", limit=limit, cursor=cursor)
        found += [e.message_id for e in page.entries]
        assert len(page.entries) <= limit
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [f"m{n}" for n in range(12)]


def test_entries_end_after_thirty_days():
    stage = Stage()
    stage.write(entry("m1"))
    stage.clock.advance(30 * DAY - 1)
    assert stage.messages() == ["m1"]
    stage.clock.advance(1)
    assert stage.messages() == []


@pytest.mark.parametrize("cursor", ["x", "12", "x|y", "99999999999|y", "²|y"])
def test_a_cursor_nobody_gave_is_refused(cursor):
    with pytest.raises(Invalid):
        Stage().log.page("s", cursor=cursor)
