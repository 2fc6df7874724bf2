"""Replays as an owner orders and follows them: what a space received in a range of time, sent into a space once more.

Profiles remember which messages they counted for a day only. Two rules keep everything from being counted twice:
a range goes into another space once, and into its own space goes only what was never resolved to anybody.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, Invalid, NotFound, Problem, VersionConflict
from ..ids import Ids
from ..records import Records
from ..tasks.service import Tasks
from ..tasks.task import CANCELLED, FAILED, Task, task_id_of
from ..workspace.body import Body
from ..workspace.model import Space
from ..workspace.service import Workspaces
from ..workspace.shelf import Shelf
from . import places

KIND = "replay"
ROUNDS = 5  # of one order against others for the same space

COUNTED = (
    "the profiles of this space have counted these events already: replay them into another space (targetSpaceId), "
    "or only those that nobody was found for (unresolvedOnly)"
)


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` bound the instants of arrival, epoch ms, the end exclusive. `tries` counts its tasks: one that
    was cancelled or failed is followed by another, which goes on where it stopped."""

    id: str
    workspace_id: str
    space_id: str
    target_id: str
    start: int
    end: int
    source_id: str | None
    unresolved_only: bool
    created_at: int
    created_by: str
    tries: int = 1

    @property
    def task_id(self) -> str:
        return self.task_of(self.tries)

    def task_of(self, number: int) -> str:
        return task_id_of(KIND, self.space_id, self.target_id, f"{self.id}-{number}")

    def is_as(self, other: "Replay") -> bool:
        """Whether it asks for the very same."""
        return _asked(self) == _asked(other)

    def meets(self, other: "Replay") -> bool:
        """Whether some event may be in both."""
        return (
            self.space_id == other.space_id
            and self.start < other.end
            and other.start < self.end
            and (self.source_id is None or other.source_id is None or self.source_id == other.source_id)
        )


class Followed(NamedTuple):
    replay: Replay
    task: Task


class Ranges(msgspec.Struct, frozen=True):
    """All that was ever replayed into a space, in one record: two orders cannot both find the same range free."""

    replays: list[Replay] = msgspec.field(default_factory=list)


class Replays:
    def __init__(self, work: Records, workspaces: Workspaces, tasks: Tasks, ids: Ids, clock: Clock) -> None:
        self._work, self._workspaces, self._tasks = work, workspaces, tasks
        self._ids, self._clock = ids, clock
        self._ranges = Shelf(work, Ranges)

    def create(self, space: Space, content: Mapping[str, Any], by: str) -> Replay:
        """Asking for the same again goes on with what came to no end. Raises Invalid, and Conflict for a range that
        meets another one."""
        asked = self._read(space, content, by)
        for _ in range(ROUNDS):
            try:
                made = self._place(asked)
            except VersionConflict:
                continue
            self._check_way_back(made)
            self._tasks.create(
                KIND,
                space.id,
                f"{made.id}-{made.tries}",
                destination_id=made.target_id,
                input={"replay_id": made.id, "try": made.tries},
            )
            return made
        raise Conflict("others order replays into this space at this moment: try again")

    def get(self, space_id: str, replay_id: str) -> Followed:
        """Raises NotFound."""
        target = self._work.get(places.replay_target(space_id, replay_id))
        found = self.find(target.data.decode(), replay_id) if target else None
        if found is None:
            raise NotFound("there is no replay with this id")
        return Followed(found, self._tasks.get(found.task_id))

    def find(self, target_id: str, replay_id: str) -> Replay | None:
        return next((one for one in self._placed(target_id) if one.id == replay_id), None)

    def _place(self, asked: Replay) -> Replay:
        """Raises Conflict, and VersionConflict when somebody else ordered something meanwhile."""
        key = places.replays_key(asked.target_id)
        record = self._work.get(key)
        known = self._ranges.read(record).replays if record else []
        same = next((one for one in known if one.is_as(asked)), None)
        made = asked if same is None else self._again(same)
        others = [one for one in known if one is not same]
        _check_free(made, others)
        self._work.put(places.replay_target(made.space_id, made.id), made.target_id.encode())
        if made is not same:
            data = msgspec.msgpack.encode(Ranges([*others, made]))
            try:
                self._work.create(key, data) if record is None else self._work.replace(record, data)
            except Conflict:
                raise VersionConflict("another replay was ordered meanwhile") from None
        return made

    def _check_way_back(self, made: Replay) -> None:
        """What came into a space by a replay must not go on from there: it might come back to where profiles counted
        it long ago. Raises Conflict. Placed ranges are looked at, so of two orders that cross one finds the other."""
        came_in = [one for one in self._placed(made.space_id) if one.space_id != made.space_id]
        if not came_in or made.target_id == made.space_id or self._is_own(made):
            return
        self._ranges.amend(
            places.replays_key(made.target_id), lambda known: Ranges([o for o in known.replays if o.id != made.id])
        )
        raise Conflict(
            "other spaces were replayed into this one: name one of its own sources (sourceId), or events go back"
        )

    def _is_own(self, made: Replay) -> bool:
        every = self._workspaces.sources.every(made.workspace_id)
        return any(source.id == made.source_id and source.space_id == made.space_id for source in every)

    def _placed(self, target_id: str) -> list[Replay]:
        return (self._ranges.find(places.replays_key(target_id)) or Ranges()).replays

    def _again(self, same: Replay) -> Replay:
        try:
            ended = self._tasks.get(same.task_id).status in (CANCELLED, FAILED)
        except NotFound:  # whoever ordered it died before the task was made
            ended = False
        return replace(same, tries=same.tries + 1) if ended else same

    def _read(self, space: Space, content: Mapping[str, Any], by: str) -> Replay:
        body = Body(content)
        start, end = body.instant("from"), body.instant("to")
        now = self._clock.now()
        for name, given in (("from", start), ("to", end)):
            if given is None and not body.has(name):
                body.reject(name, f'"{name}" is required')
        if start is not None and end is not None and not start < end:
            body.reject("to", '"to" must lie after "from"')
        if end is not None and end > now:
            body.reject("to", '"to" must not lie in the future')
        unresolved_only = body.flag("unresolvedOnly") or False
        target = self._target(body, space)
        if target.id == space.id and not unresolved_only:
            body.reject("targetSpaceId", COUNTED)
        source_id = body.text("sourceId")  # also one that was deleted since: what it sent is still there
        body.done()
        return Replay(
            id=self._ids.ksuid("rpl_"),
            workspace_id=space.workspace_id,
            space_id=space.id,
            target_id=target.id,
            start=start or 0,
            end=end or 0,
            source_id=source_id,
            unresolved_only=unresolved_only,
            created_at=now,
            created_by=by,
        )

    def _target(self, body: Body, space: Space) -> Space:
        given = body.text("targetSpaceId")
        try:
            return self._workspaces.space(space.workspace_id, given) if given else space
        except NotFound:
            raise Invalid(Problem("there is no space with this id", "targetSpaceId")) from None


def _asked(replay: Replay) -> tuple[Any, ...]:
    return replay.space_id, replay.start, replay.end, replay.source_id, replay.unresolved_only


def _check_free(made: Replay, others: list[Replay]) -> None:
    """What goes into its own space was resolved to nobody before, and is to somebody afterwards: once is enough by
    itself."""
    if made.target_id == made.space_id:
        return
    if other := next((one for one in others if made.meets(one)), None):
        raise Conflict(
            "events of this range were replayed into that space already: profiles would count them twice",
            {"replayId": other.id},
        )
