"""Definitions are made, changed, switched and deleted while people go on: nothing is lost, nothing counted twice.

Events, runs, owners, deletions of people and compaction go on at the same time, in an order that chance decides from
one call of a store to the next, and any of them may die before or after any call."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.clock import DAY, HOUR, MINUTE, SECOND, FixedClock
from chalicelib.computations.computation import AUDIENCE, FAILED
from chalicelib.errors import Conflict, NotFound, Retryable
from chalicelib.queues import Received
from chalicelib.store.dynamodb import DynamoIdentifiers, DynamoProfiles, DynamoRecords, DynamoTimeline
from chalicelib.store.s3 import S3Archive
from tests.backfill.town import Process, Town
from tests.conftest import Cloud
from tests.events import T0
from tests.pipeline.baton import Baton, Worker

AUDIENCES = [
    "event('A').count() >= 1",
    "event('A').count() >= 3",
    "event('A').count() >= 1 AND NOT event('B').count() >= 3",
    "event('B').sum(property('v')) > 5",
    "event('B').max(property('v')) = 5",
    "event('A').unique(property('v')).count() >= 3",
    "event('A').within(2 days).count() >= 2",
    "event('A').within(3 hours).count() >= 1 AND event('B').within(30 days).count() >= 2",
    "event('A').where(property('v') > 2).count() >= 2",
    "event('A').where(event('B').within(parent: 1 day).count() >= 1).count() >= 1",
    "NOT event('B').count() >= 2",
]
TRAITS = [
    "event('A').count()",
    "event('B').count()",
    "event('A').sum(property('v'))",
    "event('B').unique(property('v'))",
    "event('A').where(property('v') > 2).count()",
    "event('A').min(property('v'))",
]
MOST = 5  # definitions at a time
TALLY: Counter[str] = Counter()


class Seam:
    """Everything follows from the seed."""

    def __init__(self, seed: int, scratch: Path, deaths: float, **stores: Any) -> None:
        self.dice, self.deaths = random.Random(seed), deaths
        self.town = Town(scratch, **stores)
        self.baton = Baton(self._choose, self._fate)
        self.processes = [Process(self.town, self.baton.around) for _ in range(5)]
        self.queue: list[Received] = []
        self.done: list[Received] = []
        self._last: Worker | None = None

    def play(self, rounds: int) -> None:
        for _ in range(self.dice.randint(0, 6)):
            self._say()
            self._pass_time()
        for _ in range(rounds):
            for _ in range(self.dice.randint(0, 3)):
                self._say()
            # Whether an event of the very same millisecond counts is left open; and passes take some milliseconds.
            self.town.clock.advance(100)
            self._at_once()
            self._pass_time()
        self._end()
        TALLY.update(
            runs=1,
            events=len(self.town.events),
            calls=self.baton.calls,
            switches=self.baton.switches,
            deaths=self.baton.deaths,
            compared=self.town.check(),
            computations=len(self.town.computations()),
        )

    # One round

    def _say(self) -> None:
        calls = [self._event() for _ in range(self.dice.randint(1, 4))]
        self.queue.append(self.town.message(*calls))

    def _event(self) -> dict[str, Any]:
        letters = self.dice.choice(["u", "u", "u", "a", "ua", "e", "ue"])
        ids = {letter: f"{letter}{self.dice.choice('1233')}" for letter in letters}
        ago = self.dice.choice([0, 0, 0, self.dice.randint(1, HOUR), self.dice.randint(1, 9 * DAY)])
        return {"event": self.dice.choice("AAB"), "v": self.dice.randint(1, 5), "ago": ago, **ids}

    def _at_once(self) -> None:
        shares = self._shares()
        jobs: list[tuple[int, Callable[[], Any]]] = [
            (n, partial(self.processes[n].resolve, share)) for n, share in enumerate(shares)
        ]
        jobs += [(n, partial(self._compute, self.processes[n])) for n in (2, 3) if self.dice.random() < 0.8]
        jobs += [(4, self._owner())] if self.dice.random() < 0.6 else []
        if self.dice.random() < 0.08:
            user = f"u{self.dice.choice('123')}"
            jobs.append((4, lambda: self.processes[4].erase(user)))
        if self.dice.random() < 0.15:
            jobs.append((4, lambda: self.processes[4].compaction.compact(self.town.space_id)))
        workers = self.baton.run(*(_patient(job) for _, job in jobs))
        self._settle_accounts(shares, workers)
        for (n, _), worker in zip(jobs, workers, strict=True):
            if worker.killed:
                self.processes[n] = Process(self.town, self.baton.around)

    def _compute(self, process: Process) -> None:
        """Twice: what an owner asks for meanwhile is begun, too."""
        process.compute()
        process.compute()

    def _shares(self) -> list[list[Received]]:
        """For two workers; some messages go to both, and some come again that are long done."""
        waiting = self.dice.sample(self.queue, self.dice.randint(0, len(self.queue)))
        shares: list[list[Received]] = [[], []]
        for message in waiting:
            for share in self.dice.sample(shares, self.dice.choice([1, 1, 2])):
                share.append(message)
        if self.done and self.dice.random() < 0.3:
            shares[0].append(self.dice.choice(self.done[-4:]))
        return shares

    def _settle_accounts(self, shares: list[list[Received]], workers: list[Worker]) -> None:
        for share, worker in zip(shares, workers, strict=False):
            if worker.result is None:
                continue
            for message in share:
                if message.id not in worker.result and message in self.queue:
                    self.queue.remove(message)
                    self.done.append(message)

    def _owner(self) -> Callable[[], Any]:
        """Something that an owner asks for."""
        by, present = self.processes[4], self.town.computations()
        if not present or (len(present) < MOST and self.dice.random() < 0.5):
            return self._creation(by)
        one = self.dice.choice(present)
        deed = self.dice.choice(["edit", "edit", "edit", "off", "on", "on", "delete", "ids"])
        TALLY[f"owner {deed}"] += 1
        if deed == "delete":
            return lambda: self.town.delete(one, by)
        if deed == "ids" and one.kind == AUDIENCE:
            return lambda: self.town.update(one, by, options={"filterByExternalIds": ["user_id", "email"]})
        if deed in ("off", "on"):
            return lambda: self.town.update(one, by, enabled=deed == "on")
        if one.kind == AUDIENCE:
            text = self.dice.choice(AUDIENCES)
            return lambda: self.town.update(one, by, definition={"query": text})
        text = self.dice.choice(TRAITS)
        return lambda: self.town.update(one, by, definition={"query": text, "type": "USERS"})

    def _creation(self, by: Process) -> Callable[[], Any]:
        name, is_audience = f"q{self.dice.randint(1, 10**6)}", self.dice.random() < 0.6
        TALLY["owner create"] += 1
        history = self.dice.random() < 0.75
        options: dict[str, Any] = {"includeHistoricalData": history}
        if history and self.dice.random() < 0.3:
            options["backfillEventDataDays" if is_audience else "backfillDurationDays"] = self.dice.randint(1, 9)
        text = self.dice.choice(AUDIENCES if is_audience else TRAITS)
        make = self.town.audience if is_audience else self.town.trait
        return lambda: make(name, text, by, **options)

    def _pass_time(self) -> None:
        """Before a long time passes everything that was said is counted: a queue does not take so long."""
        leap = self.dice.random()
        if leap < 0.12:
            self._deliver_all()
            self.done = []  # and nothing comes again after a day: nobody would remember it
            self.town.clock.advance(self.dice.randint(5 * HOUR, 3 * DAY))
        else:
            self.town.clock.advance(self.dice.choice([1, SECOND, 31 * SECOND, 95 * SECOND, 130 * SECOND, 10 * MINUTE]))
        self.town.tick()

    # The end

    def _deliver_all(self) -> None:
        for _ in range(20):
            self.dice.shuffle(self.queue)
            left = self.town.home.resolve(self.queue)
            self.done += [message for message in self.queue if message.id not in left]
            self.queue = [message for message in self.queue if message.id in left]
            if not self.queue:
                return
        raise AssertionError("messages are never done")

    def _end(self) -> None:
        self._deliver_all()
        self.town.clock.advance(2 * MINUTE)
        self.town.tick()
        self.town.run()
        for computation in self.town.computations():
            if not computation.enabled or computation.stage == FAILED:
                self.town.update(computation, enabled=True)
        self.town.run()
        assert {computation.stage for computation in self.town.computations()} <= {"live"}
        self.town.pass_edges()
        self.town.check()
        # And once more: nothing that comes again is counted again.
        assert self.town.home.resolve(self.done[-30:]) == set()
        self.town.pass_edges()

    # Chance

    def _choose(self, workers: list[Worker]) -> Worker:
        if self._last not in workers or self.dice.random() < 0.3:
            self._last = self.dice.choice(workers)
        return self._last

    def _fate(self, worker: Worker) -> str | None:
        return self.dice.choice(["before", "after"]) if self.dice.random() < self.deaths else None


def _patient(job: Callable[[], Any]) -> Callable[[], Any]:
    """A refusal is an answer, too."""

    def done() -> Any:
        try:
            return job()
        except (Conflict, NotFound, Retryable):
            return None

    return done


@pytest.mark.parametrize("deaths", [0.0, 0.004, 0.015])
@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_or_doubled(seed: int, deaths: float, tmp_path: Path) -> None:
    Seam(seed, tmp_path, deaths).play(rounds=14)


def test_the_same_on_the_tables_of_aws(cloud: Cloud, tmp_path: Path) -> None:
    settings, dynamodb, clock = cloud.names.settings, cloud.clients.dynamodb, FixedClock(T0)
    seam = Seam(
        1,
        tmp_path,
        deaths=0.005,
        clock=clock,
        work=DynamoRecords(dynamodb, settings.work_table, clock),
        workspace=DynamoRecords(dynamodb, settings.workspace_table, clock),
        profiles=DynamoProfiles(dynamodb, settings.profiles_table, settings.work_table),
        identifiers=DynamoIdentifiers(dynamodb, settings.identifiers_table),
        timeline=DynamoTimeline(dynamodb, settings.timeline_table, clock),
        archive=S3Archive(cloud.clients.s3, settings.archive_bucket),
    )
    seam.play(rounds=7)


def test_what_was_tried_is_worth_the_name() -> None:
    assert TALLY["runs"] > 0
    assert TALLY["deaths"] > 10
    assert TALLY["compared"] > 100
