"""Plays the Lambda service: turns the triggers continuously, or until nothing is left to do."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chalicelib.clock import MINUTE, SECOND, MovableClock

from .effort import InTurn, Stopping, Together
from .held import HeldQueues
from .triggers import ScheduleTrigger, Tally, Trigger

# Far more than any backlog needs: past it a function keeps making work for itself.
MOST_ROUNDS = 1_000
POLL_SECONDS = 0.2
# How often a move of the clock stops on the way for those whom time alone changes, at most: a stop takes a third of a
# second, and a jump over a month may pass thousands of edges.
STOPS = 60

NextEdge = Callable[[int], int | None]

_log = logging.getLogger(__name__)


class StillBusy(Exception):
    """Draining does not come to an end."""


class Harness:
    """`threads=False` turns one trigger after the other in a drain.

    While `by_itself` is false, started triggers stand still and only `drain` and `advance_to` turn them.
    `next_edge` gives the earliest instant, up to one, at which time alone changes a profile.
    """

    def __init__(
        self,
        clock: MovableClock,
        triggers: Sequence[Trigger],
        tick: ScheduleTrigger,
        held: HeldQueues,
        *,
        threads: bool = True,
        next_edge: NextEdge = lambda instant: None,
    ) -> None:
        self._next_edge = next_edge
        self._clock, self._triggers, self._tick, self.held = clock, triggers, tick, held
        self._new_effort = Together if threads else InTurn
        self._effort: Together | InTurn | None = None
        self._reported: dict[str, Tally] = {}
        self._gate = _Gate()
        self._stopping = threading.Event()
        self.by_itself = True
        self._workers: list[threading.Thread] = []

    def drain(self) -> dict[str, int]:
        """Run until nothing is queued, in flight or due; how many records each function was handed since the last
        report, also by the threads that run all the time."""
        with self._gate.alone():
            self._settle()
            return self._report()

    def advance_to(self, instant: int, stops: int = STOPS) -> dict[str, int]:
        """Move the product's clock and do what falls due on the way; see `drain`.

        Each retry is made at its own time. Edges are met by the tick of their minute, as in real time, or in steps of
        an even part of the way when that would make more than `stops`.
        """
        with self._gate.alone():
            if instant < self._clock.now():
                self._clock.move_to(instant)
            step = max(MINUTE, (instant - self._clock.now()) // stops) if stops else None
            while (stop := self._next_stop(instant, step)) is not None:
                self._forward_to(stop)
                self._empty()
                self._tick.fire()
                self._empty()
            self._forward_to(instant)
            self._settle()
            return self._report()

    def _next_stop(self, instant: int, step: int | None) -> int | None:
        due = self.held.next_due()
        # Retries of the same second are made in one stop, or a thousand of them would be a thousand stops.
        stops = [] if due is None or due > instant else [min(instant, due + SECOND)]
        edge = self._next_edge(instant) if step is not None else None
        if step is not None and edge is not None:
            stops.append((max(edge, self._clock.now()) // step + 1) * step)
        first = min(stops, default=instant)
        return first if first < instant or (due is not None and due <= instant) else None

    def _forward_to(self, instant: int) -> None:
        # The clock runs on while work is done: it may be there already.
        if instant > self._clock.now():
            self._clock.move_to(instant)

    def _settle(self) -> None:
        """A tick may queue work, and work may make something due."""
        self._empty()
        for _ in range(MOST_ROUNDS):
            self._tick.fire()
            if self._empty() == 0:
                return
        raise StillBusy(f"{MOST_ROUNDS} ticks at one instant, and each of them made more work")

    def _empty(self) -> int:
        """Turn the triggers until their sources are empty and no held message is due."""
        done = 0
        for _ in range(MOST_ROUNDS):
            released = self.held.release_due()
            records = self._exhaust()
            done += records
            if not released and not records:
                return done
        raise StillBusy(f"{MOST_ROUNDS} rounds, and the queues are still not empty")

    def _exhaust(self) -> int:
        effort = self._effort = self._new_effort(self._triggers)
        if self._stopping.is_set():
            raise Stopping
        return effort.exhaust()

    def _report(self) -> dict[str, int]:
        now = {t.name: t.tally.copy() for t in (*self._triggers, self._tick)}
        ran = {name: tally.minus(self._reported.get(name, Tally())) for name, tally in now.items()}
        self._reported = now
        return {
            **{name: tally.records for name, tally in ran.items()},
            "failed": sum(tally.failed for tally in ran.values()),
            "given_up": sum(tally.given_up for tally in ran.values()),
        }

    def start(self) -> None:
        """Turn every trigger in a thread of its own until `stop`."""
        turns: list[tuple[str, Callable[[], int]]] = [(t.name, t.step) for t in self._triggers]
        turns.append(("clock", self._follow_clock))
        for name, turn in turns:
            worker = threading.Thread(target=self._keep_turning, args=(turn,), name=f"trigger-{name}", daemon=True)
            worker.start()
            self._workers.append(worker)

    def stop(self, timeout: float = 2.0) -> None:
        """Let the running batches finish for at most `timeout` seconds; a drain under way raises Stopping."""
        self._stopping.set()
        if self._effort:
            self._effort.abort()
        deadline = time.monotonic() + timeout
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _follow_clock(self) -> int:
        released = self.held.release_due()
        return released + self._tick.step()

    def _keep_turning(self, turn: Callable[[], int]) -> None:
        while not self._stopping.is_set():
            try:
                with self._gate.step():
                    records = turn() if self.by_itself else 0
            except Exception:
                if self._stopping.is_set():
                    return
                _log.exception("a trigger failed and is tried again")
                records = 0
            if not records:
                self._stopping.wait(POLL_SECONDS)


class _Gate:
    """Many steps at a time, or one drain alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._alone = False

    @contextmanager
    def step(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._running == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
