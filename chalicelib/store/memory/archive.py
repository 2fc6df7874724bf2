"""The archive in memory."""

from collections.abc import Mapping

from ...errors import NotFound


class MemoryArchive:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self.objects[key] = body
        self.metadata[key] = dict(metadata or {})

    def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise NotFound(f"no archive object {key}") from None

    def list(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))
