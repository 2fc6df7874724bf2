"""A stream: which events a profile remembers for a formula, and how."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import filters
from .filters import Bounds, Filters
from .memories.memory import Memory
from .occurrence import Occurrence, OwnReference
from .syntax import Condition, Reduced

FORMAT = "1"  # part of every key: raise it when the shape of a state changes
KEY_BYTES = 9  # 72 bits; keys are stored with every profile


class Spec(NamedTuple):
    """What a stream admits and keeps, for whoever feeds it otherwise than event by event.

    An event is admitted when it satisfies all `conditions`, comes from no source in `excluded` and lies within
    `bounds`. `reads` is all that the memory looks at in an admitted event, besides its times and its id; `reduced`
    is the reduced stream of the definition that asks for it.
    """

    event: str
    conditions: tuple[Condition, ...]
    excluded: frozenset[str]
    bounds: Bounds
    memory: Memory
    reads: tuple[OwnReference, ...]
    reduced: Reduced


class Stream:
    """`base` is the same for the same meaning in every process. `key` tells generations of it apart: states that have
    seen different events. States are plain data, never changed in place."""

    __slots__ = ("_memory", "_tests", "base", "event", "key", "spec")

    def __init__(
        self,
        node: Reduced,
        found: Filters,
        bounds: Bounds,
        memory: Memory,
        reads: tuple[OwnReference, ...],
        shape: str,
        generations: Mapping[str, str],
    ) -> None:
        """`shape` tells memories apart that keep different things of the same events."""
        event = node.stream.name
        canonical = f"{filters.canonical(event, found, bounds)} {shape}"
        digest = hashlib.blake2b(f"{FORMAT}|{canonical}".encode(errors="surrogatepass"), digest_size=KEY_BYTES).digest()
        self.base = urlsafe_b64encode(digest).decode("ascii")
        self.key = self.base + generations.get(self.base, "")
        self.event = event
        self.spec = Spec(event, found.static, found.excluded, bounds, memory, reads, node)
        self._tests, self._memory = tuple(filters.admission(found, bounds)), memory

    def empty(self) -> Any:
        return self._memory.empty()

    def add(self, state: Any, occurrence: Occurrence) -> Any:
        """The state with one more event; the very same object when the event is not admitted."""
        return self._memory.add(state, occurrence) if self.admits(occurrence) else state

    def admits(self, occurrence: Occurrence) -> bool:
        if occurrence.event != self.event:
            return False
        for holds in self._tests:  # noqa: SIM110 - a generator would cost more than the tests
            if not holds(occurrence):
                return False
        return True

    def merge(self, a: Any, b: Any) -> Any:
        """The state of both; events counted in `a` must not be counted in `b`."""
        return self._memory.merge(a, b)

    def trim(self, state: Any, now: int) -> Any:
        """The state without what no `now` from here on can need; the same object when that is nothing."""
        return self._memory.trim(state, now)

    def __repr__(self) -> str:
        return f"Stream({self.key}, {self.event!r})"
