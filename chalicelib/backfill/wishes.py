"""Runs that owners' changes ask for: each is written down before the change is stored, so that nobody's death between
the two leaves a definition that is never taken in. The minute tick looks after those that were left behind."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from ..clock import MINUTE, Clock
from ..computations.computation import Computation
from ..computations.editions import run_of, wants_run
from ..deadline import Deadline
from ..errors import MusterError, place_of
from ..ids import Ids
from ..records import Key, Record, Records, every
from ..tasks.service import Tasks
from ..workspace.storage import Storage, computation_key

logger = logging.getLogger(__name__)

_PARTITION = "wishes"
ABANDONED_AFTER = MINUTE  # no request lives that long: API Gateway gives up after 29 s


class _Wish(msgspec.Struct, frozen=True):
    space_id: str
    computation_id: str
    at: int


_decoder = msgspec.msgpack.Decoder(_Wish)


class Wishes:
    """`Runs` of the workspace. `tasks` is asked for when it is needed: the tasks need to know the computations."""

    def __init__(self, work: Records, storage: Storage, tasks: Callable[[], Tasks], clock: Clock, ids: Ids) -> None:
        self._work, self._storage, self._tasks = work, storage, tasks
        self._clock, self._ids = clock, ids

    def wish(self, space_id: str, computation_id: str) -> "Granted":
        key = Key(_PARTITION, self._ids.ksuid("wish_"))
        made = _Wish(space_id, computation_id, self._clock.now())
        self._work.put(key, msgspec.msgpack.encode(made))
        return Granted(self, key)

    def grant(self, computation: Computation, key: Key) -> None:
        """What does not work out now is left to the tick."""
        try:
            self.begin(computation)
            self._work.delete(key)
        except MusterError as error:
            logger.warning("The run of %s is left to the next minute: %s", computation.id, place_of(error))

    def begin(self, computation: Computation) -> None:
        if not wants_run(computation):
            return
        kind, at = run_of(computation)
        self._tasks().create(
            kind,
            computation.space_id,
            str(at),
            computation_id=computation.id,
            computation_version=computation.upcoming.version if computation.upcoming else computation.version,
            run_id=f"{computation.id}:{at}",
        )

    def tick(self, deadline: Deadline) -> int:
        """How many wishes were found and done with."""
        granted = 0
        for record in every(self._work, _PARTITION):
            if deadline.remaining() <= 0:
                break
            granted += self._look_at(record)
        return granted

    def _look_at(self, record: Record) -> bool:
        """The change may not be stored yet: as long as its maker may be alive, the wish stays."""
        wish = _decoder.decode(record.data)
        over = self._clock.now() - wish.at >= ABANDONED_AFTER
        computation = self._storage.computations.find(computation_key(wish.space_id, wish.computation_id))
        if computation is not None and over:
            self._storage.bump(wish.space_id)
            self.begin(computation)
        if over:
            self._work.delete(record.key)
        return over


@dataclass(frozen=True)
class Granted:
    """A wish that was written down."""

    wishes: Wishes
    key: Key

    def grant(self, computation: Computation) -> None:
        self.wishes.grant(computation, self.key)
