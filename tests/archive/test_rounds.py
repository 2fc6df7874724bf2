"""Compaction in the product: begun by the tick, carried out by the worker of tasks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.archive import rounds
from chalicelib.archive.compaction import COMPACTION
from chalicelib.archive.manifest import load
from chalicelib.archive.rounds import Rounds
from chalicelib.clock import DAY, HOUR, MINUTE, FixedClock
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.pipeline.landing import Landed, land
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

    def rounds(self) -> Rounds:
        tasks: Any = lambda: self.made  # noqa: E731
        return Rounds(self.archive, self.work, tasks, self.clock)


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    for key in ("events/landing/a/dt=2026-03-01/x", "profiles/landing/b/dt=2026-03-01/x", "manifests/c/m", "other/d/x"):
        made.archive.put(key, b"")
    return made


def test_every_space_in_the_archive_is_compacted_once_a_day(stage: Stage) -> None:
    first = stage.rounds()
    assert first.tick(NoDeadline()) == {"compactions": 3}
    assert {space for _, space, _ in stage.made.tasks} == {"a", "b", "c"}
    for again in (first, stage.rounds()):
        assert again.tick(NoDeadline()) == {"compactions": 0}
    stage.clock.advance(DAY - MINUTE)
    assert first.tick(NoDeadline()) == {"compactions": 0}
    stage.clock.advance(MINUTE)
    assert first.tick(NoDeadline()) == {"compactions": 3}
    assert len(set(stage.made.tasks)) == 6


def test_a_round_that_does_not_fit_into_its_time_is_begun_again(stage: Stage) -> None:
    assert stage.rounds().tick(ClockDeadline(stage.clock, stage.clock.now())) == {"compactions": 0}
    assert stage.rounds().tick(NoDeadline()) == {"compactions": 3}


def test_an_idle_minute_asks_for_nothing(stage: Stage) -> None:
    one = stage.rounds()
    one.tick(NoDeadline())
    stage.archive.folders = stage.work.get = None  # type: ignore[assignment, method-assign]
    assert one.tick(NoDeadline()) == {"compactions": 0}


def test_the_worker_of_tasks_carries_it_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    clock = FixedClock(T0)
    queues = MemoryQueues()
    adapters = InMemory().adapters(None)  # type: ignore[arg-type]
    adapters = replace(adapters, clock=clock, queues=queues, archive=MemoryArchive(clock))
    application = bootstrap.Application(adapters)
    land(adapters.archive, "s", ["b"], [Landed(sent("1"), "p", None)], T0)
    clock.advance(4 * DAY)
    task = application.engine.tasks.create(COMPACTION, "s", "1")
    for _ in range(20):
        bodies = [message.body for message in queues.take(COMPUTE)]
        if not bodies:
            break
        messages = [Received(str(n), "r", body) for n, body in enumerate(bodies)]
        assert application.engine.worker.work(messages, NoDeadline()) == set()
    assert application.engine.tasks.get(task.task_id).status == SUCCEEDED
    manifest = load(adapters.archive, "s").manifest
    assert [file.rows for file in manifest.events.files] == [1]
    assert manifest.compacted_at == clock.now()
    assert list(tmp_path.iterdir()) == []
