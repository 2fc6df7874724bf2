"""Who is looked at because time has passed, and who because a computation is new."""

import pytest

from chalicelib.clock import HOUR, MINUTE
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.ids import CountingIds
from chalicelib.pipeline import tick
from chalicelib.queues import INGEST, Received
from chalicelib.store.keys import SHARDS
from chalicelib.store.memory import MemoryQueues, MemoryRecords
from chalicelib.tracking.envelope import Due, unpack
from chalicelib.workspace.sweeps import Sweeps
from tests.events import T0
from tests.pipeline.shop import Shop, audience, identify, track

PRO = audience("pro", "trait('plan') = 'pro'")
RECENT = audience("recent", "event('Bought').within(2 hours).count() >= 1")


class Ticking(Shop):
    def __init__(self, *given, **stores):
        super().__init__(*given, **stores)
        self.queues = MemoryQueues()
        self.sweeps = Sweeps(MemoryRecords(self.clock))
        self._ticker = tick.Ticker(self.profiles, SHARDS, self.queues, self.sweeps, self.clock, CountingIds(self.clock))

    def tick(self, deadline=None):
        """The ids of the profiles that were queued."""
        queued = self._ticker.tick(deadline or NoDeadline())
        found = []
        for number, message in enumerate(self.queues.take(INGEST)):
            envelope = unpack(message.body)
            assert isinstance(envelope, Due)
            found += envelope.profile_ids
            assert self.resolve(Received(f"q{number}", "r", message.body)) == set()
        assert len(found) == queued
        return found


def people(shop, count, **traits):
    for n in range(count):
        shop.clock.advance(1_000)
        shop.send(identify(f"u{n}", traits))


def test_nothing_is_queued_while_nobody_is_due():
    shop = Ticking([RECENT])
    shop.send(track("Bought"))
    shop.clock.advance(HOUR)
    assert shop.tick() == []


def test_those_who_are_due_leave_and_are_not_queued_again():
    shop = Ticking([RECENT])
    people(shop, 5)
    shop.send(*(track("Bought", f"u{n}") for n in range(3)))
    shop.clock.advance(2 * HOUR + 1)
    assert len(shop.tick()) == 3
    assert [shop.value(f"user_id:u{n}", "recent") for n in range(5)] == [False] * 3 + [None] * 2
    assert shop.tick() == []


def test_a_tick_that_runs_twice_changes_nothing_more():
    shop = Ticking([RECENT])
    shop.send(track("Bought"))
    shop.clock.advance(2 * HOUR + 1)
    first, second = shop._ticker.tick(NoDeadline()), shop._ticker.tick(NoDeadline())
    assert (first, second) == (1, 1)
    bodies = [m.body for m in shop.queues.take(INGEST)]
    assert shop.resolve(*(Received(f"q{n}", "r", body) for n, body in enumerate(bodies))) == set()
    assert shop.profile("user_id:u1").version == 2


@pytest.mark.parametrize("page", [1, 3, 100])
def test_a_new_audience_takes_in_those_whose_traits_say_so(monkeypatch, page):
    monkeypatch.setattr(tick, "PAGE", page)
    shop = Ticking()
    people(shop, 7, plan="pro")
    shop.directory.define([PRO])
    shop.sweeps.request("s")
    assert len(shop.tick()) == 7
    assert all(shop.value(f"user_id:u{n}", "pro") is True for n in range(7))
    assert shop.tick() == []


def test_somebody_of_whom_nothing_changes_is_read_but_not_written():
    shop = Ticking()
    people(shop, 2, plan="free")
    shop.directory.define([PRO])
    shop.sweeps.request("s")
    assert len(shop.tick()) == 2
    assert [shop.profile(f"user_id:u{n}").version for n in range(2)] == [1, 1]


def test_switched_on_again_an_audience_catches_up_with_what_it_missed():
    shop = Ticking([RECENT, PRO])
    shop.send(identify("u1", {"plan": "pro"}), track("Bought"))
    shop.send(identify("u2", {"plan": "free"}))
    shop.directory.define([audience(c.key, c.query, enabled=False) for c in (RECENT, PRO)])
    shop.send(identify("u1", {"plan": "free"}), identify("u2", {"plan": "pro"}))
    shop.clock.advance(3 * HOUR)
    assert shop.tick() == []
    assert shop.profile("user_id:u1").trait_values() == {"plan": "free", "pro": True, "recent": True}
    shop.directory.define([RECENT, PRO])
    shop.sweeps.request("s")
    assert len(shop.tick()) == 2
    assert shop.profile("user_id:u1").trait_values() == {"plan": "free", "pro": False, "recent": False}
    assert shop.value("user_id:u2", "pro") is True


def test_a_sweep_goes_on_where_the_time_of_a_tick_ended(monkeypatch):
    monkeypatch.setattr(tick, "PAGE", 2)
    shop = Ticking()
    people(shop, 5, plan="pro")
    shop.directory.define([PRO])
    shop.sweeps.request("s")
    short = ClockDeadline(shop.clock, shop.clock.now() + MINUTE)
    real = shop.profiles.newest

    def slow(*given):
        shop.clock.advance(MINUTE)
        return real(*given)

    monkeypatch.setattr(shop.profiles, "newest", slow)
    seen = shop.tick(short)
    assert len(seen) == 2
    monkeypatch.setattr(shop.profiles, "newest", real)
    rest = shop.tick()
    assert len(rest) == 3
    assert len({*seen, *rest}) == 5


def test_a_sweep_requested_while_one_is_under_way_starts_again(monkeypatch):
    monkeypatch.setattr(tick, "PAGE", 2)
    shop = Ticking()
    people(shop, 4, plan="pro")
    shop.sweeps.request("s")
    real = shop.profiles.newest
    asked: list[object] = []

    def interrupted(*given):
        if not asked:
            asked.append(given)
            shop.directory.define([PRO])
            shop.sweeps.request("s")
        return real(*given)

    monkeypatch.setattr(shop.profiles, "newest", interrupted)
    assert len(shop.tick()) == 2
    assert len(shop.tick()) == 4
    assert all(shop.value(f"user_id:u{n}", "pro") is True for n in range(4))
    assert shop.clock.now() == T0 + 4_000
