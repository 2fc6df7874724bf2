"""What makes up the history of a space: one small object, replaced under a condition.

Readers see the files of one manifest and the landing objects whose rows are not in them, so they see a swap as a
whole or not at all. What a swap replaces is not deleted before GRACE is over: until then, whoever read the manifest
before can read on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ..clock import DAY
from ..profiles.ports import Archive
from .layout import manifests

# A task lives for a day at most and reads all its life what it found at its beginning, and it may have to wait for its
# first worker.
GRACE = 2 * DAY


class File(msgspec.Struct, frozen=True):
    """A Parquet file. `seq` is of the manifest that brought it; `last` the latest instant in it, epoch ms."""

    key: str
    day: str
    rows: int
    size: int
    seq: int
    last: int


class Consumed(msgspec.Struct, frozen=True):
    """`key` is of an object that lists landing objects whose rows are in files since `at`, with their etags. They
    landed from the minute `first` to the minute `last`."""

    key: str
    first: str
    last: str
    at: int


class Replaced(msgspec.Struct, frozen=True):
    """A file that is not part of history any more, since `at`."""

    key: str
    at: int


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """`files` are compacted, `gathered` hold rows as they landed. Of what landed before the minute `watermark`
    everything is in them, or was; of what landed since, what is `consumed`."""

    files: tuple[File, ...] = ()
    gathered: tuple[File, ...] = ()
    consumed: tuple[Consumed, ...] = ()
    watermark: str = ""

    def of(self, day: str) -> list[File]:
        """Its compacted files."""
        return [file for file in self.files if file.day == day]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`base` holds the newest snapshot of every profile out of all profile files with at most its `seq`.

    `retention_days` None keeps events for ever. `compacted_at` is when compaction last came to its end, `swept_at`
    when it last went through all files for people who were erased. Athena knows the files up to the seq `listed`.
    """

    seq: int = 0
    events: Table = Table()
    profiles: Table = Table()
    base: File | None = None
    replaced: tuple[Replaced, ...] = ()
    retention_days: int | None = None
    compacted_at: int | None = None
    swept_at: int = 0
    listed: int = 0

    def table(self, name: str) -> Table:
        table: Table = getattr(self, name)
        return table


class Held(NamedTuple):
    """A manifest as read; `etag` None when none was written yet."""

    manifest: Manifest
    etag: str | None


def within(most: int, files: Sequence[File]) -> list[File]:
    """The first of these files that are of so many bytes together, at least one if there is one."""
    found: list[File] = []
    for file in files:
        if found and sum(one.size for one in found) + file.size > most:
            break
        found.append(file)
    return found


_decoder = msgspec.json.Decoder(Manifest)
_landed = msgspec.json.Decoder(dict[str, str])


def load(archive: Archive, space_id: str) -> Held:
    found = archive.find(_key(space_id))
    return Held(Manifest(), None) if found is None else Held(_decoder.decode(found[0]), found[1])


def swap(archive: Archive, space_id: str, held: Held, manifest: Manifest) -> Held:
    """Raises VersionConflict."""
    manifest = msgspec.structs.replace(manifest, seq=held.manifest.seq + 1)
    return Held(manifest, archive.put_if(_key(space_id), msgspec.json.encode(manifest), held.etag))


def consumed_of(archive: Archive, entries: Sequence[Consumed]) -> set[tuple[str, str]]:
    """Keys and etags of the landing objects that these entries list."""
    return {item for entry in entries for item in _landed.decode(archive.get(entry.key)).items()}


def _key(space_id: str) -> str:
    return f"{manifests(space_id)}manifest.json"
