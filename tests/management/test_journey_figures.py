"""How people go through journeys, over the whole product: their events come in, and the figures and states are read."""

from typing import Any
from urllib.parse import quote

import pytest

from chalicelib import bootstrap
from chalicelib.clock import DAY, HOUR, SECOND
from chalicelib.destinations.facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.instants import to_iso
from tests.acceptance.engines import InMemory
from tests.acceptance.world import World, identify, track

CART = "event('Product Added').count() >= 1"
LOYAL = "trait('loyal') = 'true'"

ENTRY: dict[str, Any] = {"id": "a", "type": "entry", "name": "Added", "query": CART}
SEND: dict[str, Any] = {"id": "d", "type": "send_to_destination", "name": "Nudge"}
STEPS: list[dict[str, Any]] = [
    {**ENTRY, "next": "w"},
    {"id": "w", "type": "delay", "duration": "2d", "next": "b"},
    {"id": "b", "type": "condition", "name": "Loyal", "query": LOYAL, "next": "d"},
    SEND,
]
SHORT = [{**ENTRY, "next": "d"}, SEND]


class Trip:
    """A journey in a world, published unless it stays a draft."""

    def __init__(
        self, world: World, steps: list[dict[str, Any]] = STEPS, publish: bool = True, **settings: Any
    ) -> None:
        self.world = world
        self.hook = world.webhook("hook")
        self.path = f"/spaces/{world.stack.space_id}/journeys"
        to = [{"destinationId": self.hook["id"], "track": True, "identify": True}]
        drawn = [{**s, "destinations": to} if s["type"] == "send_to_destination" else s for s in steps]
        content = {"name": "Cart", "kind": "AUDIENCE", "settings": settings, "steps": drawn}
        self.path += "/" + world.manage("POST", self.path, content).data["journey"]["id"]
        if publish:
            self.do("publish")

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        return self.world.manage(method, self.path + path, content)

    def do(self, action: str, **content: Any) -> None:
        assert self.ask("POST", f"/{action}", content).data
        self.world.drain()

    def figures(self, **asked: str) -> Any:
        query = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
        return self.ask("GET", f"/figures?{query}").data["figures"]

    def state(self, name: str, place: int = 0) -> Any:
        return self.ask("GET", f"/profiles/{quote(name, safe='')}").data["journeyProfile"]["versions"][place]

    def wait(self, milliseconds: int) -> None:
        self.world.advance(milliseconds / SECOND)


def add(*users: str) -> list[dict[str, Any]]:
    return [track("Product Added", user) for user in users]


@pytest.fixture
def world():
    yield World(InMemory())
    bootstrap.install(None)


def sums(figures: Any) -> tuple[int, ...]:
    return tuple(figures[name] for name in ("entered", "completed", "exits", "inProgress"))


def by_step(figures: Any, *names: str) -> dict[str, Any]:
    return {row["id"]: tuple(row[name] for name in names) for row in figures["steps"]}


def test_who_enters_goes_on_and_completes(world):
    trip = Trip(world)
    world.send(*add("u1", "u2", "u3", "u4"), identify("u1", loyal=True))
    assert sums(trip.figures()) == (4, 0, 0, 4)
    trip.wait(2 * DAY)
    found = trip.figures()
    assert sums(found) == (4, 1, 0, 3)
    assert by_step(found, "joins", "percentOfPrevious", "percentOfEntry", "count", "joined") == {
        "a": (4, None, 100.0, 4, 4),
        "b": (1, 25.0, 25.0, 1, 1),
        "d": (1, 100.0, 25.0, 1, 1),
    }
    keys = {row["id"]: row["key"] for row in found["steps"]}
    assert by_step(found, "previousKey") == {"a": (None,), "b": (keys["a"],), "d": (keys["b"],)}
    assert (found["version"], found["status"], found["total"]["entered"]) == (1, "live", 4)


def test_days_of_a_range(world):
    trip = Trip(world)
    world.send(*add("u1"))
    first = to_iso(world.clock.now())[:10]
    trip.wait(DAY)
    world.send(*add("u2", "u3"))
    second = to_iso(world.clock.now())[:10]
    assert sums(trip.figures(to=first)) == (1, 0, 0, 3)  # in progress are they now, whatever the days
    assert sums(trip.figures(**{"from": second})) == (2, 0, 0, 3)
    found = trip.figures(**{"from": first, "to": second})
    assert (found["from"], found["to"], found["entered"]) == (first, second, 3)
    trip.wait(10 * DAY)
    empty = trip.figures()
    assert empty["from"] == to_iso(world.clock.now() - 6 * DAY)[:10]
    assert sums(empty) == (0, 0, 0, 3)
    assert by_step(empty, "joins", "percentOfEntry")["a"] == (0, None)
    assert empty["total"] == {"entered": 3, "completed": 0, "exits": 0}


def test_leaving_and_coming_again(world):
    window = "event('Product Added').within(1 days).count() >= 1"
    trip = Trip(world, [{**ENTRY, "query": window, "next": "d"}, SEND], exitAfter="2d", reentryAfter="1d")
    world.send(*add("u1"))
    assert sums(trip.figures()) == (1, 1, 0, 0)  # who is at the end completed at once
    state, now = trip.state("user_id:u1"), world.clock.now()
    assert (state["cycle"], state["outcome"], state["exitsAt"]) == (1, "completed", to_iso(now + 2 * DAY))
    trip.wait(2 * DAY)
    state = trip.state("user_id:u1")
    assert (state["exitedAt"], state["reentryAt"]) == (to_iso(now + 2 * DAY), to_iso(now + 3 * DAY))
    assert state["exitsAt"] is None
    assert [step["joinedAt"] for step in state["steps"]] == [None, None]
    assert (state["steps"][0]["waitsFor"], state["steps"][0]["readyAt"]) == ("delay", to_iso(now + 3 * DAY))
    trip.wait(2 * DAY)
    assert trip.state("user_id:u1")["steps"][0]["waitsFor"] == "condition"
    world.send(*add("u1"))
    assert trip.state("user_id:u1")["cycle"] == 2
    assert sums(trip.figures()) == (2, 2, 0, 0)
    assert by_step(trip.figures(), "joins", "count") == {"a": (2, 1), "d": (2, 1)}


def test_who_leaves_before_the_end_exits(world):
    trip = Trip(world, exitAfter="7d")
    world.send(*add("u1"))
    trip.wait(7 * DAY)
    assert sums(trip.figures()) == (0, 0, 1, 0)
    found = trip.figures(**{"from": to_iso(world.clock.now() - 20 * DAY)})
    assert sums(found) == (1, 0, 1, 0)
    assert trip.state("user_id:u1")["outcome"] == "exited"


def test_two_people_who_turn_out_to_be_one_entered_twice_and_are_one(world):
    trip = Trip(world, includeAnonymous=True)
    world.send(*add("u1"))
    trip.wait(HOUR)
    world.send(track("Product Added", anonymousId="a1"))
    assert sums(trip.figures()) == (2, 0, 0, 2)
    trip.wait(HOUR)
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a1"})
    found = trip.figures()
    assert sums(found) == (2, 0, 0, 1)
    assert by_step(found, "joins", "count")["a"] == (2, 1)


def test_what_somebody_did_before_a_merge_is_not_done_again(world):
    trip = Trip(world, includeAnonymous=True)
    world.send(identify("u1"))
    trip.wait(HOUR)
    world.send(track("Product Added", anonymousId="a1"))
    trip.wait(3 * DAY)
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"loyal": True}})
    assert trip.state("user_id:u1")["cycle"] == 1
    found = trip.figures()
    assert sums(found) == (1, 1, 0, 0)
    assert by_step(found, "joins") == {"a": (1,), "b": (1,), "d": (1,)}


def test_why_somebody_is_here_and_goes_no_further(world):
    trip, now = Trip(world), world.clock.now()
    world.send(*add("u1"), identify("u2"))

    def waits(user):
        steps = trip.state(user)["steps"]
        return {step["id"]: (step["waitsFor"], step.get("readyAt")) for step in steps if "waitsFor" in step}

    assert waits("user_id:u1") == {"b": ("delay", to_iso(now + 2 * DAY))}
    assert waits("user_id:u2") == {"a": ("condition", None)}
    trip.wait(2 * DAY)
    assert waits("user_id:u1") == {"b": ("condition", None)}
    world.send(identify("u1", loyal=True))
    state = trip.state("user_id:u1")
    assert waits("user_id:u1") == {}
    assert [(step["id"], step["member"], step["joinedAt"]) for step in state["steps"]] == [
        ("a", True, to_iso(now)),
        ("b", True, to_iso(now + 2 * DAY)),
        ("d", True, to_iso(now + 2 * DAY)),
    ]
    world.send(identify("u1", loyal=False))
    assert [step["member"] for step in trip.state("user_id:u1")["steps"]] == [True, False, True]


def test_an_archived_version_shows_where_people_were_and_nobody_waits(world):
    trip = Trip(world, exitAfter="9d")
    world.send(*add("u1"))
    trip.do("archive")
    state = trip.state("user_id:u1")
    assert (state["status"], state["cycle"], state["exitsAt"], state["outcome"]) == ("archived", 1, None, None)
    assert not any("waitsFor" in step for step in state["steps"])
    assert sums(trip.figures()) == (1, 0, 0, 1)


def test_versions_are_told_apart_and_the_newest_comes_first(world):
    trip = Trip(world)
    world.send(*add("u1"))
    trip.wait(HOUR)
    trip.do("versions")
    trip.do("publish", previous="pause")
    world.send(*add("u2"))
    assert (trip.state("user_id:u1")["version"], trip.state("user_id:u1", 1)["version"]) == (2, 1)
    assert (trip.state("user_id:u2")["cycle"], trip.state("user_id:u2", 1)["cycle"]) == (1, 0)
    assert (sums(trip.figures()), sums(trip.figures(version="1"))) == ((1, 0, 0, 1), (1, 0, 0, 1))
    assert trip.figures(version="1")["status"] == "draining"


def test_splits_are_told_by_their_sides(world):
    split = {"id": "s", "type": "true_false", "name": "Loyal?", "query": LOYAL, "true": "d"}
    trip = Trip(world, [{**ENTRY, "next": "s"}, split, SEND])
    world.send(identify("u1", loyal=True), *add("u1", "u2", "u3"))
    rows = [(row["id"], row.get("branch"), row["joins"], row["percentOfPrevious"]) for row in trip.figures()["steps"]]
    assert rows == [("a", None, 3, None), ("s", "true", 1, 33.3), ("s", "false", 2, 66.7), ("d", None, 1, 100.0)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=soon", "from"),
        ("to=2999-01-01", "to"),
        ("from={now}&to={before}", "to"),
        ("from={long_ago}", "from"),
        ("version=one", "version"),
        ("version=-1", "version"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(world, query, field):
    trip, now = Trip(world), world.clock.now()
    instants = {"now": to_iso(now), "before": to_iso(now - DAY), "long_ago": to_iso(now - 180 * DAY)}
    reply = trip.ask("GET", "/figures?" + query.format(**instants))
    assert reply.status == 422
    assert [error["field"] for error in reply.body["errors"]] == [field]


def test_the_longest_range_is_180_days(world):
    trip = Trip(world)
    assert sums(trip.figures(**{"from": to_iso(world.clock.now() - 179 * DAY)})) == (0, 0, 0, 0)


def test_a_draft_has_no_figures_and_nobody_in_it(world):
    trip = Trip(world, publish=False)
    world.send(identify("u1"))
    reply = trip.ask("GET", "/figures")
    assert (reply.status, "estimate" in reply.body["errors"][0]["message"]) == (409, True)
    assert trip.ask("GET", "/profiles/user_id%3Au1").data["journeyProfile"]["versions"] == []


def test_nobody_and_nothing_are_not_found(world):
    trip = Trip(world)
    world.send(identify("u1"))
    elsewhere = f"/spaces/{world.stack.space_id}/journeys/jou_none"
    for path in ("/profiles/user_id%3Au2", "/profiles/u1", "/figures?version=7", "/steps/x/test"):
        method = "POST" if path.endswith("test") else "GET"
        assert trip.ask(method, path).status == 404, path
    for method, path in (("GET", "/figures"), ("GET", "/profiles/user_id%3Au1"), ("POST", "/estimate")):
        assert world.manage(method, elsewhere + path).status == 404, path
    stranger = world.found("other")
    assert world.manage("GET", trip.path + "/figures", by=stranger).status == 404


@pytest.mark.parametrize(("settings", "size"), [({}, 2), ({"includeAnonymous": True}, 3)])
def test_a_draft_is_estimated_by_its_entry_condition(world, settings, size):
    world.send(*add("u1", "u2"), identify("u3"), track("Product Added", anonymousId="a1"))
    trip = Trip(world, publish=False, **settings)
    made = trip.ask("POST", "/estimate", {}).data["audiencePreview"]
    world.drain()
    found = world.manage("GET", f"{world.audiences}/previews/{made['id']}").data["audiencePreview"]
    assert (found["status"], found["definition"]["query"]) == ("COMPLETED", CART)
    assert found["size"]["count"] == size


def test_a_send_step_tells_its_key_as_an_audience_does(world):
    trip = Trip(world, SHORT)
    world.send(*add("u1"))
    key = by_step(trip.figures(), "key")["d"][0]
    space = f"spa_{world.stack.space_id.removeprefix('spa_')}"
    by_type = {event["type"]: event for event in world.events("hook")}
    for event in by_type.values():
        personas = event["context"]["personas"]
        assert personas.pop("computation_id").startswith("aud_")
        assert personas == {
            "computation_class": "audience",
            "computation_key": key,
            "namespace": space,
            "space_id": space,
        }
        assert event["integrations"]["All"] is False
        assert (event["userId"], event["messageId"][:9]) == ("u1", "personas_")
    assert by_type["track"]["event"] == "Audience Entered"
    assert by_type["track"]["properties"] == {"audience_key": key, key: True}
    assert by_type["identify"]["traits"] == {key: True}


OF_ITS_OWN = {"messageId", "userId", "timestamp", "originalTimestamp", "receivedAt", "sentAt"}


def without_its_own(events: Any) -> list[Any]:
    return [{name: value for name, value in event.items() if name not in OF_ITS_OWN} for event in events]


def test_a_step_is_tried_out_with_what_it_would_send(world):
    trip = Trip(world, SHORT, publish=False)
    tests = trip.ask("POST", "/steps/d/test", {}).data["tests"]
    assert [(one["destinationId"], one["result"]) for one in tests] == [(trip.hook["id"], "delivered")] * 2
    assert [one["event"]["type"] for one in tests] == ["identify", "track"]
    assert tests[0]["response"]["status"] == 200
    tried = world.events("hook")
    trip.do("publish")
    world.send(*add("u1"))
    real = world.events("hook")[2:]
    assert all(event["userId"].startswith("test-user-") for event in tried)
    assert sorted(without_its_own(tried), key=repr) == sorted(without_its_own(real), key=repr)
    assert trip.figures()["entered"] == 1


def test_what_a_partner_answers_is_shown(world):
    trip = Trip(world, SHORT, publish=False)
    world.script("hook", {"status": 500, "body": "down"}, {"status": 400, "body": "no"})
    tests = trip.ask("POST", "/steps/d/test", {}).data["tests"]
    assert [(one["result"], one["response"]["status"]) for one in tests] == [("retried", 500), ("discarded", 400)]


def test_what_cannot_be_tried_is_refused(world):
    trip = Trip(world)
    assert trip.ask("POST", "/steps/b/test", {}).status == 409
    other = trip.ask("POST", "/steps/d/test", {"destinationId": "elsewhere"})
    assert (other.status, other.body["errors"][0]["field"]) == (422, "destinationId")
    assert len(trip.ask("POST", "/steps/d/test", {"destinationId": trip.hook["id"]}).data["tests"]) == 2


def test_lists_are_not_tried(world):
    settings = {"adAccountId": "12345", "accessToken": "secret"}
    sent = {"metadataId": FACEBOOK_CUSTOM_AUDIENCES.metadata_id, "sourceId": world.stack.engage_source_id}
    ads = world.manage("POST", "/destinations", {**sent, "settings": settings}).data["destination"]
    to_list = {"destinationId": ads["id"]}
    shown = {"id": "ad", "type": "show_ad", "destinations": [to_list]}
    trip = Trip(world, [{**ENTRY, "next": "d"}, {**SEND, "next": "ad"}, shown], publish=False)
    refused = trip.ask("POST", "/steps/ad/test", {})
    assert (refused.status, "lists" in refused.body["errors"][0]["message"]) == (409, True)
    drawn = trip.ask("GET", "").data["journey"]["steps"]
    both = [{**step, "destinations": [to_list, *step["destinations"]]} if step["id"] == "d" else step for step in drawn]
    assert trip.ask("PATCH", "", {"steps": both}).status == 200
    tests = trip.ask("POST", "/steps/d/test", {}).data["tests"]
    assert {one["destinationId"] for one in tests} == {trip.hook["id"]}


def test_what_is_tried_stands_in_the_audit_trail(world):
    trip = Trip(world, SHORT, publish=False)
    trip.ask("POST", "/estimate", {})
    trip.ask("POST", "/steps/d/test", {})
    events = world.manage("GET", "/audit-events").data["events"]
    assert {"Audience Preview Created", "Journey Step Tested"} <= {event["type"] for event in events}
