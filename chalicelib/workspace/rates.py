"""How often operations may be asked for in a minute, counted across all workers."""

import logging
from typing import NamedTuple

from ..clock import MINUTE, Clock
from ..errors import Retryable
from ..records import Key, Records

logger = logging.getLogger(__name__)


class Consumed(NamedTuple):
    """Where a caller stands. `reset_at` is epoch ms."""

    limit: int
    used: int
    reset_at: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def admitted(self) -> bool:
        return self.used <= self.limit


class Rates:
    """`default` is requests per minute of whatever has no limit of its own; 0 lets everything through uncounted."""

    def __init__(self, work: Records, clock: Clock, default: int) -> None:
        self._work, self._clock, self._default = work, clock, default

    def consume(self, scope: str, limit: int | None = None) -> Consumed | None:
        """Count one request. None when limits are off, or when it cannot be counted: they guard, they do not fail."""
        if not self._default:
            return None
        minute = self._clock.now() // MINUTE
        reset_at = (minute + 1) * MINUTE
        key = Key(f"rate#{scope}#{minute}", "requests")
        try:
            counted = self._work.add(key, {"requests": 1}, expires_at=reset_at + MINUTE)
        except Retryable as error:
            logger.warning("A request could not be counted: %s", type(error).__name__)
            return None
        return Consumed(self._default if limit is None else limit, counted["requests"], reset_at)
