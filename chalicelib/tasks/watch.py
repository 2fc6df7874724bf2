"""The time a step may take: that of its invocation, and that without any progress."""

from ..clock import SECOND, Clock
from ..deadline import Deadline

YIELD_MARGIN = 60 * SECOND  # before the end of the invocation, steps are asked to come to a rest
LAST_MOMENT = 15 * SECOND  # a step that did not is left where its cursor was
STEP_TIME = 600 * SECOND  # without completion or a cursor that moved
RENEWAL = 30 * SECOND  # a quarter of the lease: three of them may fail


class StepTimeout(Exception):
    """The step makes no progress."""


class TimeIsUp(Exception):
    """The invocation ends before the step does."""


class Watch:
    """Of one step in one invocation. It is the deadline that the step sees."""

    def __init__(self, clock: Clock, invocation: Deadline) -> None:
        self._clock, self._invocation = clock, invocation
        self._moved_at = clock.now()

    def remaining(self) -> int:
        return min(self._invocation.remaining() - YIELD_MARGIN, self._step_time())

    def moved(self) -> None:
        """The step has made progress."""
        self._moved_at = self._clock.now()

    def check(self) -> int:
        """Milliseconds until it should be checked again. Raises StepTimeout and TimeIsUp."""
        step_time, left = self._step_time(), self._invocation.remaining() - LAST_MOMENT
        if step_time <= 0:
            raise StepTimeout
        if left <= 0:
            raise TimeIsUp
        return min(RENEWAL, step_time, left)

    def _step_time(self) -> int:
        return STEP_TIME - (self._clock.now() - self._moved_at)
