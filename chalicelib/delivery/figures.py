"""What counters tell about a time: series and groups, shares and how they changed, latency.

A figure is asked for one step of the way of an event, over a time that is cut into minutes, hours or days.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..clock import DAY, HOUR, MINUTE, Clock
from ..errors import Invalid, Problem
from ..instants import to_iso
from .counters import (
    CANCELLED,
    CREATED,
    DELIVERED,
    DISCARDED,
    FILTERED,
    LATENCY,
    PENDING,
    RETRIED,
    Name,
    name_of,
    percentile,
    tail,
)
from .ledger import DeadLetter, Ledger

MINUTES, HOURS, DAYS = "MINUTE", "HOUR", "DAY"
SAMPLES = 10
SEARCHED = 1_000  # dead letters looked through for samples

# By granularity: how long a step is, how long a time may be asked for, and how far back it may begin.
SPANS = {MINUTES: (MINUTE, 4 * HOUR, 48 * HOUR), HOURS: (HOUR, 14 * DAY, 30 * DAY), DAYS: (DAY, 30 * DAY, 30 * DAY)}

DIMENSIONS = (
    "eventName",
    "eventType",
    "discardReason",
    "appVersion",
    "subscriptionId",
    "activationId",
    "audienceId",
    "spaceId",
)
_ATTEMPT = "successes.attempt."


class Time(NamedTuple):
    """From `since` on and before `until`, epoch ms, in steps of `granularity`."""

    since: int
    until: int
    granularity: str

    @property
    def before(self) -> "Time":
        """The equal time before it."""
        return self._replace(since=2 * self.since - self.until, until=self.since)

    @property
    def step(self) -> int:
        return SPANS[self.granularity][0]


class Sum(NamedTuple):
    """An amount of one counter in one step of time."""

    at: int
    name: Name
    amount: int


class Known(NamedTuple):
    """Full ids by their tails, and the space they belong to: counters hold only tails."""

    connections: Mapping[str, str]
    computations: Mapping[str, str]
    space_id: str
    subscriptions: Mapping[str, str] = {}
    activations: Mapping[str, str] = {}


class Asked(NamedTuple):
    """`filters`: of each dimension the values that are meant."""

    steps: frozenset[str]
    group_by: Sequence[str] = ()
    filters: Mapping[str, Sequence[str]] = {}


CREATION = frozenset({CREATED})
SUCCESS = frozenset({DELIVERED})
FAILURE = frozenset({DISCARDED})
FILTERING = frozenset({FILTERED, CANCELLED})


def known(
    connection_ids: Sequence[str],
    computation_ids: Sequence[str],
    space_id: str,
    subscription_ids: Sequence[str] = (),
    activation_ids: Sequence[str] = (),
) -> Known:
    connections, computations, subscriptions, activations = (
        {tail(id): id for id in ids} for ids in (connection_ids, computation_ids, subscription_ids, activation_ids)
    )
    return Known(connections, computations, space_id, subscriptions, activations)


def time_of(since: int, until: int, granularity: str, now: int) -> Time:
    """It begins with a whole minute or hour, which is what is counted. Raises Invalid for what cannot be asked for."""
    step, longest, furthest = SPANS[granularity]
    problems = []
    if since >= until:
        problems.append(Problem("endTime must be later than startTime", "endTime"))
    if until - since > longest:
        problems.append(Problem(f"by the {granularity} at most {_words(longest)} can be asked for", "endTime"))
    if since < now - furthest:
        problems.append(Problem(f"by the {granularity} startTime may be {_words(furthest)} ago at most", "startTime"))
    if problems:
        raise Invalid(*problems)
    return Time(since // min(step, HOUR) * min(step, HOUR), until, granularity)


@dataclass(frozen=True)
class Figures:
    ledger: Ledger
    clock: Clock

    def metrics(self, destination_ids: Sequence[str], time: Time, asked: Asked, known: Known) -> dict[str, Any]:
        """Of all these destinations together: a total and a dataset per group, the largest first."""
        groups: dict[tuple[str | None, ...], list[Sum]] = {}
        for sum in self._sums(destination_ids, time, asked, known):
            values = _dimensions(sum.name, known)
            groups.setdefault(tuple(values[name] for name in asked.group_by), []).append(sum)
        dataset = [_dataset(asked, values, sums, time) for values, sums in groups.items()]
        dataset = [
            one for one in dataset if one["total"] > 0
        ]  # what was counted as a whole may be counted in parts now
        total = sum_of(one for sums in groups.values() for one in sums)
        return {"total": total, "dataset": sorted(dataset, key=lambda one: -one["total"])}

    def breakdown(self, destination_id: str, time: Time, asked: Asked, known: Known) -> list[dict[str, Any]]:
        """By type, name and app version: how many, their share in percent, and by how many points it changed."""
        asked = asked._replace(group_by=("eventType", "eventName", "appVersion"))
        return self._compared(destination_id, time, asked, known)

    def discards(self, destination_id: str, time: Time, asked: Asked, known: Known) -> list[dict[str, Any]]:
        """By reason, the same, with some of those it happened to."""
        rows = self._compared(destination_id, time, asked._replace(group_by=("discardReason",)), known)
        letters = self._samples(destination_id, time) if asked.steps == FAILURE else {}
        return [{**row, "samples": letters.get(row["discardReason"], [])} for row in rows]

    def summary(self, destination_id: str, time: Time) -> dict[str, Any]:
        """The steps of a destination's events. Those `pending` and `inFlight` are as of now, the others of the time."""
        found: Counter[str] = Counter()
        latencies: Counter[int] = Counter()
        for one in self._read(destination_id, time):
            if one.name.step == LATENCY:
                latencies[int(one.name.detail)] += one.amount
            else:
                found[one.name.step] += one.amount
        counts = self.ledger.counts(destination_id)
        tried = found[DELIVERED] + found[DISCARDED]
        return {
            "created": found[CREATED],
            "filteredAtSource": 0,  # nothing between a computation and its destinations filters
            "filteredAtDestination": found[FILTERED] + found[CANCELLED],
            "failedDelivery": found[DISCARDED],
            "successfulDelivery": found[DELIVERED],
            "retries": found[RETRIED],
            "pendingRetry": max(0, counts.get(PENDING, 0)),
            "inFlight": in_flight(counts),
            "deliveryRate": round(100 * found[DELIVERED] / tried, 2) if tried else None,
            "p95LatencyMs": percentile(latencies, 0.95),
        }

    def _compared(self, destination_id: str, time: Time, asked: Asked, known: Known) -> list[dict[str, Any]]:
        now, then = (self.metrics([destination_id], one, asked, known) for one in (time, time.before))
        shares = {_key(row, asked): row["total"] / max(1, then["total"]) for row in then["dataset"]}
        rows = []
        for row in now["dataset"]:
            share = row["total"] / max(1, now["total"])
            change = share - shares.get(_key(row, asked), 0.0)
            shown = {name: row.get(name) for name in asked.group_by}
            rows.append(
                {**shown, "count": row["total"], "percent": round(100 * share, 2), "change": round(100 * change, 2)}
            )
        return rows

    def _samples(self, destination_id: str, time: Time) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for number, letter in enumerate(self.ledger.every_letter(destination_id)):
            if number >= SEARCHED:
                break
            samples = found.setdefault(letter.code, [])
            if time.since <= letter.failed_at < time.until and len(samples) < SAMPLES:
                samples.append(_sample(letter))
        return found

    def _sums(self, destination_ids: Sequence[str], time: Time, asked: Asked, known: Known) -> Iterator[Sum]:
        for destination_id in destination_ids:
            for one in self._read(destination_id, time):
                if one.name.step in asked.steps and _passes(_dimensions(one.name, known), asked.filters):
                    yield one

    def _read(self, destination_id: str, time: Time) -> Iterator[Sum]:
        counters = self.ledger.counters
        read = counters.by_minute if time.granularity == MINUTES else counters.by_hour
        for at, amounts in read(destination_id, time.since, time.until).items():
            for text, amount in amounts.items():
                yield Sum(at, name_of(text), amount)


def in_flight(counts: Mapping[str, int]) -> int:
    """What was made and of which nothing was heard yet."""
    settled = sum(counts.get(step, 0) for step in (FILTERED, CANCELLED, PENDING, DISCARDED, DELIVERED))
    return max(0, counts.get(CREATED, 0) - settled)


def sum_of(sums: Iterator[Sum]) -> int:
    return sum(one.amount for one in sums)


def _dataset(asked: Asked, values: Sequence[str | None], sums: Sequence[Sum], time: Time) -> dict[str, Any]:
    counts: Counter[int] = Counter()
    retries: Counter[int] = Counter()
    for one in sums:
        step = one.at // time.step * time.step
        counts[step] += one.amount
        retries[step] += one.amount * _retries(one.name)
    tells_retries = asked.steps == SUCCESS
    series = [
        {"time": to_iso(at), "count": counts[at], **({"retryCount": retries[at]} if tells_retries else {})}
        for at in range(time.since // time.step * time.step, time.until, time.step)
    ]
    named = {name: value for name, value in zip(asked.group_by, values, strict=True) if value is not None}
    total = {"total": counts.total(), "series": series}
    return named | total | ({"totalRetryCount": retries.total()} if tells_retries else {})


def _retries(name: Name) -> int:
    return int(name.detail) - 1 if name.step == DELIVERED and name.detail else 0


def _dimensions(name: Name, known: Known) -> dict[str, str | None]:
    """There are no versions of apps: what a computation makes comes from no app. Where a destination has no mappings,
    each of its connections is like one; what goes through the mapping of no activation counts to its connection."""
    reason = f"{_ATTEMPT}{name.detail or 1}" if name.step == DELIVERED else name.detail
    connection = known.connections.get(name.connection, name.connection)
    activation = known.activations.get(name.mapping)
    subscription = activation or known.subscriptions.get(name.mapping, name.mapping)
    return {
        "eventName": name.event or None,
        "eventType": name.type or None,
        "discardReason": reason or None,
        "appVersion": None,
        "subscriptionId": subscription or connection or None,
        "activationId": activation or connection or None,
        "audienceId": known.computations.get(name.computation, name.computation) or None,
        "spaceId": known.space_id,
    }


def _passes(values: Mapping[str, str | None], filters: Mapping[str, Sequence[str]]) -> bool:
    return all(values[name] in meant for name, meant in filters.items())


def _key(row: Mapping[str, Any], asked: Asked) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in asked.group_by)


def _sample(letter: DeadLetter) -> dict[str, Any]:
    return {
        "messageId": letter.message_id,
        "failedAt": to_iso(letter.failed_at),
        "attempts": letter.attempts,
        "detail": letter.detail or None,
        "request": letter.request,
        "response": letter.response,
    }


def _words(milliseconds: int) -> str:
    hours, days = milliseconds // HOUR, milliseconds // DAY
    return f"{hours} hours" if hours <= 48 else f"{days} days"
