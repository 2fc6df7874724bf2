"""Compaction of events: what was gathered of closed days becomes final files, one bounded portion per swap.

What stands of a portion becomes a file of the day. Files of this day and of the next lose the rows that no longer
stand. As long as a day is small it stays one file.
"""

from collections.abc import Sequence
from pathlib import Path

from ..clock import DAY
from . import duplicates, views
from .columns import EVENT
from .history import UNSETTLED
from .landings import erased
from .layout import EVENTS, day_after, day_before, day_of, start_of
from .manifest import File, Manifest, within
from .workshop import Piece, Workshop, Workshops

PORTION = 128 << 20  # bytes of gathered files: some 1.5 million events, that are sorted on the disk of one worker
SMALL = 64 << 20  # bytes of files: a scan opens one of this size as fast as it can read it


def is_closed(day: str, now: int) -> bool:
    """Whether every message of the day is resolved for good, up to those that come very late."""
    return start_of(day) + DAY + UNSETTLED <= now


def expiry(manifest: Manifest, now: int) -> str:
    """Events of days before this one are not kept."""
    return "" if manifest.retention_days is None else day_of(now - manifest.retention_days * DAY)


class EventFiles:
    def __init__(self, workshops: Workshops) -> None:
        self._workshops = workshops

    def compact(self, space_id: str) -> bool:
        """One portion; False when there is nothing left to do. Raises VersionConflict: then look again."""
        with self._workshops.open(space_id) as workshop:
            oldest = expiry(workshop.manifest, workshop.clock.now())
            if self._expire(workshop, oldest):
                return True
            portion = _portion(workshop)
            if portion:
                _Day(workshop, portion).merge()
            return bool(portion)

    def _expire(self, workshop: Workshop, oldest: str) -> bool:
        """Let go of files that are older than the space keeps events."""
        table = workshop.manifest.events
        files = [file for file in (*table.files, *table.gathered) if file.day < oldest]
        if files:
            workshop.swap(EVENTS, out=files)
        return bool(files)


def _portion(workshop: Workshop) -> list[File]:
    """The earliest closed day first: what stands of a day depends on the day before."""
    now = workshop.clock.now()
    closed = [file for file in workshop.manifest.events.gathered if is_closed(file.day, now)]
    first = min((file.day for file in closed), default="")
    return within(PORTION, [file for file in closed if file.day == first])


class _Day:
    """A portion of one day, merged into its files."""

    def __init__(self, workshop: Workshop, portion: Sequence[File]) -> None:
        self._workshop, self._portion, self.day = workshop, portion, portion[0].day
        table = workshop.manifest.events
        self._files = [f for day in (self.day, day_after(self.day), day_before(self.day)) for f in table.of(day)]

    def merge(self) -> None:
        workshop = self._workshop
        landed = workshop.files.parquet(self._portion)
        paths = dict(zip(workshop.files.parquet(self._files), self._files, strict=True))
        erasures = erased(workshop.archive, workshop.space_id, workshop.files.fanout)
        gone = sorted({profile_id for one in erasures.values() for profile_id in one.profile_ids})
        views.erased(workshop.connection, gone)
        duplicates.settle(workshop.connection, landed, list(paths))
        out, pieces = self._pieces(landed, paths)
        made_of = [file.key for file in (*self._portion, *self._files)] + gone
        workshop.swap(EVENTS, out=[*self._portion, *out], into=workshop.write(EVENTS, pieces, made_of))

    def _pieces(self, landed: list[Path], paths: dict[Path, File]) -> tuple[list[File], list[Piece]]:
        """The compacted files that go, and what comes instead of them."""
        connection = self._workshop.connection
        changed = [path for path, file in paths.items() if file.day >= self.day and duplicates.lost(connection, path)]
        of_day = [path for path, file in paths.items() if file.day == self.day]
        if sum(file.size for file in (*self._portion, *(paths[path] for path in of_day))) <= SMALL:
            changed = [path for path in changed if path not in of_day]
        else:
            of_day = []
        pieces = [Piece(paths[path].day, self._living([path])) for path in changed]
        pieces.append(Piece(self.day, self._living([*landed, *of_day])))
        return [paths[path] for path in (*changed, *of_day)], pieces

    def _living(self, paths: list[Path]) -> str:
        standing = duplicates.standing(self._workshop.connection, paths)
        return f"SELECT {', '.join(EVENT)} FROM ({standing}) WHERE {views.LIVING}"
