"""Rows: written once, read newest first, kept for 90 days."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.audit import trail as module
from chalicelib.audit.row import Row
from chalicelib.audit.trail import KEPT, Filter, Trail
from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.errors import Invalid
from chalicelib.store.memory import MemoryRecords
from tests.workspace.crashing import CrashingRecords, Killed

NOW = 1_767_268_800_000  # 2026-01-01T12:00:00Z


class Heard:
    def __init__(self):
        self.rows = []

    def announce(self, row):
        self.rows.append(row)


class Counting(MemoryRecords):
    """Counts the queries."""

    queries = 0

    def page(self, *args, **more):
        self.queries += 1
        return super().page(*args, **more)


def row(id="evt_1", at=NOW, workspace_id="w", **more):
    fields = {"action": "Source Created", "resource_type": "source", "resource_id": "src", "resource_name": "Shop"}
    return Row(id=id, at=at, workspace_id=workspace_id, path="sources/src", **fields | more)


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def records(clock):
    return Counting(clock)


@pytest.fixture
def trail(records, heard, clock):
    return Trail(records, heard, clock)


def ids(trail, filter=None, limit=100, workspace_id="w"):
    """All of them, over as many pages as it takes."""
    found, cursor = [], None
    while True:
        page = trail.read(workspace_id, filter or Filter(), limit, cursor)
        assert len(page.rows) <= limit
        found += [one.id for one in page.rows]
        cursor = page.cursor
        if cursor is None:
            return found


def test_a_row_is_read_as_it_was_written(trail):
    written = row(space_id="spa", actor="tok", subject="tokens/tok", details={"attempt": 1}, transient=True)
    trail.write(written)
    assert trail.read("w", Filter(), 10).rows == [written]


def test_a_row_is_written_once(trail, heard):
    trail.write(row())
    trail.write(row(resource_name="judged differently", transient=True))
    assert [one.resource_name for one in trail.read("w", Filter(), 10).rows] == ["Shop"]
    assert [one.transient for one in heard.rows] == [False, False]


def test_what_nobody_asked_to_be_told_is_written_only(trail, heard):
    trail.write(row(transient=True))
    assert heard.rows == []
    assert ids(trail) == ["evt_1"]


def test_rows_of_many_days_come_newest_first_whatever_the_size_of_a_page(trail):
    instants = [NOW - hour * HOUR for hour in range(0, 24 * 12, 7)]
    shuffled = random.Random(1).sample(instants, len(instants))
    for at in shuffled:
        trail.write(row(f"evt_{at}", at))
    expected = [f"evt_{at}" for at in instants]
    for limit in (1, 2, 7, len(instants), 1_000):
        assert ids(trail, limit=limit) == expected


def test_days_without_rows_cost_nothing(trail, records):
    trail.write(row("new", NOW))
    trail.write(row("old", NOW - 80 * DAY))
    records.queries = 0
    assert ids(trail) == ["new", "old"]
    assert records.queries == 3  # the days, and the two of them


def test_the_last_page_says_so(trail):
    for number in range(4):
        trail.write(row(f"evt_{number}", NOW - number))
    page = trail.read("w", Filter(), 4)
    assert (len(page.rows), page.cursor) == (4, None)


def test_rows_are_gone_after_ninety_days(trail, clock):
    trail.write(row("old", NOW))
    clock.advance(KEPT - 1_000)
    trail.write(row("new", clock.now()))
    assert ids(trail) == ["new", "old"]
    clock.advance(2_000)
    assert ids(trail) == ["new"]


def test_what_is_told_too_late_is_not_written(trail, heard):
    trail.write(row(at=NOW - KEPT))
    assert ids(trail) == []
    assert heard.rows == []


def test_workspaces_are_apart(trail):
    trail.write(row("mine"))
    trail.write(row("theirs", workspace_id="w#1"))
    assert ids(trail) == ["mine"]


def test_each_filter_lets_pass_what_it_names(trail):
    wanted = row(
        "wanted", NOW, resource_id="a", resource_type="audience", action="Audience Created", actor="t", space_id="s"
    )
    trail.write(wanted)
    trail.write(row("other", NOW - 1))
    named: dict[str, Any] = {
        "resource_id": "a",
        "resource_type": "AUDIENCE",
        "action": "Audience Created",
        "actor": "t",
        "space_id": "s",
        "since": NOW,
    }
    for name, value in named.items():
        assert ids(trail, Filter(**{name: value})) == ["wanted"]
    assert ids(trail, Filter(until=NOW)) == ["other"]


@given(st.lists(st.integers(0, 5 * DAY), max_size=20, unique=True), st.integers(0, 5 * DAY), st.integers(0, 5 * DAY))
def test_a_period_has_its_start_and_not_its_end(ages, first, second):
    clock = FixedClock(NOW)
    trail = Trail(MemoryRecords(clock), Heard(), clock)
    for age in ages:
        trail.write(row(f"evt_{age}", NOW - age))
    since, until = NOW - max(first, second), NOW - min(first, second)
    expected = [f"evt_{age}" for age in sorted(ages) if since <= NOW - age < until]
    assert ids(trail, Filter(since=since, until=until), limit=3) == expected


def test_a_filter_that_little_passes_looks_at_so_many_rows_and_no_more(trail, monkeypatch):
    monkeypatch.setattr(module, "EXAMINED", 5)
    for number in range(12):
        trail.write(row(f"evt_{number:02d}", NOW - number, actor="rare" if number == 11 else "often"))
    page = trail.read("w", Filter(actor="rare"), 10)
    assert page.rows == []
    assert page.cursor is not None
    assert ids(trail, Filter(actor="rare")) == ["evt_11"]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1|", "-1|a", "9999999|a", "²|a"])
def test_a_cursor_nobody_gave_is_refused(trail, cursor):
    with pytest.raises(Invalid):
        trail.read("w", Filter(), 10, cursor)


def test_a_row_that_could_not_be_told_of_is_told_by_the_next_call(trail, heard):
    def down(row):
        raise RuntimeError

    announce, heard.announce = heard.announce, down
    with pytest.raises(RuntimeError):
        trail.write(row())
    heard.announce = announce
    trail.write(row())
    assert [one.id for one in heard.rows] == ["evt_1"]
    assert ids(trail) == ["evt_1"]


def test_a_death_at_any_write_leaves_no_row_that_is_not_found(clock, heard):
    for calls in range(3):
        for after in (False, True):
            records = MemoryRecords(clock)
            crashing = CrashingRecords(records, calls, after=after)
            try:
                Trail(crashing, heard, clock).write(row())
            except Killed:
                Trail(records, heard, clock).write(row())
            assert ids(Trail(records, heard, clock)) == ["evt_1"]
