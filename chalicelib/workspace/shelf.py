"""Typed access to the records of one kind."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from ..clock import MINUTE, Clock
from ..errors import Conflict, NotFound, VersionConflict
from ..records import Key, Record, Records, every

T = TypeVar("T")

ABANDONED_AFTER = MINUTE  # no request lives that long: API Gateway gives up after 29 s
ATTEMPTS = 5  # of one amendment against others; owners rarely change the same thing at the same moment


class Reservation(msgspec.Struct, kw_only=True):
    """A name taken by `owner` at an instant (epoch ms)."""

    owner: str
    at: int


class Shelf(Generic[T]):
    """The records of one type."""

    def __init__(self, records: Records, type: type[T]) -> None:
        self._records = records
        self._decoder = msgspec.msgpack.Decoder(type)

    def find(self, key: Key) -> T | None:
        record = self._records.get(key)
        return None if record is None else self.read(record)

    def get(self, key: Key) -> T:
        """Raises NotFound."""
        value = self.find(key)
        if value is None:
            raise _not_found(key)
        return value

    def read(self, record: Record) -> T:
        return self._decoder.decode(record.data)

    def every(self, partition: str, prefix: str) -> list[T]:
        return [self.read(record) for record in every(self._records, partition, prefix)]

    def put(self, key: Key, value: T) -> None:
        """Create or overwrite."""
        self._records.put(key, msgspec.msgpack.encode(value))

    def create(self, key: Key, value: T) -> None:
        """Raises Conflict when the key is taken."""
        self._records.create(key, msgspec.msgpack.encode(value))

    def ensure(self, key: Key, value: T) -> T:
        """What stands there already, otherwise `value`."""
        try:
            self.create(key, value)
        except Conflict:
            return self.get(key)
        return value

    def amend(self, key: Key, change: Callable[[T], T]) -> T:
        """Replace by `change` of the present value, from the start again when somebody else wrote meanwhile.

        Raises NotFound, and VersionConflict when others never stop writing.
        """
        for _ in range(ATTEMPTS):
            record = self._records.get(key)
            if record is None:
                raise _not_found(key)
            value = change(self.read(record))
            try:
                self._records.replace(record, msgspec.msgpack.encode(value))
            except VersionConflict:
                continue
            return value
        raise VersionConflict(f"{key.sort} is being changed by others")

    def delete(self, key: Key) -> None:
        self._records.delete(key)


def _not_found(key: Key) -> NotFound:
    return NotFound(f"there is no {key.sort.partition('#')[0].replace('_', ' ')} with this id")


class Names(Shelf[Reservation]):
    """Names that only one thing may have at a time."""

    def __init__(self, records: Records, clock: Clock) -> None:
        super().__init__(records, Reservation)
        self._clock = clock

    def take(self, key: Key, owner: str, is_used_by: Callable[[str], bool]) -> bool:
        """Reserve the name unless somebody has it. `is_used_by` says whether an owner does exist under that name;
        one that does not was abandoned half way, or is just being made."""
        now = self._clock.now()
        try:
            self.create(key, Reservation(owner=owner, at=now))
            return True
        except Conflict:
            return self._take_over(key, owner, now, is_used_by)

    def _take_over(self, key: Key, owner: str, now: int, is_used_by: Callable[[str], bool]) -> bool:
        def change(present: Reservation) -> Reservation:
            if is_used_by(present.owner) or now - present.at < ABANDONED_AFTER:
                raise Conflict("the name is taken")
            return Reservation(owner=owner, at=now)

        try:
            self.amend(key, change)
        except (Conflict, NotFound, VersionConflict):  # gone or changed this very moment: somebody is busy with it
            return False
        return True
