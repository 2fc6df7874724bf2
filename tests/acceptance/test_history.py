"""Definitions and the past: what counts when they are made, changed, switched off and on, and deleted."""

from typing import Any

import pytest

from tests.acceptance.world import World, identify, track

HOURS, DAYS = 3_600, 86_400
BOUGHT = "event('Bought').count() >= 1"
ANONYMOUS_TOO = {"filterByExternalIds": ["user_id", "email", "android.idfa", "ios.idfa", "anonymous_id"]}


def make(world: World, name: str, query: str, sink: str = "hook", **options: Any) -> Any:
    """An audience that is connected before anything is computed."""
    hook = world.webhook(sink)
    sent = {"name": name, "audienceType": "USERS", "definition": {"query": query}, "options": options}
    made = world.manage("POST", world.audiences, sent).data["audience"]
    world.connect(made, hook, connectionSettings={"sendIdentify": True, "sendTrack": True})
    world.drain()
    return made


def trait(world: World, name: str, query: str, sink: str = "hook", **options: Any) -> Any:
    hook = world.webhook(sink)
    path = f"/spaces/{world.stack.space_id}/computed-traits"
    sent = {"name": name, "definition": {"query": query, "type": "USERS"}, "options": options}
    made = world.manage("POST", path, sent).data["computedTrait"]
    target = {"destination": {"id": hook["id"], "type": "destination"}}
    connection = f"{path}/{made['id']}/destination-connections"
    world.manage("POST", connection, {**target, "connectionSettings": {"sendIdentify": True, "sendTrack": False}})
    world.drain()
    return made


def path_of(world: World, made: Any) -> str:
    return f"{world.audiences}/{made['id']}"


def shown(world: World, made: Any) -> Any:
    return world.manage("GET", path_of(world, made)).data["audience"]


def patch(world: World, made: Any, **sent: Any) -> Any:
    changed = world.manage("PATCH", path_of(world, made), sent).data["audience"]
    world.drain()
    return changed


def tracks(world: World, sink: str = "hook") -> list[tuple[str, str]]:
    return [(event["event"], event.get("userId")) for event in world.events(sink) if event["type"] == "track"]


def identifies(world: World, key: str, sink: str = "hook") -> list[Any]:
    return [event["traits"][key] for event in world.events(sink) if event["type"] == "identify"]


def test_who_met_it_before_it_was_made_is_in_it(world: World) -> None:
    world.send(track("Bought", "u1", timestamp=world.now(-2 * DAYS)))
    made = make(world, "Vip", BOUGHT, includeHistoricalData=True)
    assert (shown(world, made)["status"], shown(world, made)["size"]["count"]) == ("Live", 1)
    assert world.traits("user_id:u1") == {"vip": True}
    assert (tracks(world), identifies(world, "vip")) == ([("Audience Entered", "u1")], [True])
    world.send(track("Other", "u1"))
    assert len(world.events("hook")) == 2


def test_without_history_only_what_comes_later_counts(world: World) -> None:
    world.send(track("Bought", "u1", timestamp=world.now(-2 * DAYS)))
    world.advance(1)
    made = make(world, "Vip", BOUGHT, includeHistoricalData=False)
    assert (shown(world, made)["size"]["count"], world.events("hook")) == (0, [])
    world.advance(1 * HOURS)
    world.send(track("Bought", "u1"))
    assert tracks(world) == [("Audience Entered", "u1")]


def test_a_lookback_is_exact_and_counts_from_the_creation(world: World) -> None:
    world.send(
        track("Bought", "u1", timestamp=world.now(-7 * DAYS)),
        track("Bought", "u2", timestamp=world.now(-7 * DAYS - 1)),
    )
    made = make(world, "Vip", BOUGHT, backfillEventDataDays=7)
    assert made["options"]["backfillEventDataDays"] == 7
    assert (world.traits("user_id:u1"), world.traits("user_id:u2")) == ({"vip": True}, {})
    world.advance(2 * DAYS)
    patch(world, made, definition={"query": "event('Bought').count() >= 1 AND event('Bought').count() < 9"})
    assert (world.traits("user_id:u1"), world.traits("user_id:u2")) == ({"vip": True}, {})


def test_a_window_that_began_before_the_creation_ends_when_it_must(world: World) -> None:
    world.send(track("A", "u1"))
    world.advance(1 * HOURS)
    make(world, "Recent", "event('A').within(2 hours).count() >= 1")
    world.advance(1 * HOURS)
    assert world.traits("user_id:u1") == {"recent": True}
    world.advance(0.001)
    assert world.traits("user_id:u1") == {"recent": False}
    assert tracks(world) == [("Audience Entered", "u1"), ("Audience Exited", "u1")]


def test_sliding_traits_fall_to_nothing(world: World) -> None:
    world.send(track("A", "u1", properties={"p": "x"}))
    trait(world, "Day count", "event('A').within(1 day).count()", "count")
    trait(world, "Day last", "event('A').within(1 day).last(property('p'))", "last")
    assert world.traits("user_id:u1") == {"day_count": 1, "day_last": "x"}
    world.advance(33 * HOURS)
    assert world.traits("user_id:u1") == {"day_count": 0}
    assert identifies(world, "day_count", "count") == [1, 0]
    assert identifies(world, "day_last", "last") == ["x", None]


def test_who_never_did_it_has_no_trait(world: World) -> None:
    world.send(track("B", "u1"))
    trait(world, "Count", "event('A').count()")
    assert (world.traits("user_id:u1"), world.events("hook")) == ({}, [])


def test_the_anonymous_count_where_they_are_asked_for(world: World) -> None:
    world.send({"type": "track", "event": "Bought", "anonymousId": "a1"})
    make(world, "Known", BOUGHT, "known")
    make(world, "All", BOUGHT, "all", **ANONYMOUS_TOO)
    assert (world.events("known"), len(world.events("all"))) == ([], 2)
    world.send({"type": "identify", "anonymousId": "a1", "traits": {"email": "a@ex.io"}})
    assert {event["type"] for event in world.events("known")} == {"identify", "track"}


def test_sessions_of_the_past_go_on(world: World) -> None:
    world.send(track("A", "u1"))
    world.advance(20 * 60)
    trait(world, "Session", "event('A').expires_after(30 minutes).count()")
    assert world.traits("user_id:u1") == {"session": 1}
    world.send(track("A", "u1"))
    assert world.traits("user_id:u1") == {"session": 2}
    world.advance(2.6 * HOURS)
    assert world.traits("user_id:u1") == {"session": 2}
    world.send(track("A", "u1"))
    assert world.traits("user_id:u1") == {"session": 1}


def test_an_edit_tells_the_difference_and_nothing_else(world: World) -> None:
    world.send(track("Bought", "u1"), track("Bought", "u2"), track("Looked", "u2"), track("Looked", "u3"))
    made = make(world, "Vip", BOUGHT)
    world.forget("hook")
    sent = {"definition": {"query": "event('Looked').count() >= 1"}}
    assert world.manage("PATCH", path_of(world, made), sent).data["audience"]["status"] == "Locked"
    other = {"definition": {"query": "event('Else').count() >= 1"}}
    assert world.manage("PATCH", path_of(world, made), other).status == 409
    assert world.manage("PATCH", path_of(world, made), {"name": "Renamed"}).data["audience"]["key"] == "vip"
    world.drain()
    assert shown(world, made)["status"] == "Live"
    assert [world.traits(f"user_id:u{n}") for n in (1, 2, 3)] == [{"vip": False}, {"vip": True}, {"vip": True}]
    assert sorted(tracks(world)) == [("Audience Entered", "u3"), ("Audience Exited", "u1")]
    funnel = "event('Bought').where(event('Looked').within(parent: 1 hour).count() >= 1).count() >= 1"
    assert patch(world, made, definition={"query": funnel})["status"] == "Locked"
    assert shown(world, made)["definition"] == {"query": funnel}


def test_an_edit_of_an_audience_without_history_counts_since_its_creation(world: World) -> None:
    world.send(track("Looked", "u1"))
    world.advance(1)
    made = make(world, "Vip", BOUGHT, includeHistoricalData=False)
    world.send(track("Looked", "u2"))
    world.advance(1 * HOURS)
    patch(world, made, definition={"query": "event('Looked').count() >= 1"})
    assert (world.traits("user_id:u1"), world.traits("user_id:u2")) == ({}, {"vip": True})
    assert tracks(world) == [("Audience Entered", "u2")]


def test_an_edit_of_the_ids_lets_go_of_who_has_none_of_them(world: World) -> None:
    world.send(track("Bought", "u1"), identify("u2", email="b@ex.io"), track("Bought", "u2"))
    made = make(world, "Vip", BOUGHT)
    world.forget("hook")
    patch(world, made, options={"filterByExternalIds": ["email"]})
    assert (world.traits("user_id:u1"), world.traits("user_id:u2")) == (
        {"vip": False},
        {"email": "b@ex.io", "vip": True},
    )
    assert tracks(world) == [("Audience Exited", "u1")]
    refused = world.manage("PATCH", path_of(world, made), {"options": ANONYMOUS_TOO})
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "options.filterByExternalIds")


def test_the_value_of_a_deleted_audience_is_an_ordinary_trait(world: World) -> None:
    world.send(track("Bought", "u1"))
    made = make(world, "Vip", BOUGHT)
    world.send(identify("u1", vip=False))
    assert world.traits("user_id:u1") == {"vip": True}
    world.forget("hook")
    assert world.manage("DELETE", path_of(world, made)).status == 200
    world.drain()
    assert (world.traits("user_id:u1"), world.memberships("user_id:u1")) == ({"vip": True}, {})
    world.advance(1)
    world.send(identify("u1", vip=False))
    assert (world.traits("user_id:u1"), world.events("hook")) == ({"vip": False}, [])


def test_a_circle_cannot_be_closed_by_an_edit(world: World) -> None:
    first = make(world, "First", BOUGHT)
    make(world, "Second", "trait('first') = 'true'", "second")
    closing = world.manage("PATCH", path_of(world, first), {"definition": {"query": "trait('second') = 'true'"}})
    assert (closing.status, closing.body["errors"][0]["data"]["code"]) == (422, "cycle")
    assert world.manage("DELETE", path_of(world, first)).status == 409


def test_audiences_of_audiences_are_filled_one_by_the_other(world: World) -> None:
    world.send(track("Bought", "u1"), track("Bought", "u2"), track("Looked", "u2"))
    make(world, "First", BOUGHT, "first")
    second = make(world, "Second", "trait('first') = 'true' AND event('Looked').count() >= 1", "second")
    assert tracks(world, "second") == [("Audience Entered", "u2")]
    patch(world, second, definition={"query": "trait('first') = 'true'"})
    assert tracks(world, "second") == [("Audience Entered", "u2"), ("Audience Entered", "u1")]


def test_a_list_is_full_at_ten_thousand_values(world: World) -> None:
    for start in range(0, 10_000, 2_500):
        world.send(*(track("A", "u1", properties={"p": f"v{n:05}"}) for n in range(start, start + 2_500)))
        world.advance(1)
    trait(world, "List", "event('A').unique(property('p'))")
    expected = [f"v{n:05}" for n in range(10_000)]
    assert world.traits("user_id:u1") == {"list": expected}
    world.send(track("A", "u1", properties={"p": "new"}), track("A", "u1", properties={"p": "v00001"}))
    assert world.traits("user_id:u1") == {"list": expected}


@pytest.mark.parametrize("history", [True, False])
def test_switched_on_again_it_tells_what_was_missed(world: World, history: bool) -> None:
    world.send(track("Other", "u1"))
    made = make(world, "Vip", BOUGHT, includeHistoricalData=history)
    assert patch(world, made, enabled=False)["status"] == "Disabled"
    world.advance(1 * HOURS)
    world.send(track("Bought", "u1"))
    assert (world.traits("user_id:u1"), world.events("hook")) == ({}, [])
    world.advance(1 * HOURS)
    patch(world, made, enabled=True)
    assert shown(world, made)["status"] == "Live"
    assert (world.traits("user_id:u1"), tracks(world)) == ({"vip": True}, [("Audience Entered", "u1")])


def test_an_edit_before_it_was_switched_off_is_taken_in_when_it_is_on_again(world: World) -> None:
    world.send(track("Looked", "u1"))
    made = make(world, "Vip", BOUGHT)
    world.manage("PATCH", path_of(world, made), {"definition": {"query": "event('Looked').count() >= 1"}})
    patch(world, made, enabled=False)
    assert world.traits("user_id:u1") == {}
    world.advance(1 * HOURS)
    world.send(track("Looked", "u2"))
    patch(world, made, enabled=True)
    assert shown(world, made)["status"] == "Live"
    assert (world.traits("user_id:u1"), world.traits("user_id:u2")) == ({"vip": True}, {"vip": True})


def test_a_member_and_somebody_else_become_one(world: World) -> None:
    world.send(track("Bought", "u1"), {"type": "track", "event": "Bought", "anonymousId": "a2"})
    make(world, "Vip", BOUGHT)
    trait(world, "Count", "event('Bought').count()", "count")
    assert world.traits("user_id:u1") == {"vip": True, "count": 1}
    world.forget("hook")
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a2", "traits": {}})
    assert world.traits("anonymous_id:a2") == {"vip": True, "count": 2}
    assert tracks(world) == []
    assert identifies(world, "count", "count") == [1, 2]


def test_the_overview_tells_how_many_came_and_went(world: World) -> None:
    world.send(track("Bought", "u1"), track("Bought", "u2"), track("Looked", "u2"))
    made = make(world, "Vip", BOUGHT)
    world.advance(1)
    patch(world, made, definition={"query": "event('Looked').count() >= 1"})
    runs = world.manage("GET", f"{path_of(world, made)}/runs").data["runs"]
    assert [(run["kind"], run["result"], run["changes"]) for run in runs] == [
        ("edit", "succeeded", {"added": 0, "removed": 1}),
        ("compute", "succeeded", {"added": 2, "removed": 0}),
    ]
    overview = world.manage("GET", f"{path_of(world, made)}/overview").data["overview"]
    assert (overview["status"], overview["locked"], overview["progress"]) == ("Live", False, None)
