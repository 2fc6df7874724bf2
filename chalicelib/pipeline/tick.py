"""The minute tick: profiles whose earliest edge has passed are sent through the ingest queue to be looked at again.

Its cost follows the profiles that are due: without any it reads one empty index page per shard. A tick that runs
twice, or overtakes the last one's messages, only makes workers look at profiles that are no longer due.
"""

from collections.abc import Iterator, Sequence

from ..clock import Clock
from ..deadline import Deadline
from ..ids import Ids
from ..profiles.ports import ProfileKey, Profiles
from ..queues import INGEST, Outgoing, Queues
from ..tracking.envelope import Due, pack

PAGE = 1_000
PROFILES_PER_MESSAGE = 100  # one batch read


class Ticker:
    def __init__(self, profiles: Profiles, shards: int, queues: Queues, clock: Clock, ids: Ids) -> None:
        self._profiles, self._shards, self._queues = profiles, shards, queues
        self._clock, self._ids = clock, ids

    def tick(self, deadline: Deadline) -> int:
        """How many due profiles were queued. What does not fit into the time is left to the next tick."""
        now, queued = self._clock.now(), 0
        for keys in self._pages(now, deadline):
            queued += self._queue(keys)
        return queued

    def _queue(self, keys: Sequence[ProfileKey]) -> int:
        self._queues.send(INGEST, [self._message(space, ids) for space, ids in _by_space(keys)])
        return len(keys)

    def _pages(self, now: int, deadline: Deadline) -> Iterator[Sequence[ProfileKey]]:
        for shard in range(self._shards):
            cursor: str | None = None
            while deadline.remaining() > 0:
                page = self._profiles.due(shard, now, PAGE, cursor)
                if page.keys:
                    yield page.keys
                cursor = page.cursor
                if cursor is None:
                    break

    def _message(self, space_id: str, profile_ids: list[str]) -> Outgoing:
        envelope = Due(batch_id=self._ids.ksuid("due_"), space_id=space_id, profile_ids=profile_ids)
        return Outgoing(pack(envelope), group=space_id)


def _by_space(keys: Sequence[ProfileKey]) -> Iterator[tuple[str, list[str]]]:
    spaces: dict[str, list[str]] = {}
    for key in keys:
        spaces.setdefault(key.space_id, []).append(key.profile_id)
    for space_id, profile_ids in spaces.items():
        for start in range(0, len(profile_ids), PROFILES_PER_MESSAGE):
            yield space_id, profile_ids[start : start + PROFILES_PER_MESSAGE]
