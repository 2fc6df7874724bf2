"""Gathering and compaction in the product: begun by the tick, carried out by the worker of tasks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.archive import rounds
from chalicelib.archive.compaction import COMPACTION
from chalicelib.archive.gathering import GATHERING
from chalicelib.archive.manifest import load
from chalicelib.archive.rounds import Rounds
from chalicelib.clock import DAY, HOUR, MINUTE, FixedClock
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.pipeline.landing import Landed, land
from chalicelib.profiles.landing_place import landing_key
from chalicelib.queues import COMPUTE, Received
from chalicelib.store.memory import MemoryArchive, MemoryQueues, MemoryRecords
from chalicelib.tasks.task import SUCCEEDED
from tests.acceptance.engines import InMemory
from tests.events import T0

from .storehouse import sent

MIDNIGHT = T0 + 12 * HOUR


class Made:
    """Stands for the tasks: remembers which were made."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, str, str]] = []

    def create(self, kind: str, space_id: str, slot: str) -> None:
        self.tasks.append((kind, space_id, slot))


class Stage:
    def __init__(self) -> None:
        self.clock, self.made = FixedClock(MIDNIGHT + rounds.AFTER_MIDNIGHT), Made()
        self.archive, self.work = MemoryArchive(self.clock), MemoryRecords(self.clock)

    def lands(self, table: str, space_id: str) -> None:
        self.archive.put(landing_key(table, space_id, self.clock.now(), T0, "x"), b"")

    def begun(self, kind: str) -> list[str]:
        return [space_id for one, space_id, _ in self.made.tasks if one == kind]

    def rounds(self) -> Rounds:
        tasks: Any = lambda: self.made  # noqa: E731
        return Rounds(self.archive, self.work, tasks, self.clock)


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    for table, space_id in (("events", "a"), ("profiles", "b")):
        made.lands(table, space_id)
    for key in ("manifests/c/m", "other/d/x"):
        made.archive.put(key, b"")
    return made


def test_every_space_in_the_archive_is_compacted_once_a_day(stage: Stage) -> None:
    first = stage.rounds()
    assert first.tick(NoDeadline())["compactions"] == 3
    assert stage.begun(COMPACTION) == ["a", "b", "c"]
    for again in (first, stage.rounds()):
        assert again.tick(NoDeadline())["compactions"] == 0
    stage.clock.advance(DAY - MINUTE)
    assert first.tick(NoDeadline())["compactions"] == 0
    stage.clock.advance(MINUTE)
    assert first.tick(NoDeadline())["compactions"] == 3
    assert len(set(stage.made.tasks)) == len(stage.made.tasks)


def test_where_something_landed_since_the_last_hour_it_is_gathered(stage: Stage) -> None:
    one = stage.rounds()
    assert one.tick(NoDeadline())["gatherings"] == 2
    stage.clock.move_to(stage.clock.now() // HOUR * HOUR + rounds.AFTER_THE_HOUR + HOUR)
    one.tick(NoDeadline())
    stage.clock.advance(HOUR - MINUTE)
    assert one.tick(NoDeadline())["gatherings"] == 0
    stage.lands("events", "e")
    stage.clock.advance(MINUTE)
    del stage.made.tasks[:]
    assert one.tick(NoDeadline())["gatherings"] == 1
    assert stage.begun(GATHERING) == ["e"]
    stage.clock.advance(HOUR)
    assert one.tick(NoDeadline())["gatherings"] == 1, (
        "it may have come when the one before had looked for the last time"
    )
    stage.clock.advance(HOUR)
    assert one.tick(NoDeadline())["gatherings"] == 0


def test_hours_without_a_tick_are_made_good(stage: Stage) -> None:
    one = stage.rounds()
    stage.clock.advance(2 * HOUR)
    one.tick(NoDeadline())
    stage.clock.advance(HOUR)
    stage.lands("events", "e")
    stage.clock.advance(9 * HOUR)
    del stage.made.tasks[:]
    one.tick(NoDeadline())
    assert stage.begun(GATHERING) == ["e"]


def test_a_round_that_does_not_fit_into_its_time_is_begun_again(stage: Stage) -> None:
    late = ClockDeadline(stage.clock, stage.clock.now())
    assert stage.rounds().tick(late) == {"gatherings": 0, "compactions": 0}
    assert stage.rounds().tick(NoDeadline()) == {"gatherings": 2, "compactions": 3}


def test_an_idle_minute_asks_for_nothing(stage: Stage) -> None:
    one = stage.rounds()
    one.tick(NoDeadline())
    stage.archive.folders = stage.archive.stat = stage.work.get = None  # type: ignore[assignment, method-assign]
    assert one.tick(NoDeadline()) == {"gatherings": 0, "compactions": 0}


def test_an_idle_hour_asks_only_which_spaces_have_landing_objects(stage: Stage) -> None:
    for key in stage.archive.list(""):
        if "/landing/" in key:
            stage.archive.delete([key])
    one = stage.rounds()
    one.tick(NoDeadline())
    asked: list[str] = []
    folders = stage.archive.folders

    def watched(prefix: str) -> list[str]:
        asked.append(prefix)
        return folders(prefix)

    stage.archive.folders = watched  # type: ignore[method-assign]
    stage.archive.stat = None  # type: ignore[assignment, method-assign]
    stage.clock.advance(HOUR)
    assert one.tick(NoDeadline()) == {"gatherings": 0, "compactions": 0}
    assert asked == ["events/landing/", "profiles/landing/"]


def product(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bootstrap.Application:
    """With one event that landed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    clock = FixedClock(T0)
    adapters = InMemory().adapters(None)  # type: ignore[arg-type]
    adapters = replace(adapters, clock=clock, queues=MemoryQueues(), archive=MemoryArchive(clock))
    land(adapters.archive, "s", ["b"], [Landed(sent("1"), "p", None)], T0)
    return bootstrap.Application(adapters)


def carried_out(application: bootstrap.Application, kind: str) -> bool:
    queues = application.adapters.queues
    assert isinstance(queues, MemoryQueues)
    task = application.engine.tasks.create(kind, "s", "1")
    for _ in range(20):
        bodies = [message.body for message in queues.take(COMPUTE)]
        if not bodies:
            break
        messages = [Received(str(n), "r", body) for n, body in enumerate(bodies)]
        assert application.engine.worker.work(messages, NoDeadline()) == set()
    return application.engine.tasks.get(task.task_id).status == SUCCEEDED


def test_the_worker_of_tasks_compacts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    application = product(monkeypatch, tmp_path)
    application.clock.advance(4 * DAY)  # type: ignore[attr-defined]
    assert carried_out(application, COMPACTION)
    manifest = load(application.adapters.archive, "s").manifest
    assert [file.rows for file in manifest.events.files] == [1]
    assert manifest.compacted_at == application.clock.now()
    assert list(tmp_path.iterdir()) == []


def test_the_worker_of_tasks_gathers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    application = product(monkeypatch, tmp_path)
    assert carried_out(application, GATHERING)
    manifest = load(application.adapters.archive, "s").manifest
    assert [file.rows for file in manifest.events.gathered] == [1]
    assert list(tmp_path.iterdir()) == []
