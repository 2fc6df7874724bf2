"""Small versioned records, addressed by partition and sort key. Implementations: `store.memory`, `store.dynamodb`.

Two tables offer this port: `workspace` (what owners set up) and `work` (counters, delivery state, tasks).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class Key(NamedTuple):
    partition: str
    sort: str


class Record(NamedTuple):
    """`data` is opaque to the store. `version` starts at 1."""

    key: Key
    data: bytes
    version: int


class Page(NamedTuple):
    """`cursor` is None on the last page."""

    records: list[Record]
    cursor: str | None


class Records(Protocol):
    def get(self, key: Key) -> Record | None:
        """Strongly consistent. An expired record is not returned."""
        ...

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Record]:
        """Those that exist, in as few batch reads as possible."""
        ...

    def page(self, partition: str, prefix: str = "", *, limit: int = 1_000, cursor: str | None = None) -> Page:
        """Records of a partition whose sort key starts with `prefix`, in byte order of the sort key."""
        ...

    def create(self, key: Key, data: bytes, *, expires_at: int | None = None) -> Record:
        """Raises Conflict when the key is taken. `expires_at` is epoch ms."""
        ...

    def replace(self, record: Record, data: bytes, *, expires_at: int | None = None) -> Record:
        """Overwrite if the version is still `record.version`. Raises VersionConflict, also when it is gone."""
        ...

    def put(self, key: Key, data: bytes, *, expires_at: int | None = None) -> None:
        """Create or overwrite without a condition."""
        ...

    def delete(self, key: Key) -> None:
        """Remove without a condition; absent is fine."""
        ...

    def add(self, key: Key, amounts: Mapping[str, int], *, expires_at: int | None = None) -> dict[str, int]:
        """Add to named counters of a counter record (one atomic write); all its counters afterwards."""
        ...

    def counters(self, key: Key) -> dict[str, int]:
        """The counters of a counter record; empty when there is none. Strongly consistent."""
        ...

    def counted(self, partition: str, prefix: str = "") -> dict[str, dict[str, int]]:
        """The counters of all counter records whose sort key starts with `prefix`, by sort key in byte order."""
        ...


def every(records: Records, partition: str, prefix: str = "") -> list[Record]:
    """All records of a partition under a prefix."""
    found: list[Record] = []
    cursor: str | None = None
    while True:
        page = records.page(partition, prefix, cursor=cursor)
        found.extend(page.records)
        if page.cursor is None:
            return found
        cursor = page.cursor
