"""What one event costs on its way into a profile: units, calls and own CPU. Run by `make bench`; no test.

Units are computed from the sizes of the items as DynamoDB bills them: 1 KB per write unit, 4 KB per read unit.
"""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chalicelib.clock import DAY
from chalicelib.computations.computation import Computation
from chalicelib.identity.external_id import Identifier
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.profiles.profile import Profile
from chalicelib.queues import Received
from chalicelib.store import codec
from chalicelib.store.memory import MemoryIdentifiers, MemoryProfiles, MemoryTimeline
from chalicelib.tracking.event import Event
from tests.pipeline.shop import Shop, audience, identify, track

OVERHEAD = 120  # bytes of keys and attribute names beside the blobs
PER_REQUEST = 20  # events: what server libraries send at once on a busy site
REQUESTS = 200
BETWEEN = DAY  # somebody who comes once a day: 100,000 events are their fourteen years
RELATED = (
    "event('Bought').count() >= 3",
    "event('Bought').within(7 days).count() >= 1",
    "event('Viewed').within(1 day).count() >= 5",
    "event('Bought').where(property('revenue') > 100).count() >= 1",
    "trait('plan') = 'pro'",
    "event('Viewed').where(property('sku').one_of('a', 'b')).within(30 days).count() >= 2",
    "event('Bought').sum(property('revenue')) > 500",
    "event('Cart').count() >= 1 AND NOT trait('plan') = 'free'",
    "event('Viewed').where(event('Bought').within(parent: 1 day).count() = 0).within(7 days).count() >= 1",
    "event('Bought').avg(property('revenue')) >= 50",
)


class Cost(NamedTuple):
    """Per event."""

    writes: float
    reads: float
    calls: float
    seconds: float


class Meter:
    def __init__(self) -> None:
        self.writes = self.reads = self.calls = 0

    def wrote(self, size: int) -> None:
        self.calls += 1
        self.writes += max(1, math.ceil((size + OVERHEAD) / 1024))

    def read(self, sizes: Iterable[int]) -> None:
        """Strongly consistent, and at least one unit for each item, found or not."""
        self.calls += 1
        self.reads += sum(max(1, math.ceil((size + OVERHEAD) / 4096)) for size in sizes)


def _size(profile: Profile) -> int:
    return len(codec.encode_head(profile.head)) + len(codec.encode_streams(profile.streams))


class Profiles(MemoryProfiles):
    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def load(self, keys: Iterable[ProfileKey]) -> dict[ProfileKey, Profile]:
        wanted = list(keys)
        found = super().load(wanted)
        self._meter.read([_size(found[key]) if key in found else 0 for key in wanted])
        return found

    def save(self, profile: Profile) -> None:
        super().save(profile)
        self._meter.wrote(_size(profile))


class Identifiers(MemoryIdentifiers):
    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def find(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, Claim]:
        wanted = list(identifiers)
        self._meter.read([100] * len(wanted))
        return super().find(space_id, wanted)

    def claim(self, mapping: Claim, over: Claim | None = None) -> str:
        self._meter.wrote(100)
        return super().claim(mapping, over)


class Timeline(MemoryTimeline):
    def __init__(self, meter: Meter, shop: Shop) -> None:
        super().__init__(shop.clock)
        self._meter = meter

    def put(self, key: ProfileKey, tag: bytes, events: Any, expires_at: int) -> None:
        super().put(key, tag, events, expires_at)
        self._meter.wrote(len(codec.encode_events(events)))


def _metered(computations: Iterable[Computation]) -> tuple[Shop, Meter]:
    meter = Meter()
    shop = Shop(computations)
    shop.profiles, shop.identifiers = Profiles(meter), Identifiers(meter)
    shop.timeline = Timeline(meter, shop)
    return shop, meter


def _call(number: int) -> dict[str, Any]:
    if number % 20 == 0:
        return identify("u1", {"plan": "pro", "city": "Oslo"})
    if number % 7 == 0:
        return track("Bought", properties={"revenue": number % 150, "orderId": f"o{number}"})
    return track("Viewed", properties={"sku": "abcdef"[number % 6], "price": number % 40, "name": f"Product {number}"})


def _requests(shop: Shop, count: int, name: str) -> Iterable[Received]:
    for request in range(count):
        shop.clock.advance(BETWEEN)
        calls = [_call(request * PER_REQUEST + n) for n in range(PER_REQUEST)]
        yield shop.message(f"{name}{request}", *calls)


def measure(computations: Iterable[Computation], past_events: int) -> Cost:
    shop, meter = _metered(computations)
    for message in _requests(shop, past_events // PER_REQUEST, "past"):
        shop.resolve(message)
    messages = list(_requests(shop, REQUESTS, "now"))
    meter.writes = meter.reads = meter.calls = 0
    started = time.process_time()
    for message in messages:
        assert shop.resolve(message) == set()
    events = REQUESTS * PER_REQUEST
    # One landing object and one look at the space's version for each invocation come on top.
    return Cost(
        meter.writes / events,
        (meter.reads + REQUESTS) / events,
        (meter.calls + 2 * REQUESTS) / events,
        (time.process_time() - started) / events,
    )


def related(count: int) -> list[Computation]:
    return [audience(f"related_{n}", RELATED[n % len(RELATED)]) for n in range(count)]


def unrelated(count: int) -> list[Computation]:
    return [audience(f"other_{n}", f"event('Other {n}').within(7 days).count() >= 1") for n in range(count)]


def evaluated_per_second(computations: list[Computation]) -> float:
    """Events applied and evaluated by one core, without any store."""
    from chalicelib.profiles.application import apply
    from chalicelib.profiles.arrival import Arrival
    from chalicelib.profiles.recent import tag_of
    from chalicelib.tracking.decode import events
    from chalicelib.tracking.envelope import Accepted, unpack

    shop = Shop(computations)
    batches: list[tuple[bytes, list[Event], int]] = []
    for message in _requests(shop, 500, "b"):
        envelope = unpack(message.body)
        assert isinstance(envelope, Accepted)
        batches.append((tag_of(envelope.batch_id), events(envelope), shop.clock.now()))
    profile = Profile(space_id="s", profile_id="use_1")
    started = time.process_time()
    for tag, sent, now in batches:
        apply(profile, [Arrival(tag, sent)], (), shop.directory.catalogue, now)
    return 500 * PER_REQUEST / (time.process_time() - started)


def _best(measured: Callable[[], float]) -> float:
    return max(measured() for _ in range(3))


def main() -> None:
    typical = measure(related(15), 200)
    print(f"{'per event, 20 per request, 15 computations':52} target")
    print(f"  write units                {typical.writes:>10.2f}             ≤ 3")
    print(f"  read units                 {typical.reads:>10.2f}             ≤ 2")
    print(f"  AWS calls                  {typical.calls:>10.2f}")
    print(f"  own CPU, µs                {typical.seconds * 1e6:>10.0f}")
    long, short = measure(related(15), 100_000), measure(related(15), 10)
    print("100,000 past events ÷ 10")
    print(f"  write units                {long.writes / short.writes:>10.2f}             ≤ 1.1")
    print(f"  own CPU                    {long.seconds / short.seconds:>10.2f}             ≤ 1.1")
    many, one = measure(unrelated(200), 200), measure(unrelated(1), 200)
    print("200 unrelated audiences ÷ 1")
    print(f"  write units                {many.writes / one.writes:>10.2f}             ≤ 1.05")
    print(f"  own CPU                    {many.seconds / one.seconds:>10.2f}             ≤ 1.05")
    print("events applied and evaluated per second and core, no store")
    for count in (1, 20, 200):
        print(f"  {count:>3} computations           {_best(lambda n=count: evaluated_per_second(related(n))):>10,.0f}")  # type: ignore[misc]


if __name__ == "__main__":
    main()
