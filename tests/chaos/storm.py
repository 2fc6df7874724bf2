"""Twenty destinations, four of them in trouble, and workers that die: through simulated hours, in one thread.

python -m tests.chaos.storm 50000     the whole storm, with its figures

Time is played: a request takes as long as its partner says, lanes of one call run side by side, workers run beside each
other. What the product does in it is the product's own code, from the change of a profile to the partner.
"""

import heapq
import random
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chalicelib.clock import HOUR, SECOND
from chalicelib.deadline import ClockDeadline
from chalicelib.delivery.classification import no_answer
from chalicelib.delivery.debugger import Debugger
from chalicelib.delivery.deliver import Deliverer
from chalicelib.delivery.emissions import Emissions
from chalicelib.delivery.emit import Emitter
from chalicelib.delivery.ledger import Ledger
from chalicelib.delivery.message import decode
from chalicelib.delivery.pace import Pacer
from chalicelib.delivery.sending import Sender
from chalicelib.delivery.tokens import Tokens
from chalicelib.delivery.transport import Response
from chalicelib.destinations.kind import Request
from chalicelib.queues import Outgoing, Received
from chalicelib.store.memory import MemoryArchive, MemoryQueues, MemoryRecords, MemorySecrets
from tests.delivery.world import NOW, FakeDirectory, audience, change, connection, emitter, head, webhook

DESTINATIONS = 20
DEAD, SLOW, BUSY, CLOSING = "d00", "d01", "d02", "d03"
BAD = (DEAD, SLOW, BUSY, CLOSING)
HEALTHY = tuple(f"d{n:02}" for n in range(len(BAD), DESTINATIONS))

PER_SECOND = 80  # transitions
WORKERS = 100
BATCH = 100
WINDOW = SECOND  # how long the queue gathers a batch
VISIBILITY = 361 * SECOND
LIMIT = 60 * SECOND  # of a call


class Killed(BaseException):
    """As sudden as the end of a process."""


class Time:
    """`base` is when a call began, `spent` how far the running lane of it has come (ms)."""

    def __init__(self) -> None:
        self.base, self.spent = NOW, 0

    def now(self) -> int:
        return self.base + self.spent


class Dice:
    """Kills whoever makes a call, before or after its effect, once in `rarity` calls; never when that is 0."""

    def __init__(self, rarity: int, seed: int) -> None:
        self._rarity, self._random = rarity, random.Random(seed)
        self.kills = 0

    def around(self, port: Any) -> Any:
        return _Risky(self, port)

    def call(self, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        draw = self._random.randrange(2 * self._rarity) if self._rarity else 2
        if draw == 0:
            self.kills += 1
            raise Killed
        result = method(*args, **kwargs)
        if draw == 1:
            self.kills += 1
            raise Killed
        return result


class _Risky:
    def __init__(self, dice: Dice, port: Any) -> None:
        self._dice, self._port = dice, port

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._port, name)
        return (lambda *args, **kwargs: self._dice.call(inner, args, kwargs)) if callable(inner) else inner


class Message:
    def __init__(self, id: str, body: str, group: str) -> None:
        self.id, self.body, self.group, self.receives = id, body, group, 0
        self.hidden_until = 0


class FairQueue:
    """A standard queue with groups: those with the fewest messages in flight are served first."""

    def __init__(self, clock: Time) -> None:
        self._clock, self._number = clock, 0
        self._visible: dict[str, deque[Message]] = {}
        self._hidden: list[tuple[int, str]] = []
        self._flying: Counter[str] = Counter()
        self.messages: dict[str, Message] = {}

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self._number += 1
            made = Message(f"q{self._number}", message.body, message.group or "")
            self.messages[made.id] = made
            self._hide(made, message.delay * SECOND)

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        if receipt in self.messages:
            self._hide(self.messages[receipt], seconds * SECOND)

    def _hide(self, message: Message, milliseconds: int) -> None:
        message.hidden_until = self._clock.now() + milliseconds
        heapq.heappush(self._hidden, (message.hidden_until, message.id))

    def _show(self) -> None:
        while self._hidden and self._hidden[0][0] <= self._clock.now():
            at, id = heapq.heappop(self._hidden)
            message = self.messages.get(id)
            if message is not None and message.hidden_until == at:
                message.hidden_until = -1
                if message.receives:
                    self._flying[message.group] -= 1
                self._visible.setdefault(message.group, deque()).append(message)

    def receive(self, most: int) -> list[Received]:
        self._show()
        found: list[Received] = []
        groups = sorted((g for g, waiting in self._visible.items() if waiting), key=lambda g: self._flying[g])
        while groups and len(found) < most:
            for group in list(groups):
                message = self._visible[group].popleft()
                if not self._visible[group]:
                    groups.remove(group)
                message.receives += 1
                self._flying[group] += 1
                self._hide(message, VISIBILITY)
                found.append(Received(message.id, message.id, message.body, message.receives))
                if len(found) == most:
                    break
        return found

    def delete(self, ids: set[str]) -> None:
        for id in ids:
            message = self.messages.pop(id, None)
            if message is not None:
                self._flying[message.group] -= 1

    def next_at(self) -> int | None:
        self._show()
        if any(self._visible.values()):
            return self._clock.now()
        return self._hidden[0][0] if self._hidden else None


class Partners:
    """`troubled` false: all of them are well."""

    def __init__(self, clock: Time, troubled: bool, seed: int) -> None:
        self._clock, self._troubled, self._random = clock, troubled, random.Random(seed)
        self.accepted: dict[str, dict[str, int]] = {f"d{n:02}": {} for n in range(DESTINATIONS)}
        self.requests: Counter[str] = Counter()

    def send(self, request: Request, timeout: float) -> Response:
        one = request.url.removeprefix("https://").partition(".")[0]
        self.requests[one] += 1
        if not self._troubled or one not in BAD:
            return self._accept(one, request, self._random.randint(60, 140))
        if one == DEAD:
            self._clock.spent += round(timeout * SECOND)
            raise no_answer("ETIMEDOUT")
        if one == SLOW:
            return self._accept(one, request, self._random.randint(6_000, 9_000))
        if self._random.random() < 0.5:
            return self._accept(one, request, 100)
        self._clock.spent += 50
        if one == BUSY:
            return Response(429)
        self._accept(one, request, 0)  # it has the event, and hangs up in the middle of saying so
        raise no_answer("ECONNRESET")

    def _accept(self, one: str, request: Request, took: int) -> Response:
        self._clock.spent += took
        id = request.body.partition(b'"messageId":"')[2].partition(b'"')[0].decode()
        self.accepted[one].setdefault(id, self._clock.now())
        return Response(200)


class Storm:
    def __init__(self, transitions: int, *, troubled: bool = True, rarity: int = 0, seed: int = 1) -> None:
        self.clock = Time()
        self.dice = Dice(rarity, seed)
        self.partners = Partners(self.clock, troubled, seed + 1)
        self.records, self.archive = MemoryRecords(self.clock), MemoryArchive()
        self.queue = FairQueue(self.clock)
        audiences = [audience(f"a{n:02}") for n in range(DESTINATIONS)]
        ids = [f"d{n:02}" for n in range(DESTINATIONS)]
        links = [connection(one, id) for one, id in zip(audiences, ids, strict=True)]
        self.directory = FakeDirectory(audiences, links, [webhook(id) for id in ids])
        self.ledger = Ledger(self.records, self.clock)
        self._random = random.Random(seed + 2)
        self.changes = [
            change(
                None, head(("user_id", f"u{n}"), updated_at=0, **{f"a{n % DESTINATIONS:02}": True}), profile_id=f"p{n}"
            )
            for n in range(transitions)
        ]
        self.made_at: dict[str, int] = {}
        self.expected: dict[str, set[str]] = {id: set() for id in ids}
        self.deaths = self.calls = 0

    # The parts, each of a worker that may die

    def _emitter(self, queue: Any, dice: Dice) -> Emitter:
        records = dice.around(self.records)
        ledger = Ledger(records, self.clock)
        notes = Emissions(self.archive, ledger.counters, Debugger(records, self.clock), self.clock)
        return emitter(self.directory, dice.around(queue), records, self.clock, archive=self.archive, notes=notes)

    def _deliverer(self, lanes: "_Lanes") -> Deliverer:
        records, transport = self.dice.around(self.records), self.dice.around(self.partners)
        return Deliverer(
            directory=self.directory,
            queues=self.dice.around(self.queue),
            ledger=Ledger(records, self.clock),
            pacer=Pacer(records, self.clock),
            sender=Sender(transport, Tokens(records, MemorySecrets(), transport, self.clock), self.clock),
            clock=self.clock,
            random=self._random,
            lanes=lanes,
        )

    # What has to arrive, found out without any trouble

    def _expect(self, batch: Sequence[Any]) -> None:
        queues = MemoryQueues()
        fresh = emitter(self.directory, queues, MemoryRecords(self.clock), self.clock)
        assert fresh.emit(batch) == set()
        for body in queues.bodies("deliver"):
            one = decode(body)
            self.expected[one.destination_id].add(one.message_id)
            self.made_at[one.message_id] = self.clock.now()

    # The course of time

    def play(self, hours: float = 30) -> "Storm":
        free = [(NOW, number) for number in range(WORKERS)]
        heapq.heapify(free)
        upcoming = deque(self.changes[start : start + PER_SECOND] for start in range(0, len(self.changes), PER_SECOND))
        emit_at, end = NOW, NOW + round(hours * HOUR)
        while True:
            polled_at = self._next_call(free[0][0])
            if upcoming and emit_at <= (polled_at or emit_at):
                self._at(emit_at)
                self._emit(upcoming.popleft())
                emit_at += SECOND
                continue
            if polled_at is None or polled_at > end:
                return self
            _, number = heapq.heappop(free)
            self._at(polled_at)
            heapq.heappush(free, (polled_at + self._call(), number))

    def _at(self, instant: int) -> None:
        self.clock.base, self.clock.spent = instant, 0

    def _next_call(self, free_at: int) -> int | None:
        """When a worker is free, something is there to be received, and the queue has gathered for its while."""
        self._at(max(self.clock.base, free_at))
        visible_at = self.queue.next_at()
        if visible_at is None:
            return None
        at = max(visible_at, free_at)
        return -(-at // WINDOW) * WINDOW

    def _emit(self, batch: Sequence[Any]) -> None:
        """Like a stream: whatever ends, the same batch comes again."""
        self._expect(batch)
        while True:
            try:
                assert self._emitter(self.queue, self.dice).emit(batch) == set()
            except Killed:
                self.deaths += 1
                continue
            return

    def _call(self) -> int:
        """One call of a worker; how long it took."""
        received = self.queue.receive(BATCH)
        if not received:
            return 0
        self.calls += 1
        lanes = _Lanes(self.clock)
        try:
            kept = self._deliverer(lanes).deliver(received, ClockDeadline(self.clock, self.clock.now() + LIMIT))
        except Killed:
            self.deaths += 1
            return lanes.longest
        self.queue.delete({message.id for message in received} - kept)
        return lanes.longest

    # What came of it

    def latencies(self, destinations: Sequence[str]) -> list[int]:
        """Milliseconds from the making of an event to its acceptance."""
        return sorted(at - self.made_at[id] for one in destinations for id, at in self.partners.accepted[one].items())

    def uncounted(self) -> int:
        """By how many events the sums of all destinations differ from what was made, one way or the other."""
        found = 0
        for one in self.expected:
            counts = self.ledger.counts(one)
            ended = sum(counts.get(step, 0) for step in ("delivered", "discarded", "pending", "filtered", "cancelled"))
            found += abs(counts["created"] - ended)
        return found

    def letters(self, destination_id: str) -> set[str]:
        return {letter.message_id for letter in self.ledger.every_letter(destination_id)}


class _Lanes:
    """Lanes side by side, in one thread: each begins when the call did, and results come in the order of time."""

    def __init__(self, clock: Time) -> None:
        self._clock, self.longest = clock, 0

    def __call__(
        self,
        lanes: Sequence[Sequence[Any]],
        perform: Callable[[Any], Any],
        may_go_on: Callable[[], bool],
        has_turn: Callable[[], Callable[[], bool]],
    ) -> Iterator[tuple[Any, Any]]:
        done: list[tuple[int, int, Any, Any]] = []
        for lane in lanes:
            self._clock.spent = 0
            on_turn = has_turn() if len(lanes) > 1 else lambda: True
            for place, work in enumerate(lane):
                if not may_go_on() or (place and not on_turn()):
                    break
                result = perform(work)
                done.append((self._clock.spent, len(done), work, result))
            self.longest = max(self.longest, self._clock.spent)
        for spent, _, work, result in sorted(done, key=lambda one: one[:2]):
            self._clock.spent = spent
            yield work, result
        self._clock.spent = self.longest


def figures(storm: Storm) -> dict[str, Any]:
    found = storm.latencies(HEALTHY)
    return {
        "delivered to healthy": len(found),
        "median ms": round(statistics.median(found)),
        "mean ms": round(statistics.fmean(found)),
        "p95 ms": found[int(0.95 * len(found))],
        "p99 ms": found[int(0.99 * len(found))],
        "calls": storm.calls,
        "deaths": storm.deaths,
        "requests": {one: storm.partners.requests[one] for one in (*BAD, HEALTHY[0])},
    }


def main(transitions: int) -> None:
    for name, options in {
        "all are well": {"troubled": False},
        "four in trouble": {},
        "four in trouble, workers die": {"rarity": 2_000},
    }.items():
        began = time.process_time()
        storm = Storm(transitions, **options).play()  # type: ignore[arg-type]
        print(f"{name}: {time.process_time() - began:.0f} s of CPU")
        for what, value in figures(storm).items():
            print(f"  {what}: {value}")
        missing = {
            one: len(storm.expected[one] - storm.partners.accepted[one].keys() - storm.letters(one))
            for one in storm.expected
        }
        strange = {one: len(storm.partners.accepted[one].keys() - storm.expected[one]) for one in storm.expected}
        print(
            f"  lost: {sum(missing.values())}, never made: {sum(strange.values())}, left: {len(storm.queue.messages)}"
        )
        print(f"  counted otherwise than it was: {storm.uncounted()}")
        print(f"  given up: { {one: len(storm.letters(one)) for one in BAD} }")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
