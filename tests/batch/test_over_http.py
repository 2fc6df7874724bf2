"""Computations of accounts from the request to the partner, on a clock that is played."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib import bootstrap
from chalicelib.clock import DAY, HOUR, MINUTE, SECOND
from chalicelib.deadline import NoDeadline
from chalicelib.instants import parse_iso
from chalicelib.tasks.kind import Later
from tests.acceptance.world import World, identify, track

from .firm import group
from .whole import Ticking

IDLE = "ALL NOT event('Logged In').within(30 days).count() >= 1"
FIRST = 5 * MINUTE // SECOND  # seconds in which a first computation is through
EIGHT_HOURS = 8 * HOUR // SECOND


@pytest.fixture
def world() -> Iterator[World]:
    yield World(Ticking())
    bootstrap.install(None)


def audience(world: World, query: str = IDLE, name: str = "Idle", **more: Any) -> Any:
    """Before anything is computed."""
    sent = {"name": name, "audienceType": "ACCOUNTS", "definition": {"query": query}, **more}
    return world.manage("POST", world.audiences, sent).data["audience"]


def trait(world: World, name: str, query: str) -> Any:
    sent = {"name": name, "definition": {"query": query, "type": "ACCOUNTS"}}
    return world.manage("POST", f"/spaces/{world.stack.space_id}/computed-traits", sent).data["computedTrait"]


def shown(world: World, audience: Any) -> Any:
    path = f"{world.audiences}/{audience['id']}?include=schedules"
    return world.manage("GET", path).data["audience"]


def runs(world: World, audience: Any) -> list[Any]:
    found: list[Any] = world.manage("GET", f"{world.audiences}/{audience['id']}/runs").data["runs"]
    return [run for run in found if run["kind"] == "batch"]


def status(world: World, audience: Any) -> str:
    """As the overview has it. The audience itself says Error, too, while its first run waits for another try."""
    overview = world.manage("GET", f"{world.audiences}/{audience['id']}/overview").data["overview"]["status"]
    status = shown(world, audience)["status"]
    assert status == overview or (status, overview) == ("Error", "Computing")
    return str(overview)


def account(world: World, name: str) -> Any:
    found = world.application.lookup.find(world.stack.space_id, "accounts", f"group_id:{name}")
    assert found is not None
    return found.trait_values()


def test_idle_accounts_and_whoever_belongs_to_them(world: World) -> None:
    world.send(group("ada", "acme"), group("bob", "acme"), group("ada", "busy"), group("cleo", "busy"))
    world.send(track("Logged In", "cleo"))
    made = audience(world)
    assert status(world, made) == made["status"] == "Preparing"
    world.connect(made, world.webhook("sink"), connectionSettings={"sendGroup": True})
    followers = world.audience("Sleepers", f"trait('{made['key']}') = 'true'")
    world.advance(FIRST)
    assert account(world, "acme") == {"idle": True}
    assert account(world, "busy") == {}
    told = sorted((e["type"], e.get("groupId") or e["userId"], e["traits"]["idle"]) for e in world.events("sink"))
    assert told == [("group", "acme", True), ("identify", "ada", True), ("identify", "bob", True)]
    for user in ("ada", "bob"):
        assert world.memberships(f"user_id:{user}") == {"idle": True, "sleepers": True}
    assert world.memberships("user_id:cleo") == {}
    assert shown(world, made)["size"] == {"type": "ACCOUNTS", "count": 1, "uniqueCount": 1}
    assert shown(world, followers)["size"]["count"] == 2
    assert status(world, made) == "Live"
    world.send(track("Logged In", "bob"))
    assert world.memberships("user_id:bob") == {"idle": True, "sleepers": True}
    world.advance(EIGHT_HOURS)
    assert account(world, "acme") == {"idle": False}
    for user in ("ada", "bob"):
        assert world.memberships(f"user_id:{user}") == {"idle": False, "sleepers": False}
    assert [run["changes"] for run in runs(world, made)][-2:] == [
        {"added": 0, "removed": 1},
        {"added": 1, "removed": 0},
    ]


def test_what_an_owner_is_shown(world: World) -> None:
    made = audience(world, options={"includeHistoricalData": False, "filterByExternalIds": ["email"]})
    assert made["audienceType"] == "ACCOUNTS"
    assert made["options"]["includeHistoricalData"] is True
    assert "backfillEventDataDays" not in made["options"]
    full = shown(world, made)
    assert full["computeCadence"] == {"type": "BATCH"}
    (schedule,) = full["schedules"]
    assert (schedule["strategy"], schedule["config"]) == ("PERIODIC", {"interval": "8h"})
    world.advance(FIRST)
    (schedule,) = shown(world, made)["schedules"]
    assert (parse_iso(schedule["nextExecution"]) or 0) % (8 * HOUR) == 0
    assert 0 < (parse_iso(schedule["nextExecution"]) or 0) - world.clock.now() <= 8 * HOUR
    assert status(world, made) == "Live"
    assert len(runs(world, made)) == 1


def test_a_lookback_is_not_applied_to_accounts(world: World) -> None:
    old = world.now(-400 * DAY // SECOND)
    world.send(group("ada", "acme"), track("Paid", "ada", timestamp=old))
    made = audience(world, "event('Paid').count() >= 1", "Payers", options={"backfillEventDataDays": 7})
    assert "backfillEventDataDays" not in made["options"]
    world.advance(FIRST)
    assert account(world, "acme") == {"payers": True}


def test_an_edit_takes_effect_at_the_next_run(world: World) -> None:
    world.send(group("ada", "acme", traits={"seats": 20}), track("Paid", "ada"))
    made = audience(world, "trait('seats') > 10", "Big")
    world.advance(FIRST)
    assert account(world, "acme")["big"] is True
    path = f"{world.audiences}/{made['id']}"
    sent = {"definition": {"query": "event('Paid').count() >= 5"}}
    changed = world.manage("PATCH", path, sent).data["audience"]
    assert (changed["status"], changed["definition"]["query"]) == ("Live", "event('Paid').count() >= 5")
    for _ in range(10):
        world.advance(60)
        assert status(world, made) == "Live"
    assert account(world, "acme")["big"] is True
    world.advance(EIGHT_HOURS)
    assert account(world, "acme")["big"] is False


def test_traits_of_accounts_are_told_by_group_calls(world: World) -> None:
    world.send(group("ada", "acme"), group("bob", "acme"), track("Paid", "ada", properties={"amount": 5}))
    made = trait(world, "Revenue", "event('Paid').sum(property('amount'))")
    assert (made["definition"]["type"], made["options"]["includeHistoricalData"]) == ("ACCOUNTS", True)
    path = f"/spaces/{world.stack.space_id}/computed-traits/{made['id']}"
    sink = world.webhook("sink")
    sent = {"destination": {"id": sink["id"], "type": "destination"}}
    assert world.manage("POST", f"{path}/destination-connections", sent).status == 200
    world.advance(FIRST)
    world.send(track("Paid", "bob", properties={"amount": 7}))
    forced = world.manage("POST", f"{path}/runs").data["run"]["id"]
    world.drain()
    told = [(e["type"], e["groupId"], e["traits"]) for e in world.events("sink")]
    assert told == [("group", "acme", {"revenue": 5}), ("group", "acme", {"revenue": 12})]
    assert world.traits("user_id:ada") == {}
    assert world.manage("GET", f"{path}/runs").data["runs"][0]["id"] == forced


def test_runs_on_demand(world: World) -> None:
    made = audience(world)
    path = f"{world.audiences}/{made['id']}/runs"
    first = world.manage("POST", path).data["run"]["id"]
    assert world.manage("POST", path).data["run"]["id"] == first  # it waits for the first computation
    world.advance(FIRST)
    world.drain()
    again = world.manage("POST", path).data["run"]["id"]
    assert again != first
    world.drain()
    assert {run["id"] for run in runs(world, made)} >= {first, again}
    assert all(run["result"] == "succeeded" for run in runs(world, made))


def test_what_cannot_be_run(world: World) -> None:
    users = world.audience("Users", "event('A').count() >= 1")
    for path in ("runs", "schedules"):
        sent = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
        reply = world.manage("POST", f"{world.audiences}/{users['id']}/{path}", sent)
        assert (reply.status, reply.body["errors"][0]["field"]) == (422, "audienceType")
    assert world.manage("POST", f"{world.audiences}/aud_unknown/runs").status == 404
    made = audience(world)
    world.advance(FIRST)
    world.manage("PATCH", f"{world.audiences}/{made['id']}", {"enabled": False})
    reply = world.manage("POST", f"{world.audiences}/{made['id']}/runs")
    assert (reply.status, reply.body["errors"][0]["field"]) == (422, "enabled")


@pytest.mark.parametrize("enabled", [None, False, True])
def test_a_forced_run_of_a_linked_audience_fails_once_and_says_why(world: World, enabled: bool | None) -> None:
    sent = {"name": "Orders", "audienceType": "LINKED", "definition": {"query": "entity('orders').count() >= 1"}}
    made = world.manage("POST", world.audiences, sent if enabled is None else {**sent, "enabled": enabled}).data
    path = f"{world.audiences}/{made['audience']['id']}"
    hourly = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
    assert "nextExecution" in world.manage("POST", f"{path}/schedules", hourly).data["audienceSchedule"]
    forced = world.manage("POST", f"{path}/runs").data["run"]["id"]
    assert world.manage("POST", f"{path}/runs").data["run"]["id"] == forced  # it waits for a worker
    world.advance(2 * HOUR // SECOND)
    (run,) = world.manage("GET", f"{path}/runs").data["runs"]
    assert (run["id"], run["result"], run["changes"]) == (forced, "failed", None)
    assert (run["error"]["code"], run["error"]["willRetry"]) == ("NO_DATA_GRAPH", False)
    task = world.manage("GET", f"/spaces/{world.stack.space_id}/tasks/{run['taskId']}").data["task"]
    assert (task["status"], len(task["attempts"]), task["nextAttemptAt"]) == ("failed", 1, None)
    overview = world.manage("GET", f"{path}/overview").data["overview"]
    assert overview["status"] == ("Not Computing" if enabled else "Disabled")
    assert overview["statusReason"] == run["error"]["message"]
    assert (overview["progress"], "size" in overview) == (None, False)
    assert "data graph" in overview["statusReason"]
    world.application.operations.tick(NoDeadline())
    (told,) = world.manage("GET", "/notifications").data["notifications"]
    assert told["text"].startswith("Audience Run Failed: Orders (NO_DATA_GRAPH")
    assert told["details"]["error_message"] == overview["statusReason"]
    again = world.manage("POST", f"{path}/runs").data["run"]["id"]
    world.drain()
    assert [one["id"] for one in world.manage("GET", f"{path}/runs").data["runs"]] == [again, forced]


def test_a_linked_audience_holds_nobody_and_costs_nothing(world: World) -> None:
    sent = {
        "name": "Orders",
        "audienceType": "LINKED",
        "enabled": True,
        "definition": {"query": "event('A').count() >= 1"},
    }
    made = world.manage("POST", world.audiences, sent).data["audience"]
    follower = world.audience("Followers", f"NOT trait('{made['key']}') = 'true'")
    world.send(track("A", "ada"))
    world.advance(FIRST)
    assert world.memberships("user_id:ada") == {follower["key"]: True}
    assert world.application.engine.tasks.of_computation(world.stack.space_id, made["id"]) == []
    path = f"{world.audiences}/{made['id']}"
    for refused in ("exports", "refresh"):
        assert world.manage("POST", f"{path}/{refused}", {}).status == 422
    sizes = world.manage("GET", f"{path}/sizes").data["sizes"]
    assert (sizes["type"], "current" in sizes) == ("USERS", False)
    assert world.manage("DELETE", path).status == 409
    assert world.manage("DELETE", f"{world.audiences}/{follower['id']}").status == 200
    assert world.manage("DELETE", path).status == 200


def test_a_size_is_shown_once_the_first_run_is_through(world: World) -> None:
    world.send(group("ada", "acme"), track("A", "ada"))
    sent = {"name": "Users", "audienceType": "USERS", "definition": {"query": "event('A').count() >= 1"}}
    users = world.manage("POST", world.audiences, sent).data["audience"]
    accounts = audience(world)

    def sizes() -> list[Any]:
        path = f"{world.audiences}?include=schedules"
        listed = {one["id"]: one.get("size") for one in world.manage("GET", path).data["audiences"]}
        for one in (users, accounts):
            overview = world.manage("GET", f"{world.audiences}/{one['id']}/overview").data["overview"]
            assert listed[one["id"]] == shown(world, one).get("size") == overview.get("size")
        return [listed[one["id"]] and listed[one["id"]]["count"] for one in (users, accounts)]

    assert sizes() == [None, None]
    world.advance(FIRST)
    assert sizes() == [1, 1]
    world.manage("PATCH", f"{world.audiences}/{users['id']}", {"enabled": False})
    world.manage("PATCH", f"{world.audiences}/{users['id']}", {"enabled": True})
    assert sizes() == [1, 1]


def test_a_run_under_way_is_not_joined(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = audience(world)
    world.advance(FIRST)
    path = f"{world.audiences}/{made['id']}/runs"
    seen = []

    def meanwhile(task: Any, step: Any, deadline: Any) -> Any:
        seen.append(world.manage("POST", path).status)
        return prepare(task, step, deadline)

    kind = world.application.engine.worker._kinds["batch"]
    prepare = kind.steps["prepare"]
    monkeypatch.setitem(kind.steps, "prepare", meanwhile)
    assert world.manage("POST", path).status == 200
    world.drain()
    assert seen == [409]


def test_schedules_over_http(world: World) -> None:
    made = audience(world)
    world.advance(FIRST)
    path = f"{world.audiences}/{made['id']}/schedules"
    (first,) = world.manage("GET", path).data["audienceSchedules"]
    assert world.manage("GET", f"{path}/{first['id']}").data["audienceSchedule"] == first
    hourly = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
    assert world.manage("POST", path, hourly).status == 409
    assert world.manage("DELETE", f"{path}/{first['id']}").data == {"status": "SUCCESS"}
    assert world.manage("GET", path).data["audienceSchedules"] == []
    assert shown(world, made)["schedules"] == []
    before = len(runs(world, made))
    world.advance(2 * EIGHT_HOURS)
    assert len(runs(world, made)) == before
    added = world.manage("POST", path, hourly).data["audienceSchedule"]
    assert (added["strategy"], added["config"], added["id"] != first["id"]) == (*hourly.values(), True)
    assert "nextExecution" in added
    world.advance(2 * HOUR // SECOND)
    assert len(runs(world, made)) == before + 2
    days = {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [6], "timezone": "Europe/Berlin"}}
    changed = world.manage("PATCH", f"{path}/{added['id']}", days).data["audienceSchedule"]
    assert (changed["id"], changed["strategy"], changed["config"]) == (added["id"], *days.values())
    assert world.manage("PATCH", f"{path}/{first['id']}", days).status == 404
    for wrong in ({"interval": "7m"}, None):
        reply = world.manage("PATCH", f"{path}/{added['id']}", {"strategy": "PERIODIC", "config": wrong})
        assert reply.status == 422


def test_whatever_is_off_or_deleted_stops(world: World) -> None:
    world.send(group("ada", "acme", traits={"seats": 20}))
    off = audience(world, "trait('seats') > 10", "Off")
    gone = audience(world, "trait('seats') > 11", "Gone")
    world.advance(FIRST)
    world.manage("PATCH", f"{world.audiences}/{off['id']}", {"enabled": False})
    world.manage("DELETE", f"{world.audiences}/{gone['id']}")
    world.send(group("ada", "acme", traits={"seats": 2}))
    world.advance(3 * EIGHT_HOURS)
    assert account(world, "acme") == {"seats": 2, "off": True, "gone": True}
    assert [run["result"] for run in runs(world, off)] == ["cancelled", "succeeded"]
    assert world.application.engine.schedules.find(f"batch:{gone['id']}") is None
    assert status(world, off) == "Disabled"
    world.manage("PATCH", f"{world.audiences}/{off['id']}", {"enabled": True})
    world.advance(FIRST)
    assert account(world, "acme")["off"] is False
    assert status(world, off) == "Live"
    assert "nextExecution" in shown(world, off)["schedules"][0]


def test_the_eleventh_run_of_a_space_waits_for_its_turn(world: World) -> None:
    world.send(group("ada", "acme", traits={"seats": 20}))
    made = [audience(world, f"trait('seats') > {n}", f"Big {n}") for n in range(11)]
    world.advance(3 * FIRST)
    engine = world.application.engine
    ids = [world.manage("POST", f"{world.audiences}/{one['id']}/runs").data["run"]["id"] for one in made]
    tasks = [task for task in engine.tasks.open() if task.run_id in ids]
    assert len(tasks) == 11
    # All are called at once; nobody is done before the next one begins.
    leases = [engine.worker._acquire(task.task_id) for task in tasks]
    assert [lease is not None for lease in leases] == [True] * 10 + [False]
    assert status(world, made[-1]) == "Live"
    for task in tasks[:10]:
        engine.tasks.cancel(task.task_id)
    world.drain()
    assert engine.tasks.get(tasks[-1].task_id).status == "succeeded"


def test_a_refresh_tells_what_is_true_now(world: World) -> None:
    world.send(identify("ada", plan="pro"))
    made = world.audience("Pro", "trait('plan') = 'pro'")
    world.advance(FIRST)
    answer = world.manage("POST", f"{world.audiences}/{made['id']}/refresh").data
    assert (answer["audience"]["size"]["count"], answer["audience"]["status"], answer["progress"]) == (1, "Live", None)
    assert world.manage("POST", f"{world.audiences}/{audience(world)['id']}/refresh").status == 422


def test_changes_of_runs_and_schedules_stand_in_the_audit_trail(world: World) -> None:
    made = audience(world)
    path = f"{world.audiences}/{made['id']}"
    schedule = world.manage("GET", f"{path}/schedules").data["audienceSchedules"][0]["id"]
    world.manage("POST", f"{path}/runs")
    world.manage("PATCH", f"{path}/schedules/{schedule}", {"strategy": "PERIODIC", "config": {"interval": "1h"}})
    world.advance(FIRST)
    events = world.manage("GET", f"/audit-events?resourceId={made['id']}&resourceType=audience").data["events"]
    types = {event["type"] for event in events}
    assert types >= {"Audience Created", "Audience Run Forced", "Audience Modified", "Audience Run Complete"}


def broken(task: Any, step: Any, deadline: Any) -> Any:
    raise RuntimeError("broken")


def test_how_a_computation_does_is_how_its_runs_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(group("ada", "acme", traits={"seats": 20}))
    steps = world.application.engine.worker._kinds["batch"].steps
    with monkeypatch.context() as patched:
        patched.setitem(steps, "evaluate", broken)
        made = audience(world, "trait('seats') > 10", "Big")
        world.advance(60)
        assert status(world, made) == "Computing"
        world.advance(2 * FIRST)
        assert status(world, made) == "Computing"  # between two tries
        assert shown(world, made)["status"] == "Error"
        world.advance(HOUR // SECOND)
        assert status(world, made) == "Failed"
        assert [run["result"] for run in runs(world, made)] == ["failed"]
    world.advance(EIGHT_HOURS)
    assert status(world, made) == "Live"
    assert account(world, "acme")["big"] is True
    monkeypatch.setitem(steps, "evaluate", broken)
    assert world.manage("POST", f"{world.audiences}/{made['id']}/runs").status == 200
    world.advance(60)
    assert status(world, made) == "Live"
    world.advance(HOUR // SECOND)
    assert status(world, made) == "Failed"


def test_a_first_run_that_is_called_off_leaves_nothing_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = world.application.engine.worker._kinds["batch"].steps
    monkeypatch.setitem(steps, "evaluate", broken)
    made = audience(world)
    world.advance(60)
    (run,) = runs(world, made)
    world.manage("POST", f"/spaces/{world.stack.space_id}/tasks/{run['taskId']}/cancel")
    assert status(world, made) == "Failed"


def instant(text: str) -> int:
    found = parse_iso(text)
    assert found is not None
    return found


def test_runs_do_not_overlap_and_do_not_pile_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every quarter of an hour, and one run that takes forty minutes; each tick comes twice."""
    world.send(group("ada", "acme", traits={"seats": 20}))
    made = audience(world, "trait('seats') > 10", "Big")
    schedule = shown(world, made)["schedules"][0]["id"]
    quarters = {"strategy": "PERIODIC", "config": {"interval": "15m"}}
    world.manage("PATCH", f"{world.audiences}/{made['id']}/schedules/{schedule}", quarters)
    world.advance(60)
    steps = world.application.engine.worker._kinds["batch"].steps
    evaluate, began = steps["evaluate"], world.clock.now() // HOUR * HOUR + 15 * MINUTE

    def slowly(task: Any, step: Any, deadline: Any) -> Any:
        over = (task.started_at or 0) + 40 * MINUTE
        slow = task.slot == str(began // MINUTE) and world.clock.now() < over
        return Later(str(over), over) if slow else evaluate(task, replace(step, cursor=None), deadline)

    tick = world.application.engine.tick
    monkeypatch.setattr(world.application.engine, "tick", lambda deadline: (tick(deadline), tick(deadline))[1])
    monkeypatch.setitem(steps, "evaluate", slowly)
    world.advance(2 * HOUR // SECOND)
    found = sorted((instant(run["startedAt"]), instant(run["completedAt"])) for run in runs(world, made))
    assert [(start - began) // MINUTE for start, _ in found[1:]] == [0, 45, 60, 75, 90, 105]
    assert found[1][1] - found[1][0] == 40 * MINUTE
    assert all(end <= start for (_, end), (start, _) in pairwise(found))


def test_the_profile_api_tells_what_is_computed_of_accounts(world: World) -> None:
    world.send(group("ada", "acme", traits={"seats": 20}), track("Paid", "ada", properties={"amount": 5}))
    audience(world, "trait('seats') > 10", "Big")
    trait(world, "Revenue", "event('Paid').sum(property('amount'))")
    world.advance(FIRST)
    token = b64encode(f"{world.stack.profile_token}:".encode()).decode()

    def traits(kind: str) -> Any:
        path = f"/v1/spaces/{world.stack.space_id}/collections/accounts/profiles/group_id%3Aacme/traits?class={kind}"
        return world.ask("GET", path, Authorization=f"Basic {token}").body["traits"]

    assert traits("audience") == {"big": True}
    assert traits("computed_trait") == {"revenue": 5}
    assert world.memberships("user_id:ada") == {"big": True}


def test_nothing_runs_over_events_that_were_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(group("ada", "acme"))
    with monkeypatch.context() as patched:
        patched.setitem(world.application.engine.worker._kinds["compute"].steps, "scan", broken)
        made = audience(world)
        world.advance(HOUR // SECOND)
    assert status(world, made) == "Failed"
    assert world.manage("POST", f"{world.audiences}/{made['id']}/runs").status == 409
    world.advance(2 * EIGHT_HOURS)
    assert runs(world, made) == []
    world.manage("PATCH", f"{world.audiences}/{made['id']}", {"enabled": True})
    world.advance(FIRST)
    assert status(world, made) == "Live"
    assert account(world, "acme") == {"idle": True}
