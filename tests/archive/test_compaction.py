"""Compaction: the files change, what they show does not."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.archive import event_files, profile_files, young_files
from chalicelib.archive.manifest import GRACE
from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.errors import NotFound
from tests.events import T0

from .people import Person, plan
from .storehouse import SPACE, Storehouse, sent

MIDNIGHT = T0 + 12 * HOUR
CLOSED = MIDNIGHT + 2 * DAY
LANDED = "events/landing/s/"
FILES = "events/parquet/s/"

pytestmark = pytest.mark.usefixtures("own_databases")


@pytest.fixture
def house(tmp_path: Path) -> Storehouse:
    return Storehouse(tmp_path)


def test_a_day_becomes_one_sorted_file_when_it_is_closed(house: Storehouse) -> None:
    house.land("b1", (sent("1", T0, "B"), "p2"), (sent("2", T0 + 5, "B"), "p1"), (sent("3", T0 + 3, "B"), "p1"))
    house.land("b2", (sent("4", T0, "A"), "p9"))
    before = house.events()
    house.clock.move_to(CLOSED - 1)
    house.compact()
    assert house.keys(FILES) == []
    house.clock.move_to(CLOSED)
    house.compact()
    (file,) = house.manifest.events.files
    assert (file.day, file.rows, file.last) == ("2026-03-01", 4, T0 + 5)
    assert house.keys(FILES) == [file.key]
    assert house.history.cut(SPACE).landings == ()
    assert house.rows("SELECT message_id FROM events") == [("4",), ("3",), ("2",), ("1",)]
    assert house.events() == before


def test_landing_objects_are_deleted_after_the_grace_and_not_before(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    cut = house.history.cut(SPACE)
    house.clock.move_to(CLOSED)
    house.compact()
    house.clock.advance(GRACE - 1)
    house.compact()
    assert len(house.keys(LANDED)) == 1
    assert house.events(cut=cut) == [("1", "p")]
    house.clock.advance(1)
    house.compact()
    assert house.keys(LANDED) == []
    assert house.manifest.events.consumed == ()
    with pytest.raises(NotFound):
        house.events(cut=cut)
    house.clock.advance(GRACE)
    house.compact()
    assert house.keys("manifests/") == ["manifests/s/manifest.json"]
    assert house.manifest.replaced == ()
    assert house.events() == [("1", "p")]


def test_what_lands_late_is_merged_into_its_day_and_replaced_files_outlive_their_readers(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"), (sent("2"), "hasty"))
    house.clock.move_to(CLOSED)
    house.compact()
    (first,) = house.manifest.events.files
    cut = house.history.cut(SPACE)
    house.land("b2", (sent("2"), "right"), (sent("3"), "q"))
    assert house.events() == [("1", "p"), ("2", "right"), ("3", "q")]
    house.compact()
    (second,) = house.manifest.events.files
    assert (second.rows, house.history.cut(SPACE).landings) == (3, ())
    assert house.events() == [("1", "p"), ("2", "right"), ("3", "q")]
    assert house.events(cut=cut) == [("1", "p"), ("2", "hasty")]
    house.clock.advance(GRACE)
    house.compact()
    assert house.keys(FILES) == [second.key] != [first.key]


def test_a_landing_that_is_written_anew_is_read_anew_and_outlives_the_one_before(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "hasty"))
    house.clock.move_to(CLOSED)
    house.compact()
    house.land("b1", (sent("1"), "right"))
    assert house.events() == [("1", "right")]
    house.clock.advance(GRACE - MINUTE)
    house.compact()
    house.clock.advance(MINUTE)
    house.compact()
    assert len(house.keys(LANDED)) == 1
    assert house.events() == [("1", "right")]


def test_a_repetition_is_dropped_from_a_file_that_was_written_before_the_first_arrival_landed(
    house: Storehouse,
) -> None:
    house.land("b2", (sent("m", MIDNIGHT), "p"), (sent("n", MIDNIGHT), "p"))
    house.clock.move_to(CLOSED + DAY)
    house.compact()
    house.land("b1", (sent("m", MIDNIGHT - 1), "p"))
    query = "SELECT message_id, received_at FROM events ORDER BY ALL"
    shown = house.rows(query)
    assert shown == [("m", MIDNIGHT - 1), ("n", MIDNIGHT)]
    house.compact()
    assert house.rows(query) == shown
    assert [(file.day, file.rows) for file in house.manifest.events.files] == [("2026-03-01", 1), ("2026-03-02", 1)]


def test_a_large_day_is_compacted_in_portions_into_several_files(
    house: Storehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(young_files, "PORTION", 500)
    monkeypatch.setattr(event_files, "PORTION", 500)
    monkeypatch.setattr(event_files, "SMALL", 0)
    for batch in range(6):
        house.land(f"b{batch}", *((sent(f"{batch}-{n}"), "p") for n in range(5)), (sent("same"), f"p{batch}"))
        house.clock.advance(1)
    before = house.events()
    house.clock.move_to(CLOSED)
    house.compact()
    assert len(house.manifest.events.files) > 2
    assert sum(file.rows for file in house.manifest.events.files) == 31
    assert house.events() == before
    assert ("same", "p5") in before


def test_a_space_keeps_events_as_long_as_it_wants(house: Storehouse) -> None:
    for day in range(5):
        house.land(f"b{day}", (sent(f"{day}", T0 + day * DAY), "p"))
        house.clock.advance(DAY)
    Person(house, "p").becomes(T0)
    house.compact()
    kept_for(house, 3)
    house.compact()
    assert [message for message, _ in house.events()] == ["2", "3", "4"]
    house.land("late", (sent("late", T0), "p"))
    house.compact()
    assert [message for message, _ in house.events()] == ["2", "3", "4"]
    house.clock.advance(GRACE)
    kept_for(house, None)
    house.compact()
    assert not [key for key in house.keys("events/") if "dt=2026-03-01" in key or "dt=2026-03-02" in key]
    assert [message for message, _ in house.events()] == ["2", "3", "4"]
    assert len(house.rows("SELECT * FROM profiles")) == 1


def kept_for(house: Storehouse, days: int | None) -> None:
    from chalicelib.archive.retention import keep

    keep(house.archive, SPACE, days)


def test_erased_people_vanish_from_the_files_within_days_and_from_the_list(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "gone"), (sent("2"), "p"), (sent("3"), None))
    for profile_id in ("gone", "p"):
        Person(house, profile_id).becomes(T0, traits=plan(profile_id))
    house.clock.move_to(CLOSED)
    house.compact()
    assert holding(house, "gone")
    house.erase("gone")
    for _ in range(12):
        house.clock.advance(DAY)
        house.compact()
        assert house.events() == [("2", "p"), ("3", None)]
        assert [row[0] for row in house.rows("SELECT profile_id FROM profiles")] == ["p"]
    assert house.keys("erasures/") == []
    assert holding(house, "gone") == []


def holding(house: Storehouse, profile_id: str) -> list[str]:
    """The keys of Parquet files with rows of this profile that are more than the mark of its deletion."""
    import duckdb

    found = []
    for key in [key for key in house.keys("") if key.endswith(".parquet")]:
        path = house.scratch / "look.parquet"
        house.archive.fetch(key, path)
        deleted = "NOT deleted AND" if key.startswith("profiles/") else ""
        query = f"SELECT count(*) FROM '{path}' WHERE {deleted} profile_id = '{profile_id}'"
        if duckdb.connect().execute(query).fetchall() != [(0,)]:
            found.append(key)
        path.unlink()
    return found


def test_history_is_read_through_for_erased_people_once_a_week_at_most(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    house.clock.move_to(CLOSED)
    house.compact()
    looked = []
    for day in range(30):
        house.erase(f"gone{day}")
        house.clock.advance(DAY)
        house.compact()
        looked.append(house.manifest.swept_at)
    assert 4 <= len(set(looked)) <= 5
    assert len(house.keys("erasures/")) <= 11


def test_snapshots_become_deltas_and_a_base_that_is_written_when_it_is_worth_it(
    house: Storehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(young_files, "PORTION", 400)
    monkeypatch.setattr(profile_files, "PORTION", 400)
    people = [Person(house, f"p{n:02}") for n in range(20)]
    for person in people:
        person.becomes(T0, traits=plan("free"))
    house.compact()
    base = house.manifest.base
    assert base is not None
    assert base.rows == 20
    people[0].becomes(T0 + DAY, traits=plan("pro"))
    monkeypatch.setattr(profile_files, "WORTH_A_BASE", 1_000)
    house.compact()
    assert house.manifest.base == base
    assert [file.rows for file in house.manifest.profiles.files] == [20, 1]
    query = "SELECT profile_id, version FROM profiles ORDER BY ALL LIMIT 2"
    assert house.rows(query) == [("p00", 2), ("p01", 1)]
    assert house.rows(query, as_of=T0) == [("p00", 1), ("p01", 1)]
    monkeypatch.setattr(profile_files, "WORTH_A_BASE", 0.01)
    house.compact()
    assert house.manifest.base != base
    assert house.rows(query) == [("p00", 2), ("p01", 1)]
    assert house.rows(query, as_of=T0) == [("p00", 1), ("p01", 1)]


def test_a_late_snapshot_does_not_bring_back_who_was_deleted(house: Storehouse) -> None:
    person = Person(house, "p")
    first = person.becomes(T0, traits=plan("free"))
    person.is_deleted(T0 + HOUR)
    house.compact()
    late: Any = first._replace(record_id="again")
    from chalicelib.delivery.snapshots import Snapshots

    Snapshots(house.archive, house.clock).land([late])
    for _ in range(2):
        assert house.rows("SELECT * FROM profiles") == []
        house.compact()


def test_athena_is_told_of_the_files_of_each_day(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    house.land("b2", (sent("2", T0 + DAY), "p"))
    Person(house, "p").becomes(T0)
    house.clock.move_to(CLOSED + DAY)
    house.compact()
    first, second = house.manifest.events.files
    (delta,) = house.manifest.profiles.files
    assert text(house, "athena/events/space=s/dt=2026-03-01/files") == f"memory://archive/{first.key}\n"
    assert text(house, "athena/events/space=s/dt=2026-03-02/files") == f"memory://archive/{second.key}\n"
    assert text(house, "athena/profiles/space=s/dt=2026-03-01/files") == f"memory://archive/{delta.key}\n"
    kept_for(house, 3)
    house.compact()
    assert house.keys("athena/events/") == ["athena/events/space=s/dt=2026-03-02/files"]


def text(house: Storehouse, key: str) -> str:
    return house.archive.get(key).decode()


def test_files_that_never_became_history_are_cleared_away(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    house.clock.move_to(CLOSED)
    house.compact()
    house.archive.put(f"{FILES}dt=2026-03-01/orphan.parquet", b"")
    house.clock.advance(GRACE - 1)
    house.compact()
    assert f"{FILES}dt=2026-03-01/orphan.parquet" in house.keys(FILES)
    house.clock.advance(1)
    house.compact()
    assert house.keys(FILES) == [file.key for file in house.manifest.events.files]
