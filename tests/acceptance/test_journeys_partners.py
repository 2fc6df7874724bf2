"""What partners get of a journey: in which form, under which identifiers, and on which lists."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from tests.acceptance.journal import Weeks
from tests.acceptance.journeys import (
    ADDED,
    COMES_AND_GOES,
    SIGNED_UP,
    Trip,
    delay,
    drawn,
    ends,
    entry,
    j2,
    j4,
    multi,
    send,
    show_ad,
    sign,
    who,
)
from tests.acceptance.test_facebook import FacebookWorld
from tests.acceptance.world import World, identify, track

ADD = track("Product Added", "u1")


def mailed(*mails: str, **message: Any) -> dict[str, Any]:
    """Of somebody who is known by addresses and a browser alone."""
    ids = [{"id": mail, "type": "email", "collection": "users", "encoding": "none"} for mail in mails]
    return {**track("Seen", anonymousId="a1"), "context": {"externalIds": ids}, **message}


def test_every_address_is_told_of_coming_and_going_and_a_new_one_of_coming(world: World) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    trip.at("+1h", mailed("a@x.io", "b@x.io", event="Product Added"))
    assert trip.heard() == ["+1h E(D) a@x.io", "+1h E(D) b@x.io"]
    trip.at("+3d", mailed("a@x.io", "c@x.io"))
    assert trip.heard()[2:] == ["+3d E(D) c@x.io"]
    trip.at("+20d", mailed("a@x.io", "d@x.io"))
    assert sorted(trip.heard()[3:]) == [f"+7d1h X(D) {letter}@x.io" for letter in "abc"]
    assert len({body["messageId"] for _, _, body in trip.messages()}) == 6


def test_the_form_of_a_track(world: World) -> None:
    trip = Trip(world, j2(), name="Cart, again", **COMES_AND_GOES)
    trip.at("+1h", identify("u1", email="Jo@x.io"), ADD)
    trip.at("+8d")
    (_, _, entered), (_, _, exited) = trip.messages()
    key, space = trip.keys["D"], f"spa_{world.stack.space_id}"
    assert key.startswith("j_o_cart_again__d_")
    for body, name, value in ((entered, "Audience Entered", True), (exited, "Audience Exited", False)):
        assert (body["type"], body["event"], body["userId"]) == ("track", name, "u1")
        assert body["properties"] == {"audience_key": key, key: value}
        assert body["context"]["traits"] == {"email": "jo@x.io"}
        personas = dict(body["context"]["personas"])
        assert personas.pop("computation_id").startswith("aud_")
        assert personas == {
            "computation_class": "audience",
            "computation_key": key,
            "namespace": space,
            "space_id": space,
        }
        assert body["integrations"] == {"All": False, "Webhook": True}
    assert entered["context"]["personas"] == exited["context"]["personas"]


def test_the_form_of_an_identify_and_names_of_ones_own(world: World) -> None:
    hook, other = world.webhook("hook"), world.webhook("other")
    names = {"enterEventName": "Go", "exitEventName": "Stop"}
    targets = [
        {"destinationId": hook["id"], "track": False, "identify": True},
        {"destinationId": other["id"], "track": True, "identify": False, **names},
    ]
    trip = Trip(world, drawn(entry("A", ADDED), send("D", destinations=targets)), **COMES_AND_GOES)
    trip.at("+1h", identify("u1", email="jo@x.io"), ADD)
    trip.at("+8d")
    key = trip.keys["D"]
    assert [(body["type"], body["traits"]) for body in world.events("hook")] == [
        ("identify", {"email": "jo@x.io", key: True}),
        ("identify", {"email": "jo@x.io", key: False}),
    ]
    told = [(body["event"], body["properties"][key]) for body in world.events("other")]
    assert told == [("Go", True), ("Stop", False)]


def test_a_destination_added_later_hears_of_those_who_come_from_then_on(world: World) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    trip.at("+1h", ADD, track("Product Added", "u2"))
    steps = trip.shown["steps"]
    later = {"destinationId": world.webhook("later")["id"], "track": True, "identify": False}
    known = [{name: one[name] for name in ("destinationId", "track", "identify")} for one in steps[1]["destinations"]]
    steps = [{key: value for key, value in step.items() if key != "key"} for step in steps]
    steps[1]["destinations"] = [*known, later]
    assert world.manage("PATCH", trip.path, {"steps": steps}).data
    trip.at("+2d", track("Product Added", "u3"))
    assert trip.heard("D") == ["+1h E(D) u1", "+1h E(D) u2", "+2d E(D) u3"]
    trip.at("+10d")
    told = [(sign(body), who(body)) for body in world.events("later")]
    assert [user for came, user in told if came == "E"] == ["u3"]
    assert sorted(user for came, user in told if came == "X") == ["u1", "u2", "u3"]  # whoever leaves is told everywhere
    assert trip.heard("D")[3:] == ["+7d1h X(D) u1", "+7d1h X(D) u2", "+9d X(D) u3"]


def test_two_branches_into_one_step_tell_once(world: World) -> None:
    trip = Trip(world, j4("D", "D"))
    trip.at("+1h", track("Signup", "u1", messageId="m1"))
    trip.at("+2h", track("Signup", "u1", messageId="m1", timestamp=trip.moment("+1h")))
    trip.at("+3d", identify("u1", channel="email"))
    trip.at("+4d", track("Webinar", "u1"))
    assert trip.heard() == ["+3d E(D) u1"]
    assert trip.joined("u1") == {"A": "+1h", "M/B1": "+3d", "M/B2": "+4d", "D": "+3d"}


def test_delays_add_up_from_each_branch_and_the_first_arrival_counts(world: World) -> None:
    steps = drawn(
        entry("A", SIGNED_UP),
        multi("M", B1=("trait('n') = 1", "long"), B2=("trait('n') = 2", "short")),
        delay("long", "1w"),
        delay("more", "90m"),
        ends(send("D")),
        delay("short", "10m", next="D"),
    )
    trip = Trip(world, steps)
    trip.at("+1h", track("Signup", "u1"), identify("u1", n=1), track("Signup", "u2"), identify("u2", n=1))
    trip.at("+2d", identify("u2", n=2))
    trip.at("+30d")
    assert trip.heard() == ["+2d10m E(D) u2", "+7d2h30m E(D) u1"]


class AdWorld(FacebookWorld):
    """Lists are written as often as they are due."""

    def __init__(self) -> None:
        super().__init__(Weeks())


@pytest.fixture
def ads() -> Iterator[AdWorld]:
    yield AdWorld()
    bootstrap.install(None)


def listed(world: AdWorld, trip: Trip) -> list[tuple[str, str]]:
    """Who was put on the list or taken from it: not later than when, in whole hours."""
    found = []
    for request in world.graph.requests:
        if request.url.endswith("/users"):
            found += [(request.method, row[0]) for row in json.loads(request.body)["payload"]["data"]]
    return found


def test_an_ad_is_shown_for_a_while_and_its_end_ends_nothing_else(ads: AdWorld) -> None:
    account = ads.facebook()
    steps = drawn(
        entry("A", SIGNED_UP),
        show_ad("ad", destinations=[{"destinationId": account["id"]}], removeAfter="7d"),
        delay("wait", "1d"),
        send("D"),
    )
    trip = Trip(ads, steps)
    trip.at("+1h", track("Signup", "u1"))
    trip.at("+3h")
    assert listed(ads, trip) == [("POST", "u1")]
    assert trip.members("u1") == ["A", "ad"]
    trip.at("+7d59m")
    assert trip.heard() == ["+1d1h E(D) u1"]
    outcome = trip.state("u1")
    assert (listed(ads, trip), trip.counts("ad")) == ([("POST", "u1")], [1])
    trip.at("+7d3h")
    assert listed(ads, trip) == [("POST", "u1"), ("DELETE", "u1")]
    assert (trip.members("u1"), trip.counts("A", "ad", "D")) == (["A", "D"], [1, 0, 1])
    assert trip.heard() == ["+1d1h E(D) u1"]
    assert trip.state("u1")["outcome"] == outcome["outcome"]


def test_an_exit_takes_people_from_lists_of_send_steps(ads: AdWorld) -> None:
    target = {"destinationId": ads.facebook()["id"]}
    trip = Trip(ads, drawn(entry("A", ADDED), send("D", destinations=[target])), **COMES_AND_GOES)
    trip.at("+1h", ADD)
    trip.at("+7d")
    assert listed(ads, trip) == [("POST", "u1")]
    trip.at("+7d3h")
    assert listed(ads, trip) == [("POST", "u1"), ("DELETE", "u1")]
