"""The overview of audiences and traits, their runs, and the tasks behind them."""

import pytest

from chalicelib.clock import DAY, MINUTE
from chalicelib.delivery.ledger import of_connection
from chalicelib.instants import to_iso

TRAIT = {"name": "Orders", "definition": {"query": "event('Order Completed').count()", "type": "USERS"}}


@pytest.fixture
def audience(api):
    return api.create_audience()["id"]


def connect(api, audience, name):
    destination = api.post(
        "/destinations",
        {
            "sourceId": api.founded.engage_source_id,
            "metadataId": "614a3c7d791c91c41bae7599",
            "name": name,
            "settings": {},
        },
    ).data["destination"]["id"]
    path = f"{api.audiences}/{audience}/destination-connections"
    made = api.post(path, {"destination": {"id": destination, "type": "destination"}}).data["connection"]["id"]
    return destination, made


def overview(api, audience):
    return api.get(f"{api.audiences}/{audience}/overview").data["overview"]


def runs(api, audience):
    return api.get(f"{api.audiences}/{audience}/runs").data["runs"]


def test_a_real_time_audience_is_live_without_any_run(world, api, audience):
    destination, connection = connect(api, audience, "Hook")
    world.counted.sizes[audience] = 7
    counts = {
        of_connection("delivered", "ii_of_another"): 4,
        of_connection("delivered", connection): 5,
        of_connection("discarded", connection): 1,
    }
    world.ledger.count(destination, counts, world.clock.now() - 2 * DAY)
    world.ledger.count(destination, {of_connection("delivered", connection): 2}, world.clock.now())
    shown = overview(api, audience)
    assert (
        shown.items()
        >= {
            "id": audience,
            "status": "Live",
            "audienceType": "USERS",
            "size": {"type": "USERS", "count": 7, "uniqueCount": 7},
            "computeCadence": {"type": "REALTIME"},
            "progress": None,
            "locked": False,
        }.items()
    )
    (target,) = shown["destinations"]
    assert (
        target.items()
        >= {
            "connectionId": connection,
            "destinationId": destination,
            "name": "Hook",
            "status": "Connected",
            "syncStatus": None,
            "matchingMappings": "Not applicable",
            "delivery": {
                "last24Hours": {"successful": 2, "failed": 0},
                "last14Days": {"successful": 7, "failed": 1},
            },
        }.items()
    )
    assert runs(api, audience) == []


def test_a_run_that_fails_twice_is_computing_and_then_live_but_never_failed(world, api, audience):
    world.failing[audience, "evaluate"] = 2
    task = world.task("batch", api, audience, run_id="run_1")
    assert overview(api, audience)["status"] == "Preparing"
    seen = []
    while world.engine.tasks.get(task.task_id).is_open:
        world.turn(task)
        seen.append(overview(api, audience)["status"])
    assert seen == ["Computing", "Computing", "Live"]


@pytest.mark.parametrize(("scope", "kind", "slot"), [("USERS", "compute", "{}"), ("ACCOUNTS", "batch", "after-{}")])
def test_between_the_tries_of_its_first_run_an_audience_shows_an_error(world, api, scope, kind, slot):
    world.runs.held = True
    query = "ANY event('A').count() >= 1" if scope == "ACCOUNTS" else "event('A').count() >= 1"
    audience = api.create_audience(query=query, audienceType=scope)["id"]
    world.failing[audience, "evaluate"] = 2
    task = world.task(kind, api, audience, slot=slot.format(world.clock.now()))

    def shown():
        (listed,) = api.get(api.audiences).data["audiences"]
        alone = api.get(f"{api.audiences}/{audience}").data["audience"]
        assert listed["status"] == alone["status"]
        return alone["status"]

    assert shown() == "Preparing"
    assert (world.turn(task).status, shown()) == ("waiting_retry", "Error")
    assert overview(api, audience)["status"] == "Preparing"
    assert (world.turn(task).status, shown()) == ("waiting_retry", "Error")
    assert (world.turn(task).status, shown()) == ("succeeded", "Preparing")  # until it is known to be taken in
    world.runs.let_go()
    assert shown() != "Error"


def test_an_edit_that_is_tried_again_leaves_an_audience_locked(world, api, audience):
    world.runs.held = True
    sent = {"definition": {"query": "event('B').count() >= 1"}}
    assert api.patch(f"{api.audiences}/{audience}", sent).data["audience"]["status"] == "Locked"
    world.failing[audience, "scan"] = 1
    assert world.turn(world.task("edit", api, audience, slot=str(world.clock.now()))).status == "waiting_retry"
    assert api.get(f"{api.audiences}/{audience}").data["audience"]["status"] == "Locked"


def test_progress_is_shown_while_the_first_run_is_under_way(world, api, audience):
    world.failing[audience, "evaluate"] = 1
    task = world.task("batch", api, audience)
    assert overview(api, audience)["progress"] == 0
    world.turn(task)
    assert overview(api, audience)["progress"] == 33
    world.play(task)
    assert overview(api, audience)["progress"] is None


def test_one_destination_fails_and_the_other_and_the_audience_do_not(world, api, audience):
    bad, _ = connect(api, audience, "Bad")
    good, _ = connect(api, audience, "Good")
    world.play(world.task("batch", api, audience))
    world.failing[bad, "deliver"] = 99
    for destination in (bad, good):
        world.play(world.task("sync", api, audience, destination))
    shown = overview(api, audience)
    assert shown["status"] == "Live"
    assert {target["name"]: target["syncStatus"] for target in shown["destinations"]} == {
        "Bad": "Failed",
        "Good": "Live",
    }


def test_the_newest_sync_that_was_not_called_off_counts(world, api, audience):
    destination, _ = connect(api, audience, "Hook")
    world.play(world.task("sync", api, audience, destination))
    world.clock.advance(MINUTE)
    second = world.task("sync", api, audience, destination, slot="2")
    assert overview(api, audience)["destinations"][0]["syncStatus"] == "Preparing"
    world.engine.tasks.cancel(second.task_id)
    assert overview(api, audience)["destinations"][0]["syncStatus"] == "Live"


def test_switches_of_destinations(world, api, audience):
    destination, connection = connect(api, audience, "Hook")
    api.patch(f"/destinations/{destination}", {"enabled": False})
    assert overview(api, audience)["destinations"][0]["status"] == "Disconnected"
    api.patch(f"{api.audiences}/{audience}/destination-connections/{connection}", {"enabled": False})
    assert overview(api, audience)["destinations"][0]["status"] == "Disabled"
    api.patch(f"{api.audiences}/{audience}", {"enabled": False})
    assert overview(api, audience)["status"] == "Disabled"


def test_runs_tell_their_times_and_changes(world, api, audience):
    task = world.task("compute", api, audience, run_id="run_1")
    world.clock.advance(5_000)
    started = world.clock.now()
    world.play(task)
    (run,) = runs(api, audience)
    assert run == {
        "id": "run_1",
        "taskId": task.task_id,
        "kind": "compute",
        "createdAt": to_iso(started - 5_000),
        "startedAt": to_iso(started),
        "completedAt": to_iso(started),
        "durationMs": 0,
        "result": "succeeded",
        "progress": 100,
        "changes": {"added": 3, "removed": 1},
        "queueingMs": 5_000,
        "extractingMs": 0,
        "preparingDeliveryMs": 0,
    }


def test_a_run_that_changed_nothing_has_no_stages(world, api, audience):
    world.play(world.task("compute", api, audience, run_id="run_1"))
    world.changes.put("run_1", 0, 0)
    (run,) = runs(api, audience)
    assert run["changes"] == {"added": 0, "removed": 0}
    assert "extractingMs" not in run


def test_the_last_fifty_runs_are_found_among_syncs(world, api, audience):
    for slot in range(55):
        world.clock.advance(MINUTE)
        world.play(world.task("compute", api, audience, slot=str(slot)))
        world.play(world.task("sync", api, audience, "X", slot=str(slot)))
    shown = runs(api, audience)
    assert [run["taskId"] for run in shown] == [f"{audience}:compute:-:{slot}" for slot in range(54, 4, -1)]


def test_an_edit_locks(world, api, audience):
    world.runs.held = True
    api.patch(f"{api.audiences}/{audience}", {"definition": {"query": "event('Else').count() >= 1"}})
    edit = world.task("edit", api, audience)
    shown = overview(api, audience)
    assert (shown["status"], shown["locked"], shown["progress"]) == ("Locked", True, None)
    world.play(edit)
    world.runs.let_go()
    shown = overview(api, audience)
    assert (shown["status"], shown["locked"]) == ("Live", False)


def test_the_first_run_is_backfilling(world, api):
    world.runs.held = True
    audience = api.create_audience()["id"]
    task = world.task("compute", api, audience)
    assert (overview(api, audience)["status"], overview(api, audience)["progress"]) == ("Preparing", 0)
    world.play(task)
    world.runs.let_go()
    assert overview(api, audience)["status"] == "Live"


def test_a_computed_trait_has_an_overview_too(world, api):
    trait = api.post(f"{api.space}/computed-traits", TRAIT).data["computedTrait"]["id"]
    path = f"{api.space}/computed-traits/{trait}"
    world.play(world.task("compute", api, trait))
    shown = api.get(f"{path}/overview").data["overview"]
    assert (shown["status"], shown["type"]) == ("Live", "USERS")
    assert "audienceType" not in shown
    assert len(api.get(f"{path}/runs").data["runs"]) == 1


def test_a_task_shows_its_steps_and_attempts(world, api, audience):
    world.failing["X", "deliver"] = 1
    task = world.turn(world.task("sync", api, audience, "X"))
    shown = api.get(f"{api.space}/tasks/{task.task_id}").data["task"]
    now = to_iso(world.clock.now())
    assert [(step["name"], step["completedAt"]) for step in shown["steps"]] == [
        ("load", now),
        ("build", now),
        ("deliver", None),
        ("acknowledge", None),
        ("finalize", None),
    ]
    error = {"code": "PARTNER_DOWN", "message": "the partner does not answer", "step": "deliver", "attempt": 1}
    assert shown["error"] == {**error, "at": now, "willRetry": True}
    assert shown["steps"][2]["lastError"] == shown["error"]
    (attempt,) = shown["attempts"]
    assert (attempt["result"], attempt["error"]) == ("failed", shown["error"])
    assert (shown["status"], shown["attempt"], shown["maxRetries"]) == ("waiting_retry", 1, 5)
    assert shown["nextAttemptAt"] == to_iso(world.clock.now() + 30_000)
    assert shown["destinationId"] == "X"


def test_cancelling_is_no_failure_and_leaves_a_row(world, api, audience):
    task = world.task("sync", api, audience, "X")
    path = f"{api.space}/tasks/{task.task_id}/cancel"
    assert api.post(path).data["task"]["status"] == "cancelled"
    assert api.post(path).data["task"]["status"] == "cancelled"
    assert world.turn(task).status == "cancelled"
    assert world.ran == []
    rows = world.rows(api, resourceType="task")
    assert {(row["type"], row["resourceId"]) for row in rows} == {("Task Cancelled", task.task_id)}
    assert world.rows(api, actor="__system__") == []


def test_retrying_now_does_not_wait(world, api, audience):
    world.failing["X", "deliver"] = 1
    task = world.turn(world.task("sync", api, audience, "X"))
    world.called()
    path = f"{api.space}/tasks/{task.task_id}/retry"
    assert api.post(path).data["task"]["nextAttemptAt"] == to_iso(world.clock.now())
    assert len(world.called()) == 1
    assert world.turn(task).status == "succeeded"
    reply = api.post(path)
    assert (reply.status, reply.errors[0]["type"]) == (409, "conflict")
    assert [row["type"] for row in world.rows(api, resourceType="task")] == ["Task Retried"]


def test_nothing_is_shown_of_what_belongs_to_others(world, api, audience):
    task = world.task("compute", api, audience)
    stranger = world.api("globex")
    for home in (stranger, api):
        space = api.space if home is stranger else stranger.space
        for path in (f"audiences/{audience}/overview", f"audiences/{audience}/runs", f"tasks/{task.task_id}"):
            assert home.get(f"{space}/{path}").status == 404
        for verb in ("cancel", "retry"):
            assert home.post(f"{space}/tasks/{task.task_id}/{verb}").status == 404
    assert stranger.get(f"{stranger.space}/tasks/{task.task_id}").status == 404
    assert stranger.post(f"{stranger.space}/tasks/{task.task_id}/cancel").status == 404
    assert world.engine.tasks.get(task.task_id).is_open


@pytest.mark.parametrize("id", ["nothing", "a:b:c:d", "%C3%A9", "x" * 300])
def test_no_task_has_such_an_id(api, id):
    assert api.get(f"{api.space}/tasks/{id}").status == 404
    assert api.post(f"{api.space}/tasks/{id}/retry").status == 404
