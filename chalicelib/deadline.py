"""How much longer the present invocation may run."""

from typing import Protocol

from .clock import Clock


class Deadline(Protocol):
    def remaining(self) -> int:
        """Milliseconds left; zero or less when time is up."""
        ...


class NoDeadline:
    """For callers that may take as long as they need."""

    def remaining(self) -> int:
        return 1 << 62


class ClockDeadline:
    """Ends at a fixed instant of a clock."""

    def __init__(self, clock: Clock, instant: int) -> None:
        self._clock, self._instant = clock, instant

    def remaining(self) -> int:
        return self._instant - self._clock.now()


class LambdaDeadline:
    """Ends `margin` milliseconds before the function would be stopped."""

    def __init__(self, context: object, margin: int = 5_000) -> None:
        self._context, self._margin = context, margin

    def remaining(self) -> int:
        left: int = self._context.get_remaining_time_in_millis()  # type: ignore[attr-defined]
        return left - self._margin
