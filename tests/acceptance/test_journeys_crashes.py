"""People in journeys while workers die at any call, everything comes twice, or two workers have the same person at the
same moment: where they are and what partners heard is as if nothing had happened."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.deadline import NoDeadline
from tests.acceptance.engines import InMemory, OnAws
from tests.acceptance.journeys import (
    ADDED,
    BY_MAIL,
    SIGNED_UP,
    WEBINAR,
    Trip,
    condition,
    delay,
    drawn,
    entry,
    j2,
    ms,
    multi,
    parts,
    send,
)
from tests.acceptance.journeys_engines import AtOnce, Dying, Mourning, Twice
from tests.acceptance.test_journeys_people import guest, known_as
from tests.acceptance.world import World, identify, track
from tests.conftest import Cloud

Observed = dict[str, Any]


def travelling(world: World) -> Trip:
    branches = multi("M", B1=(BY_MAIL, "D"), B2=(WEBINAR, "D"))
    steps = drawn(entry("A", ADDED), delay("wait", "1d"), branches, send("D"))
    return Trip(world, steps, exitAfter="4d", reentryAfter="1d")


def story(world: World, watch: Callable[[], None] = lambda: None) -> Observed:
    """Two who become one, a branch and another one, an exit and a second round; watched from the publication on."""
    trip = travelling(world)
    watch()
    trip.at("+1h", guest("Product Added", "a1", "b@x.io"), track("Product Added", "u2"))
    trip.at("+2h", track("Product Added", "u1"), identify("u1", channel="email"))
    trip.at("+1d12h", known_as("u1", "a1"), track("Webinar", "u2"))
    trip.at("+2d", track("Webinar", "u1"), track("Product Added", "u1"))
    trip.at("+7d")
    return seen(trip, "u1", "u2")


def seen(trip: Trip, *users: str) -> Observed:
    rows = trip.stops.items()
    people = {user: (trip.members(user), trip.joined(user)) for user in users}
    return {"heard": sorted(trip.heard()), "counts": {stop: row["count"] for stop, row in rows}, **people}


EXPECTED = [
    "+1d12h E(D) u1+b@x.io",
    "+1d12h E(D) u2",
    "+1d2h E(D) u1",
    "+4d1h X(D) u1",
    "+4d1h X(D) u1+b@x.io",
    "+4d1h X(D) u2",
    "+6d1h E(D) u1+b@x.io",
    "+6d1h E(D) u2",
]


@pytest.fixture(autouse=True)
def _nothing_installed() -> Iterator[None]:
    yield
    bootstrap.install(None)


def test_what_comes_twice_counts_once() -> None:
    once, twice = story(World(InMemory())), story(World(Twice()))
    assert once == twice
    assert once["heard"] == EXPECTED


def test_workers_die_at_their_calls() -> None:
    undisturbed = Dying()
    expected = story(World(undisturbed), watch_of(undisturbed))
    calls = undisturbed.fate.calls
    random = Random(7)
    points = [(n, phase) for n in range(1, calls + 1) for phase in ("before", "after")]
    for point in random.sample(points, 40):
        engine = Dying(point)
        assert story(World(engine), watch_of(engine)) == expected, point
        assert engine.fate.dies is None, "nobody died"
    print(f"\n40 of {len(points)} points at which a worker dies")


def at_once(world: World, when: str, trip: Trip, *messages: dict[str, Any]) -> None:
    """Requests of their own, and the tick that moves people on by time, before any worker does anything."""
    world.clock.move_to(trip.start + ms(when))
    for message in messages:
        write_key = f"{world.stack.write_key}:"
        credentials = f"Basic {b64encode(write_key.encode()).decode()}"
        assert world.ask("POST", "/v1/batch", {"batch": [message]}, Authorization=credentials).status == 200
    world.application.ticker.tick(NoDeadline())
    world.drain()


@pytest.mark.parametrize("seed", range(8))
def test_two_workers_have_the_same_people_when_these_move_on(seed: int) -> None:
    engine = AtOnce(Random(seed))
    world = World(engine)
    trip = travelling(world)
    at_once(
        world, "+1h", trip, guest("Product Added", "a1", "b@x.io"), *(track(e, "u2") for e in ("Product Added", "X"))
    )
    at_once(world, "+2h", trip, *(track(e, "u1") for e in ("Product Added", "X")), identify("u1", channel="email"))
    at_once(world, "+1d2h", trip, track("X", "u1"), known_as("u1", "a1"), track("Webinar", "u2"), track("X", "u2"))
    at_once(world, "+4d1h", trip, track("Product Added", "u1"), track("Product Added", "u2"), track("X", "u1"))
    trip.at("+8d")
    heard = trip.heard()
    # Whoever moves on first hears it alone.
    alone = ["+1d2h E(D) u1", "+4d1h X(D) u1"]
    assert [one for one in heard if one in alone] in ([], alone)
    assert [one for one in heard if one not in alone] == [
        "+1d2h E(D) u1+b@x.io",
        "+1d2h E(D) u2",
        "+4d1h X(D) u1+b@x.io",
        "+4d1h X(D) u2",
        "+6d1h E(D) u1+b@x.io",
        "+6d1h E(D) u2",
    ]
    assert trip.counts("A", "M/B1", "M/B2", "D") == [2, 1, 1, 2]
    assert engine.baton.switches > 3


def taken_in(world: World) -> Observed:
    """People of before the publication and of after it, and what they do while they are looked at."""
    world.send(*(track("Signup", user) for user in ("u1", "u2")), identify("u3", plan="x"), guest("Signup", "a4"))
    world.advance(3_600)
    steps = drawn(entry("A", SIGNED_UP), send("D"), condition("B", SIGNED_UP), send("E"))
    trip = Trip(world, steps, useHistoricalData=True)
    trip.at("+1m", track("Signup", "u2"), track("Signup", "u3"))
    trip.at("+30m", track("Signup", "u5"))
    assert trip.shown["status"] == "live"
    told = Counter(parts(heard)[1:] for heard in trip.heard())
    figures = trip.figures("+0d")
    joined = {user: list(trip.joined(user)) for user in ("u1", "u2", "u3", "u5", "anonymous_id:a4")}
    return {"told": told, "entered": figures["entered"], "completed": figures["completed"], **joined}


def test_workers_die_while_they_take_in_everybody() -> None:
    undisturbed = Mourning()
    expected = taken_in(World(undisturbed))
    assert (expected["entered"], expected["completed"], expected["u1"]) == (4, 3, ["A", "D"])
    assert set(expected["told"].values()) == {1}
    points = [(n, phase) for n in range(1, undisturbed.fate.calls + 1) for phase in ("before", "after")]
    for point in Random(3).sample(points, 15):
        engine = Mourning(point)
        assert taken_in(World(engine)) == expected, point
        assert engine.fate.deaths == 1


def test_the_same_on_the_tables_and_queues_of_aws(cloud: Cloud) -> None:
    trip = Trip(World(OnAws(cloud)), j2(), exitAfter="1d", reentryAfter="6h")
    trip.at("+1h", track("Product Added", "u1"), guest("Product Added", "a1", "b@x.io"))
    assert trip.heard() == ["+1h E(D) b@x.io", "+1h E(D) u1"]
    trip.at("+1d1h")
    assert trip.heard()[2:] == ["+1d1h X(D) b@x.io", "+1d1h X(D) u1"]
    assert (trip.members("u1"), trip.counts("A", "D"), trip.figures("+0d")["entered"]) == ([], [0, 0], 2)
    trip.at("+1d7h")
    assert trip.heard()[4:] == ["+1d7h E(D) b@x.io", "+1d7h E(D) u1"]
    assert len({body["messageId"] for _, _, body in trip.messages()}) == 6
    assert trip.joined("u1") == {"A": "+1d7h", "D": "+1d7h"}


def watch_of(engine: Dying) -> Callable[[], None]:
    def watch() -> None:
        engine.watched = True

    return watch
