"""What tasks report: one row per failed execution, one for a run that is complete."""

import pytest
from msgspec.structs import replace

from chalicelib.clock import SECOND
from chalicelib.instants import parse_iso
from chalicelib.tasks.task import SUCCEEDED, Failure, Task

RUN, COMPLETE, SYNC = "Audience Run Failed", "Audience Run Complete", "Audience Destination Sync Failed"
TRAIT = {"name": "Orders", "definition": {"query": "event('Order Completed').count()", "type": "USERS"}}


@pytest.fixture
def audience(api):
    return api.create_audience()["id"]


def of_system(world, api):
    """The oldest first."""
    return list(reversed(world.rows(api, actor="__system__")))


def test_a_poison_step_leaves_six_rows_and_no_seventh_execution(world, api, audience):
    world.failing["X", "deliver"] = 99
    task = world.play(world.task("sync", api, audience, "X", run_id="run_1"))
    rows = of_system(world, api)
    assert [row["type"] for row in rows] == [SYNC] * 6
    assert len({row["id"] for row in rows}) == 6
    start = parse_iso(rows[0]["timestamp"])
    assert start is not None
    assert [((parse_iso(row["timestamp"]) or 0) - start) // SECOND for row in rows] == [0, 30, 90, 210, 450, 930]
    assert [world.ran.count(("X", step)) for step in ("load", "build", "deliver")] == [1, 1, 6]
    assert [row["details"]["attempt"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["details"]["will_retry"] for row in rows] == [True] * 5 + [False]
    assert [row["details"]["hard_failure"] for row in rows] == [False] * 5 + [True]
    assert rows[0]["details"] == {
        "run_id": "run_1",
        "task_id": task.task_id,
        "attempt": 1,
        "max_retries": 5,
        "destination_id": "X",
        "step": "deliver",
        "error_code": "PARTNER_DOWN",
        "error_message": "the partner does not answer",
        "will_retry": True,
        "hard_failure": False,
    }
    assert all("transient" not in row for row in rows)
    assert rows[0]["resourceName"] == "Big Buyers"
    assert (rows[0]["resourceId"], rows[0]["subject"]) == (audience, "__system__")


def test_silencing_marks_what_is_retried_and_tells_the_last_failure_only(world, api, audience):
    api.patch(f"{api.space}/failure-notifications", {"notifyTransientFailures": False})
    world.forward(api)
    world.failing["X", "deliver"] = 99
    world.play(world.task("sync", api, audience, "X"))
    rows = of_system(world, api)
    assert len(rows) == 6
    assert [row.get("transient") for row in rows] == [True] * 5 + [None]
    world.tick()
    (event,) = world.forwarded()
    assert event["properties"]["details"]["hard_failure"] is True
    (notice,) = api.get("/notifications").data["notifications"]
    assert notice["details"]["attempt"] == 6


def test_by_default_everybody_hears_of_every_failure(world, api, audience):
    world.forward(api)
    world.failing["X", "deliver"] = 2
    world.play(world.task("sync", api, audience, "X"))
    world.tick()
    assert [event["properties"]["type"] for event in world.forwarded()] == [SYNC] * 2
    assert [notice["name"] for notice in api.get("/notifications").data["notifications"]] == [SYNC] * 2


def test_a_run_that_fails_twice_and_then_succeeds(world, api, audience):
    world.failing[audience, "evaluate"] = 2
    world.play(world.task("compute", api, audience, run_id="run_1"))
    assert [row["type"] for row in of_system(world, api)] == [RUN, RUN, COMPLETE]
    assert of_system(world, api)[-1]["details"]["attempt"] == 3


def test_one_destination_fails_and_another_does_not(world, api, audience):
    world.failing["X", "deliver"] = 99
    for destination in "XY":
        world.play(world.task("sync", api, audience, destination))
    assert [(row["type"], row["details"]["destination_id"]) for row in of_system(world, api)] == [(SYNC, "X")] * 6


def test_a_computed_trait_has_names_of_its_own_and_no_run_complete(world, api):
    trait = api.post(f"{api.space}/computed-traits", TRAIT).data["computedTrait"]["id"]
    world.failing[trait, "evaluate"] = 1
    world.play(world.task("compute", api, trait))
    world.failing["X", "build"] = 1
    world.play(world.task("sync", api, trait, "X"))
    assert [row["type"] for row in of_system(world, api)] == [
        "Computed Trait Run Failed",
        "Computed Trait Destination Sync Failed",
    ]


def test_reporting_again_changes_nothing(world, api, audience):
    world.failing["X", "deliver"] = 1
    task = world.play(world.task("sync", api, audience, "X"))
    before = of_system(world, api)
    world.tick()
    for _ in range(2):
        world.operations.failures.report(task, task.attempts[0].failure)
        world.operations.completions.report(task)
        world.tick()
    assert of_system(world, api) == before
    assert len(api.get("/notifications").data["notifications"]) == 1


def test_what_was_called_off_is_no_failure(world, api, audience):
    task = world.task("sync", api, audience, "X")
    api.delete(f"{api.audiences}/{audience}")
    assert world.turn(task).status == "cancelled"
    assert of_system(world, api) == []


def test_a_failure_of_what_was_deleted_meanwhile_keeps_its_name(world, api, audience):
    world.failing["X", "deliver"] = 1
    task = world.turn(world.task("sync", api, audience, "X"))
    api.delete(f"{api.audiences}/{audience}")
    world.clock.advance(60_000)
    world.operations.failures.report(task, replace(task.attempts[0].failure, attempt=2))
    assert [(row["type"], row["resourceName"]) for row in of_system(world, api)] == [
        (SYNC, "Big Buyers"),
        (SYNC, audience),
    ]


def test_a_task_of_no_space_is_told_to_the_log_alone(world, api, audience, caplog):
    task = world.play(world.task("compute", api, audience))
    world.operations.completions.report(replace(task, space_id="nowhere", status=SUCCEEDED))
    assert "belongs to no space" in caplog.text


def test_work_for_a_whole_space_is_named_by_itself(world, api):
    space_id, at = api.founded.space_id, world.clock.now()
    failure = Failure(code="FILE_GONE", message="no file", step="read", attempt=1, at=at, will_retry=True)
    task = Task(task_id=f"{space_id}:import:-:1", kind="import", space_id=space_id, slot="1", steps=(), created_at=0)
    world.operations.failures.report(task, failure)
    (row,) = of_system(world, api)
    assert (row["type"], row["resourceType"], row["resourceId"], row["resourceName"]) == (
        "Task Failed",
        "task",
        task.task_id,
        "import",
    )
    world.operations.completions.report(replace(task, status=SUCCEEDED, completed_at=at))
    assert of_system(world, api) == [row]
