"""The files that make up history at one moment, written down so that whoever is interrupted reads the same again."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from .layout import day_in, minute_in
from .manifest import File

LANDED_BYTES_PER_EVENT = 90  # compressed, when many events land together; only the estimate of rows rests on it


class Landing(msgspec.Struct, frozen=True, array_like=True):
    """An object that a worker wrote and nobody gathered yet; `at` is epoch ms."""

    key: str
    size: int
    etag: str
    at: int

    @property
    def day(self) -> str:
        return day_in(self.key)

    @property
    def minute(self) -> str:
        return minute_in(self.key)


class Day(NamedTuple):
    """What there is of one day of arrival. `rows` of landing objects are estimated, and those of gathered files count
    what landed twice twice; `bytes` are exact."""

    day: str
    rows: int
    bytes: int


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is the moment. `files`, `gathered` and `landings` hold events; `base`, `deltas`, `gathered_snapshots` and
    `snapshots` profiles, where the deltas not `since` the base are in it. `erased` are profile ids that are not shown.

    Of people erased after the cut it still shows what they did: the mark on their profile stops whatever would follow.
    """

    space_id: str
    at: int
    files: tuple[File, ...] = ()
    gathered: tuple[File, ...] = ()
    landings: tuple[Landing, ...] = ()
    base: File | None = None
    deltas: tuple[File, ...] = ()
    gathered_snapshots: tuple[File, ...] = ()
    snapshots: tuple[Landing, ...] = ()
    erased: tuple[str, ...] = ()

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def decode(data: bytes) -> "Cut":
        return _decoder.decode(data)

    @property
    def days(self) -> list[Day]:
        """The days of arrival that have events, in order."""
        rows: dict[str, int] = {}
        size: dict[str, int] = {}
        items: list[File | Landing] = [*self.files, *self.gathered, *self.landings]
        for item in items:
            rows[item.day] = rows.get(item.day, 0) + _rows(item)
            size[item.day] = size.get(item.day, 0) + item.size
        return [Day(day, rows[day], size[day]) for day in sorted(rows)]

    def groups(self, max_bytes: int) -> list[list[str]]:
        """All days, in order, in groups of at most so many bytes; a day that is larger is alone."""
        groups: list[list[str]] = []
        room = 0
        for day in self.days:
            if not groups or day.bytes > room:
                groups.append([])
                room = max_bytes
            groups[-1].append(day.day)
            room -= day.bytes
        return groups

    def files_of(self, days: Sequence[str]) -> list[File]:
        return [file for file in self.files if file.day in days]

    def landings_of(self, day: str) -> list[Landing]:
        return [landing for landing in self.landings if landing.day == day]


_decoder = msgspec.json.Decoder(Cut)


def _rows(item: File | Landing) -> int:
    return item.rows if isinstance(item, File) else max(1, item.size // LANDED_BYTES_PER_EVENT)
