"""Previews, exports, sizes, imports and replays, as an owner asks for them over HTTP."""

import csv
import gzip
import io
import json
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.api import contract
from chalicelib.api.contract.reading import check_answer
from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.previews.previewing import BROKEN
from chalicelib.previews.quota import month_of
from chalicelib.records import Key
from chalicelib.workspace.model import Space
from chalicelib.workspace.rates import Rates
from chalicelib.workspace.storage import Place, Storage, index_key, space_key
from tests.acceptance.engines import OnAws
from tests.acceptance.world import World, identify, track
from tests.conftest import Cloud

BOUGHT = "event('Bought').count() >= 1"


def manage(world: World, method: str, path: str, content: Any = None) -> Any:
    """The data of the answer, which is as declared."""
    reply = world.manage(method, path, content)
    for (known, pattern), operation in contract.management().items():
        if known == method and _matches(pattern, path.partition("?")[0]):
            check_answer(operation.gives, reply.data)
            return reply.data
    raise AssertionError(f"{method} {path} is not declared")


def _matches(pattern: str, path: str) -> bool:
    parts, given = pattern.split("/"), path.split("/")
    return len(parts) == len(given) and all(p.startswith("{") or p == g for p, g in zip(parts, given, strict=True))


def space(world: World) -> str:
    return f"/spaces/{world.stack.space_id}"


def preview(world: World, query: str = BOUGHT, **more: Any) -> Any:
    sent = {"audienceType": "USERS", "definition": {"query": query}, **more}
    id = manage(world, "POST", f"{world.audiences}/previews", sent)["audiencePreview"]["id"]
    world.drain()
    return manage(world, "GET", f"{world.audiences}/previews/{id}")["audiencePreview"]


def export(world: World, path: str, **chosen: Any) -> Any:
    id = manage(world, "POST", f"{path}/exports", chosen)["export"]["id"]
    world.drain()
    return manage(world, "GET", f"{path}/exports/{id}")["export"]


def rows(world: World, found: Any) -> list[dict[str, str]]:
    key = f"exports/{world.stack.space_id}/{found['id']}.csv"
    text = world.application.adapters.archive.get(key).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def actions(world: World) -> list[str]:
    return [row["type"] for row in world.manage("GET", "/audit-events").data["events"]]


def test_a_preview_of_150_among_200_people(world):
    for n in range(200):
        more = [track("Bought", f"u{n}")] if n < 150 else []
        world.send(identify(f"u{n}", **({"email": f"{n}@x.io"} if n % 2 else {"plan": "pro"})), *more)
    sent = {"audienceType": "USERS", "definition": {"query": BOUGHT}}
    made = world.manage("POST", f"{world.audiences}/previews", sent).data
    assert made == {"audiencePreview": {"id": made["audiencePreview"]["id"]}}
    path = f"{world.audiences}/previews/{made['audiencePreview']['id']}"
    running = manage(world, "GET", path)["audiencePreview"]
    assert (running["status"], "results" in running, "size" in running) == ("RUNNING", False, False)
    world.drain()
    found = manage(world, "GET", path)["audiencePreview"]
    assert (found["status"], found["options"], found["definition"]) == ("COMPLETED", {}, {"query": BOUGHT})
    assert found["size"] == {"type": "USERS", "count": 150, "uniqueCount": 150}
    assert len(found["results"]) == 100
    assert all(world.traits(f"segment_id:{one['id']}") is not None for one in found["results"][:3])
    shares = {one["type"]: (one["count"], one["percent"]) for one in found["identifierBreakdown"]}
    assert (shares["email"], shares["user_id"]) == ((75, 50.0), (150, 100.0))
    assert "failureReason" not in found
    assert "Audience Preview Created" in actions(world)
    assert manage_list(world) == []  # nothing was made
    world.advance(DAY / 1_000)
    assert world.manage("GET", path).status == 404


def manage_list(world: World) -> Any:
    return world.manage("GET", world.audiences).data["audiences"]


def test_a_preview_of_the_past_beside_another_audience(world):
    world.send(track("Bought", "u1"), track("Bought", "u2"))
    world.advance(DAY / 1_000)
    then = world.now(-HOUR / 1_000)
    vip = world.audience("Vip", "trait('plan') = 'pro'")
    world.send(identify("u1", plan="pro"), track("Bought", "u3"))
    found = preview(world, overlapAudienceId=vip["id"])
    assert (found["size"]["count"], found["overlap"]) == (3, {"audienceId": vip["id"], "count": 1, "percent": 33.3})
    found = preview(world, asOf=then)
    assert (found["size"]["count"], found["asOf"]) == (2, then)


def test_previews_that_are_refused(world):
    refused = world.manage(
        "POST", f"{world.audiences}/previews", {"audienceType": "USERS", "definition": {"query": "("}}
    )
    assert (refused.status, [e["field"] for e in refused.body["errors"]]) == (422, ["definition.query"])
    more = {"asOf": world.now(60), "options": {"filterByExternalIds": []}, "overlapAudienceId": "x"}
    sent = {"audienceType": "USERS", "definition": {"query": BOUGHT}, **more}
    refused = world.manage("POST", f"{world.audiences}/previews", sent)
    assert {e["field"] for e in refused.body["errors"]} == {"asOf", "options.filterByExternalIds"}
    assert world.manage("GET", f"{world.audiences}/previews/unknown").status == 404


def test_exports_of_two_emails(world):
    audience = world.audience("Buyers", BOUGHT)
    path = f"{space(world)}/computed-traits"
    sent = {"name": "Orders", "definition": {"query": "event('Bought').count()", "type": "USERS"}}
    trait = world.manage("POST", path, sent).data["computedTrait"]
    world.drain()
    world.send(identify("u1", email="a@x.io"), identify("u1", email="b@x.io"), track("Bought", "u1"))
    world.send(identify("u2", email="c@x.io", plan="=cmd"))
    of_audience = f"{world.audiences}/{audience['id']}"
    found = export(world, of_audience, format="FORMATTED", traits=["orders"])
    (row,) = rows(world, found)
    assert (row["email"], row["email_1"], row["user_id"], row["orders"]) == ("a@x.io", "b@x.io", "u1", "1")
    assert (found["status"], found["people"]) == ("COMPLETED", 1)
    assert found["url"].startswith("memory://archive/exports/")

    of_trait = export(world, f"{path}/{trait['id']}", format="EXTRA_ROWS")
    first, second = rows(world, of_trait)
    assert [first[name] for name in ("key", "value", "external_ids")] == [
        second[name] for name in ("key", "value", "external_ids")
    ]
    assert (first["email"], second["email"], second["user_id"]) == ("a@x.io", "b@x.io", "")

    world.advance(MINUTE / 1_000)
    refused = world.manage("POST", f"{of_audience}/exports", {})
    assert refused.status == 429
    wait = refused.body["errors"][0]["data"]["msBeforeNext"]
    assert (wait, refused.headers["retry-after"]) == (4 * MINUTE, "240")
    world.advance(4 * MINUTE / 1_000)
    assert export(world, of_audience)["status"] == "COMPLETED"
    assert {"Audience CSV Downloaded", "Computed Trait CSV Downloaded"} <= set(actions(world))


def test_one_export_at_a_time(world):
    path = f"{world.audiences}/{world.audience('Buyers', BOUGHT)['id']}/exports"
    first = world.manage("POST", path, {}).data["export"]
    refused = world.manage("POST", path, {})
    assert (refused.status, refused.body["errors"][0]["data"]) == (409, {"exportId": first["id"]})
    assert world.manage("POST", path, {"format": "XLS"}).status == 422
    assert world.manage("GET", f"{path}/unknown").status == 404


def test_sizes_hour_by_hour(world):
    audience = world.audience("Buyers", BOUGHT)
    path = f"{world.audiences}/{audience['id']}/sizes"
    for n in range(3):
        world.send(track("Bought", f"u{n}"))
        world.application.operations.tick(Forever())
        world.advance(HOUR / 1_000)
    found = manage(world, "GET", path)["sizes"]
    assert found["current"] == {"count": 3, "uniqueCount": 3}
    assert [one["count"] for one in found["series"]][-3:] == [2, 3, 3]
    assert manage(world, "GET", f"{path}?granularity=DAY")["sizes"]["granularity"] == "DAY"
    for asked in ("granularity=WEEK", f"end={world.now(-3_600)}&start={world.now()}", "start=2001-01-01"):
        assert world.manage("GET", f"{path}?{asked}").status == 422


class Forever:
    def remaining(self) -> int:
        return 1 << 40


def put(world: World, key: str, *lines: Any) -> None:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    world.application.adapters.archive.put(key, gzip.compress(body))


def imported(world: World, *lines: Any) -> Any:
    upload = manage(world, "POST", f"{space(world)}/imports", {})["upload"]
    assert upload["key"] in upload["url"]
    put(world, upload["key"], *lines)
    sent = {"key": upload["key"], "sourceId": world.stack.source_id}
    made = manage(world, "POST", f"{space(world)}/imports", sent)["import"]
    assert made["status"] == "RUNNING"
    world.drain()
    return manage(world, "GET", f"{space(world)}/imports/{made['id']}")["import"]


def test_a_file_of_the_past_counts_where_history_does(world):
    old = world.now(-300 * DAY / 1_000)
    with_history = world.audience("All", "event('Bought').count() >= 2")
    recent = world.audience("Recent", "event('Bought').within(30 days).count() >= 1")
    lines = [track("Bought", "u1", timestamp=old, messageId=f"m{n}") for n in range(2)]
    found = imported(
        world, *lines, lines[0], b"{", track("Bought"), {"type": "identify", "userId": "u1", "traits": {"a": 1}}
    )
    assert (found["status"], found["report"]["lines"], found["report"]["accepted"]) == ("COMPLETED", 6, 4)
    assert found["report"]["samples"] == [
        {"line": 4, "code": "malformed_body"},
        {"line": 5, "code": "no_user_anon_id"},
    ]
    assert found["report"]["rejectedUrl"].startswith("memory://archive/imports/")
    assert found["progress"]["lines"] == 6
    assert world.memberships("user_id:u1") == {with_history["key"]: True}
    assert recent["key"] not in world.memberships("user_id:u1")
    assert (world.traits("user_id:u1") or {})["a"] == 1
    again = imported(
        world, *lines, lines[0], b"{", track("Bought"), {"type": "identify", "userId": "u1", "traits": {"a": 1}}
    )
    assert again["report"]["sameAs"] == found["id"]
    assert world.manage("GET", f"{space(world)}/imports").data["pagination"]["totalEntries"] == 2
    assert "Import Created" in actions(world)
    cancelled = world.manage("POST", f"{space(world)}/tasks/{again['taskId']}/cancel")
    assert cancelled.data["task"]["status"] == "succeeded"


@pytest.mark.parametrize(
    "key", ["imports/another-space/x", "exports/x", "imports/{space}/unknown", "imports/{space}/.rejected/x"]
)
def test_files_that_cannot_be_imported(world, key):
    sent = {"key": key.format(space=world.stack.space_id), "sourceId": world.stack.source_id}
    refused = world.manage("POST", f"{space(world)}/imports", sent)
    assert (refused.status, [e["field"] for e in refused.body["errors"]]) == (422, ["key"])


def test_an_import_needs_a_source_of_the_space(world):
    upload = world.manage("POST", f"{space(world)}/imports", {}).data["upload"]
    put(world, upload["key"], track("Bought", "u1"))
    for source in (None, "src_unknown", world.stack.engage_source_id):
        refused = world.manage("POST", f"{space(world)}/imports", {"key": upload["key"], "sourceId": source})
        assert (refused.status, refused.body["errors"][0]["field"]) == (422, "sourceId")


def test_the_own_space_is_not_replayed_into(world):
    world.send(track("Bought", "u1"))
    sent = {"from": world.now(-60), "to": world.now()}
    refused = world.manage("POST", f"{space(world)}/replays", sent)
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "targetSpaceId")
    world.advance(1)
    made = manage(world, "POST", f"{space(world)}/replays", {**sent, "unresolvedOnly": True})["replay"]
    world.drain()
    found = manage(world, "GET", f"{space(world)}/replays/{made['id']}")["replay"]
    assert (found["status"], found["sent"]) == ("COMPLETED", 0)
    assert "Replay Created" in actions(world)
    for more in ({"to": world.now(60)}, {"from": "x"}, {"targetSpaceId": "nowhere"}):
        assert world.manage("POST", f"{space(world)}/replays", {**sent, "unresolvedOnly": True, **more}).status == 422
    assert world.manage("GET", f"{space(world)}/replays/unknown").status == 404


def test_six_previews_in_a_minute_are_one_too_many(world):
    world.application.rates = Rates(world.application.adapters.work, world.clock, 1_000)
    world.advance(60 - world.clock.now() / 1_000 % 60)
    sent = {"audienceType": "USERS", "definition": {"query": BOUGHT}}
    for _ in range(5):
        assert world.manage("POST", f"{world.audiences}/previews", sent).status == 200
    refused = world.manage("POST", f"{world.audiences}/previews", sent)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert refused.body["errors"][0]["data"]["msBeforeNext"] == MINUTE
    assert refused.body["errors"][0]["type"] == "RequestError"


def test_a_month_has_so_many_previews(world):
    work, tasks = world.application.adapters.work, world.application.engine.tasks
    desk = world.application.errands.desk(tasks, world.application.workspaces, limited=True)
    month = month_of(world.clock.now())
    work.add(Key(f"preview_quota#{world.stack.space_id}", month.name), {"previews": 699})
    world.application.desk = desk
    sent = {"audienceType": "USERS", "definition": {"query": BOUGHT}}
    assert world.manage("POST", f"{world.audiences}/previews", sent).status == 200
    refused = world.manage("POST", f"{world.audiences}/previews", sent)
    assert refused.status == 429
    data = refused.body["errors"][0]["data"]
    assert (data["remainingPoints"], data["msBeforeNext"]) == (0, month.end - world.clock.now())


def another_space(world: World) -> str:
    storage = Storage(world.application.adapters.workspace, world.clock)
    id, workspace_id = "Another0Space", world.stack.workspace_id
    storage.places.put(index_key("space", id), Place(workspace_id=workspace_id, id=id))
    made = Space(id=id, workspace_id=workspace_id, slug="b", name="B", engage_source_id="eng_b", created_at=0)
    storage.spaces.put(space_key(workspace_id, id), made)
    return id


def test_what_one_space_received_is_sent_into_another_once(world):
    target = another_space(world)
    audiences = f"/spaces/{target}/audiences"
    sent = {"name": "Twice", "audienceType": "USERS", "definition": {"query": "event('Bought').count() = 2"}}
    world.manage("POST", audiences, sent)
    world.drain()
    start = world.now()
    world.send(track("Bought", "u1"), track("Bought", "u2"), identify("u2", plan="pro"))
    world.advance(40 * DAY / 1_000)
    world.send(track("Bought", "u1"))
    world.advance(1)
    asked = {"from": start, "to": world.now(), "targetSpaceId": f"spa_{target}"}
    made = manage(world, "POST", f"{space(world)}/replays", asked)["replay"]
    world.drain()
    found = manage(world, "GET", f"{space(world)}/replays/{made['id']}")["replay"]
    assert (found["status"], found["sent"], found["targetSpaceId"]) == ("COMPLETED", 4, target)
    world.advance(3 * DAY / 1_000)
    again = manage(world, "POST", f"{space(world)}/replays", asked)["replay"]
    assert (again["id"], again["status"]) == (made["id"], "COMPLETED")
    world.drain()
    people = [world.application.lookup.find(target, "users", f"user_id:u{n}") for n in (1, 2)]
    assert [person and person.trait_values() for person in people] == [{"twice": True}, {"plan": "pro"}]
    task = world.manage("GET", f"{space(world)}/tasks/{found['taskId']}").data["task"]
    assert (task["status"], task["kind"]) == ("succeeded", "replay")


def test_a_preview_that_fails_in_execution_has_a_reason(world, monkeypatch):
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("chalicelib.previews.previewing.evaluate_history", broken)
    found = preview(world)
    assert (found["status"], found["failureReason"]) == ("FAILED", BROKEN)
    assert "results" not in found
    assert "size" not in found


def test_people_of_an_audience_of_accounts_are_exported(world):
    query = "ANY event('Bought').count() >= 1"
    sent = {"name": "Firms", "audienceType": "ACCOUNTS", "definition": {"query": query}}
    world.send(track("Bought", "u1"), {"type": "group", "userId": "u1", "groupId": "g1"})
    world.send({"type": "group", "userId": "u2", "groupId": "g1"}, {"type": "group", "userId": "u3", "groupId": "g2"})
    audience = world.manage("POST", world.audiences, sent).data["audience"]
    world.advance(9 * HOUR / 1_000)
    world.application.engine.tick(Forever())
    world.drain()
    found = export(world, f"{world.audiences}/{audience['id']}", format="FORMATTED", externalIds=["user_id"])
    assert sorted(row["user_id"] for row in rows(world, found)) == ["u1", "u2"]
    previewed = preview(world, query, audienceType="ACCOUNTS")
    assert (previewed["size"], "identifierBreakdown" in previewed) == (
        {"type": "ACCOUNTS", "count": 1, "uniqueCount": 1},
        False,
    )


def test_the_same_on_aws(cloud: Cloud) -> None:
    world = World(OnAws(cloud))
    try:
        audience = world.audience("Buyers", BOUGHT)
        found = imported(world, track("Bought", "u1", timestamp="2020-01-01T00:00:00Z"), b"{")
        assert found["report"]["samples"] == [{"line": 2, "code": "malformed_body"}]
        made = export(world, f"{world.audiences}/{audience['id']}", format="FORMATTED")
        assert [row["user_id"] for row in rows(world, made)] == ["u1"]
        assert preview(world, asOf=world.now())["size"]["count"] == 1
        assert made["id"] in made["url"]
    finally:
        bootstrap.install(None)


def test_nobody_knows_a_size_before_the_first_values_are_in(world):
    sent = {"name": "Buyers", "audienceType": "USERS", "definition": {"query": BOUGHT}}
    path = f"{world.audiences}/{world.manage('POST', world.audiences, sent).data['audience']['id']}"
    assert "size" not in manage(world, "GET", path)["audience"]
    assert "current" not in manage(world, "GET", f"{path}/sizes")["sizes"]
    world.drain()
    assert manage(world, "GET", path)["audience"]["size"]["count"] == 0
    assert manage(world, "GET", f"{path}/sizes")["sizes"]["current"]["count"] == 0
