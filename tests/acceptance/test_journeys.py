"""People in journeys, from the requests of an SDK to those that partners get: where they are, since when, and who is
told of it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from tests.acceptance.engines import InMemory
from tests.acceptance.journeys import (
    COMES_AND_GOES,
    LOYAL,
    Trip,
    drawn,
    ends,
    entry,
    j1,
    j2,
    j3,
    j4,
    lots,
    parts,
    send,
)
from tests.acceptance.world import World, identify, track

ADD, ORDER = track("Product Added", "u1"), track("Order Completed", "u1")


@pytest.fixture
def world() -> Iterator[World]:
    yield World(InMemory())
    bootstrap.install(None)


def loyal(user: str = "u1", value: bool = True) -> dict[str, Any]:
    return identify(user, loyal=value)


def before(world: World, days: int, *messages: dict[str, Any]) -> None:
    """So long ago."""
    world.send(*messages)
    world.advance(days * 86_400)


# Waiting, and the conditions of steps


def test_who_left_the_entry_goes_on_after_the_wait(world: World) -> None:
    trip = Trip(world, j1())
    trip.at("+1h", ADD)
    assert (trip.members("u1"), trip.joined("u1"), trip.counts("A", "B", "D")) == (["A"], {"A": "+1h"}, [1, 0, 0])
    trip.at("+2d", ORDER)
    assert (trip.members("u1"), trip.joined("u1"), trip.counts("A", "B", "D")) == ([], {"A": "+1h"}, [0, 0, 0])
    trip.at("+3d", loyal())
    trip.at("+5d59m59s999ms")
    assert trip.heard() == []
    trip.at("+5d1h")
    assert trip.heard() == ["+5d1h E(D) u1"]
    assert trip.joined("u1") == {"A": "+1h", "B": "+5d1h", "D": "+5d1h"}
    assert (trip.members("u1"), trip.counts("A", "B", "D")) == (["B", "D"], [0, 1, 1])
    trip.at("+100d")
    assert trip.heard() == ["+5d1h E(D) u1"]
    assert trip.members("u1") == ["B", "D"]


def test_a_condition_that_time_alone_makes_true_is_noticed(world: World) -> None:
    trip = Trip(world, j1(f"{LOYAL} AND event('Order Completed').within(7 days).count() = 0"))
    trip.at("+1h", ADD)
    trip.at("+2d", ORDER)
    trip.at("+3d", loyal())
    trip.at("+9d")
    assert (trip.heard(), trip.joined("u1")) == ([], {"A": "+1h"})
    trip.at("+30d")
    assert trip.heard() == ["+9d1ms E(D) u1"]  # windows include their edges
    assert trip.joined("u1") == {"A": "+1h", "B": "+9d1ms", "D": "+9d1ms"}


def test_what_was_before_the_publication_counts_where_history_does(world: World) -> None:
    before(world, 1, ADD, loyal())
    later, now = Trip(world, j1(), useHistoricalData=False, name="Later"), Trip(world, j1(), useHistoricalData=True)
    assert (now.joined("u1"), now.members("u1")) == ({"A": "+0d"}, ["A"])
    now.at("+4d23h59m")
    assert (now.heard(), now.counts("A", "B", "D")) == ([], [1, 0, 0])
    now.at("+20d")
    assert (now.joined("u1")["D"], later.joined("u1"), later.members("u1")) == ("+5d", {}, [])
    assert later.counts("A", "B", "D") == [0, 0, 0]
    assert later.heard() == ["+5d E(D) u1"]  # both tell the same webhook


def test_later_steps_see_no_event_of_before_the_publication(world: World) -> None:
    world.audience("Subscribers", "event('Subscription Started').count() >= 1")
    before(world, 5, track("Trial Started", "u1"))
    before(world, 5, track("Subscription Started", "u1"))
    trip = Trip(world, j3(), useHistoricalData=True)
    assert trip.joined("u1") == {"A": "+0d"}
    trip.at("+10d", track("Subscription Started", "u1", timestamp=trip.moment("-1h")))
    assert trip.heard() == ["+5d E(DF) u1"]
    assert trip.members("u1") == ["A", "DF", "S/false"]


def test_a_condition_comes_and_goes_and_nothing_is_sent_again(world: World) -> None:
    trip = Trip(world, j1())
    trip.at("+1h", ADD)
    trip.at("+2h", loyal())
    trip.at("+5d1h")
    assert trip.members("u1") == ["A", "B", "D"]
    trip.at("+6d", loyal(value=False))
    assert (trip.members("u1"), trip.counts("B", "D")) == (["A", "D"], [0, 1])
    trip.at("+7d", loyal())
    assert (trip.members("u1"), trip.counts("B", "D")) == (["A", "B", "D"], [1, 1])
    assert trip.joined("u1")["B"] == "+5d1h"
    assert trip.heard() == ["+5d1h E(D) u1"]


# Splits


def test_one_side_of_a_split_is_taken_for_good(world: World) -> None:
    trip = Trip(world, j3())
    trip.at("+1h", track("Trial Started", "u1"), track("Trial Started", "u2"))
    trip.at("+1d", track("Subscription Started", "u1"))
    trip.at("+5d1h")
    assert trip.heard() == ["+5d1h E(DF) u2", "+5d1h E(DT) u1"]
    assert (trip.members("u1"), trip.members("u2")) == (["A", "DT", "S/true"], ["A", "DF", "S/false"])
    trip.at("+6d", track("Subscription Started", "u2"))
    assert trip.members("u2") == ["A", "DF"]
    assert trip.joined("u2") == {"A": "+1h", "S/false": "+5d1h", "DF": "+5d1h"}
    trip.at("+30d")
    assert len(trip.heard()) == 2
    assert trip.counts("A", "S/true", "S/false", "DT", "DF") == [2, 1, 0, 1, 1]


def test_branches_are_taken_each_on_its_own_at_any_later_time(world: World) -> None:
    trip = Trip(world, j4())
    trip.at("+1h", track("Signup", "u1"))
    assert trip.members("u1") == ["A"]
    trip.at("+30d", identify("u1", channel="email"))
    trip.at("+40d", track("Webinar", "u1"))
    assert trip.heard() == ["+30d E(D1) u1", "+40d E(D2) u1"]
    assert trip.members("u1") == ["A", "D1", "D2", "M/B1", "M/B2"]


LOTS: dict[str, tuple[float, str | None]] = {"A": (40, "DA"), "B": (40, "DB"), "Control": (20, None)}


def test_lots_are_drawn_once_and_for_ever(world: World) -> None:
    recently = "event('Signup').within(1 day).count() >= 1"
    steps = drawn(entry("A", recently, next="R"), lots("R", **LOTS), ends(send("DA")), send("DB"))
    trip = Trip(world, steps, exitAfter="7d", reentryAfter="1d")
    people = [f"u{n}" for n in range(200)]
    batch = [track("Signup", user, messageId=f"first-{user}", timestamp=trip.moment("+1h")) for user in people]
    trip.at("+1h", *batch)
    trip.at("+2h", *batch)  # the client's duplicates
    counts = trip.counts("R/A", "R/B", "R/Control")
    assert sum(counts) == 200
    assert all(abs(count - share) < 20 for count, share in zip(counts, (80, 80, 40), strict=True))
    branch = {person: step for _, _, step, person in map(parts, trip.heard())}
    assert [list(branch.values()).count(step) for step in ("DA", "DB")] == counts[:2]
    trip.at("+8d1h", *(track("Signup", user) for user in people))
    assert trip.counts("R/A", "R/B", "R/Control") == counts
    rounds = Counter(parts(heard)[1:] for heard in trip.heard())
    assert rounds == {(sign, step, who): n for who, step in branch.items() for sign, n in (("E", 2), ("X", 1))}


# Exit and re-entry


def test_an_exit_and_the_next_round(world: World) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    trip.at("+1h", ADD)
    trip.at("+2h")
    assert (trip.heard(), trip.members("u1")) == (["+1h E(D) u1"], ["A", "D"])
    trip.at("+7d59m")
    assert trip.joined("u1") == {"A": "+1h", "D": "+1h"}
    trip.at("+7d1h")
    assert (trip.members("u1"), trip.joined("u1"), trip.counts("A", "D")) == ([], {}, [0, 0])
    trip.at("+36d", ADD)
    assert trip.joined("u1") == {}
    trip.at("+37d1h")
    assert trip.joined("u1") == {"A": "+37d1h", "D": "+37d1h"}
    trip.at("+60d")
    assert trip.heard() == ["+1h E(D) u1", "+7d1h X(D) u1", "+37d1h E(D) u1", "+44d1h X(D) u1"]
    assert len({body["messageId"] for _, _, body in trip.messages()}) == 4


def test_no_re_entry_where_the_condition_does_not_hold_when_it_is_time(world: World) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    for when in ("+1h", "+20d"):
        trip.at(when, ADD)
    trip.at("+39d")
    assert trip.heard() == ["+1h E(D) u1", "+7d1h X(D) u1"]
    trip.at("+40d", ADD)
    assert trip.heard()[2:] == ["+40d E(D) u1"]


def test_without_a_re_entry_time_there_is_one_round(world: World) -> None:
    trip = Trip(world, j2(), exitAfter="7d")
    for when in ("+1h", "+8d", "+50d"):
        trip.at(when, ADD)
    trip.at("+90d")
    assert trip.heard() == ["+1h E(D) u1", "+7d1h X(D) u1"]


# Pausing, archiving, deleting


def test_a_pause_lets_nobody_in_and_those_inside_go_on(world: World) -> None:
    trip = Trip(world, j1())
    trip.at("+1h", ADD, loyal())
    trip.at("+1d")
    assert trip.do("pause")["status"] == "paused"
    trip.at("+1d2h", track("Product Added", "u2"))
    assert trip.joined("u2") == {}
    trip.at("+3d")
    assert trip.do("resume")["status"] == "live"
    trip.at("+3d1h")
    assert (trip.joined("u2"), trip.counts("A")) == ({}, [1])
    trip.at("+4d", track("Product Added", "u2"))
    assert trip.joined("u2") == {"A": "+4d"}
    trip.at("+10d")
    assert trip.heard() == ["+5d1h E(D) u1"]


def test_after_a_pause_only_what_comes_later_lets_anybody_in(world: World) -> None:
    trip = Trip(world, drawn(entry("A", LOYAL), send("D")))
    trip.at("+1d")
    trip.do("pause")
    trip.at("+2d", loyal("u2"))
    trip.at("+3d")
    trip.do("resume")
    trip.at("+4d", track("Seen", "u2"))
    assert trip.heard() == []
    trip.at("+5d", loyal("u2", value=False))
    trip.at("+6d", loyal("u2"), loyal("u3"))
    assert trip.heard() == ["+6d E(D) u2", "+6d E(D) u3"]


def test_an_archived_journey_stands_still_and_its_traits_stay(world: World) -> None:
    trip = Trip(world, j1())
    trip.at("+1h", ADD, loyal())
    trip.at("+3d")
    assert trip.do("archive")["status"] == "archived"
    trip.at("+5d12h")
    assert (trip.heard(), trip.joined("u1"), trip.members("u1")) == ([], {"A": "+1h"}, ["A"])
    values = world.traits("user_id:u1")
    assert values is not None
    assert values[trip.keys["A"]] is True
    trip.at("+6d")
    assert world.manage("DELETE", trip.path).status == 200
    trip.at("+20d", track("Seen", "u1"))
    assert (world.traits("user_id:u1"), trip.heard()) == (values, [])
    assert world.memberships("user_id:u1") == {}
    assert world.manage("GET", trip.path).status == 404
    assert trip.state("u1") is None


@pytest.mark.parametrize("ending", ["archive", "delete"])
def test_whoever_is_in_a_send_step_at_its_end_is_not_told(world: World, ending: str) -> None:
    trip = Trip(world, j2(), **COMES_AND_GOES)
    trip.at("+1h", ADD)
    trip.at("+2d")
    if ending == "archive":
        trip.do("archive")
    else:
        assert world.manage("DELETE", trip.path).status == 200
        world.drain()
    trip.at("+90d", ADD, identify("u1", email="new@x.io"))
    assert trip.heard() == ["+1h E(D) u1"]


# Versions
