"""The whole product in memory, with its ticks."""

from chalicelib.clock import MINUTE
from chalicelib.deadline import ClockDeadline
from tests.acceptance.engines import InMemory


class Ticking(InMemory):
    """A tick comes every minute: schedules and retries of tasks live by it."""

    def _next_instant(self) -> int | None:
        minute = (self.clock.now() // MINUTE + 1) * MINUTE
        return min(minute, super()._next_instant() or minute)

    def drain(self) -> None:
        if self.clock.now() % MINUTE == 0:
            self._application.engine.tick(ClockDeadline(self.clock, self.clock.now() + MINUTE))
        super().drain()
