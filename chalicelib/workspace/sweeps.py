"""Sweeps: looking once at every profile of a space, because a computation was made or switched on.

Traits are there before the audience that reads them, and a computation that was switched off missed what happened.
A sweep is requested after the change can be seen by every worker, and carried out by the minute tick.
"""

from collections.abc import Iterator

import msgspec

from ..errors import VersionConflict
from ..records import Key, Record, Records, every

_PARTITION = "sweeps"


class Sweep(msgspec.Struct, kw_only=True):
    """`start` is the id of the profile to go on with, empty at the beginning."""

    space_id: str
    start: str = ""
    done: bool = False


class Sweeps:
    """One record for each space that ever had a sweep; a new request starts it from the beginning."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def request(self, space_id: str) -> None:
        self._records.put(Key(_PARTITION, space_id), msgspec.msgpack.encode(Sweep(space_id=space_id)))

    def open(self) -> Iterator[tuple[Record, Sweep]]:
        for record in every(self._records, _PARTITION):
            sweep = msgspec.msgpack.decode(record.data, type=Sweep)
            if not sweep.done:
                yield record, sweep

    def keep(self, record: Record, sweep: Sweep) -> Record | None:
        """Remember how far it is; None when it was requested anew meanwhile."""
        try:
            return self._records.replace(record, msgspec.msgpack.encode(sweep))
        except VersionConflict:
            return None
