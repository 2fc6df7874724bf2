"""People in journeys while workers die at any call, everything comes twice, or two workers have the same person at the
same moment: where they are and what partners heard is as if nothing had happened."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap
from tests.acceptance.engines import InMemory
from tests.acceptance.journeys import (
    ADDED,
    BY_MAIL,
    WEBINAR,
    Trip,
    delay,
    drawn,
    ends,
    entry,
    multi,
    send,
)
from tests.acceptance.journeys_engines import Dying, Twice
from tests.acceptance.test_journeys_people import guest, known_as
from tests.acceptance.world import World, identify, track

Observed = dict[str, Any]


def story(world: World, watch: Callable[[], None] = lambda: None) -> Observed:
    """Two who become one, a branch and another one, an exit and a second round; watched from the publication on."""
    steps = drawn(
        entry("A", ADDED),
        delay("wait", "1d"),
        multi("M", B1=(BY_MAIL, "D"), B2=(WEBINAR, "D")),
        ends(send("D")),
    )
    trip = Trip(world, steps, exitAfter="4d", reentryAfter="1d")
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
    for point in random.sample(points, 60):
        engine = Dying(point)
        assert story(World(engine), watch_of(engine)) == expected, point
        assert engine.fate.dies is None, "nobody died"
    print(f"\n60 of {len(points)} points at which a worker dies")


def watch_of(engine: Dying) -> Callable[[], None]:
    def watch() -> None:
        engine.watched = True

    return watch
