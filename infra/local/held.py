"""Messages that wait for a retry: hidden in the real queue, released when the product's clock says so."""

import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.clock import SECOND, Clock
from chalicelib.queues import Outgoing, Queues

# SQS allows 12 h counted from the first receipt, so this is as long as can be asked for at any time. The product's
# clock never runs slower than the machine's: a wait is over before this is.
REAL_SECONDS = 11 * 3_600

_log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    due: int
    queue: str
    receipt: str


class Parked(NamedTuple):
    due: int
    queue: str
    message: Outgoing


class HeldQueues:
    """The product's Queues port with every wait measured on the product's clock."""

    def __init__(self, inner: Queues, clock: Clock) -> None:
        self._inner, self._clock = inner, clock
        self._lock = threading.Lock()
        self._waiting: dict[str, Waiting] = {}
        self._parked: list[Parked] = []

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        now = self._clock.now()
        at_once = [message for message in messages if message.delay <= 0]
        if at_once:
            self._inner.send(queue, at_once)
        parked = [Parked(now + m.delay * SECOND, queue, m._replace(delay=0)) for m in messages if m.delay > 0]
        with self._lock:
            self._parked.extend(parked)

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        self._inner.hide(queue, receipt, REAL_SECONDS)
        with self._lock:
            self._waiting[receipt] = Waiting(self._clock.now() + seconds * SECOND, queue, receipt)

    def is_held(self, receipt: str) -> bool:
        with self._lock:
            return receipt in self._waiting

    def forget(self, receipt: str) -> None:
        """The message was deleted."""
        with self._lock:
            self._waiting.pop(receipt, None)

    def count(self) -> int:
        with self._lock:
            return len(self._waiting) + len(self._parked)

    def next_due(self) -> int | None:
        """Epoch ms of the earliest release."""
        with self._lock:
            dues = [one.due for one in self._waiting.values()] + [one.due for one in self._parked]
            return min(dues, default=None)

    def release_due(self) -> int:
        """Make visible what is due by the product's clock, in the order of the due times; how many that were."""
        now = self._clock.now()
        with self._lock:
            waiting = sorted(w for w in self._waiting.values() if w.due <= now)
            parked = sorted((p for p in self._parked if p.due <= now), key=lambda p: p.due)
            for one in waiting:
                del self._waiting[one.receipt]
            self._parked = [p for p in self._parked if p.due > now]
        for one in waiting:
            self._show(one)
        for each in parked:
            self._inner.send(each.queue, [each.message])
        return len(waiting) + len(parked)

    def _show(self, waiting: Waiting) -> None:
        try:
            self._inner.hide(waiting.queue, waiting.receipt, 0)
        except Exception:
            # A stale receipt: its message was received again or deleted, nothing is left to show.
            _log.warning("a held message of queue %s could not be released", waiting.queue, exc_info=True)
