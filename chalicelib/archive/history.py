"""Reading history: what there is at one moment is written down as a cut, and a session shows it, or some days of it,
as views of a database.

    events      one row per message that was resolved to somebody or nobody, see `columns.EVENT`
    candidates  every (message_id, profile_id) that messages of the last 48 hours landed with
    profiles    living profiles, as of their newest snapshot
    redirects   profile_id → canonical_id, for everybody who was merged away

Erased people are in none of them.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clock import HOUR, Clock
from ..errors import Invalid, Problem
from ..pipeline.fanout import Fanout, OneByOne
from ..profiles.ports import Archive
from . import duplicates, views
from .columns import LANDED, SNAPSHOT
from .cut import Cut, Landing
from .database import connect, quoted
from .files import Files
from .landings import erased, unread
from .layout import EVENTS, PROFILES, day_of, start_of
from .manifest import load

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

UNSETTLED = 48 * HOUR  # how far back a message may still come to be resolved to somebody else
ROOM = 4 << 30  # bytes of files that one session may download: more than that is left of the disk for spilling
FOREVER = 1 << 62


@dataclass(frozen=True)
class Session:
    """An open database. `directory` is the only place that its SQL may read and write; it vanishes with the session."""

    connection: "DuckDBPyConnection"
    directory: Path
    cut: Cut

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(parameters)).fetchall()


class History:
    """`scratch` names a directory with room for the files of a session."""

    def __init__(
        self, archive: Archive, clock: Clock, scratch: Callable[[], Path], fanout: Fanout | None = None
    ) -> None:
        self._archive, self._clock, self._scratch = archive, clock, scratch
        self._fanout = fanout or OneByOne()

    def cut(self, space_id: str) -> Cut:
        # The manifest first: what is gathered after it was read is found among the landing objects.
        manifest = load(self._archive, space_id).manifest
        erasures = erased(self._archive, space_id, self._fanout).values()
        return Cut(
            space_id=space_id,
            at=self._clock.now(),
            files=manifest.events.files,
            gathered=manifest.events.gathered,
            landings=unread(self._archive, EVENTS, space_id, manifest.events),
            base=manifest.base,
            deltas=manifest.profiles.files,
            gathered_snapshots=manifest.profiles.gathered,
            snapshots=unread(self._archive, PROFILES, space_id, manifest.profiles),
            erased=tuple(sorted({profile_id for one in erasures for profile_id in one.profile_ids})),
        )

    @contextmanager
    def open(
        self, cut: Cut, *, days: Sequence[str] | None = None, as_of: int | None = None, profiles: bool = True
    ) -> Iterator[Session]:
        """`days` of arrival, all by default; those of a cut come in groups that fit: `Cut.groups`. `as_of` shows events
        that arrived until then, and profiles as they were. Without `profiles` they and redirects are not loaded.

        Raises Invalid when the files do not fit into the scratch space.
        """
        with tempfile.TemporaryDirectory(prefix="history-", dir=self._scratch()) as name:
            directory = Path(name)
            connection = connect(directory)
            try:
                reading = _Reading(Files(self._archive, self._fanout, directory), connection, cut, as_of)
                reading.load_events([day.day for day in cut.days] if days is None else days)
                if profiles:
                    reading.load_people()
                yield Session(connection, directory, cut)
            finally:
                connection.close()


class _Reading:
    """Fills one session."""

    def __init__(self, files: Files, connection: "DuckDBPyConnection", cut: Cut, as_of: int | None) -> None:
        self._files, self._connection, self._cut, self._as_of = files, connection, cut, as_of
        views.erased(connection, cut.erased)

    def load_events(self, days: Sequence[str]) -> None:
        cut, end = self._cut, FOREVER if self._as_of is None else self._as_of + 1
        days = [day for day in days if start_of(day) < end]
        landed_on = {file.day for file in cut.gathered} | {landed.day for landed in cut.landings}
        needed = duplicates.reach(days, landed_on.__contains__)
        self._check_room(needed)
        landed = {day: self._landed(day) for day in sorted(needed & landed_on)}
        files = [file for file in cut.files if file.day in needed]
        compacted = dict(zip(self._files.parquet(files), files, strict=True))
        stirred = [path for path, file in compacted.items() if _is_touched(file.day, landed_on)]
        duplicates.settle(self._connection, [path for some in landed.values() for path in some], stirred)
        arrived = [path for day in days for path in landed.get(day, ())]
        shown = [*arrived, *(path for path, file in compacted.items() if file.day in days)]
        views.events(self._connection, "events", duplicates.standing(self._connection, shown), 0, end)
        # What arrived since then is not compacted yet, so all its landings are here.
        candidates = duplicates.candidates(self._connection, arrived)
        views.events(self._connection, "candidates", candidates, cut.at - UNSETTLED, end)

    def load_people(self) -> None:
        cut, base = self._cut, self._cut.base
        if base is not None and self._as_of is not None and base.last > self._as_of:
            base = None  # it knows no more how they were
        deltas = [file for file in cut.deltas if base is None or file.seq > base.seq]
        known = self._files.parquet([base] if base else [])
        later = self._files.parquet([*deltas, *cut.gathered_snapshots])
        if cut.snapshots:
            later.append(self._read(PROFILES, cut.snapshots))
        views.people(
            self._connection, views.everything(known, SNAPSHOT), views.everything(later, SNAPSHOT), self._as_of
        )

    def _landed(self, day: str) -> list[Path]:
        paths = self._files.parquet([file for file in self._cut.gathered if file.day == day])
        landings = self._cut.landings_of(day)
        return [*paths, self._read(EVENTS, landings)] if landings else paths

    def _read(self, table: str, landings: Sequence[Landing]) -> Path:
        """Lines are read once, whatever is asked later."""
        lines, path = self._files.lines(landings), self._files.new("parquet")
        self._connection.execute(f"COPY ({LANDED[table](lines)}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)")
        for one in lines:
            one.unlink()
        return path

    def _check_room(self, days: set[str]) -> None:
        size = sum(day.bytes for day in self._cut.days if day.day in days)
        if size > ROOM:
            raise Invalid(Problem(f"{size} bytes do not fit into the scratch space: read groups of days.", "days"))


def _is_touched(day: str, landed_on: set[str]) -> bool:
    return day in landed_on or day_of(start_of(day) - 1) in landed_on
