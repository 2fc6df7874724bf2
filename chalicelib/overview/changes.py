"""How many profiles a run added and removed, as the overview shows them."""

from collections.abc import Iterable

import msgspec

from ..clock import DAY, Clock
from ..records import Key, Records

KEPT = 90 * DAY  # as long as the task itself


class Changes(msgspec.Struct, frozen=True):
    added: int
    removed: int


_decoder = msgspec.msgpack.Decoder(Changes)


class RunChanges:
    """Written by the last step of a run: set, never added to, so that a repeated step changes nothing."""

    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def put(self, run_id: str, added: int, removed: int) -> None:
        data = msgspec.msgpack.encode(Changes(added, removed))
        self._work.put(_key(run_id), data, expires_at=self._clock.now() + KEPT)

    def of(self, run_ids: Iterable[str]) -> dict[str, Changes]:
        """Of those that are known."""
        keys = {_key(run_id): run_id for run_id in run_ids}
        return {keys[key]: _decoder.decode(record.data) for key, record in self._work.get_many(keys).items()}


def _key(run_id: str) -> Key:
    return Key(f"run#{run_id}", "changes")
