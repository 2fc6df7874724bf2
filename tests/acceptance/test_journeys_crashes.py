"""People in journeys while workers die at any call, everything comes twice, or two workers have the same person at the
same moment: where they are and what partners heard is as if nothing had happened."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.transport import Transport
from chalicelib.queues import INGEST
from tests.acceptance.engines import HIDDEN, InMemory
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
from tests.acceptance.test_journeys_people import guest, known_as
from tests.acceptance.world import World, identify, track
from tests.pipeline.wire import Killed

PORTS = ("profiles", "identifiers", "timeline", "archive", "workspace", "work", "queues")
Observed = dict[str, Any]


class Fate:
    """Kills once, before or after one of the calls that are made while it is armed, and counts them."""

    def __init__(self, dies: tuple[int, str] | None = None) -> None:
        self.calls, self.dies, self.armed = 0, dies, False

    def around(self, port: Any) -> Any:
        return _Port(port, self)

    def call(self, call: Callable[[], Any]) -> Any:
        self.calls += self.armed
        self._perhaps_kill("before")
        answer = call()
        self._perhaps_kill("after")
        return answer

    def _perhaps_kill(self, phase: str) -> None:
        if self.armed and self.dies == (self.calls, phase):
            self.armed, self.dies = False, None
            raise Killed


class _Port:
    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._fate.call(lambda: found(*args, **kwargs))


class Dying(InMemory):
    """What a worker that died had in hand comes again at once."""

    def __init__(self, dies: tuple[int, str] | None = None) -> None:
        super().__init__()
        self.fate, self.watched = Fate(dies), False

    def adapters(self, transport: Transport) -> bootstrap.Adapters:
        made = super().adapters(self.fate.around(transport))
        return replace(made, **{name: self.fate.around(getattr(made, name)) for name in PORTS})

    def drain(self) -> None:
        self.fate.armed = self.watched
        try:
            super().drain()
        except Killed:
            for message in self._queues.messages.values():
                if message.visible_at == self.clock.now() + HIDDEN:
                    message.visible_at = self.clock.now()
            self.drain()
        self.fate.armed = False

    def _emit(self) -> bool:
        read = self._emitted
        try:
            return super()._emit()
        except Killed:
            self._emitted = read
            raise


class Twice(InMemory):
    """Every message, every change and every tick comes to two workers, one after the other."""

    def _resolve(self) -> bool:
        received = self._queues.receive(INGEST)
        for _ in range(2):
            assert not received or self._application.resolver.resolve(received, NoDeadline()) == set()
        self._queues.delete_all_but(received, set())
        return bool(received)

    def _emit(self) -> bool:
        read = self._emitted
        if not super()._emit():
            return False
        self._emitted = read
        return super()._emit()

    def _tick(self) -> bool:
        return super()._tick() | super()._tick()


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
