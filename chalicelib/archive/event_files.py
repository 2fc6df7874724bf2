"""Compaction of events: landing objects of closed days become Parquet, one bounded portion per swap.

What stands of a portion becomes a file of the day. Files of this day and of the next lose the rows that no longer
stand. As long as a day is small it stays one file.
"""

from collections.abc import Sequence
from pathlib import Path

from ..clock import DAY
from . import duplicates, views
from .columns import EVENT, landed_events
from .cut import Landing
from .database import quoted
from .history import UNSETTLED
from .landings import erased, unread
from .layout import EVENTS, day_after, day_before, day_of, start_of
from .manifest import File, Manifest
from .workshop import Piece, Workshop, Workshops

PORTION = 128 << 20  # bytes of landing objects: some 1.5 GB of lines, that are sorted on the disk of one worker
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
            portion = _portion(workshop, oldest)
            if portion:
                _Day(workshop, portion).merge()
            return bool(portion)

    def _expire(self, workshop: Workshop, oldest: str) -> bool:
        """Let go of files, and of landing objects without reading them, that are older than the space keeps events."""
        if not oldest:
            return False
        table = workshop.manifest.events
        files = [file for file in table.files if file.day < oldest]
        landings = [one for one in unread(workshop.archive, EVENTS, workshop.space_id, table) if one.day < oldest]
        if not files and not landings:
            return False
        days = sorted({landed.day for landed in landings})
        consumed = [workshop.consumed(EVENTS, day, [one for one in landings if one.day == day]) for day in days]
        workshop.swap(EVENTS, out=files, into=[], consumed=consumed)
        return True


def _portion(workshop: Workshop, oldest: str) -> list[Landing]:
    """The earliest closed day first: what stands of a day depends on the day before."""
    landings = unread(workshop.archive, EVENTS, workshop.space_id, workshop.manifest.events)
    now = workshop.clock.now()
    closed = [landed for landed in landings if landed.day >= oldest and is_closed(landed.day, now)]
    portion: list[Landing] = []
    for landed in closed:
        if landed.day != closed[0].day or (portion and sum(one.size for one in portion) + landed.size > PORTION):
            break
        portion.append(landed)
    return portion


class _Day:
    """A portion of one day, merged into its files."""

    def __init__(self, workshop: Workshop, portion: Sequence[Landing]) -> None:
        self._workshop, self._portion, self.day = workshop, portion, portion[0].day
        table = workshop.manifest.events
        self._files = [f for day in (self.day, day_after(self.day), day_before(self.day)) for f in table.of(day)]

    def merge(self) -> None:
        workshop = self._workshop
        lines = workshop.files.lines(self._portion)
        landed = workshop.copied(landed_events(lines))
        lines.unlink()
        paths = dict(zip(workshop.files.parquet(self._files), self._files, strict=True))
        erasures = erased(workshop.archive, workshop.space_id, workshop.files.fanout)
        gone = sorted({profile_id for one in erasures.values() for profile_id in one.profile_ids})
        views.erased(workshop.connection, gone)
        duplicates.settle(workshop.connection, [landed], list(paths))
        out, pieces = self._pieces(landed, paths)
        made_of = [f"{one.key} {one.etag}" for one in self._portion] + [file.key for file in self._files] + gone
        into = workshop.write(EVENTS, pieces, made_of)
        consumed = workshop.consumed(EVENTS, self.day, self._portion)
        workshop.swap(EVENTS, out=out, into=into, consumed=[consumed])

    def _pieces(self, landed: Path, paths: dict[Path, File]) -> tuple[list[File], list[Piece]]:
        """The files that go, and what comes instead of them."""
        changed = [path for path, file in paths.items() if file.day >= self.day and self._lost(path)]
        of_day = [path for path, file in paths.items() if file.day == self.day]
        fresh = duplicates.rows([landed], [])
        if sum(paths[path].size for path in of_day) + sum(one.size for one in self._portion) <= SMALL:
            changed = [path for path in changed if path not in of_day]
            together = [fresh, *(_kept(path) for path in of_day)]
        else:
            together, of_day = [fresh], []
        pieces = [Piece(paths[path].day, _living(_kept(path))) for path in changed]
        pieces.append(Piece(self.day, _living(" UNION ALL ".join(together))))
        return [paths[path] for path in (*changed, *of_day)], pieces

    def _lost(self, path: Path) -> bool:
        """Whether rows of this file stand no longer."""
        touched = f"read_parquet({quoted(path)}) SEMI JOIN touched ON {duplicates.KEY} = touched.hash"
        query = (
            f"SELECT (SELECT count(*) FROM {touched}), (SELECT count(*) FROM standing WHERE of_file = {quoted(path)})"
        )
        ((before, after),) = self._workshop.connection.execute(query).fetchall()
        return bool(before != after)


def _kept(path: Path) -> str:
    return f"{duplicates.untouched([path])} UNION ALL {duplicates.rows([], [path])}"


def _living(query: str) -> str:
    return f"SELECT {', '.join(EVENT)} FROM ({query}) WHERE {views.LIVING}"
