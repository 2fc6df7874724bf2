"""Attempts side by side: each destination has a lane of its own, so that a slow one holds up only itself."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


MOST = 64  # threads


def side_by_side(
    lanes: Sequence[Sequence[Work]],
    perform: Callable[[Work], Result],
    may_go_on: Callable[[], bool],
    has_turn: Callable[[], Callable[[], bool]] = lambda: lambda: True,
) -> Iterator[tuple[Work, Result]]:
    """Results as they come, in the caller's thread; within a lane one after the other, in order.

    What is not begun when `may_go_on` turns false is left out. Beside others, a lane has only its turn: `has_turn` is
    called when a lane begins, and what it gives before everything but the first. The first error of `perform` is
    raised.
    """
    if len(lanes) < 2:
        for work in (work for lane in lanes for work in lane):
            if not may_go_on():
                return
            yield work, perform(work)
        return
    results: SimpleQueue[tuple[Work, Result] | BaseException | None] = SimpleQueue()

    def drive(lane: Sequence[Work]) -> None:
        try:
            on_turn = has_turn()
            for place, work in enumerate(lane):
                if not may_go_on() or (place and not on_turn()):
                    break
                results.put((work, perform(work)))
        except BaseException as error:
            results.put(error)
        else:
            results.put(None)

    with ThreadPoolExecutor(min(MOST, len(lanes)), thread_name_prefix="lane") as pool:
        for lane in lanes:
            pool.submit(drive, lane)
        open_lanes = len(lanes)
        while open_lanes:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                open_lanes -= 1
            else:
                yield result
