"""Where files are rewritten: a directory, a database in it, and a manifest to be replaced at the end."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..pipeline.fanout import Fanout
from ..profiles.ports import Archive
from .cut import Landing
from .database import connect, quoted
from .files import Files
from .layout import EVENTS, compacted, gathered, manifests
from .manifest import Consumed, File, Held, Manifest, Replaced, Table, load, swap

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A scan for one event name or one person skips what the least and greatest value of a row group rule out: the smaller
# they are, the more it skips. Files become 2 % larger than with groups of 61,440 rows, and questions about rare events
# two to three times as fast.
ROW_GROUP = 8_192
# A day's files are sorted by this; whoever asks for an event reads a stretch of them.
ORDER = {EVENTS: "event, profile_id, timestamp, message_id", "profiles": "profile_id, version"}
INSTANT = {EVENTS: "received_at", "profiles": "written_at"}


class Piece(NamedTuple):
    """A query to become a file of this day."""

    day: str
    query: str


class Workshop:
    """One unit of work on one space. Files are written first and named after what they are made of; they become part
    of history when the manifest is swapped, or never."""

    def __init__(self, archive: Archive, clock: Clock, files: Files, space_id: str, held: Held) -> None:
        self.archive, self.clock, self.files = archive, clock, files
        self.space_id, self.held = space_id, held
        self._connection: DuckDBPyConnection | None = None

    @property
    def connection(self) -> "DuckDBPyConnection":
        """Made when first needed: most looks find nothing to do."""
        if self._connection is None:
            self._connection = connect(self.files.directory)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def manifest(self) -> Manifest:
        return self.held.manifest

    def copied(self, query: str, order: str = "") -> Path:
        path = self.files.new("parquet")
        sort = f" ORDER BY {order}" if order else ""
        self.connection.execute(
            f"COPY ({query}{sort}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
        )
        return path

    def write(
        self, table: str, pieces: Iterable[Piece], made_of: Sequence[str], *, as_landed: bool = False
    ) -> list[File]:
        """Uploads each piece that has rows, to the files gathered `as_landed` or to the compacted ones. `made_of` names
        all that they are made of."""
        made = blake2b("\n".join([str(self.manifest.seq), *made_of]).encode(), digest_size=12).hexdigest()
        place = (gathered if as_landed else compacted)(table, self.space_id)
        found = [self._write(table, piece, f"{place}{_folder(piece)}/{made}-{n}") for n, piece in enumerate(pieces)]
        return [file for file in found if file is not None]

    def consumed(self, table: str, landings: Sequence[Landing]) -> Consumed:
        """The list of what was consumed is named after its content: of two workers each refers to its own."""
        content = msgspec.json.encode({landing.key: landing.etag for landing in landings})
        name = blake2b(content, digest_size=12).hexdigest()
        key = f"{manifests(self.space_id)}consumed/{table}/{name}.json"
        self.archive.put(key, content)
        minutes = [landing.minute for landing in landings]
        return Consumed(key, min(minutes), max(minutes), self.clock.now())

    def swap(
        self,
        table: str,
        *,
        out: Sequence[File] = (),
        into: Sequence[File] = (),
        gathered: Sequence[File] = (),
        consumed: Sequence[Consumed] = (),
        watermark: str = "",
    ) -> None:
        """`out`, gathered or compacted, goes; `into`, which is compacted, and `gathered` come. The watermark only
        rises. Raises VersionConflict when somebody else was first."""
        before, gone = self.manifest.table(table), {file.key for file in out}
        after = Table(
            files=_without(gone, (*before.files, *into)),
            gathered=_without(gone, (*before.gathered, *gathered)),
            consumed=(*before.consumed, *consumed),
            watermark=max(before.watermark, watermark),
        )
        replaced = (*self.manifest.replaced, *(Replaced(file.key, self.clock.now()) for file in out))
        changes: dict[str, Table] = {table: after}
        self.put(replace(self.manifest, replaced=replaced, **changes))

    def put(self, manifest: Manifest) -> None:
        """Raises VersionConflict when somebody else was first."""
        self.held = swap(self.archive, self.space_id, self.held, manifest)

    def _write(self, table: str, piece: Piece, place: str) -> File | None:
        path = self.copied(piece.query, ORDER[table])
        read = f"SELECT count(*), coalesce(max({INSTANT[table]}), 0) FROM read_parquet({quoted(path)})"
        ((rows, last),) = self.connection.execute(read).fetchall()
        key, size = f"{place}.parquet", path.stat().st_size
        if rows:
            self.archive.upload(key, path)
        path.unlink()
        return File(key, piece.day, rows, size, self.manifest.seq + 1, last) if rows else None


def _folder(piece: Piece) -> str:
    return f"dt={piece.day}" if piece.day else "base"


def _without(gone: set[str], files: Iterable[File]) -> tuple[File, ...]:
    return tuple(sorted((file for file in files if file.key not in gone), key=lambda file: file.key))


class Workshops:
    """`scratch` names a directory with room for the files of one unit of work."""

    def __init__(self, archive: Archive, clock: Clock, scratch: Callable[[], Path], fanout: Fanout) -> None:
        self.archive, self.clock = archive, clock
        self._scratch, self.fanout = scratch, fanout

    @contextmanager
    def open(self, space_id: str) -> Iterator[Workshop]:
        held = load(self.archive, space_id)
        with tempfile.TemporaryDirectory(prefix="compaction-", dir=self._scratch()) as name:
            files = Files(self.archive, self.fanout, Path(name))
            with closing(Workshop(self.archive, self.clock, files, space_id, held)) as workshop:
                yield workshop
