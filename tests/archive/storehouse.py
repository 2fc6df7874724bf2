"""A space whose history is written by hand and read through the views."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from chalicelib.archive.compaction import Compaction
from chalicelib.archive.cut import Cut
from chalicelib.archive.gathering import Gathering
from chalicelib.archive.history import History
from chalicelib.archive.manifest import Manifest, load
from chalicelib.archive.workshop import Workshops
from chalicelib.clock import FixedClock
from chalicelib.errors import VersionConflict
from chalicelib.instants import to_iso
from chalicelib.pipeline.fanout import OneByOne
from chalicelib.pipeline.landing import Landed, land
from chalicelib.profiles.ports import Archive
from chalicelib.store.memory import MemoryArchive
from chalicelib.tracking.event import Event
from tests.events import T0, event

SPACE = "s"


class Storehouse:
    def __init__(self, scratch: Path, archive: Archive | None = None, clock: FixedClock | None = None) -> None:
        self.clock = clock or FixedClock(T0)
        self.archive: Archive = archive or MemoryArchive(self.clock)
        self.scratch = scratch
        self.history = History(self.archive, self.clock, lambda: scratch)
        workshops = Workshops(self.archive, self.clock, lambda: scratch, OneByOne())
        self.compaction, self.gathering = Compaction(workshops), Gathering(workshops)

    def land(self, batch: str, *rows: tuple[Event, str | None]) -> None:
        """Rows of an event and the profile it was resolved to, as one object per day."""
        landed = [Landed(event, profile_id, None) for event, profile_id in rows]
        land(self.archive, SPACE, [batch], landed, self.clock.now())

    def erase(self, *profile_ids: str) -> None:
        listed = ",".join(f'"{profile_id}"' for profile_id in profile_ids)
        body = f'{{"spaceId":"s","profileIds":[{listed}],"erasedAt":"{to_iso(self.clock.now())}"}}'
        self.archive.put(f"erasures/{SPACE}/{profile_ids[0]}.json", body.encode())

    def compact(self) -> None:
        self.compaction.compact(SPACE)

    def gather(self) -> None:
        """As the task does, until there is nothing more to do."""
        more = True
        while more:
            with suppress(VersionConflict):  # then look again
                more = self.gathering.gather(SPACE).more

    @property
    def manifest(self) -> Manifest:
        return load(self.archive, SPACE).manifest

    def keys(self, prefix: str) -> list[str]:
        return self.archive.list(prefix)

    def rows(self, query: str, cut: Cut | None = None, **how: Any) -> list[tuple[Any, ...]]:
        with self.history.open(cut or self.history.cut(SPACE), **how) as session:
            return session.rows(query)

    def events(self, **how: Any) -> list[tuple[str, str | None]]:
        """Message ids with the profile ids of their rows."""
        found: Iterable[Any] = self.rows("SELECT message_id, profile_id FROM events ORDER BY ALL", **how)
        return [tuple(row) for row in found]

    def candidates(self, **how: Any) -> list[tuple[str, str | None]]:
        found: Iterable[Any] = self.rows("SELECT message_id, profile_id FROM candidates ORDER BY ALL", **how)
        return [tuple(row) for row in found]


def sent(message_id: str, at: int = T0, name: str = "A", **fields: Any) -> Event:
    return event("track", name, at=at, message_id=message_id, **{"user_id": "u", **fields})
