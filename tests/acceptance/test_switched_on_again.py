"""What partners hear once an audience or a trait is switched on again: what happened meanwhile, and nothing twice."""

from typing import Any

import pytest

from tests.acceptance.world import World, identify, track

MINUTES, HOURS = 60, 3_600
BOUGHT = "event('Bought').count() >= 1"
SINGLE = {"sendIdentify": False, "sendTrack": True, "fanout": "per_identifier"}


def named(event: Any) -> Any:
    context = event["context"].get("traits", {})
    return event.get("userId") or event.get("anonymousId") or context.get("email")


def heard(world: World, sink: str = "hook") -> list[tuple[str, Any]]:
    """What came since this was asked last, and under which identifier."""
    found = sorted((event["event"].removeprefix("Audience "), named(event)) for event in world.events(sink))
    world.forget(sink)
    return found


def switch(world: World, audience: Any, enabled: bool, **more: Any) -> None:
    world.manage("PATCH", f"{world.audiences}/{audience['id']}", {"enabled": enabled, **more})
    world.advance(1)


def make(world: World, query: str = BOUGHT, settings: Any = SINGLE, **more: Any) -> Any:
    """An audience whose partner hears of each identifier by itself."""
    made = world.audience("Vip", query, **more)
    world.connect(made, world.webhook("hook"), connectionSettings=settings)
    world.advance(1)
    return made


def test_an_identifier_given_to_a_member_meanwhile_is_told_alone(world: World) -> None:
    vip = make(world)
    world.send(track("Bought", "u1"), track("Bought", "u2"), identify("u2", email="two@ex.io"))
    assert heard(world) == [("Entered", "two@ex.io"), ("Entered", "u1"), ("Entered", "u2")]
    switch(world, vip, False)
    world.send(identify("u1", email="one@ex.io"), identify("u3", email="three@ex.io"))
    assert heard(world) == []
    switch(world, vip, True)
    assert heard(world) == [("Entered", "one@ex.io")]
    switch(world, vip, False)
    switch(world, vip, True)
    assert heard(world) == []
    world.send(identify("u1", email="uno@ex.io"))
    assert heard(world) == [("Entered", "uno@ex.io")]


def test_who_is_told_under_all_identifiers_together_is_told_under_the_new_ones_with_the_others(world: World) -> None:
    vip = make(world, settings={"sendIdentify": False, "sendTrack": True})
    world.send(track("Bought", "u1"), track("Bought", "u2"))
    assert heard(world) == [("Entered", "u1"), ("Entered", "u2")]
    switch(world, vip, False)
    world.send(identify("u1", email="one@ex.io"))
    switch(world, vip, True)
    (event,) = world.events("hook")
    assert (event["userId"], event["context"]["traits"]["email"]) == ("u1", "one@ex.io")


def test_who_left_meanwhile_is_told_to_have_left_and_no_new_identifier_of_theirs_to_have_entered(world: World) -> None:
    vip = make(world, "event('Bought').within(1 hours).count() >= 1")
    world.send(track("Bought", "u1"))
    switch(world, vip, False)
    world.send(identify("u1", email="one@ex.io"))
    heard(world)
    world.advance(2 * HOURS)
    assert heard(world) == []
    switch(world, vip, True)
    assert heard(world) == [("Exited", "one@ex.io"), ("Exited", "u1")]


def test_a_value_is_told_of_identifiers_given_meanwhile(world: World) -> None:
    path = f"/spaces/{world.stack.space_id}/computed-traits"
    sent = {"name": "Orders", "definition": {"query": "event('Bought').count()", "type": "USERS"}}
    made = f"{path}/{world.manage('POST', path, sent).data['computedTrait']['id']}"
    target = {"id": world.webhook("hook")["id"], "type": "destination"}
    world.manage("POST", f"{made}/destination-connections", {"destination": target, "connectionSettings": SINGLE})
    world.send(track("Bought", "u1"), track("Bought", "u2"))
    assert heard(world) == [("Trait Computed", "u1"), ("Trait Computed", "u2")]
    world.manage("PATCH", made, {"enabled": False})
    world.send(identify("u1", email="one@ex.io"))
    world.manage("PATCH", made, {"enabled": True})
    world.advance(1)
    (event,) = world.events("hook")
    assert (named(event), event["properties"]["orders"]) == ("one@ex.io", 1)


def test_members_who_became_one_meanwhile_are_not_told_twice(world: World) -> None:
    vip = make(world, options={"filterByExternalIds": ["user_id", "email", "anonymous_id"]})
    mailed = {"type": "identify", "anonymousId": "a2", "traits": {"email": "two@ex.io"}}
    world.send(track("Bought", "u1"), mailed, {"type": "track", "event": "Bought", "anonymousId": "a2"})
    assert heard(world) == [("Entered", "a2"), ("Entered", "two@ex.io"), ("Entered", "u1")]
    switch(world, vip, False)
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a2", "traits": {"email": "new@ex.io"}})
    switch(world, vip, True)
    assert heard(world) == [("Entered", "new@ex.io")]
    world.advance(1)
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a3", "traits": {}})
    assert heard(world) == [("Entered", "a3")]


def test_a_member_who_went_into_somebody_who_had_left_is_told_to_have_left(world: World) -> None:
    vip = make(world, "event('Bought').within(1 hours).count() >= 1")
    world.send(track("Bought", "u1"), identify("u3", email="three@ex.io"))
    world.advance(50 * MINUTES)
    world.send({"type": "identify", "anonymousId": "a2", "traits": {"email": "two@ex.io"}})
    world.send({"type": "track", "event": "Bought", "anonymousId": "a2"})
    world.advance(15 * MINUTES)
    assert heard(world) == [("Entered", "two@ex.io"), ("Entered", "u1"), ("Exited", "u1")]
    switch(world, vip, False)
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a2", "traits": {}})
    world.advance(2 * HOURS)
    switch(world, vip, True)
    assert heard(world) == [("Exited", "two@ex.io")]


def test_a_partner_who_was_to_hear_of_changes_alone_still_does(world: World) -> None:
    made = world.audience("Vip", BOUGHT, options={"includeHistoricalData": False})
    world.send(track("Bought", "u1"), track("Bought", "u2"))
    world.advance(1)
    world.connect(made, world.webhook("hook"), connectionSettings=SINGLE)
    world.advance(1)
    world.send(track("Bought", "u3"))
    assert heard(world) == [("Entered", "u3")]
    switch(world, made, False)
    for user, name in (("u2", "two"), ("u3", "three")):
        world.send(identify(user, email=f"{name}@ex.io"))
    switch(world, made, True)
    assert heard(world) == [("Entered", "three@ex.io"), ("Entered", "two@ex.io")]


def test_a_connection_that_is_paused_hears_nothing_of_it(world: World) -> None:
    vip = world.audience("Vip", BOUGHT)
    path = world.connect(vip, world.webhook("hook"), connectionSettings=SINGLE)
    world.connect(vip, world.webhook("other"), connectionSettings=SINGLE)
    world.send(track("Bought", "u1"))
    world.manage("PATCH", path, {"enabled": False})
    switch(world, vip, False)
    world.send(identify("u1", email="one@ex.io"))
    switch(world, vip, True)
    assert (heard(world), heard(world, "other")) == ([("Entered", "u1")], [("Entered", "one@ex.io"), ("Entered", "u1")])


@pytest.mark.parametrize(
    "edited", ["event('Bought').count() >= 1 OR event('Looked').count() >= 1", "event('Looked').count() >= 1"]
)
def test_so_it_is_where_another_definition_was_taken_in_meanwhile(world: World, edited: str) -> None:
    vip = make(world)
    world.send(track("Bought", "u1"), track("Looked", "u1"))
    assert heard(world) == [("Entered", "u1")]
    path = f"{world.audiences}/{vip['id']}"
    world.manage("PATCH", path, {"definition": {"query": edited}})
    switch(world, vip, False)
    world.send(identify("u1", email="one@ex.io"))
    switch(world, vip, True)
    assert heard(world) == [("Entered", "one@ex.io")]
    assert world.manage("GET", path).data["audience"]["definition"]["query"] == edited


def test_people_of_accounts_are_told_after_the_run_that_looks_at_all_accounts(world: World) -> None:
    world.send(track("Bought", "u1"), {"type": "group", "userId": "u1", "groupId": "g1", "traits": {}})
    vip = make(world, f"ANY {BOUGHT}", {**SINGLE, "sendGroup": True}, audienceType="ACCOUNTS")
    entered = [(event["type"], event.get("groupId") or named(event)) for event in world.events("hook")]
    assert sorted(entered) == [("group", "g1"), ("track", "u1")]
    world.forget("hook")
    switch(world, vip, False)
    world.send(identify("u1", email="one@ex.io"))
    switch(world, vip, True)
    assert heard(world) == [("Entered", "one@ex.io")]


def test_who_only_repeats_that_it_is_on_has_nobody_looked_for(world: World) -> None:
    vip = make(world)
    world.send(track("Bought", "u1"))
    for change in ({"enabled": True}, {"name": "Better"}):
        world.manage("PATCH", f"{world.audiences}/{vip['id']}", change)
    world.advance(1)
    overview = world.manage("GET", f"{world.audiences}/{vip['id']}/overview").data["overview"]
    assert "first" in overview["destinations"][0]["lastSync"]["taskId"]
