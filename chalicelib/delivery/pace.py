"""How fast a destination may be asked: its rate, slowed down while it cannot keep up, and stopped while it is dead.

One record per destination, shared by all workers: a bucket of tokens that holds a second's worth of requests. Where no
rate is known there is no record, and nothing to pay for, until the partner fails.

    rate ──┬─ every failing batch halves it, down to a thirty-second; after the first success it recovers by itself
           └─ nothing but failures for a day: only a probe now and then, until one succeeds
"""

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ..clock import DAY, MINUTE, SECOND, Clock
from ..errors import Conflict, VersionConflict
from ..records import Key, Record, Records

NOMINAL = 200.0  # requests a second a partner without a known rate is slowed down from
LEAST = 1 / 32
RECOVERY = 2 * MINUTE  # from nothing to the whole rate
SLOWING_EVERY = SECOND  # what fails side by side is one piece of news
KEPT = 3 * DAY
ROUNDS = 3  # each lost round is another worker's write
REPLAYED = 0.5  # of the rate, for what is sent again: the rest is left to what happens now

# Dead: without one success for a day, over so many failures. Whatever was made in the first twenty hours of an outage
# has its whole schedule of retries.
DEAD_AFTER = DAY
DEAD_FAILURES = 100
PROBE_EVERY = MINUTE


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`tokens` as of `at`; `share` of the rate as of `slowed_at`. `failures` since `failing_since`, without any success
    in between, the last with `code`; 0 while all is well. Times in epoch ms."""

    tokens: float
    at: int
    share: float = 1.0
    slowed_at: int = 0
    failures: int = 0
    failing_since: int = 0
    probe_at: int = 0
    code: str = ""

    def share_at(self, now: int) -> float:
        recovered = 0.0 if self.failures else max(0, now - self.slowed_at) / RECOVERY
        return min(1.0, self.share + recovered)

    def is_dead_at(self, now: int) -> bool:
        return self.failures >= DEAD_FAILURES and now - self.failing_since >= DEAD_AFTER


class Bucket(NamedTuple):
    """A destination, or what is replayed to it. `rate` None: as many as it answers."""

    key: Key
    rate: float | None


class Grant(NamedTuple):
    """How many requests may be made now; for the others, how long to wait at least (ms). `code` is that of the last
    failure of a destination that is dead, blank for the living."""

    requests: int
    wait: int = 0
    code: str = ""


class Pacer:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def take(self, bucket: Bucket, wanted: int, held: Record | None) -> Grant:
        """`held` is the record as it was read before. One conditional write, none where there is nothing to count."""
        for _ in range(ROUNDS):
            state = _decode(held) if held else None
            now = self._clock.now()
            if state is None and bucket.rate is None:
                return Grant(wanted)
            if state is not None and state.is_dead_at(now):
                grant, after = _probe(state, now)
            else:
                rate = (NOMINAL if bucket.rate is None else bucket.rate) * (state.share_at(now) if state else 1.0)
                if state and bucket.rate is None and not state.failures and state.share_at(now) >= 1:
                    return Grant(wanted)  # it has recovered, and the record goes away by itself
                grant, after = _draw(state, rate, wanted, now)
            if not grant.requests or self._save(bucket.key, held, after):
                return grant
            held = self._work.get(bucket.key)
        return Grant(0, SECOND)

    def report(self, bucket: Bucket, accepted: int, failed: int, held: Record | None, code: str = "") -> None:
        """What came of the requests; `failed` are those to be tried again, the last of them for `code`. A write only
        when that is news."""
        if not failed and (held is None or not _decode(held).failures):
            return
        for _ in range(ROUNDS):
            now = self._clock.now()
            held = self._work.get(bucket.key)
            state = _decode(held) if held else State(tokens=bucket.rate or NOMINAL, at=now)
            if self._save(bucket.key, held, _reported(state, accepted, failed, now, code)):
                return

    def _save(self, key: Key, held: Record | None, state: State) -> bool:
        data, expires_at = msgspec.json.encode(state), self._clock.now() + KEPT
        try:
            if held is None:
                self._work.create(key, data, expires_at=expires_at)
            else:
                self._work.replace(held, data, expires_at=expires_at)
        except (Conflict, VersionConflict):
            return False
        return True


def bucket_of(space_id: str, destination_id: str, rate: float | None) -> Bucket:
    """One budget for all that a space sends to an instance."""
    return Bucket(_key(space_id, destination_id, "live"), rate)


def replay_bucket_of(space_id: str, destination_id: str, rate: float | None) -> Bucket:
    return Bucket(_key(space_id, destination_id, "replay"), REPLAYED * (NOMINAL if rate is None else rate))


def _key(space_id: str, destination_id: str, sort: str) -> Key:
    return Key(f"pace#{space_id}#{destination_id}", sort)


_decoder = msgspec.json.Decoder(State)


def _decode(record: Record) -> State:
    return _decoder.decode(record.data)


def _draw(state: State | None, rate: float, wanted: int, now: int) -> tuple[Grant, State]:
    burst = max(1.0, rate)
    before = state or State(tokens=burst, at=now)
    tokens = min(burst, before.tokens + max(0, now - before.at) / SECOND * rate)
    requests = min(wanted, int(tokens))
    missing = wanted - requests
    wait = round((min(missing, 1) - (tokens - requests)) / rate * SECOND) if missing else 0
    return Grant(requests, max(0, wait)), replace(before, tokens=tokens - requests, at=now)


def _probe(state: State, now: int) -> tuple[Grant, State]:
    if now < state.probe_at:
        return Grant(0, state.probe_at - now, state.code), state
    return Grant(1, PROBE_EVERY, state.code), replace(state, probe_at=now + PROBE_EVERY)


def _reported(state: State, accepted: int, failed: int, now: int, code: str) -> State:
    share, slowed_at = state.share_at(now), state.slowed_at
    if failed and now - state.slowed_at >= SLOWING_EVERY:
        share, slowed_at = max(LEAST, share / 2), now
    elif failed:
        share = state.share
    else:
        slowed_at = now  # from now on it recovers
    failures = failed if accepted else state.failures + failed
    since = now if accepted or not state.failures else state.failing_since
    return replace(
        state,
        share=share,
        slowed_at=slowed_at,
        failures=failures,
        failing_since=since if failures else 0,
        probe_at=state.probe_at if failures else 0,
        code=code or state.code,
    )
