"""The lines of a file that were not taken: kept in parts while the file is read, in one list once it is through."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ..profiles.ports import Archive

SAMPLES = 100  # shown with the import itself


class Reject(msgspec.Struct, frozen=True):
    """`code` is the one the tracking API counts such a message under, or says what is wrong with the line."""

    line: int
    code: str


class Rejects:
    """`name` is the same for the same file, so that whoever goes on with it goes on with the same list."""

    def __init__(self, archive: Archive, space_id: str, name: str) -> None:
        self._archive, self._parts = archive, f"imports/{space_id}/.rejected/{name}/"
        self.key = f"imports/{space_id}/.rejected/{name}.ndjson"

    def put(self, offset: int, found: Iterable[Reject]) -> None:
        """Those of the chunk that begins at this offset."""
        lines = msgspec.json.Encoder().encode_lines(list(found))
        if lines:
            self._archive.put(f"{self._parts}{offset:015d}.ndjson", lines)

    def gather(self) -> list[Reject]:
        """Make the one list, through a file since it may be long; the first SAMPLES of it."""
        samples: list[Reject] = []
        with TemporaryDirectory(prefix="rejected-") as scratch:
            path = Path(scratch) / "lines"
            with path.open("wb") as file:
                for part in self._each():
                    file.write(part)
                    if len(samples) < SAMPLES:
                        samples += msgspec.json.Decoder(Reject).decode_lines(part)
            self._archive.upload(self.key, path)
        return samples[:SAMPLES]

    def drop_parts(self) -> None:
        self._archive.delete(self._archive.list(self._parts))

    def _each(self) -> Iterator[bytes]:
        for key in self._archive.list(self._parts):
            yield self._archive.get(key)
