"""What events count, as SQL over a relation of events."""

from collections.abc import Sequence
from typing import NamedTuple

from ...query.filters import Bounds
from ...query.syntax import Condition
from ...query.windows import Window
from .cells import Cells
from .conditions import where
from .text import UNDECIDED, all_of, quoted, speakable


class Admission(NamedTuple):
    """An event is admitted when all of this is true of it."""

    event: str
    conditions: Sequence[Condition]
    excluded: frozenset[str]
    bounds: Bounds

    def sql(self, cells: Cells, *also: str) -> str:
        """NULL where only the evaluator can tell. `also`: what is asked of the event besides."""
        return all_of([named([self.event]), *also, self.unnamed(cells)])

    def unnamed(self, cells: Cells) -> str:
        """The same of events that are known to have the name."""
        terms = _within(self.bounds)
        if self.excluded:
            terms.append(_not_from(sorted(self.excluded)))
        return all_of(terms + [where(condition, cells) for condition in self.conditions])

    @property
    def is_plain(self) -> bool:
        """Whether SQL decides it, whatever the event holds."""
        return not self.conditions and all(map(speakable, self.excluded))

    def recent(self, window: Window, now: int) -> str:
        """What is worth a look, for a reader of files that knows the range of each column."""
        return all_of([named([self.event]), newer(window, now)])


def named(names: Sequence[str]) -> str:
    """Events of these names. What SQL cannot spell no event is called."""
    known = sorted({name for name in names if speakable(name)})
    if len(known) == 1:
        return f"event = {quoted(known[0])}"
    return f"event in ({', '.join(map(quoted, known))})" if known else "false"


def newer(window: Window, now: int) -> str:
    """Events that are not too old for a window that ends at `now`."""
    return "true" if window.far is None else f"timestamp >= {now - window.far}"


def _within(bounds: Bounds) -> list[str]:
    received_from, timestamp_from = bounds
    terms = [] if received_from is None else [f"received_at >= {received_from}"]
    return terms if timestamp_from is None else [*terms, f"timestamp >= {timestamp_from}"]


def _not_from(excluded: Sequence[str]) -> str:
    if not all(map(speakable, excluded)):
        return UNDECIDED
    return f"(source_id is null or source_id not in ({', '.join(map(quoted, excluded))}))"
