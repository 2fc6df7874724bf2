"""The tables `workspace` and `work`: versioned records and counters under a partition and a sort key."""

from collections.abc import Iterable, Mapping

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from ...clock import Clock
from ...errors import Conflict, Unavailable, VersionConflict
from ...records import Key, Page, Record
from .. import expiry
from .table import ConditionFailed, Raw, Table

COUNTER = "count#"  # the prefix of counter attributes keeps them apart from our own
ADD_ATTEMPTS = 3


class RecordItem(Model):
    """An item holds data, counters or both; counters are further number attributes."""

    partition = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)
    data = BinaryAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class DynamoRecords:
    def __init__(self, connection: Connection, table: str, clock: Clock) -> None:
        self._table = Table(RecordItem, connection, table)
        self._clock = clock

    def get(self, key: Key) -> Record | None:
        item = self._table.get(*key)
        return None if item is None else self._record(item)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Record]:
        found = (self._record(item) for item in self._table.get_many(keys))
        return {record.key: record for record in found if record is not None}

    def page(self, partition: str, prefix: str = "", *, limit: int = 1_000, cursor: str | None = None) -> Page:
        where = RecordItem.sort.startswith(prefix) if prefix else None
        after = {"partition": {"S": partition}, "sort": {"S": cursor}} if cursor else None
        page = self._table.query(partition, where, limit=limit, after=after, consistent=True)
        records = [record for item in page.items if (record := self._record(item)) is not None]
        return Page(records, page.last["sort"]["S"] if page.last else None)

    def create(self, key: Key, data: bytes, *, expires_at: int | None = None) -> Record:
        try:
            self._table.put(self._item(key, data, 1, expires_at), RecordItem.partition.does_not_exist() | self._over())
        except ConditionFailed as error:
            raise Conflict(f"{key.partition}/{key.sort} exists") from error
        return Record(key, data, 1)

    def replace(self, record: Record, data: bytes, *, expires_at: int | None = None) -> Record:
        key, version = record.key, record.version + 1
        unchanged = (RecordItem.version == record.version) & self._alive()
        try:
            self._table.update(*key, _writing(data, expires_at), unchanged)
        except ConditionFailed as error:
            raise VersionConflict(f"{key.partition}/{key.sort} is not at version {record.version}") from error
        return Record(key, data, version)

    def put(self, key: Key, data: bytes, *, expires_at: int | None = None) -> None:
        # An update, not a put: the version must go on, or a writer that read before would not notice.
        self._table.update(*key, _writing(data, expires_at))

    def delete(self, key: Key) -> None:
        self._table.delete(*key)

    def add(self, key: Key, amounts: Mapping[str, int], *, expires_at: int | None = None) -> dict[str, int]:
        actions: list[Action] = [Path([COUNTER + name]).add(amount) for name, amount in amounts.items()]
        if expires_at is not None:
            actions.append(_ending(expires_at))
        for _ in range(ADD_ATTEMPTS):
            try:
                return _counters(self._table.update(*key, actions, self._alive()))
            except ConditionFailed:
                self._remove_expired(key)
        raise Unavailable(f"{key.partition}/{key.sort} expires all the time")

    def counters(self, key: Key) -> dict[str, int]:
        return self._living_counters(self._table.get_raw(*key))

    def counted(self, partition: str, prefix: str = "") -> dict[str, dict[str, int]]:
        where = RecordItem.sort.startswith(prefix) if prefix else None
        found = {raw["sort"]["S"]: self._living_counters(raw) for raw in self._table.query_raw(partition, where)}
        return {sort: counters for sort, counters in found.items() if counters}

    def _living_counters(self, raw: Raw) -> dict[str, int]:
        ends = int(raw["expires_at"]["N"]) if "expires_at" in raw else None
        return {} if expiry.is_over(ends, self._clock.now()) else _counters(raw)

    def _item(self, key: Key, data: bytes, version: int, expires_at: int | None) -> RecordItem:
        return self._table.model(*key, data=data, version=version, expires_at=expiry.to_seconds(expires_at))

    def _record(self, item: RecordItem) -> Record | None:
        ends = None if item.expires_at is None else int(item.expires_at)
        if item.data is None or item.version is None or expiry.is_over(ends, self._clock.now()):
            return None
        return Record(Key(item.partition, item.sort), item.data, int(item.version))

    def _over(self) -> Condition:
        over: Condition = RecordItem.expires_at <= self._clock.now() // 1_000
        return over

    def _alive(self) -> Condition:
        alive: Condition = RecordItem.expires_at.does_not_exist() | (RecordItem.expires_at > self._clock.now() // 1_000)
        return alive

    def _remove_expired(self, key: Key) -> None:
        try:
            self._table.delete(*key, condition=self._over())
        except ConditionFailed:
            return  # somebody else began it anew


def _writing(data: bytes, expires_at: int | None) -> list[Action]:
    return [RecordItem.data.set(data), RecordItem.version.add(1), _ending(expires_at)]


def _ending(expires_at: int | None) -> Action:
    ends = expiry.to_seconds(expires_at)
    return RecordItem.expires_at.remove() if ends is None else RecordItem.expires_at.set(ends)


def _counters(raw: Raw) -> dict[str, int]:
    return {name.removeprefix(COUNTER): int(value["N"]) for name, value in raw.items() if name.startswith(COUNTER)}
