"""Bringing objects of the archive into a directory."""

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from ..pipeline.fanout import Fanout
from ..profiles.ports import Archive
from .cut import Landing
from .database import THREADS
from .manifest import File

TOGETHER = 64  # small objects held in memory at once, on their way into one file


class Files:
    """`directory` is the caller's own; names in it are never used twice."""

    def __init__(self, archive: Archive, fanout: Fanout, directory: Path) -> None:
        self._archive, self.fanout, self.directory = archive, fanout, directory
        self._numbers = count()

    def new(self, suffix: str) -> Path:
        return self.directory / f"{next(self._numbers)}.{suffix}"

    def parquet(self, files: Sequence[File]) -> list[Path]:
        wanted = [(file.key, self.new("parquet")) for file in files]
        self.fanout.map(lambda pair: self._archive.fetch(*pair), wanted)
        return [path for _, path in wanted]

    def lines(self, landings: Iterable[Landing]) -> list[Path]:
        """A file for each thread of the database, which inflates a file in one piece."""
        keys = [landing.key for landing in landings]
        parts = [keys[number::THREADS] for number in range(THREADS)]
        return [self._joined(part) for part in parts if part]

    def _joined(self, keys: Sequence[str]) -> Path:
        """Compressed parts one after the other are a compressed whole."""
        path = self.new("ndjson.gz")
        with path.open("wb") as file:
            for start in range(0, len(keys), TOGETHER):
                for body in self.fanout.map(self._archive.get, keys[start : start + TOGETHER]):
                    file.write(body)
        return path
