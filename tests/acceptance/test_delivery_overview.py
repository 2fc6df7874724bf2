"""How far events came, and how they are sent again: over HTTP, with the whole product behind it."""

from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.delivery.classification import no_answer
from tests.acceptance.world import World, track

HOUR = 3_600
BOUGHT = "event('Order Completed').count() >= 1"


class Shown:
    """An audience and its webhook, and the overview of it."""

    def __init__(self, world: World, sink: str = "w", **connection: Any) -> None:
        self.world, self.sink = world, sink
        self.audience = world.audience(f"Buyers of {sink}", BOUGHT)
        self.destination = world.webhook(sink)
        self.connection = world.connect(self.audience, self.destination, **connection)

    def buy(self, *users: str) -> None:
        for user in users:
            self.world.send(track("Order Completed", user))

    def get(self, path: str, hours: float = 2, **parameters: str) -> Any:
        time = {"startTime": self.world.now(-hours * HOUR), "endTime": self.world.now(60), "granularity": "MINUTE"}
        return self.world.manage("GET", f"{path}?{urlencode({**time, **parameters})}")

    def metrics(self, step: str, **parameters: str) -> Any:
        source, own = self.world.stack.engage_source_id, self.destination["id"]
        sent = {"sourceId": source, "destinationConfigId": own, **parameters}
        return self.get(f"/delivery-overview/{step}", **sent).data

    def summary(self) -> Any:
        shown = self.get(f"/spaces/{self.world.stack.space_id}/delivery-overview").data["destinations"]
        return next(one for one in shown if one["destinationId"] == self.destination["id"])

    def of(self, path: str) -> str:
        return f"/destinations/{self.destination['id']}/{path}"


@pytest.fixture
def shown(world: World) -> Shown:
    return Shown(world)


def holds(summary: Any) -> bool:
    """Whether what was made is accounted for."""
    steps = ("filteredAtSource", "filteredAtDestination", "failedDelivery", "successfulDelivery", "pendingRetry")
    return bool(summary["created"] == summary["inFlight"] + sum(summary[step] for step in steps))


def test_every_event_made_is_accounted_for_at_any_time(shown: Shown) -> None:
    shown.world.script(shown.sink, 200, 400, 503, 429, 200)
    shown.buy("a", "b", "c", "d", "e", "f")
    first = shown.summary()
    assert {name: first[name] for name in ("created", "successfulDelivery", "failedDelivery", "pendingRetry")} == {
        "created": 6,
        "successfulDelivery": 3,
        "failedDelivery": 1,
        "pendingRetry": 2,
    }
    assert holds(first)
    shown.world.advance(120)
    last = shown.summary()
    assert (last["successfulDelivery"], last["pendingRetry"], last["retries"]) == (5, 0, 2)
    assert last["deliveryRate"] == 83.33
    assert holds(last)
    assert 60_000 < last["p95LatencyMs"] < 100_000


def test_the_steps_in_the_shapes_of_the_public_api(shown: Shown) -> None:
    shown.world.script(shown.sink, 503, 400, 200)
    shown.buy("a", "b", "c")
    shown.world.advance(120)
    success = shown.metrics("successful-delivery", groupBy="eventName,eventType")
    assert success["total"] == 2
    (dataset,) = success["dataset"]
    assert (dataset["eventName"], dataset["eventType"], dataset["total"]) == ("Audience Entered", "track", 2)
    assert dataset["totalRetryCount"] == 1
    assert sum(point["count"] for point in dataset["series"]) == 2
    assert [point["retryCount"] for point in dataset["series"] if point["count"]] == [0, 1]
    assert len(dataset["series"]) in (121, 122)
    failed = shown.metrics("failed-delivery", groupBy="discardReason")
    assert [(one["discardReason"], one["total"]) for one in failed["dataset"]] == [("400", 1)]
    assert "totalRetryCount" not in failed["dataset"][0]
    assert shown.metrics("filtered-at-destination")["total"] == 0
    assert failed["pagination"]["totalEntries"] == 1


def test_who_is_meant(shown: Shown) -> None:
    shown.buy("a", "b")
    group = {"groupBy": "audienceId,activationId,spaceId"}
    (dataset,) = shown.metrics("successful-delivery", **group)["dataset"]
    assert dataset["audienceId"] == shown.audience["id"]
    assert shown.connection.endswith(dataset["activationId"])
    assert dataset["spaceId"] == shown.world.stack.space_id
    other = {"filter": '{"audienceId":["aud_other"]}'}
    assert shown.metrics("successful-delivery", **other)["total"] == 0
    mine = {"filter.audienceId": shown.audience["id"], "filter.eventName": "Audience Entered,Other"}
    assert shown.metrics("successful-delivery", **mine)["total"] == 2
    assert shown.metrics("successful-delivery", **{"filter[eventType]": "identify"})["total"] == 0


def test_successes_by_the_attempt_that_made_them(shown: Shown) -> None:
    shown.world.script(shown.sink, 503, 503, 200)
    shown.buy("a", "b")
    shown.world.advance(HOUR)
    found = shown.metrics("successful-delivery", groupBy="discardReason")["dataset"]
    assert {(one["discardReason"], one["total"]) for one in found} == {
        ("successes.attempt.2", 2),
    }


@pytest.mark.parametrize("granularity", ["MINUTE", "HOUR", "DAY"])
def test_sums_are_the_same_at_every_granularity(shown: Shown, granularity: str) -> None:
    for user in ("a", "b", "c"):
        shown.buy(user)
        shown.world.advance(1_500)
    assert shown.metrics("successful-delivery", granularity=granularity)["total"] == 3


def test_at_the_source_events_of_all_destinations_are_received(shown: Shown) -> None:
    Shown(shown.world, "other")
    shown.buy("a")
    source: Any = {"sourceId": shown.world.stack.engage_source_id}
    assert shown.get("/delivery-overview/successfully-received", **source).data["total"] == 2
    for step in ("failed-on-ingest", "filtered-at-source"):
        assert shown.get(f"/delivery-overview/{step}", **source).data["total"] == 0
    ordinary: Any = {"sourceId": shown.world.stack.source_id}
    assert shown.get("/delivery-overview/successfully-received", **ordinary).status == 409


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"granularity": "WEEK"}, "granularity"),
        ({"startTime": "soon"}, "startTime"),
        ({"endTime": "2000-01-01"}, "endTime"),
        ({"startTime": "2000-01-01"}, "startTime"),
        ({"groupBy": "colour"}, "groupBy"),
        ({"filter": '{"colour":"red"}'}, "filter"),
        ({"sourceId": ""}, "sourceId"),
    ],
)
def test_questions_that_make_no_sense(shown: Shown, parameters: dict[str, str], field: str) -> None:
    source, own = shown.world.stack.engage_source_id, shown.destination["id"]
    sent = {"sourceId": source, "destinationConfigId": own, **parameters}
    reply = shown.get("/delivery-overview/failed-delivery", **sent)
    assert reply.status == 422
    assert field in {error.get("field") for error in reply.body["errors"]}


def test_a_destination_of_another_source_is_not_found(shown: Shown) -> None:
    sent = {"sourceId": shown.world.stack.source_id, "destinationConfigId": shown.destination["id"]}
    assert shown.get("/delivery-overview/failed-delivery", **sent).status == 404


def test_reasons_have_samples_and_shares(shown: Shown) -> None:
    shown.world.script(shown.sink, *[400] * 12, *[404] * 4, 200)
    shown.buy(*[f"u{n}" for n in range(17)])
    rows = shown.get(shown.of("discards")).data["discards"]
    assert [(row["discardReason"], row["count"], row["percent"], row["change"]) for row in rows] == [
        ("400", 12, 75.0, 75.0),
        ("404", 4, 25.0, 25.0),
    ]
    assert [len(row["samples"]) for row in rows] == [10, 4]
    sample = rows[0]["samples"][0]
    assert sample["response"]["status"] == 400
    assert sample["request"]["method"] == "POST"
    shares = shown.get(shown.of("delivery-breakdown"), step="successful-delivery").data["breakdown"]
    assert [(row["eventType"], row["eventName"], row["count"]) for row in shares] == [("track", "Audience Entered", 1)]


def test_a_share_is_compared_with_the_time_before(shown: Shown) -> None:
    world = shown.world
    world.script(shown.sink, *[400] * 3, 404, *[400] * 2, *[404] * 2)
    shown.buy("a", "b", "c", "d")
    world.advance(1.5 * HOUR)
    shown.buy("e", "f", "g", "h")
    rows = shown.get(shown.of("discards"), hours=1).data["discards"]
    assert {row["discardReason"]: row["change"] for row in rows} == {"400": -25.0, "404": 25.0}


def test_removing_a_connection_accounts_for_what_waited(shown: Shown) -> None:
    shown.world.script(shown.sink, 503)
    shown.buy("a")
    assert shown.world.manage("DELETE", shown.connection).status == 200
    shown.world.advance(HOUR)
    summary = shown.summary()
    assert (summary["filteredAtDestination"], summary["pendingRetry"]) == (1, 0)
    assert holds(summary)
    found = shown.metrics("filtered-at-destination", groupBy="discardReason")["dataset"]
    assert [one["discardReason"] for one in found] == ["CONNECTION_REMOVED"]


def test_a_pause_fails_what_waits(shown: Shown) -> None:
    shown.world.script(shown.sink, 503)
    shown.buy("a")
    shown.world.manage("PATCH", shown.connection, {"enabled": False})
    shown.world.advance(HOUR)
    assert (
        shown.metrics("failed-delivery", groupBy="discardReason")["dataset"][0]["discardReason"] == "CONNECTION_PAUSED"
    )
    assert holds(shown.summary())


def test_a_replay_over_http(shown: Shown) -> None:
    world = shown.world
    shown.buy("a", "b")
    before, counted = world.events(shown.sink), shown.summary()
    reply = world.manage("POST", shown.of("replays"), {"from": world.now(-60), "to": world.now(60)})
    assert reply.status == 201
    task = reply.data["task"]
    world.drain()
    world.advance(60)
    again = world.events(shown.sink)[len(before) :]
    assert sorted(event["messageId"] for event in again) == sorted(event["messageId"] for event in before)
    assert {name: n for name, n in shown.summary().items() if name != "p95LatencyMs"} == {
        name: n for name, n in counted.items() if name != "p95LatencyMs"
    }
    done = world.manage("GET", f"/spaces/{world.stack.space_id}/tasks/{task['id']}").data["task"]
    assert done["status"] == "succeeded"


def test_a_disabled_destination_is_recovered_by_its_dead_letters(shown: Shown) -> None:
    world = shown.world
    world.script(shown.sink, 503, 503)
    shown.buy("a", "b")
    world.manage("PATCH", f"/destinations/{shown.destination['id']}", {"enabled": False})
    world.advance(HOUR)
    assert {letter["code"] for letter in world.dead_letters(shown.destination)} == {"DESTINATION_DISABLED"}
    world.manage("PATCH", f"/destinations/{shown.destination['id']}", {"enabled": True})
    one = world.dead_letters(shown.destination)[0]["messageId"]
    assert world.manage("POST", shown.of("dead-letters/redrive"), {"messageId": one}).status == 201
    world.drain()
    world.advance(60)
    assert len(world.dead_letters(shown.destination)) == 1
    world.manage("POST", shown.of("dead-letters/redrive"), {"code": "DESTINATION_DISABLED"})
    world.drain()
    world.advance(60)
    assert world.dead_letters(shown.destination) == []
    assert len({event["messageId"] for event in world.events(shown.sink)}) == 2


def test_dead_letters_page_by_page(shown: Shown) -> None:
    shown.world.script(shown.sink, *[400] * 5)
    shown.buy(*[f"u{n}" for n in range(5)])
    path, cursor, seen = shown.of("dead-letters"), "", []
    while True:
        asked = f'{{"count":2{cursor}}}'
        data = shown.world.manage("GET", f"{path}?{urlencode({'pagination': asked})}").data
        seen += [letter["messageId"] for letter in data["deadLetters"]]
        if data["pagination"]["next"] is None:
            break
        cursor = f',"cursor":"{data["pagination"]["next"]}"'
    assert seen == [letter["messageId"] for letter in shown.world.dead_letters(shown.destination)]
    assert len(seen) == 5


def test_one_real_event_to_look_at(shown: Shown) -> None:
    world = shown.world
    world.script(shown.sink, 418)
    first = world.manage("POST", shown.of("test"), {"event": {"userId": "jo", "event": "Hello"}}).data["test"]
    assert (first["result"], first["code"], first["response"]["status"]) == ("discarded", "418", 418)
    assert world.events(shown.sink)[0]["event"] == "Hello"
    second = world.manage("POST", shown.of("test")).data["test"]
    assert (second["result"], second["response"]["status"]) == ("delivered", 200)
    assert '"Audience Entered"' in second["request"]["body"]
    world.unreachable = no_answer("ECONNREFUSED")
    third = world.manage("POST", shown.of("test")).data["test"]
    assert (third["result"], third["code"], third["response"]) == ("retried", "ECONNREFUSED", None)
    assert shown.summary()["created"] == 0
    assert world.manage("POST", shown.of("test"), {"event": {"type": "page"}}).status == 422
    assert world.manage("POST", "/destinations/nope/test").status == 404


def test_a_test_shows_no_secret(world: World) -> None:
    hook = world.webhook("s", sharedSecret="s3cr3t", headers={"Authorization": "Bearer topsecret"})
    reply = world.manage("POST", f"/destinations/{hook['id']}/test").data["test"]
    assert reply["request"]["headers"]["Authorization"] == "[hidden]"
    assert "topsecret" not in str(reply)


def test_settings_that_are_missing_are_named(world: World) -> None:
    sent = {
        "sourceId": world.stack.engage_source_id,
        "metadataId": world.webhook("x")["metadata"]["id"],
        "settings": {},
    }
    bare = world.manage("POST", "/destinations", sent).data["destination"]
    reply = world.manage("POST", f"/destinations/{bare['id']}/test")
    assert reply.status == 422
    assert reply.body["errors"][0]["field"] == "settings.url"
