"""What identity resolution costs where it is not trivial. Run by `make bench`; no test.

Units as in `pipeline_cost`: computed from the sizes of the items as DynamoDB bills them.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chalicelib.clock import MINUTE
from chalicelib.identity.rules import Rules, TypeRule
from chalicelib.profiles.ports import Claim
from chalicelib.profiles.profile import Profile
from chalicelib.queues import Received
from chalicelib.records import Key
from chalicelib.store.memory import MemoryRecords
from tests.bench.pipeline_cost import Identifiers, Meter, Profiles, Timeline, related
from tests.pipeline.shop import Shop, identify, track

PER_REQUEST = 20
BATCHES = 50  # of the hot account: 20 people each
WIDE = Rules(types={"anonymous_id": TypeRule(limit=1_000)})


class Work(MemoryRecords):
    """Links and the identity log."""

    def __init__(self, meter: Meter, shop: Shop) -> None:
        super().__init__(shop.clock)
        self._meter = meter

    def put(self, key: Key, data: bytes, *, expires_at: int | None = None) -> None:
        super().put(key, data, expires_at=expires_at)
        self._meter.wrote(len(data))

    def create(self, key: Key, data: bytes, *, expires_at: int | None = None) -> Any:
        self._meter.wrote(len(data))
        return super().create(key, data, expires_at=expires_at)


class MovingIdentifiers(Identifiers):
    def move(self, claim: Claim, profile_id: str, version: int) -> None:
        self._meter.wrote(100)
        super().move(claim, profile_id, version)


class CountedProfiles(Profiles):
    """`saved` counts the writes of each profile."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self.saved: dict[str, int] = {}

    def save(self, profile: Profile) -> None:
        super().save(profile)
        self.saved[profile.profile_id] = self.saved.get(profile.profile_id, 0) + 1


class Cost(NamedTuple):
    writes: float
    reads: float
    calls: float
    seconds: float

    def per(self, count: int) -> "Cost":
        return Cost(*(value / count for value in self))


class Bench:
    def __init__(self, computations: int = 15, rules: Rules | None = None) -> None:
        self.meter = Meter()
        self.shop = Shop(related(computations))
        self.shop.directory.define(rules=rules or Rules())
        self.profiles = self.shop.profiles = CountedProfiles(self.meter)
        self.shop.identifiers = MovingIdentifiers(self.meter)
        self.shop.timeline = Timeline(self.meter, self.shop)
        self.shop.lookup = type(self.shop.lookup)(self.profiles, self.shop.identifiers)
        work = Work(self.meter, self.shop)
        self.shop.links, self.shop.log = type(self.shop.links)(work), type(self.shop.log)(work, self.shop.clock)
        self._sent = 0

    def message(self, *calls: dict[str, Any]) -> Received:
        self._sent += 1
        self.shop.clock.advance(MINUTE)
        return self.shop.message(f"b{self._sent}", *calls)

    def run(self, messages: Iterable[Received]) -> Cost:
        """One landing object and one look at the space's version for each invocation come on top."""
        waiting = list(messages)
        self.meter.writes = self.meter.reads = self.meter.calls = 0
        started = time.process_time()
        for message in waiting:
            assert self.shop.resolve(message) == set()
        seconds = time.process_time() - started
        return Cost(self.meter.writes, self.meter.reads + len(waiting), self.meter.calls + 2 * len(waiting), seconds)


def views(bench: Bench, requests: int, **ids: Any) -> list[Received]:
    return [bench.message(*(track("Viewed", None, **ids) for _ in range(PER_REQUEST))) for _ in range(requests)]


def known_person() -> Cost:
    bench = Bench()
    bench.run([bench.message(identify("u1", {"plan": "pro"}, anonymousId="a1"))])
    return bench.run(views(bench, 100, userId="u1", anonymousId="a1")).per(100 * PER_REQUEST)


def shared_device() -> Cost:
    """Every event of the second person is a violation."""
    bench = Bench()
    bench.run([bench.message(identify(user, {}, anonymousId="a1")) for user in ("u1", "u2")])
    return bench.run(views(bench, 100, userId="u2", anonymousId="a1")).per(100 * PER_REQUEST)


def identifiers(count: int) -> Cost:
    """Of somebody with that many identifiers."""
    bench = Bench(rules=WIDE)
    calls = [track("Viewed", "u1", anonymousId=_uuid(n), messageId=_uuid(-n - 1)) for n in range(count)]
    bench.run([bench.message(*calls[n : n + 100]) for n in range(0, count, 100)])
    return bench.run(views(bench, 50, userId="u1")).per(50 * PER_REQUEST)


def hot_account() -> tuple[Cost, int, Cost]:
    """A thousand people name one account; the writes of its profile; and then all of them once more."""
    bench = Bench()

    def calls(batch: int) -> list[dict[str, Any]]:
        people = range(batch * PER_REQUEST, (batch + 1) * PER_REQUEST)
        return [{"type": "group", "userId": f"u{n}", "groupId": "g1", "traits": {"plan": "ent"}} for n in people]

    first = bench.run([bench.message(*calls(batch)) for batch in range(BATCHES)])
    again = bench.run([bench.message(*calls(batch)) for batch in range(BATCHES)])
    account = bench.shop.profile("group_id:g1", "accounts").profile_id
    return first.per(BATCHES * PER_REQUEST), bench.profiles.saved[account], again.per(BATCHES * PER_REQUEST)


def merge(joined: int) -> Cost:
    """One event that makes one person of this many, each with a past of twenty events."""
    bench = Bench(rules=WIDE)
    people: list[dict[str, Any]] = [{"anonymousId": f"a{n}"} for n in range(joined - 1)] + [{"userId": "u1"}]
    for ids in people:
        bench.run(views(bench, 1, **ids))
    listed = [
        {"id": ids["anonymousId"], "type": "anonymous_id", "collection": "users", "encoding": "none"}
        for ids in people[:-1]
    ]
    return bench.run([bench.message(track("Viewed", "u1", context={"externalIds": listed}))])


def after_merge() -> tuple[Cost, Cost]:
    """The first and the second event of somebody merged away: the mapping is moved once."""
    bench = Bench()
    for ids in ({"anonymousId": "a1"}, {"userId": "u1"}, {"userId": "u1", "anonymousId": "a1"}):
        bench.run([bench.message(track("Viewed", None, **ids))])
    first, second = (bench.run([bench.message(track("Viewed", "u1"))]) for _ in range(2))
    return first, second


def _uuid(number: int) -> str:
    """As browsers make them: nothing that compresses."""
    return str(uuid.UUID(bytes=hashlib.md5(str(number).encode()).digest()))


def _show(name: str, cost: Cost) -> None:
    print(f"  {name:48} {cost.writes:>8.2f} {cost.reads:>8.2f} {cost.calls:>8.2f} {cost.seconds * 1e6:>10.0f}")


def _best(measured: Callable[[], Cost]) -> Cost:
    return min((measured() for _ in range(3)), key=lambda cost: cost.seconds)


def main() -> None:
    print(f"{'identity, 15 computations':50} {'writes':>8} {'reads':>8} {'calls':>8} {'own CPU µs':>10}")
    print("per event, 20 per request")
    _show("one known person", _best(known_person))
    _show("a second person on a shared device", _best(shared_device))
    for count in (2, 100, 1_000):
        _show(f"somebody with {count:,} identifiers", _best(lambda n=count: identifiers(n)))  # type: ignore[misc]
    first, written, again = hot_account()
    print(f"per group call, 1,000 people of one account; its profile was written {written} time(s)")
    _show("first call of each", first)
    _show("second call of each", again)
    print("one event")
    for joined in (2, 3, 10):
        _show(f"makes one of {joined} people", _best(lambda n=joined: merge(n)))  # type: ignore[misc]
    moved, settled = after_merge()
    _show("of somebody merged away, the first", moved)
    _show("of somebody merged away, the second", settled)


if __name__ == "__main__":
    main()
