"""The end of a compaction: what nobody reads any more is deleted, and Athena is told which files there are.

Nothing is deleted before GRACE is over. Objects go first and their entries in the manifest afterwards, so that
whoever is killed in between leaves something to delete again, not something forgotten.
"""

from msgspec.structs import replace

from ..clock import Clock
from ..profiles.ports import Archive
from .landings import hours, of
from .layout import TABLES, compacted, day_in, gathered, landing, listing, manifests
from .manifest import GRACE, Manifest, Replaced, Table, consumed_of, load, swap


class Clearing:
    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive, self._clock = archive, clock

    def clear(self, space_id: str) -> None:
        """Raises VersionConflict: then the same again."""
        held = load(self._archive, space_id)
        manifest, now = held.manifest, self._clock.now()
        for table in TABLES:
            self._list(space_id, table, manifest)
        over = now - GRACE
        self._delete_orphans(space_id, manifest, over)
        for table in TABLES:
            manifest = self._delete_consumed(space_id, table, manifest, over)
        past = [one for one in manifest.replaced if one.at <= over]
        self._archive.delete(one.key for one in past)
        left = tuple(one for one in manifest.replaced if one not in past)
        swap(
            self._archive,
            space_id,
            held,
            replace(manifest, replaced=left, listed=held.manifest.seq, compacted_at=now),
        )

    def _delete_consumed(self, space_id: str, table: str, manifest: Manifest, over: int) -> Manifest:
        """The landing objects themselves, unless they were written anew; the list that named them is still needed by
        readers who know the manifest of before."""
        known = manifest.table(table)
        past = [one for one in known.consumed if one.at <= over]
        for hour in hours(self._archive, table, space_id) if past else ():
            if entries := of(hour, past):
                named = consumed_of(self._archive, entries)
                found = self._archive.stat(f"{landing(table, space_id)}{hour}")
                self._archive.delete(one.key for one in found if (one.key, one.etag) in named)
        left = replace(known, consumed=tuple(one for one in known.consumed if one not in past))
        lists = tuple(Replaced(one.key, self._clock.now()) for one in past)
        changes: dict[str, Table] = {table: left}
        return replace(manifest, replaced=(*manifest.replaced, *lists), **changes)

    def _delete_orphans(self, space_id: str, manifest: Manifest, over: int) -> None:
        """What workers wrote who were killed, or too late, before they could make it part of history."""
        tables = [manifest.table(name) for name in TABLES]
        known = {file.key for table in tables for file in (*table.files, *table.gathered)}
        known |= {one.key for table in tables for one in table.consumed}
        known |= {one.key for one in manifest.replaced} | ({manifest.base.key} if manifest.base else set())
        folders = [folder(table, space_id) for table in TABLES for folder in (compacted, gathered)]
        prefixes = [*folders, f"{manifests(space_id)}consumed/"]
        found = [one for prefix in prefixes for one in self._archive.stat(prefix)]
        self._archive.delete(one.key for one in found if one.at <= over and one.key not in known)

    def _list(self, space_id: str, table: str, manifest: Manifest) -> None:
        """One text of URLs per day: Athena reads what it names, and so as little half of a swap as anybody else."""
        files = manifest.table(table).files
        days = {file.day for file in files}
        for day in sorted({file.day for file in files if file.seq > manifest.listed}):
            urls = [f"{self._archive.url(file.key)}\n" for file in files if file.day == day]
            self._archive.put(listing(table, space_id, day), "".join(urls).encode())
        listed = self._archive.list(f"athena/{table}/space={space_id}/")
        self._archive.delete(key for key in listed if day_in(key) not in days)
