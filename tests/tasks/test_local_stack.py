"""Tasks in `make run`: the local stack calls the worker, waits for retries and ticks, all by itself."""

import threading
from pathlib import Path
from typing import Any

import pytest
from botocore import handlers

from chalicelib import bootstrap
from chalicelib.clock import HOUR, MINUTE
from chalicelib.deadline import Deadline
from chalicelib.tasks.cadence import Every
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Done, Kind
from chalicelib.tasks.schedules import Schedule
from chalicelib.tasks.task import SUCCEEDED, Step, Task
from infra.local import stack

AFFECTED = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "NO_PROXY",
    "no_proxy",
)


@pytest.fixture
def with_a_kind(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A task that fails at first; the event is set when one has succeeded."""
    done = threading.Event()

    def second_time_lucky(task: Task, step: Step, deadline: Deadline) -> Done:
        if task.attempt == 1:
            raise RuntimeError("broken")
        done.set()
        return Done()

    def engine(**ports: Any) -> Engine:
        return Engine(**{**ports, "kinds": {"lucky": Kind("lucky", {"only": second_time_lucky})}})

    monkeypatch.setattr("chalicelib.application.Engine", engine)
    _leave_no_trace(monkeypatch)
    return done


def _leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stack changes in its process, which is the tests' own here."""
    for name in AFFECTED:
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS])
    monkeypatch.setattr(stack, "_log_to_file_only", lambda: None)


def test_retries_and_schedules_follow_the_products_clock(tmp_path: Path, with_a_kind: threading.Event) -> None:
    try:
        with stack.running(tmp_path, 0) as running:
            engine = bootstrap.current().engine
            task = engine.tasks.create("lucky", "space", "1")
            running.harness.drain()
            running.harness.advance_to(running.clock.now() + MINUTE)
            assert with_a_kind.wait(10)
            task = engine.tasks.get(task.task_id)
            assert (task.status, task.attempt) == (SUCCEEDED, 2)
            # Just past an hour, so that two more hours have two beginnings whenever this runs.
            running.harness.advance_to((running.clock.now() // HOUR + 1) * HOUR + MINUTE)
            engine.schedules.set(Schedule(id="s", kind="lucky", space_id="space", cadence=Every(HOUR)))
            running.harness.advance_to(running.clock.now() + 2 * HOUR)
            slots = [int(one.slot) for one in engine.tasks.of_computation("space", "") if one.slot != "1"]
            assert len(slots) == 2
            assert slots[0] - slots[1] == 60
    finally:
        bootstrap.install(None)
