"""Time that moves only when told to, with a heartbeat beside a running step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.clock import FixedClock, MovableClock
from chalicelib.tasks.pace import Ended

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class _GivenUp(BaseException):
    def __init__(self, reason: Exception) -> None:
        self.reason = reason


@dataclass
class _Running:
    beat: Callable[[], int]
    due: int


class BeatingClock(MovableClock):
    """While a step runs, `advance` makes the heartbeats that fall into the time; `freeze` lets time pass without."""

    def __init__(self, instant: int) -> None:
        super().__init__(FixedClock(instant))
        self._beats: list[_Running] = []

    def advance(self, milliseconds: int) -> None:
        end = self.now() + milliseconds
        while self._beats and self._beats[-1].due <= end:
            running = self._beats[-1]
            self.move_to(max(running.due, self.now()))
            try:
                running.due = self.now() + running.beat()
            except Exception as error:
                raise _GivenUp(error) from error
        self.move_to(max(end, self.now()))

    @contextmanager
    def beating(self, beat: Callable[[], int]) -> Iterator[None]:
        self._beats.append(_Running(beat, self.now() + beat()))
        try:
            yield
        finally:
            self._beats.pop()

    def freeze(self, milliseconds: int) -> None:
        """The process stands still while the world goes on."""
        self.move_to(self.now() + milliseconds)


class SimulatedPace:
    """`Pace` on such a clock: the step is ended where it stands when its heartbeat gives it up."""

    def __init__(self, clock: BeatingClock) -> None:
        self._clock = clock

    def run(self, call: Callable[[], T], beat: Callable[[], int]) -> Ended[Any]:
        with self._clock.beating(beat):
            try:
                return Ended(call())
            except _GivenUp as given_up:
                raise given_up.reason from None
            except Exception as error:
                return Ended(error=error)

    def pause(self, milliseconds: int) -> None:
        self._clock.freeze(milliseconds)
