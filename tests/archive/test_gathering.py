"""Gathering: what landed is in few files, and shows the same."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.archive import young_files
from chalicelib.archive.gathering import EVERY, SHORTEST_PAUSE, WAITING, pause
from chalicelib.archive.manifest import GRACE
from chalicelib.archive.retention import keep
from chalicelib.archive.young_files import FAN_IN, LONGEST_LANDING
from chalicelib.clock import DAY, HOUR, MINUTE, SECOND, FixedClock
from chalicelib.deadline import NoDeadline
from chalicelib.errors import NotFound, VersionConflict
from chalicelib.pipeline.landing import Landed, land
from chalicelib.profiles.ports import Stored
from chalicelib.store.memory import MemoryArchive
from chalicelib.tasks.kind import Cursor, Done, Later
from chalicelib.tasks.task import Step, Task
from tests.events import T0

from .people import Person, plan
from .storehouse import SPACE, Storehouse, sent

MIDNIGHT = T0 + 12 * HOUR
EMPTY = gzip.compress(b"", mtime=0)


class Counting(MemoryArchive):
    """Counts the objects it lists and the calls that change it."""

    listed = changed = 0

    def stat(self, prefix: str, after: str = "", most: int | None = None) -> list[Stored]:
        found = super().stat(prefix, after, most)
        self.listed += len(found)
        return found

    def put(self, *arguments: Any) -> None:
        self.changed += 1
        super().put(*arguments)


@pytest.fixture
def house(tmp_path: Path) -> Storehouse:
    clock = FixedClock(T0)
    return Storehouse(tmp_path, Counting(clock), clock)


def shown(house: Storehouse) -> list[Any]:
    people = house.rows("SELECT profile_id, version, traits FROM profiles ORDER BY ALL")
    return [house.events(), house.candidates(), people]


def test_what_landed_is_gathered_as_it_landed_by_day(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "hasty"), (sent("2"), "p"), (sent("3", MIDNIGHT), "p"))
    house.clock.advance(MINUTE)
    house.land("b2", (sent("1"), "right"))
    house.land("b3", (sent("2", T0 + SECOND), "p"))
    before = shown(house)
    assert before[:2] == [
        [("1", "right"), ("2", "p"), ("3", "p")],
        [("1", "hasty"), ("1", "right"), ("2", "p"), ("3", "p")],
    ]
    house.gather()
    gathered = house.manifest.events.gathered
    assert [(file.day, file.rows, file.last) for file in gathered] == [
        ("2026-03-01", 4, T0 + SECOND),
        ("2026-03-02", 1, MIDNIGHT),
    ]
    cut = house.history.cut(SPACE)
    assert (cut.landings, cut.gathered, cut.files) == ((), gathered, ())
    assert shown(house) == before


def test_snapshots_of_profiles_are_gathered_too(house: Storehouse) -> None:
    person = Person(house, "p")
    for value in ("free", "pro"):
        person.becomes(house.clock.now(), traits=plan(value))
        house.gather()
        house.clock.advance(MINUTE)
    person.becomes(house.clock.now(), traits=plan("max"))
    cut = house.history.cut(SPACE)
    assert (len(cut.gathered_snapshots), len(cut.snapshots)) == (2, 1)
    assert house.rows("SELECT version, traits FROM profiles") == [(3, '{"plan":"max"}')]
    assert house.rows("SELECT version FROM profiles", as_of=T0) == [(1,)]


def test_only_what_landed_of_late_is_listed(house: Storehouse) -> None:
    archive = house.archive
    assert isinstance(archive, Counting)
    for number in range(120):
        house.land(f"b{number}", (sent(f"{number}", house.clock.now()), "p"))
        house.clock.advance(MINUTE)
        if number % 10 == 9:
            house.gather()
    house.land("new", (sent("new", house.clock.now()), "p"))
    archive.listed = 0
    assert [landed.minute for landed in house.history.cut(SPACE).landings] == ["2026-03-01T14:00"]
    assert archive.listed == 1 + LONGEST_LANDING // MINUTE
    assert len(house.events()) == 121


def test_where_nothing_landed_nothing_is_changed(house: Storehouse) -> None:
    archive = house.archive
    assert isinstance(archive, Counting)
    house.gather()
    assert archive.changed == 0
    house.land("b", (sent("1"), "p"))
    house.gather()
    changed = archive.changed
    house.clock.advance(HOUR)
    house.gather()
    assert archive.changed == changed


def test_an_object_that_is_written_anew_is_gathered_anew(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    house.gather()
    house.clock.advance(SECOND)
    house.land("b1", (sent("1"), "p"))
    assert len(house.keys("events/landing/")) == len(house.history.cut(SPACE).landings) == 1
    query = "SELECT landed_at FROM events"
    assert house.rows(query) == [(T0 + SECOND,)]
    house.gather()
    assert house.history.cut(SPACE).landings == ()
    assert house.rows(query) == [(T0 + SECOND,)]


def test_what_has_another_key_than_landing_objects_is_none(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    (key,) = house.keys("events/landing/")
    stray = key.replace("at=2026-03-01T12:00/", "")
    house.archive.put(stray, house.archive.get(key))
    assert [landed.key for landed in house.history.cut(SPACE).landings] == [key]
    house.gather()
    assert [file.rows for file in house.history.cut(SPACE).gathered] == [1]
    house.archive.put(stray, house.archive.get(key) + EMPTY)
    assert house.history.cut(SPACE).landings == ()


def test_what_a_slow_worker_lands_is_seen_at_once(house: Storehouse) -> None:
    house.clock.advance(LONGEST_LANDING)
    house.land("b1", (sent("1"), "p"))
    house.gather()
    landed_at(house, T0, "slow")
    assert house.events() == [("1", "p"), ("slow", "p")]
    house.gather()
    assert house.events() == [("1", "p"), ("slow", "p")]


def test_what_lands_after_longer_than_anybody_may_run_is_found_by_the_next_compaction(house: Storehouse) -> None:
    house.clock.advance(LONGEST_LANDING + MINUTE)
    house.land("b1", (sent("1"), "p"))
    house.gather()
    landed_at(house, T0, "too-slow")
    assert house.events() == [("1", "p")]
    for _ in range(2):
        house.compact()
        assert house.events() == [("1", "p"), ("too-slow", "p")]
    house.clock.advance(GRACE)
    house.compact()
    assert house.keys("events/landing/") == []
    assert house.events() == [("1", "p"), ("too-slow", "p")]


def landed_at(house: Storehouse, instant: int, message_id: str) -> None:
    """By a worker who looked at the clock then."""
    land(house.archive, SPACE, [message_id], [Landed(sent(message_id), "p", None)], instant)


def test_landing_objects_outlive_the_readers_who_know_no_files(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "p"))
    Person(house, "p").becomes(T0)
    cut = house.history.cut(SPACE)
    house.gather()
    house.clock.advance(GRACE - 1)
    house.compact()
    assert house.events(cut=cut) == [("1", "p")]
    house.clock.advance(1)
    house.compact()
    assert house.keys("events/landing/") == house.keys("profiles/landing/") == []
    with pytest.raises(NotFound):
        house.events(cut=cut)
    assert shown(house)[0] == [("1", "p")]


def test_a_compaction_takes_what_is_gathered_and_its_files_outlive_their_readers(house: Storehouse) -> None:
    for number in range(3):
        house.land(f"b{number}", (sent("same"), f"p{number}"), (sent(f"{number}"), "p"))
        house.clock.advance(SECOND)
        house.gather()
    before, cut = shown(house)[0], house.history.cut(SPACE)
    house.clock.move_to(MIDNIGHT + 2 * DAY)
    house.compact()
    (file,) = house.manifest.events.files
    assert (file.rows, house.manifest.events.gathered) == (4, ())
    assert house.events() == house.events(cut=cut) == before
    house.clock.advance(GRACE)
    house.compact()
    assert house.keys("events/gathered/") == []
    assert house.events() == before


def test_what_lands_for_a_compacted_day_is_gathered_beside_it(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "hasty"), (sent("2", MIDNIGHT), "p"))
    house.clock.move_to(MIDNIGHT + 4 * DAY)
    house.compact()
    house.land("b2", (sent("1"), "right"), (sent("2", MIDNIGHT - 1), "p"))
    query = "SELECT message_id, profile_id, received_at FROM events ORDER BY ALL"
    expected = [("1", "right", T0), ("2", "p", MIDNIGHT - 1)]
    assert house.rows(query) == expected
    house.gather()
    assert house.rows(query) == expected
    house.compact()
    assert house.rows(query) == expected
    assert house.manifest.events.gathered == ()


@pytest.mark.parametrize("rounds", [FAN_IN - 1, FAN_IN, 3 * FAN_IN, FAN_IN * FAN_IN])
def test_a_day_has_few_files_however_often_it_is_gathered(house: Storehouse, rounds: int) -> None:
    for number in range(rounds):
        house.land(f"b{number}", (sent("same"), f"p{number}"), (sent(f"{number}"), "p"))
        house.clock.advance(SECOND)
        house.gather()
    gathered = house.manifest.events.gathered
    assert len(gathered) < FAN_IN
    assert sum(file.rows for file in gathered) == 2 * rounds
    assert len(house.candidates()) == 2 * rounds
    assert len(house.events()) == rounds + 1


def test_large_files_are_left_alone_and_each_size_for_itself(
    house: Storehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        house.land(f"b{number}", (sent(f"{number}"), "p"))
        house.gather()
    sizes = [file.size for file in house.manifest.events.gathered]
    monkeypatch.setattr(young_files, "FAN_IN", 2)
    monkeypatch.setattr(young_files, "SIZES", (1, 2))
    house.gather()
    assert [file.size for file in house.manifest.events.gathered] == sizes
    monkeypatch.setattr(young_files, "SIZES", (max(sizes) + 1,))
    house.gather()
    assert len(house.manifest.events.gathered) < 4


def test_many_objects_are_gathered_in_portions(house: Storehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(young_files, "OBJECTS", 2)
    for number in range(5):
        house.land(f"b{number}", (sent(f"{number}"), "p"))
        house.clock.advance((number % 2) * MINUTE)
    before = shown(house)
    house.clock.advance(HOUR)
    seen = []
    for more in (True, True, False):
        assert house.gathering.gather(SPACE).more is more
        seen.append(house.manifest.events.watermark)
        assert shown(house) == before
    assert seen == ["2026-03-01T12:01", "2026-03-01T12:02", "2026-03-01T12:47"]
    assert len(house.manifest.events.gathered) == 3


def test_what_is_older_than_a_space_keeps_events_is_not_gathered(house: Storehouse) -> None:
    keep(house.archive, SPACE, 3)
    house.clock.advance(5 * DAY)
    house.land("b", (sent("old"), "p"), (sent("new", house.clock.now()), "p"))
    house.gather()
    assert [file.day for file in house.manifest.events.gathered] == ["2026-03-06"]
    assert house.history.cut(SPACE).landings == ()


def test_events_of_erased_people_are_not_shown_when_they_are_gathered(house: Storehouse) -> None:
    house.land("b1", (sent("1"), "gone"), (sent("2"), "p"))
    house.gather()
    house.land("b2", (sent("3"), "gone"))
    house.erase("gone")
    assert house.events() == house.candidates() == [("2", "p")]
    house.gather()
    assert house.events() == house.candidates() == [("2", "p")]


def test_parts_of_history_are_shown_from_gathered_files(house: Storehouse) -> None:
    house.land("b1", (sent("m", MIDNIGHT - 1), "p"), (sent("o", MIDNIGHT - 1), "p"))
    house.gather()
    house.land("b2", (sent("m", MIDNIGHT), "p"), (sent("n", MIDNIGHT), "p"))
    house.gather()
    assert house.events(days=["2026-03-01"]) == [("m", "p"), ("o", "p")]
    assert house.events(days=["2026-03-02"]) == [("n", "p")]
    assert house.events(as_of=MIDNIGHT - 1) == [("m", "p"), ("o", "p")]
    assert house.candidates(days=["2026-03-02"]) == [("m", "p"), ("n", "p")]
    assert sum(day.rows for day in house.history.cut(SPACE).days) == 4


@pytest.mark.parametrize(
    ("recent", "expected"),
    [
        (0, EVERY),
        (1, LONGEST_LANDING * WAITING),
        (WAITING, LONGEST_LANDING),
        (2 * WAITING, LONGEST_LANDING // 2),
        (100 * WAITING, SHORTEST_PAUSE),
    ],
)
def test_the_more_lands_the_sooner_is_looked_again(recent: int, expected: int) -> None:
    assert pause(recent) == expected


def test_looking_counts_what_landed_of_late(house: Storehouse) -> None:
    for number in range(4):
        house.land(f"b{number}", (sent(f"{number}"), "p"))
        house.clock.advance(10 * MINUTE)
    assert house.gathering.gather(SPACE).recent == 1
    Person(house, "p").becomes(T0)
    assert house.gathering.gather(SPACE).recent == 2


@pytest.fixture
def pauses(house: Storehouse) -> Callable[[str | None], Any]:
    """What the task's step answers when it has this cursor."""
    task = Task(task_id="t", kind="gathering", space_id=SPACE, slot="1", steps=(), created_at=T0)
    step = house.gathering.kind().steps["gather"]
    return lambda cursor: step(task, Step(name="gather", cursor=cursor), NoDeadline())


def test_the_task_waits_for_more_as_long_as_its_hour_lasts(house: Storehouse, pauses: Any) -> None:
    empty(house, range(5))
    assert pauses(None) == Done()
    empty(house, range(5, 2 * WAITING))
    later = pauses(None)
    assert later == Later(str(later.at), later.at)
    assert later.at == T0 + LONGEST_LANDING // 2
    assert pauses(later.value) == later
    house.clock.move_to(later.at)
    assert pauses(later.value) == Later(str(2 * later.at - T0), 2 * later.at - T0)
    house.clock.move_to(T0 + EVERY)
    assert pauses(later.value) == Done()


def empty(house: Storehouse, numbers: range) -> None:
    """Landing objects with nothing in them."""
    for number in numbers:
        house.archive.put(f"events/landing/s/at=2026-03-01T12:00/dt=2026-03-01/{number}", EMPTY)


def test_the_task_looks_again_when_somebody_else_swapped(house: Storehouse, pauses: Any) -> None:
    house.land("b", (sent("1"), "p"))
    swap, archive = house.archive.put_if, house.archive

    def beaten(key: str, body: bytes, etag: str | None) -> str:
        archive.put_if = swap  # type: ignore[method-assign]
        raise VersionConflict("another was first")

    archive.put_if = beaten  # type: ignore[method-assign]
    again = pauses(None)
    assert again == Cursor(str(T0))
    assert pauses(again.value) == Done()
    assert house.history.cut(SPACE).landings == ()
