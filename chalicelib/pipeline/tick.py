"""The minute tick: profiles whose earliest edge has passed are sent through the ingest queue to be looked at again.

Its cost follows the profiles that are due: without any it reads one empty index page per shard. A tick that runs
twice, or overtakes the last one's messages, only makes workers look at profiles that are no longer due. The profiles
of a space that is swept go the same way.
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from ..clock import Clock
from ..deadline import Deadline
from ..identity.external_id import USERS
from ..ids import Ids
from ..profiles.ports import ProfileKey, Profiles
from ..queues import INGEST, Outgoing, Queues
from ..records import Record
from ..tracking.envelope import Due, pack
from ..workspace.sweeps import Sweep, Sweeps

PAGE = 1_000
PROFILES_PER_MESSAGE = 100  # one batch read


class Ticker:
    def __init__(self, profiles: Profiles, shards: int, queues: Queues, sweeps: Sweeps, clock: Clock, ids: Ids) -> None:
        self._profiles, self._shards, self._queues, self._sweeps = profiles, shards, queues, sweeps
        self._clock, self._ids = clock, ids

    def tick(self, deadline: Deadline) -> int:
        """How many due profiles were queued. What does not fit into the time is left to the next tick."""
        now, queued = self._clock.now(), 0
        for keys in self._pages(now, deadline):
            queued += self._queue(keys)
        for record, sweep in self._sweeps.open():
            queued += self._sweep(record, sweep, deadline)
        return queued

    def _queue(self, keys: Sequence[ProfileKey]) -> int:
        self._queues.send(INGEST, [self._message(space, ids) for space, ids in _by_space(keys)])
        return len(keys)

    def _sweep(self, record: Record, sweep: Sweep, deadline: Deadline) -> int:
        """Go on where the last tick stopped. A page that was queued but not remembered is queued again."""
        queued, kept = 0, record
        while deadline.remaining() > 0 and not sweep.done:
            page = self._profiles.newest(sweep.space_id, USERS, PAGE + 1, sweep.start)
            if page:
                queued += self._queue([ProfileKey(sweep.space_id, profile_id) for profile_id in page[:PAGE]])
            more = len(page) > PAGE
            sweep = replace(sweep, start=page[PAGE] if more else sweep.start, done=not more)
            now_kept = self._sweeps.keep(kept, sweep)
            if now_kept is None:
                break
            kept = now_kept
        return queued

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
