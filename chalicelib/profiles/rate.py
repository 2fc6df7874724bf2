"""How often something may be asked within one second, counted across all workers."""

import logging

from ..clock import MINUTE, SECOND, Clock
from ..errors import Retryable
from ..records import Key, Records

logger = logging.getLogger(__name__)


class Rate:
    """`limit` requests per second and scope; 0 for as many as come, which costs nothing to count."""

    def __init__(self, work: Records, clock: Clock, limit: int) -> None:
        self._work, self._clock, self._limit = work, clock, limit

    def admits(self, scope: str) -> bool:
        """Count one request. One that cannot be counted is let in: the limit guards, it must not fail reads."""
        if not self._limit:
            return True
        second = self._clock.now() // SECOND
        try:
            counted = self._work.add(
                Key(f"rate#{scope}#{second}", "requests"), {"requests": 1}, expires_at=second * SECOND + MINUTE
            )
        except Retryable as error:
            logger.warning("A request could not be counted: %s", type(error).__name__)
            return True
        return counted["requests"] <= self._limit
