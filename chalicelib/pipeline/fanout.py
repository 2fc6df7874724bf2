"""Doing independent calls at the same time: a profile's write need not wait for its neighbour's."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Fanout(Protocol):
    def map(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results in the order of the items. The first error is raised, after the calls under way have ended."""
        ...


class OneByOne:
    """In the caller's thread: the order of calls is the order of items."""

    def map(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        return [call(item) for item in items]


class Threads:
    """Up to `size` calls at a time."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="fanout")

    def map(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        work = list(items)
        if len(work) < 2:
            return [call(item) for item in work]
        return list(self._pool.map(call, work))
