"""Files of one JSON object per line, plain or gzip, read from any line on in bounded memory."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from ..tracking.request import MESSAGE_LIMIT

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SKIPPED_AT_ONCE = 1 << 20  # bytes, of a line that is too long
HASHED_AT_ONCE = 1 << 20  # bytes
DAMAGE = (OSError, EOFError, zlib.error)  # what gzip raises


class Line(NamedTuple):
    """`text` is None where the line is too long to be a message."""

    number: int
    text: bytes | None


class Chunk(NamedTuple):
    """`damaged`: the compressed bytes make no sense from here on, nothing follows."""

    lines: list[Line]
    is_last: bool
    damaged: bool = False


class Lines:
    """`offset` is where the next line begins among the inflated bytes, `number` its number, counted from 1."""

    def __init__(self, file: BinaryIO, offset: int, number: int) -> None:
        self._file, self.offset, self.number = file, offset, number

    @property
    def position(self) -> str:
        return str(self.offset)

    def chunk(self, most: int, most_bytes: int) -> Chunk:
        """The next lines that are not blank. The same from the same position."""
        found: list[Line] = []
        size = 0
        try:
            while len(found) < most and size < most_bytes:
                sent = self._file.readline(MESSAGE_LIMIT + 1)
                if not sent:
                    return Chunk(found, is_last=True)
                text = self._taken(sent)
                if text is None or text:
                    found.append(Line(self.number - 1, text))
                    size += len(text or b"")
        except DAMAGE:
            return Chunk(found, is_last=True, damaged=True)
        return Chunk(found, is_last=False)

    def _taken(self, sent: bytes) -> bytes | None:
        length = len(sent)
        if length > MESSAGE_LIMIT and not sent.endswith(b"\n"):
            length += self._skip()
            text = None
        else:
            text = (sent.removeprefix(BYTE_ORDER_MARK) if self.offset == 0 else sent).strip()
        self.offset += length
        self.number += 1
        return text

    def _skip(self) -> int:
        skipped = 0
        while rest := self._file.readline(SKIPPED_AT_ONCE):
            skipped += len(rest)
            if rest.endswith(b"\n"):
                break
        return skipped


@contextmanager
def lines_of(path: Path, offset: int, number: int) -> Iterator[Lines]:
    """From an offset that an earlier reader came to."""
    with _inflated(path) as file:
        file.seek(offset)
        yield Lines(file, offset, number)


def digest_of(path: Path) -> str:
    """Of the inflated bytes, as far as they make sense: the same lines packed again are the same."""
    found = sha256()
    with _inflated(path) as file:
        try:
            while read := file.read(HASHED_AT_ONCE):
                found.update(read)
        except DAMAGE:
            found.update(b"\0damaged")
    return found.hexdigest()


@contextmanager
def _inflated(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
