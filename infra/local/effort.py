"""Turning several triggers until all their sources are empty."""

import threading
from collections.abc import Sequence

from .triggers import Trigger


class Stopping(Exception):
    """The stack is being stopped."""


class InTurn:
    """One trigger after the other, for emulators that cannot bear concurrent writers."""

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        self._triggers = triggers
        self._aborted = False

    def exhaust(self) -> int:
        """How many records were handed over. Raises Stopping."""
        total = 0
        while not self._aborted:
            records = sum(trigger.step() for trigger in self._triggers)
            total += records
            if not records:
                return total
        raise Stopping

    def abort(self) -> None:
        self._aborted = True


class Together:
    """One thread per trigger, until each found its source empty after the last of them did something."""

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        self._triggers = triggers
        self._changed = threading.Condition()
        self._rounds = self._idle = self._records = 0
        self._error: Exception | None = None

    def exhaust(self) -> int:
        """How many records were handed over. Raises Stopping, and what a trigger raised."""
        workers = [threading.Thread(target=self._turn, args=(trigger,), daemon=True) for trigger in self._triggers]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self._error is not None:
            raise self._error
        return self._records

    def abort(self) -> None:
        self._fail(Stopping())

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _turn(self, trigger: Trigger) -> None:
        try:
            while self._error is None and self._step(trigger):
                continue
        except Exception as error:
            self._fail(error)

    def _step(self, trigger: Trigger) -> bool:
        """Whether there may be more to do."""
        seen = self._rounds
        records = trigger.step()
        with self._changed:
            if records:
                self._records += records
                self._rounds += 1
                self._idle = 0
                self._changed.notify_all()
                return True
            if self._rounds != seen:
                return True
            self._idle += 1
            if self._idle == len(self._triggers):
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_over or self._rounds != seen)
            return not self._is_over

    @property
    def _is_over(self) -> bool:
        return self._idle == len(self._triggers) or self._error is not None
