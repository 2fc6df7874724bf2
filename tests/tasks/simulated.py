"""Time that moves only when told to, with a heartbeat beside a running step."""

from collections.abc import Callable
from typing import Any, TypeVar

from chalicelib.clock import FixedClock, MovableClock
from chalicelib.tasks.pace import Ended

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class _GivenUp(BaseException):
    def __init__(self, reason: Exception) -> None:
        self.reason = reason


class BeatingClock(MovableClock):
    """While a step runs, `advance` makes the heartbeats that fall into the time; `freeze` lets time pass without."""

    def __init__(self, instant: int) -> None:
        super().__init__(FixedClock(instant))
        self._beats: list[tuple[Callable[[], int], int]] = []

    def advance(self, milliseconds: int) -> None:
        end = self.now() + milliseconds
        while self._beats and self._beats[-1][1] <= end:
            beat, due = self._beats.pop()
            self.move_to(max(due, self.now()))
            try:
                wait = beat()
            except Exception as error:
                self._beats.append((beat, due))
                raise _GivenUp(error) from error
            self._beats.append((beat, self.now() + wait))
        self.move_to(end)

    def freeze(self, milliseconds: int) -> None:
        """The process stands still while the world goes on."""
        self.move_to(self.now() + milliseconds)


class SimulatedPace:
    """`Pace` on such a clock: the step is ended where it stands when its heartbeat gives it up."""

    def __init__(self, clock: BeatingClock) -> None:
        self._clock = clock

    def run(self, call: Callable[[], T], beat: Callable[[], int]) -> Ended[Any]:
        beats = self._clock._beats
        beats.append((beat, self._clock.now() + beat()))
        try:
            return Ended(call())
        except _GivenUp as given_up:
            raise given_up.reason from None
        except Exception as error:
            return Ended(error=error)
        finally:
            beats.pop()

    def pause(self, milliseconds: int) -> None:
        self._clock.freeze(milliseconds)
