"""Filters through the whole product: what a space never hears of, and what a partner does not get."""

from typing import Any

import pytest

from tests.acceptance.engines import OnAws
from tests.acceptance.test_errands import preview
from tests.acceptance.test_facebook import FacebookWorld
from tests.acceptance.world import World, identify, track
from tests.conftest import Cloud

BOUGHT = "event('Bought').count() >= 1"
TEST = "type = 'track' and properties.test"


def hold_back(world: World, when: str, **more: Any) -> Any:
    sent = {"integrationId": world.stack.space_id, "name": "Held", "if": when, **more}
    return world.manage("POST", "/filters", sent).data["filter"]


def rule(world: World, destination: Any, when: str, *actions: Any, **more: Any) -> Any:
    sent = {"sourceId": destination["sourceId"], "title": "Rule", "if": when, "enabled": True, **more}
    path = f"/destination/{destination['id']}/filters"
    return world.manage("POST", path, {**sent, "actions": list(actions) or [{"type": "DROP"}]}).data["filter"]


def discards(world: World) -> dict[str, int]:
    found = world.manage("GET", f"/sources/{world.stack.source_id}/discards").data["discards"]
    return {one["code"]: one["count"] for one in found}


def names(world: World, what: str) -> set[str]:
    listed = world.manage("GET", f"/spaces/{world.stack.space_id}/{what}").data[what]
    return {one.get("name") or one["trait"] for one in listed}


def is_left_out_everywhere(world: World) -> None:
    audience = world.audience("Buyers", BOUGHT)
    world.connect(audience, world.webhook("hook"))
    hold_back(world, TEST)
    world.send(
        track("Bought", "robot", properties={"test": True}),
        track("Bought", "jo", properties={"test": True}, messageId="tried"),
        identify("jo", plan="pro"),
        track("Bought", "max", properties={"test": False}),
    )
    assert world.traits("user_id:robot") is None
    assert world.traits("user_id:jo") == {"plan": "pro"}
    assert world.memberships("user_id:max") == {"buyers": True}
    assert [event["userId"] for event in world.events("hook")] == ["max"]
    assert discards(world) == {"event_setting": 2}
    # History was told as little, so computations made of it agree.
    again = world.audience("Buyers Again", BOUGHT, options={"includeHistoricalData": True})
    assert (world.memberships("user_id:max"), world.memberships("user_id:jo")) == (
        {"buyers": True, again["key"]: True},
        {},
    )
    assert preview(world)["size"]["count"] == 1


def test_what_a_filter_leaves_out_is_nowhere(world: World) -> None:
    is_left_out_everywhere(world)
    assert names(world, "events") == {"Bought"}
    assert names(world, "traits") == {"plan", "buyers", "buyers_again"}


@pytest.fixture
def on_aws(cloud: Cloud) -> World:
    return World(OnAws(cloud))


def test_the_same_on_aws(on_aws: World) -> None:
    is_left_out_everywhere(on_aws)


def test_a_filter_holds_from_its_creation_to_its_end(world: World) -> None:
    world.send(track("Bought", "before"))
    made = hold_back(world, "all")
    world.send(track("Bought", "during"))
    world.manage("PATCH", f"/filters/{made['id']}", {"integrationId": world.stack.space_id, "enabled": False})
    world.send(track("Bought", "off"))
    world.manage("PATCH", f"/filters/{made['id']}", {"integrationId": world.stack.space_id, "enabled": True})
    world.send(track("Bought", "on"))
    assert world.manage("DELETE", f"/filters/{made['id']}").data == {"deleted": True}
    world.send(track("Bought", "after"))
    seen = {name for name in ("before", "during", "off", "on", "after") if world.traits(f"user_id:{name}") is not None}
    assert seen == {"before", "off", "after"}


def test_a_filter_of_one_space_is_none_of_another(world: World) -> None:
    other = world.found("globex")
    sent = {"integrationId": other.space_id, "name": "Held", "if": "all"}
    assert world.manage("POST", "/filters", sent, by=other).status == 200
    world.send(track("Bought", "jo"))
    assert world.traits("user_id:jo") is not None


def test_partners_get_what_filters_leave_and_nothing_else(world: World) -> None:
    audience = world.audience("VIP", BOUGHT)
    first, second = world.webhook("one"), world.webhook("two")
    for destination in (first, second):
        world.connect(audience, destination)
    rule(world, first, "match( context.traits.email, '*@acme.io' )")
    hidden = {"type": "DROP_PROPERTIES", "fields": {"context.traits": ["email"]}}
    rule(world, first, "type = 'track'", hidden)
    for user, email in (("own", "own@acme.io"), ("jo", "jo@ex.io")):
        world.send(identify(user, email=email), track("Bought", user))
    assert [(e["userId"], e["context"]["traits"]) for e in world.events("one")] == [("jo", {})]
    assert [(e["userId"], e["context"]["traits"]) for e in world.events("two")] == [
        ("own", {"email": "own@acme.io"}),
        ("jo", {"email": "jo@ex.io"}),
    ]
    query = f"sourceId={first['sourceId']}&destinationConfigId={first['id']}&groupBy=discardReason"
    times = f"startTime={world.now(-3600)}&endTime={world.now(3600)}&granularity=MINUTE"
    told = world.manage("GET", f"/delivery-overview/filtered-at-destination?{query}&{times}").data
    assert told["total"] == 1
    assert world.dead_letters(first) == []


def test_what_waits_for_a_retry_is_not_stopped_by_a_filter_that_comes_later(world: World) -> None:
    audience, destination = world.audience("VIP", BOUGHT), world.webhook("hook")
    world.connect(audience, destination)
    world.script("hook", 503)
    world.send(track("Bought", "early"))
    world.advance(1)
    rule(world, destination, "all")
    world.send(track("Bought", "late"))
    world.advance(600)
    assert [event["userId"] for event in world.events("hook")] == ["early", "early"]
    assert world.waiting() == 0


def test_the_event_tester_goes_past_filters(world: World) -> None:
    destination = world.webhook("hook")
    rule(world, destination, "all")
    assert world.manage("POST", f"/destinations/{destination['id']}/test", {}).status == 200
    assert len(world.events("hook")) == 1


def test_rows_of_lists_obey_filters_too() -> None:
    world = FacebookWorld()
    audience, destination = world.audience("Flags", "trait('flag') = 'on'"), world.facebook()
    world.connect(audience, destination)
    rule(world, destination, "userId = 'secret'")
    world.minutes(1)
    world.send(identify("u1", flag="on", email="jo@ex.io"), identify("secret", flag="on"))
    world.minutes(65)
    assert list(world.graph.lists.values()) == [{"u1"}]
    rule(world, destination, "all", {"type": "DROP_PROPERTIES", "fields": {"traits": ["email"], "context": ["traits"]}})
    world.send(identify("u2", flag="on", email="max@ex.io"))
    world.minutes(65)
    (row,) = [row for row in world.graph.rows("POST") if row[0] == "u2"]
    assert row[1] == ""
    rule(world, destination, "all")
    before = len(world.graph.requests)
    world.send(identify("u3", flag="on"))
    world.minutes(65)
    assert len(world.graph.requests) == before
