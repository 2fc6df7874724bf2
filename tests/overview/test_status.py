"""What a list of tasks says about a computation."""

import pytest

from chalicelib.overview.status import of_computation, of_destination, of_sync, progress, stages
from chalicelib.tasks.task import Step, Task

QUEUED, RUNNING, WAITING, YIELDED = "queued", "running", "waiting_retry", "yielded"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"


def task(status, steps=(), **more):
    fields = {"task_id": "aud_1:compute:-:1", "kind": "compute", "space_id": "s", "slot": "1", "created_at": 1_000}
    return Task(**{**fields, "steps": tuple(steps), "status": status, **more})


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
    assert of_computation(True, tasks) == status
    assert of_computation(False, tasks) == "Disabled"


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
    ("done", "cursor", "shards", "percent"),
    [
        (0, None, 4, 0),
        (1, None, 4, 25),
        (1, "2", 4, 37),
        (1, "9", 4, 50),
        (1, "page", 4, 25),
        (1, "2", None, 25),
        (4, None, 4, 100),
    ],
)
def test_progress(done, cursor, shards, percent):
    input = {} if shards is None else {"shards": shards}
    assert progress(task(RUNNING, steps(done, "a", "b", "c", "d", cursor=cursor), input=input)) == percent


def test_stages_of_a_run():
    names = ("prepare", "evaluate", "diff", "apply", "emit", "finalize")
    assert stages(task(SUCCEEDED, steps(6, *names), started_at=4_000)) == (3_000, 1_500, 2_500)
    assert stages(task(RUNNING, steps(2, *names), started_at=4_000)) == (3_000, 1_500, None)
    assert stages(task(QUEUED, [Step(name=name) for name in names])) == (None, None, None)
