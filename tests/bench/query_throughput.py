"""How fast events are applied and evaluated, and how much a profile remembers.

    python -m tests.bench.query_throughput

One core, no AWS: each event goes to the streams of its name, then every computation that reads a changed stream is
evaluated. The computations are a mix of kinds over ten event names, so an event meets about a fifth of them.
"""

import time
from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec

from chalicelib import query
from tests.query.timeline import Occurrence

HOUR = 3_600_000
NOW = 1_715_774_400_000
NAMES = 10
MIX = [
    ("audience", "event('E{i}').count() >= 3"),
    ("audience", "event('E{i}').within(7 days).count() >= 2"),
    ("audience", "event('E{i}').where(property('price') > {n}).within(30 days).count() >= 1"),
    ("audience", "event('E{i}').within(30 days).count() >= 1 AND event('E{j}').within(30 days).count() = 0"),
    ("audience", "event('E{i}').where(property('plan') = 'p{n}').count() >= 1 AND trait('vip') = 'true'"),
    ("trait", "event('E{i}').sum(property('price'))"),
    ("trait", "event('E{i}').within(30 days).sum(property('price'))"),
    ("trait", "event('E{i}').last(property('plan'))"),
    ("trait", "event('E{i}').mode(property('plan'))"),
    (
        "audience",
        "event('E{i}').where(NOT event('E{j}').within(parent: 1 day).count() >= 1).within(7 days).count() >= 1",
    ),
]


class Bench:
    def __init__(self, computations: int) -> None:
        self._random = Random(1)
        texts = [(kind, text.format(i=k % NAMES, j=(k + 1) % NAMES, n=k)) for k, (kind, text) in mixed(computations)]
        self.plans = [query.compile(query.parse(text, kind=kind, scope="USERS")) for kind, text in texts]
        self._streams: dict[str, dict[str, query.Stream]] = {}
        self._readers: dict[str, list[query.Plan]] = {}
        for plan in self.plans:
            for stream in plan.streams:
                self._streams.setdefault(stream.event, {})[stream.key] = stream
                self._readers.setdefault(stream.key, []).append(plan)
        self.states: dict[str, Any] = {}

    def event(self, at: int) -> Occurrence:
        number = self._random.randrange(1 << 60)
        return Occurrence(
            event=f"E{number % NAMES}",
            timestamp=at,
            received_at=at,
            message_id=f"{number:032x}",
            source_id="s1",
            properties={"price": number % 20_000 / 100, "plan": f"p{number % 7}", "sku": number % 50},
        )

    def add(self, event: Occurrence) -> set[int]:
        """Places of the plans that may have changed."""
        changed: set[int] = set()
        for key, stream in self._streams.get(event.event or "", {}).items():
            before = self.states.get(key)
            after = stream.add(stream.empty() if before is None else before, event)
            if after is not before:
                self.states[key] = after
                changed.update(id(plan) for plan in self._readers[key])
        return changed

    def apply(self, event: Occurrence) -> int:
        changed = self.add(event)
        for plan in self.plans:
            if id(plan) in changed:
                query.evaluate(plan, self.states, {"vip": True}, event.received_at)
        return len(changed)

    def fill(self, past: int) -> None:
        """Past events, evenly over ninety days."""
        for k in range(past):
            self.add(self.event(NOW - 90 * 24 * HOUR + k * 90 * 24 * HOUR // past))
        for plan in self.plans:
            for stream in plan.streams:
                if stream.key in self.states:
                    self.states[stream.key] = stream.trim(self.states[stream.key], NOW)


def mixed(count: int) -> Iterable[tuple[int, tuple[str, str]]]:
    return ((k, MIX[k % len(MIX)]) for k in range(count))


def measured(computations: int, past: int, seconds: float = 1.0) -> tuple[float, float, int]:
    """Events per second, computations evaluated per event, bytes of state."""
    bench = Bench(computations)
    bench.fill(past)
    size = len(msgspec.msgpack.encode(bench.states))
    base, done, evaluated = dict(bench.states), 0, 0
    events = [bench.event(NOW + k * 60_000) for k in range(100)]
    start = time.process_time()
    while time.process_time() - start < seconds:
        bench.states = dict(base)  # twenty events at a time, as one request of an SDK brings them
        for event in events[done % 100 : done % 100 + 20]:
            evaluated += bench.apply(event)
        done += 20
    return done / (time.process_time() - start), evaluated / done, size


def main() -> None:
    print(f"{'computations':>12} {'past events':>12} {'events/s':>10} {'met/event':>10} {'state bytes':>12}")
    for computations in (1, 20, 200):
        for past in (10, 1_000, 100_000):
            rate, met, size = measured(computations, past)
            print(f"{computations:>12} {past:>12,} {rate:>10,.0f} {met:>10.1f} {size:>12,}")


if __name__ == "__main__":
    main()
