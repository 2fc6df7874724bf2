"""Running a step while somebody stays awake beside it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..clock import SECOND

T = TypeVar("T")


@dataclass
class Ended(Generic[T]):
    """What a call came to: a value, or the exception it raised."""

    value: T | None = None
    error: BaseException | None = None


class Pace(Protocol):
    def run(self, call: Callable[[], T], beat: Callable[[], int]) -> Ended[T]:
        """Make the call, and meanwhile `beat`, each time after as many milliseconds as the beat before said.

        A beat that raises ends the waiting: the call is given up and goes on, if it can, with nobody listening.
        """
        ...

    def pause(self, milliseconds: int) -> None: ...


class Threaded:
    """The call in a thread of its own. The one of a call that was given up dies with the process; it may wake up in
    a later invocation, when all that it can still do is repeat effects that are the same each time."""

    def run(self, call: Callable[[], T], beat: Callable[[], int]) -> Ended[T]:
        ended, over = Ended[T](), threading.Event()

        def work() -> None:
            try:
                ended.value = call()
            except BaseException as error:
                ended.error = error
            finally:
                over.set()

        wait = beat()
        threading.Thread(target=work, name="step", daemon=True).start()
        while not over.wait(wait / SECOND):
            wait = beat()
        return ended

    def pause(self, milliseconds: int) -> None:
        threading.Event().wait(milliseconds / SECOND)
