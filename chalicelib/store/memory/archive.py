"""The archive in memory."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from ...clock import Clock, SystemClock
from ...errors import NotFound, VersionConflict
from ...profiles.ports import Stored


class MemoryArchive:
    """`objects` may also be written from outside; such an object counts as written at the epoch."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self.objects: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.written: dict[str, int] = {}

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self.objects[key] = body
        self.metadata[key] = dict(metadata or {})
        self.written[key] = self._clock.now()

    def put_if(self, key: str, body: bytes, etag: str | None) -> str:
        known = self.objects.get(key)
        if (None if known is None else _etag(known)) != etag:
            raise VersionConflict(f"archive object {key} was changed")
        self.put(key, body)
        return _etag(body)

    def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise NotFound(f"no archive object {key}") from None

    def find(self, key: str) -> tuple[bytes, str] | None:
        body = self.objects.get(key)
        return None if body is None else (body, _etag(body))

    def fetch(self, key: str, path: Path) -> None:
        path.write_bytes(self.get(key))

    def upload(self, key: str, path: Path) -> None:
        self.put(key, path.read_bytes())

    def stat(self, prefix: str, after: str = "", most: int | None = None) -> list[Stored]:
        keys = [key for key in self.list(prefix) if key > after]
        found = [(key, self.objects[key]) for key in keys[:most]]
        return [Stored(key, len(body), _etag(body), self.written.get(key, 0)) for key, body in found]

    def url(self, key: str) -> str:
        return f"memory://archive/{key}"

    def folders(self, prefix: str) -> list[str]:
        rests = (key.removeprefix(prefix).partition("/") for key in self.list(prefix))
        return sorted({name for name, slash, _ in rests if slash})

    def list(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def link(self, key: str, seconds: int, filename: str) -> str:
        return f"memory://archive/{quote(key)}?seconds={seconds}&filename={quote(filename)}"

    def upload_link(self, key: str, seconds: int) -> str:
        return f"memory://archive/{quote(key)}?seconds={seconds}&upload"


def _etag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'
