"""Who is looked at because time has passed."""

from chalicelib.clock import HOUR
from chalicelib.deadline import NoDeadline
from chalicelib.ids import CountingIds
from chalicelib.pipeline import tick
from chalicelib.queues import INGEST, Received
from chalicelib.store.keys import SHARDS
from chalicelib.store.memory import MemoryQueues
from chalicelib.tracking.envelope import Due, unpack
from tests.pipeline.shop import Shop, audience, identify, track

PRO = audience("pro", "trait('plan') = 'pro'")
RECENT = audience("recent", "event('Bought').within(2 hours).count() >= 1")


class Ticking(Shop):
    def __init__(self, *given, **stores):
        super().__init__(*given, **stores)
        self.queues = MemoryQueues()
        self._ticker = tick.Ticker(self.profiles, SHARDS, self.queues, self.clock, CountingIds(self.clock))

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
