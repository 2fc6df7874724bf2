"""Where time comes from. Instants are epoch milliseconds, UTC, as int, everywhere in Muster."""

import time
from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    def now(self) -> int:
        """The present instant in epoch milliseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000


class MovableClock:
    """The machine's clock plus an offset that can be moved: the local stack's time travel."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._offset = 0

    def now(self) -> int:
        return self._base.now() + self._offset

    def advance(self, milliseconds: int) -> None:
        self._offset += milliseconds

    def move_to(self, instant: int) -> None:
        self._offset = instant - self._base.now()


class FixedClock:
    """Stands still until told otherwise."""

    def __init__(self, instant: int) -> None:
        self._instant = instant

    def now(self) -> int:
        return self._instant

    def advance(self, milliseconds: int) -> None:
        self._instant += milliseconds

    def move_to(self, instant: int) -> None:
        self._instant = instant
