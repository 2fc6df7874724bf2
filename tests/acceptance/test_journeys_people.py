"""Who may come into a journey, who is known to be one person only later, and who is deleted on the way."""

from typing import Any

import pytest

from tests.acceptance.journeys import (
    ADDED,
    COMES_AND_GOES,
    LOYAL,
    Trip,
    condition,
    delay,
    drawn,
    entry,
    j1,
    j2,
    j3,
    send,
)
from tests.acceptance.world import World, identify, track

ADD = track("Product Added", "u1")


def guest(event: str, browser: str, mail: str | None = None) -> dict[str, Any]:
    """Somebody who never said who they are, but perhaps where to write to."""
    return {**track(event, anonymousId=browser), **({"context": {"traits": {"email": mail}}} if mail else {})}


def known_as(user: str, browser: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "anonymousId": browser, "traits": traits}


# Who comes in


@pytest.mark.parametrize(("included", "told"), [(False, ["+2h E(D) u1"]), (True, ["+1h E(D) a1"])])
def test_the_anonymous_come_in_where_they_are_included(world: World, included: bool, told: list[str]) -> None:
    trip = Trip(world, j2(), includeAnonymous=included)
    trip.at("+1h", guest("Product Added", "a1"))
    trip.at("+2h", known_as("u1", "a1"))
    assert trip.heard()[:1] == told
    assert trip.joined("u1") == dict.fromkeys("AD", told[0].split()[0])


def test_who_meets_the_condition_already_has_to_lose_it_first(world: World) -> None:
    world.audience("Loyals", LOYAL)
    world.send(identify("u1", loyal=True), identify("u2", loyal=False))
    world.advance(60)
    trips = [
        Trip(world, drawn(entry("A", query), send(f"D{n}")))
        for n, query in enumerate((LOYAL, "trait('loyals') = 'true'"))
    ]
    for trip in trips:
        trip.at("+1h", track("Seen", "u1"), track("Seen", "u2"))
        trip.at("+2h", identify("u2", loyal=True), identify("u3", loyal=True))
        trip.at("+3h", identify("u1", loyal=False))
        trip.at("+4h", identify("u1", loyal=True))
        break
    expected = ["+2h E({}) u2", "+2h E({}) u3", "+4h E({}) u1"]
    for trip in trips:
        assert trip.heard() == [line.format(*trip.sinks) for line in expected]


def test_history_lets_in_who_meets_the_condition_already(world: World) -> None:
    world.audience("Loyals", LOYAL)
    world.send(identify("u1", loyal=True), identify("u2", loyal=False))
    trip = Trip(world, drawn(entry("A", "trait('loyals') = 'true'"), send("D")), useHistoricalData=True)
    assert trip.heard() == ["+0d E(D) u1"]


def test_doing_nothing_is_no_way_in_for_those_who_were_there(world: World) -> None:
    world.send(track("Seen", "u1"))
    world.advance(60)
    trip = Trip(world, drawn(entry("A", "event('Order Completed').within(2 days).count() = 0"), send("D")))
    trip.at("+1h", track("Seen", "u1"), track("Seen", "u2"))
    assert trip.heard() == ["+1h E(D) u2"]
    trip.at("+1d", track("Order Completed", "u1"))
    trip.at("+10d")
    assert trip.heard() == ["+1h E(D) u2", "+3d1ms E(D) u1"]


def test_only_what_is_dated_since_the_publication_counts(world: World) -> None:
    trip = Trip(world, j2())
    trip.at("+1h", track("Product Added", "u1", timestamp=trip.moment("-1ms")))
    trip.at("+2h", track("Product Added", "u2", timestamp=trip.moment("+0d")))
    assert trip.heard() == ["+2h E(D) u2"]


def test_the_traits_of_steps_are_nobodys_to_set_and_anybodys_to_ask_for(world: World) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    key = trip.keys["D"]
    world.audience("In it", f"trait('{key}') = 'true'")
    world.audience("For long", f"trait('{key}_hidden_entry_joined_at').before_last(5 days)")
    trip.at("+1h", identify("u2", **{key: True, f"{key}_hidden_entry": True}), ADD)
    assert (trip.joined("u2"), world.memberships("user_id:u2")) == ({}, {})
    assert world.memberships("user_id:u1")["in_it"] is True
    trip.at("+5d59m")
    assert "for_long" not in world.memberships("user_id:u1")
    trip.at("+5d1h")
    assert world.memberships("user_id:u1")["for_long"] is True
    trip.at("+7d1h")
    assert world.memberships("user_id:u1")["in_it"] is False


def test_who_is_in_a_step_can_be_asked_for_later(world: World) -> None:
    trip = Trip(world, j2())
    trip.at("+1h", ADD, track("Seen", "u2"))
    trip.at("+2h")
    query = f"trait('{trip.keys['D']}') = 'true'"
    assert world.manage("GET", world.audiences).data["audiences"] == []
    made = world.audience("In it", query)
    assert [world.memberships(f"user_id:{user}").get("in_it") for user in ("u1", "u2")] == [True, None]
    assert world.manage("GET", f"{world.audiences}/{made['id']}").data["audience"]["size"]["count"] == 1
    sent = {"audienceType": "USERS", "definition": {"query": query}}
    preview = world.manage("POST", f"{world.audiences}/previews", sent).data["audiencePreview"]
    world.drain()
    found = world.manage("GET", f"{world.audiences}/previews/{preview['id']}").data["audiencePreview"]
    assert found["size"]["count"] == 1


def test_outcomes_and_what_they_are_counted_from(world: World) -> None:
    trip = Trip(world, drawn(entry("A", ADDED), condition("B", LOYAL), send("D"), delay("end", "2d")), exitAfter="7d")
    trip.at("+1h", ADD, identify("u1", loyal=True), track("Product Added", "u2"))
    assert [trip.state(user)["outcome"] for user in ("u1", "u2")] == [None, None]
    trip.at("+2d1h")
    assert [trip.state(user)["outcome"] for user in ("u1", "u2")] == ["completed", None]
    trip.at("+8d")
    assert [trip.state(user)["outcome"] for user in ("u1", "u2")] == ["completed", "exited"]
    assert trip.heard() == ["+1h E(D) u1", "+7d1h X(D) u1"]


# Two who are one


@pytest.mark.parametrize("first", ["ahead", "behind"])
def test_two_in_different_steps_become_one(world: World, first: str) -> None:
    """Whoever was there first takes the other one in; what either joined stays joined, at its time."""
    trip = Trip(world, drawn(entry("A", ADDED), condition("B", LOYAL), delay("wait", "1d"), send("D")))
    people = [guest("Product Added", "a1", "b@x.io"), ADD]
    trip.at("+1h", people[first == "behind"])
    trip.at("+2h", people[first == "ahead"])
    trip.at("+3h", {"type": "identify", "anonymousId": "a1", "traits": {"loyal": True}})
    trip.at("+1d3h")
    assert trip.heard() == ["+1d3h E(D) b@x.io"]
    trip.at("+2d", known_as("u1", "a1"))
    assert trip.joined("u1") == {"A": "+1h", "B": "+3h", "D": "+1d3h"}
    assert trip.counts("A", "B", "D") == [1, 1, 1]
    assert trip.heard() == ["+1d3h E(D) b@x.io", "+2d E(D) u1+b@x.io"]
    trip.at("+30d")
    assert (len(trip.heard()), trip.counts("A", "B", "D")) == (2, [0, 1, 1])


def test_two_who_wait_become_one_who_waits_since_the_earlier_entry(world: World) -> None:
    trip = Trip(world, j1())
    trip.at("+1h", guest("Product Added", "a1"))
    trip.at("+2h", ADD)
    trip.at("+1d", guest("Seen", "a1", "b@x.io"))
    assert trip.joined("email:b@x.io") == {"A": "+1d"}
    trip.at("+2d", known_as("u1", "a1", loyal=True))
    assert trip.joined("u1") == {"A": "+2h"}
    trip.at("+30d")
    assert trip.heard() == ["+5d2h E(D) u1+b@x.io"]


def test_two_who_took_different_sides_keep_the_one_taken_first(world: World) -> None:
    trip = Trip(world, j3())
    trip.at("+1h", guest("Trial Started", "a1", "b@x.io"))
    trip.at("+2h", track("Trial Started", "u1"), track("Subscription Started", "u1"))
    trip.at("+6d")
    assert sorted(trip.heard()) == ["+5d1h E(DF) b@x.io", "+5d2h E(DT) u1"]
    trip.at("+7d", known_as("u1", "a1"))
    assert trip.joined("u1")["S/false"] == "+5d1h"
    assert "S/true" not in trip.joined("u1")
    assert trip.counts("A", "S/true", "S/false") == [1, 0, 0]


def test_who_left_and_who_is_inside_become_one_who_is_inside(world: World) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    trip.at("+1h", guest("Product Added", "a1", "b@x.io"))
    trip.at("+5d", ADD)
    trip.at("+8d", known_as("u1", "a1"))
    assert trip.joined("u1") == {"A": "+5d", "D": "+5d"}
    trip.at("+60d")
    told = [heard.split(" ", 1) for heard in trip.heard()]
    assert told[:3] == [["+1h", "E(D) b@x.io"], ["+5d", "E(D) u1"], ["+7d1h", "X(D) b@x.io"]]
    assert ["+12d", "X(D) u1+b@x.io"] in told
    assert (trip.members("u1"), trip.counts("A", "D")) == ([], [0, 0])


# Deleted people


def delete(world: World, user: str) -> None:
    sent = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": [user]}
    assert world.manage("POST", "/regulations", sent).status == 200
    world.drain()


@pytest.mark.parametrize("when", ["+2d", "+6d"])
def test_of_somebody_deleted_on_the_way_nothing_stays_and_nothing_is_told(world: World, when: str) -> None:
    trip = Trip(world, j1(), **COMES_AND_GOES)
    trip.at("+1h", ADD, identify("u1", loyal=True), track("Product Added", "u2"), identify("u2", loyal=True))
    trip.at(when)
    before = [heard for heard in trip.heard() if heard.endswith("u1")]
    delete(world, "u1")
    assert (trip.state("u1"), world.traits("user_id:u1")) == (None, None)
    assert trip.counts("A", "B", "D") == [1, *([1, 1] if when == "+6d" else [0, 0])]
    trip.at("+20d")
    assert [heard for heard in trip.heard() if heard.endswith("u1")] == before
    assert [heard for heard in trip.heard() if heard.endswith("u2")] == ["+5d1h E(D) u2", "+7d1h X(D) u2"]
    assert trip.counts("A", "B", "D") == [0, 0, 0]


def test_who_was_deleted_comes_in_as_somebody_new(world: World) -> None:
    trip = Trip(world, j2(), exitAfter="7d")
    trip.at("+1h", ADD)
    trip.at("+1d")
    delete(world, "u1")
    trip.at("+2d", track("Seen", "u1"))
    assert trip.joined("u1") == {}
    trip.at("+3d", ADD)
    trip.at("+30d")
    assert trip.heard() == ["+1h E(D) u1", "+3d E(D) u1", "+10d X(D) u1"]
