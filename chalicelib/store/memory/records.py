"""Versioned records and counters in memory."""

import threading
from collections.abc import Iterable, Mapping

import msgspec

from ...clock import Clock
from ...errors import Conflict, VersionConflict
from ...records import Key, Page, Record
from .. import expiry


class _Item(msgspec.Struct):
    """A key holds data, counters or both. `data` None: counters only, which is no record."""

    data: bytes | None = None
    version: int = 0
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    ends: int | None = None


class MemoryRecords:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: dict[Key, _Item] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Record | None:
        item = self._alive(key)
        return None if item is None or item.data is None else Record(key, item.data, item.version)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Record]:
        found = {key: self.get(key) for key in keys}
        return {key: record for key, record in found.items() if record is not None}

    def page(self, partition: str, prefix: str = "", *, limit: int = 1_000, cursor: str | None = None) -> Page:
        sorts = sorted(
            key.sort
            for key in list(self._items)
            if key.partition == partition
            and key.sort.startswith(prefix)
            and (cursor is None or key.sort > cursor)
            and self.get(key) is not None
        )
        records = self.get_many(Key(partition, sort) for sort in sorts[:limit])
        return Page(list(records.values()), sorts[limit - 1] if len(sorts) > limit else None)

    def create(self, key: Key, data: bytes, *, expires_at: int | None = None) -> Record:
        with self._lock:
            if self._alive(key) is not None:
                raise Conflict(f"{key.partition}/{key.sort} exists")
            self._items[key] = _Item(data, 1, ends=expiry.to_seconds(expires_at))
        return Record(key, data, 1)

    def replace(self, record: Record, data: bytes, *, expires_at: int | None = None) -> Record:
        with self._lock:
            item = self._alive(record.key)
            if item is None or item.version != record.version:
                raise VersionConflict(f"{record.key.partition}/{record.key.sort} is not at version {record.version}")
            self._write(item, data, expires_at)
            return Record(record.key, data, item.version)

    def put(self, key: Key, data: bytes, *, expires_at: int | None = None) -> None:
        with self._lock:
            self._write(self._items.setdefault(key, _Item()), data, expires_at)

    def delete(self, key: Key) -> None:
        with self._lock:
            self._items.pop(key, None)

    def add(self, key: Key, amounts: Mapping[str, int], *, expires_at: int | None = None) -> dict[str, int]:
        with self._lock:
            item = self._alive(key) or _Item()
            self._items[key] = item
            for name, amount in amounts.items():
                item.counters[name] = item.counters.get(name, 0) + amount
            if expires_at is not None:
                item.ends = expiry.to_seconds(expires_at)
            return dict(item.counters)

    def counters(self, key: Key) -> dict[str, int]:
        item = self._alive(key)
        return {} if item is None else dict(item.counters)

    def counted(self, partition: str, prefix: str = "") -> dict[str, dict[str, int]]:
        sorts = sorted(k.sort for k in list(self._items) if k.partition == partition and k.sort.startswith(prefix))
        found = {sort: self.counters(Key(partition, sort)) for sort in sorts}
        return {sort: counters for sort, counters in found.items() if counters}

    def _alive(self, key: Key) -> _Item | None:
        item = self._items.get(key)
        return None if item is None or expiry.is_over(item.ends, self._clock.now()) else item

    def _write(self, item: _Item, data: bytes, expires_at: int | None) -> None:
        item.data, item.version, item.ends = data, item.version + 1, expiry.to_seconds(expires_at)
