"""What a run over accounts costs. Run by `python -m tests.bench.batch_cost`; no test.

Units as in `pipeline_cost`: computed from the sizes of the items as DynamoDB bills them, reads strongly consistent.
"""

import math
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from chalicelib.records import Key, Page
from chalicelib.store.memory import MemoryRecords
from tests.batch.firm import Firm, group, of_accounts, trait_of_accounts
from tests.bench.pipeline_cost import OVERHEAD, Meter, Profiles
from tests.pipeline.shop import audience, track

COMPUTATIONS = (
    of_accounts("big", "trait('seats') > 10 AND ANY event('Logged In').within(30 days).count() >= 1"),
    trait_of_accounts("logins", "event('Logged In').count()"),
    audience("follow", "trait('big') = 'true'"),
)
EVENTS = 20  # of each person
PER_REQUEST = 20


class Work(MemoryRecords):
    """Links: `Query` reads count by the sum of what they return."""

    def __init__(self, meter: Meter, clock: Any) -> None:
        super().__init__(clock)
        self._meter = meter

    def page(self, partition: str, prefix: str = "", *, limit: int = 1_000, cursor: str | None = None) -> Page:
        calls, reads = self._meter.calls, self._meter.reads
        found = super().page(partition, prefix, limit=limit, cursor=cursor)
        self._meter.calls = calls + 1  # it reads record by record, which DynamoDB does not
        self._meter.reads = reads + max(1, math.ceil(sum(len(r.data) + OVERHEAD for r in found.records) / 4096))
        return found

    def get(self, key: Key) -> Any:
        found = super().get(key)
        self._meter.read([len(found.data) if found else 0])
        return found

    def create(self, key: Key, data: bytes, *, expires_at: int | None = None) -> Any:
        self._meter.wrote(len(data))
        return super().create(key, data, expires_at=expires_at)

    def replace(self, record: Any, data: bytes, *, expires_at: int | None = None) -> Any:
        self._meter.wrote(len(data))
        return super().replace(record, data, expires_at=expires_at)


class Listed(Profiles):
    def newest(self, space_id: str, collection: str, limit: int, start: str = "") -> list[str]:
        found = super().newest(space_id, collection, limit, start)
        self._meter.calls += 1
        self._meter.reads += max(1, math.ceil(len(found) * OVERHEAD / 8192))  # of an index: never strongly consistent
        return found


class Cost(NamedTuple):
    writes: float
    reads: float
    calls: float
    seconds: float


class Bench:
    def __init__(self, accounts: int, people: int, events: int = EVENTS) -> None:
        """`people` of each account, `events` of each of them."""
        self.meter = Meter()
        self.firm = Firm(COMPUTATIONS, profiles=Listed(self.meter))
        self.firm.work = Work(self.meter, self.firm.clock)
        self.firm.links = type(self.firm.links)(self.firm.work)
        for account in range(accounts):
            self._fill(f"g{account}", people, events)

    def _fill(self, account: str, people: int, events: int) -> None:
        for start in range(0, people, PER_REQUEST):
            users = [f"{account}-{n}" for n in range(start, min(people, start + PER_REQUEST))]
            self.firm.send(*[group(user, account, traits={"seats": 20}) for user in users])
            for _ in range(events):
                self.firm.send(*[track("Logged In", user) for user in users])

    def run(self, key: str) -> Cost:
        self.meter.writes = self.meter.reads = self.meter.calls = 0
        started = time.process_time()
        self.firm.run(key)
        return Cost(self.meter.writes, self.meter.reads, self.meter.calls, time.process_time() - started)


def shown(name: str, costs: Iterable[tuple[str, Cost]]) -> None:
    for what, cost in costs:
        print(
            f"{name:28} {what:22} {cost.writes:8.0f} WRU {cost.reads:8.0f} RRU {cost.calls:8.0f} calls "
            f"{cost.seconds * 1000:8.0f} ms own CPU"
        )


def main() -> None:
    for accounts, people in ((1, 1_000), (200, 5), (1_000, 1)):
        bench = Bench(accounts, people)
        name = f"{accounts} accounts x {people} people"
        costs = [("audience, all enter", bench.run("big")), ("audience, nothing new", bench.run("big"))]
        costs += [("trait, all new", bench.run("logins")), ("trait, nothing new", bench.run("logins"))]
        shown(name, costs)


if __name__ == "__main__":
    main()
