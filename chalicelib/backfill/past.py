"""Reading history for the streams of a computation."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from .. import query
from ..archive.cut import Cut
from ..archive.history import History
from ..archive.scan import Scanned, scan

GROUP_BYTES = 256 << 20  # of compressed files: a minute or so of scanning, and the scratch space takes it many times
ROWS_PER_PART = 500_000  # so that the results of one part fit into memory even where every row is another person's
MOST_PARTS = 256


class Past(Protocol):
    """History as it was at one moment, written down as bytes: the cut."""

    def cut(self, space_id: str) -> bytes: ...

    def groups(self, cut: bytes) -> list[list[str]]:
        """Its days, in portions to be scanned one after the other."""
        ...

    def parts(self, cut: bytes) -> int:
        """In how many parts its profile ids are best looked at."""
        ...

    def scan(
        self, cut: bytes, days: Sequence[str], streams: Sequence[query.Stream], settled_before: int, parts: int
    ) -> Iterator[Iterator[Scanned]]:
        """What these days hold for each profile id, part by part. Events received from `settled_before` (epoch ms) on
        are given one by one."""
        ...


class ArchivedPast:
    def __init__(self, history: History) -> None:
        self._history = history

    def cut(self, space_id: str) -> bytes:
        return self._history.cut(space_id).encode()

    def groups(self, cut: bytes) -> list[list[str]]:
        return Cut.decode(cut).groups(GROUP_BYTES)

    def parts(self, cut: bytes) -> int:
        rows = sum(day.rows for day in Cut.decode(cut).days)
        return min(MOST_PARTS, 1 + rows // ROWS_PER_PART)

    def scan(
        self, cut: bytes, days: Sequence[str], streams: Sequence[query.Stream], settled_before: int, parts: int
    ) -> Iterator[Iterator[Scanned]]:
        found = Cut.decode(cut)
        with self._history.open(found, days=days, profiles=False) as session:
            for part in range(parts):
                yield scan(session, streams, settled_before=settled_before, part=part, parts=parts)
