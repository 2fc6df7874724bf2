"""Erasing people for good: files that hold something of them are written anew without it.

The views leave erased people out from the start. To take them out of the files costs reading all of history, so it is
done once a week at most and for everybody at once. When it is done, their erasures are dropped from the list.
"""

from msgspec.structs import replace

from ..clock import DAY
from . import views
from .columns import EVENT, SNAPSHOT
from .landings import Erasure, erased
from .layout import EVENTS, PROFILES
from .manifest import File, Replaced, load
from .workshop import Piece, Workshop, Workshops

EVERY = 7 * DAY
# By then all that landed under the ids of an erased person is compacted: two days until a day closes, one until the
# next run, and one for runs that failed.
SETTLED = 4 * DAY


class Forgetting:
    def __init__(self, workshops: Workshops) -> None:
        self._workshops = workshops

    def forget(self, space_id: str, begun_at: int, cursor: str | None) -> str | None:
        """Look through the next file after `cursor`, a key; the key to go on from, None at the end.

        `begun_at` (epoch ms) stays the same for all files: it says which erasures this is about. Raises
        VersionConflict: then the same again.
        """
        archive = self._workshops.archive
        due = self._due(space_id, begun_at)
        manifest = load(archive, space_id).manifest
        if not due or (cursor is None and manifest.swept_at + EVERY > begun_at):
            return None
        with self._workshops.open(space_id) as workshop:
            keys = [file.key for file in _files(workshop) if cursor is None or file.key > cursor]
            if keys:
                gone = sorted({profile_id for one in due.values() for profile_id in one.profile_ids})
                self._look_through(workshop, keys[0], gone)
                return keys[0]
            workshop.put(replace(workshop.manifest, swept_at=begun_at))
            archive.delete(due)
            return None

    def _due(self, space_id: str, begun_at: int) -> dict[str, Erasure]:
        found = erased(self._workshops.archive, space_id, self._workshops.fanout)
        return {key: one for key, one in found.items() if one.at + SETTLED <= begun_at}

    def _look_through(self, workshop: Workshop, key: str, gone: list[str]) -> None:
        file = next(file for file in _files(workshop) if file.key == key)
        events = file in workshop.manifest.events.files
        (path,) = workshop.files.parquet([file])
        views.erased(workshop.connection, gone)
        # The mark of who was deleted stays: it hides a snapshot that comes late.
        kept = views.LIVING if events else f"({views.LIVING} OR deleted)"
        everything = views.everything([path], EVENT if events else SNAPSHOT)
        lost = workshop.connection.execute(f"SELECT 1 FROM ({everything}) WHERE NOT {kept} LIMIT 1").fetchall()
        if lost:
            table = EVENTS if events else PROFILES
            query = f"SELECT * FROM ({everything}) WHERE {kept}"
            self._replace(workshop, table, file, workshop.write(table, [Piece(file.day, query)], [key, *gone]))

    def _replace(self, workshop: Workshop, table: str, file: File, into: list[File]) -> None:
        manifest = workshop.manifest
        if file != manifest.base:
            workshop.swap(table, out=[file], into=into)
            return
        base = replace(into[0], seq=file.seq, last=file.last) if into else None
        gone = Replaced(file.key, workshop.clock.now())
        workshop.put(replace(manifest, base=base, replaced=(*manifest.replaced, gone)))


def _files(workshop: Workshop) -> list[File]:
    manifest = workshop.manifest
    files = [*manifest.events.files, *manifest.profiles.files, *([manifest.base] if manifest.base else [])]
    return sorted(files, key=lambda file: file.key)
