"""What a list of tasks says about a computation."""

from typing import Any

import pytest

from chalicelib.backfill.run import Backfill
from chalicelib.batch.run import BatchRuns
from chalicelib.computations.computation import FAILED as FAILING
from chalicelib.overview.status import awaited, of_computation, of_destination, of_sync, progress, stages
from chalicelib.tasks.task import Step, Task
from tests.pipeline.shop import audience

QUEUED, RUNNING, WAITING, YIELDED = "queued", "running", "waiting_retry", "yielded"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"


def task(status, steps=(), **more):
    fields = {"task_id": "aud_1:batch:-:1", "kind": "batch", "space_id": "s", "slot": "1", "created_at": 1_000}
    return Task(**{**fields, "steps": tuple(steps), "status": status, **more})


def computation(**fields):
    return audience("big", "event('A').count() >= 1", **fields)


@pytest.mark.parametrize(
    ("runs", "status"),
    [
        ([], "Live"),
        ([QUEUED], "Preparing"),
        ([RUNNING], "Computing"),
        ([WAITING], "Computing"),
        ([YIELDED], "Computing"),
        ([SUCCEEDED], "Live"),
        ([FAILED], "Failed"),
        ([CANCELLED], "Failed"),
        ([RUNNING, FAILED], "Failed"),
        ([SUCCEEDED, FAILED], "Live"),
        ([RUNNING, SUCCEEDED], "Live"),
        ([QUEUED, SUCCEEDED, FAILED], "Live"),
        ([FAILED, SUCCEEDED], "Failed"),
        ([CANCELLED, SUCCEEDED], "Live"),
        ([QUEUED, CANCELLED], "Failed"),
    ],
)
def test_status_by_runs_the_newest_first(runs, status):
    tasks = [task(one) for one in runs]
    assert of_computation(computation(), tasks) == status
    assert of_computation(computation(enabled=False), tasks) == "Disabled"
    assert of_computation(computation(stage=FAILING), tasks) == "Failed"


@pytest.mark.parametrize("kind", ["compute", "edit"])
def test_a_definition_that_is_taken_in_is_good_whatever_became_of_earlier_runs(kind):
    assert of_computation(computation(), [task(FAILED, kind=kind), task(CANCELLED, kind=kind)]) == "Live"


@pytest.mark.parametrize(
    ("stage", "fields", "status"),
    [
        ("preparing", {}, "Preparing"),
        ("computing", {"history": True}, "Backfilling"),
        ("computing", {"history": False}, "Computing"),
        ("live", {}, "Live"),
        ("failed", {}, "Failed"),
        ("locked", {}, "Locked"),
        ("locked", {"kind": "trait"}, "Computing"),
        ("locked", {"scope": "ACCOUNTS"}, "Live"),
    ],
)
def test_status_by_how_far_a_definition_is_taken_in(stage, fields, status):
    assert of_computation(computation(stage=stage, **fields), []) == status
    assert of_computation(computation(stage=stage, enabled=False, **fields), []) == "Disabled"


@pytest.mark.parametrize(
    ("newest", "status"),
    [(QUEUED, "Preparing"), (RUNNING, "Computing"), (WAITING, "Computing"), (SUCCEEDED, "Live"), (FAILED, "Failed")],
)
def test_status_of_a_sync(newest, status):
    assert of_sync(task(newest)) == status
    assert of_sync(None) is None


@pytest.mark.parametrize(
    ("connection", "destination", "status"),
    [
        (True, True, "Connected"),
        (True, False, "Disconnected"),
        (False, True, "Disconnected"),
        (False, False, "Disabled"),
    ],
)
def test_status_of_a_destination(connection, destination, status):
    assert of_destination(connection, destination) == status


def steps(done, *names, cursor=None):
    """The first `done` of them are."""
    return [
        Step(
            name=name,
            started_at=2_000 + 1_000 * place,
            completed_at=2_500 + 1_000 * place if place < done else None,
            cursor=cursor if place == done else None,
        )
        for place, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("done", "cursor", "percent"),
    [
        (0, None, 0),
        (1, None, 25),
        (1, "2/4", 37),
        (1, "2/4/use_1/0/0", 37),
        (1, "9/4", 50),
        (1, "2/0", 25),
        (1, "page", 25),
        (1, "1772366400000", 25),
        (4, None, 100),
    ],
)
def test_progress(done, cursor, percent):
    assert progress(task(RUNNING, steps(done, "a", "b", "c", "d", cursor=cursor))) == percent


NOBODY: Any = None
STEPS = {
    **{kind: tuple(one.steps) for kind, one in Backfill(*[NOBODY] * 8).kinds().items()},
    "batch": tuple(BatchRuns(*[NOBODY] * 8).kind().steps),
}


@pytest.mark.parametrize(
    ("kind", "extracting", "preparing_delivery"),
    [("compute", 3_500, 3_500), ("edit", 3_500, 3_500), ("batch", 500, 1_500)],
)
def test_stages_of_a_run(kind, extracting, preparing_delivery):
    """Each step is of one stage."""
    names = STEPS[kind]
    all_of_it = steps(len(names), *names)
    assert stages(task(SUCCEEDED, all_of_it, started_at=4_000)) == (3_000, extracting, preparing_delivery)
    assert extracting + preparing_delivery == 1_000 * (len(names) - 1)


def test_stages_that_are_not_over():
    names = STEPS["compute"]
    assert stages(task(RUNNING, steps(5, *names), started_at=4_000)) == (3_000, 3_500, None)
    assert stages(task(QUEUED, [Step(name=name) for name in names])) == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "slots"),
    [
        ({"stage": "preparing"}, ["compute:-:7"]),
        ({"stage": "computing", "history": True}, ["compute:-:7"]),
        ({"stage": "computing", "scope": "ACCOUNTS"}, ["compute:-:7", "batch:-:after-7"]),
        ({"stage": "live"}, []),
        ({"stage": "failed"}, []),
        ({"stage": "locked"}, []),
        ({"stage": "computing", "enabled": False}, []),
        ({"stage": "preparing", "scope": "LINKED"}, []),
    ],
)
def test_tasks_that_first_values_wait_for(fields, slots):
    one = computation(begun_at=7, **fields)
    assert awaited(one) == [f"{one.id}:{slot}" for slot in slots]
