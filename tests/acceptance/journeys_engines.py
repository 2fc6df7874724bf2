"""Engines that treat workers badly: they die at their calls, do everything twice, or get in each other's way."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from chalicelib import bootstrap
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.transport import Transport
from chalicelib.queues import INGEST, Received
from tests.acceptance.engines import HIDDEN, InMemory
from tests.acceptance.journal import Weeks
from tests.pipeline.baton import Baton, Worker
from tests.pipeline.wire import Killed

RARELY = 0.003
ROUNDS = 20
PORTS = ("profiles", "identifiers", "timeline", "archive", "workspace", "work", "queues")


class Fate:
    """Kills before or after one of the calls that are made while it is armed, and counts them; or now and then, by the
    dice."""

    def __init__(self, dies: tuple[int, str] | None = None, dice: Random | None = None) -> None:
        self.calls, self.deaths, self.dies, self.armed = 0, 0, dies, False
        self._dice = dice

    def around(self, port: Any) -> Any:
        return _Port(port, self)

    def call(self, call: Callable[[], Any]) -> Any:
        self.calls += self.armed
        self._perhaps_kill("before")
        answer = call()
        self._perhaps_kill("after")
        return answer

    def _perhaps_kill(self, phase: str) -> None:
        if self.armed and (self.dies == (self.calls, phase) or (self._dice and self._dice.random() < RARELY)):
            self.armed, self.dies = False, None
            self.deaths += 1
            raise Killed


class _Port:
    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._fate.call(lambda: found(*args, **kwargs))


class Dying(InMemory):
    """What a worker that died had in hand comes again at once."""

    def __init__(self, dies: tuple[int, str] | None = None, dice: Random | None = None) -> None:
        super().__init__()
        self.fate, self.watched = Fate(dies, dice), False

    def adapters(self, transport: Transport) -> bootstrap.Adapters:
        made = super().adapters(self.fate.around(transport))
        return replace(made, **{name: self.fate.around(getattr(made, name)) for name in PORTS})

    def drain(self) -> None:
        self.fate.armed = self.watched
        try:
            super().drain()
        except Killed:
            for message in self._queues.messages.values():
                if message.visible_at == self.clock.now() + HIDDEN:
                    message.visible_at = self.clock.now()
            self.drain()
        self.fate.armed = False

    def _compute(self) -> bool:
        """Runs are taken up again by and by, which nobody waits for here: they are spared."""
        armed, self.fate.armed = self.fate.armed, False
        try:
            return super()._compute()
        finally:
            self.fate.armed = armed

    def _emit(self) -> bool:
        read = self._emitted
        try:
            return super()._emit()
        except Killed:
            self._emitted = read
            raise


class Twice(InMemory):
    """Every message, every change and every tick comes to two workers, one after the other."""

    def _resolve(self) -> bool:
        received = self._queues.receive(INGEST)
        for _ in range(2):
            assert not received or self._application.resolver.resolve(received, NoDeadline()) == set()
        self._queues.delete_all_but(received, set())
        return bool(received)

    def _emit(self) -> bool:
        read = self._emitted
        if not super()._emit():
            return False
        self._emitted = read
        return super()._emit()

    def _tick(self) -> bool:
        return super()._tick() | super()._tick()


class Mourning(Weeks):
    """A run whose worker died is found by the tick, some minutes later; who works on runs dies at most once."""

    def __init__(self, dies: tuple[int, str] | None = None) -> None:
        super().__init__()
        self.fate = Fate(dies)

    def adapters(self, transport: Transport) -> bootstrap.Adapters:
        made = super().adapters(transport)
        return replace(made, **{name: self.fate.around(getattr(made, name)) for name in PORTS})

    def _compute(self) -> bool:
        self.fate.armed = True
        try:
            return super()._compute()
        except Killed:
            return True
        finally:
            self.fate.armed = False


class AtOnce(InMemory):
    """Two workers at the same time, whose calls come in an order of the dice; some messages go to both."""

    def __init__(self, dice: Random) -> None:
        super().__init__()
        self._dice, self.baton = dice, Baton(self._choose, lambda worker: None)
        self._last: Worker | None = None

    def adapters(self, transport: Transport) -> bootstrap.Adapters:
        made = super().adapters(transport)
        return replace(made, **{name: self.baton.around(getattr(made, name)) for name in PORTS if name != "queues"})

    def drive(self, application: bootstrap.Application) -> None:
        super().drive(application)
        self._workers = [application, bootstrap.Application(application.adapters, settle_seconds=0)]

    def _choose(self, workers: list[Worker]) -> Worker:
        if self._last not in workers or self._dice.random() < 0.35:
            self._last = self._dice.choice(workers)
        return self._last

    def _resolve(self) -> bool:
        """What met with somebody else's change comes again, as long as it does."""
        waiting = received = self._queues.receive(INGEST)
        for _ in range(ROUNDS):
            done = self._resolved(waiting)
            waiting = [message for message in waiting if message.id not in done]
        assert not waiting
        self._queues.delete_all_but(received, set())
        return bool(received)

    def _resolved(self, messages: list[Received]) -> set[str]:
        shares: list[list[Received]] = [[], []]
        for message in messages:
            shares[self._dice.randrange(2)].append(message)
            if self._dice.random() < 0.3:
                shares[self._dice.randrange(2)].append(message)
        busy = [(worker, share) for worker, share in zip(self._workers, shares, strict=True) if share]
        ended = self.baton.run(*(lambda w=w, s=s: w.resolver.resolve(s, NoDeadline()) for w, s in busy))
        return {m.id for end, (_, share) in zip(ended, busy, strict=True) for m in share if m.id not in end.result}
