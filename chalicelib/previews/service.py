"""Previews as an owner orders and reads them. Nothing of them is left after a day."""

from typing import NamedTuple

import msgspec

from ..clock import DAY, Clock
from ..errors import Invalid, NotFound, Problem
from ..ids import Ids
from ..records import Key, Records
from ..tasks.service import Tasks
from ..tasks.task import FAILED, SUCCEEDED, Task, task_id_of
from ..workspace.model import Space
from ..workspace.service import Workspaces
from ..workspace.shelf import Shelf
from .quota import Quota
from .request import Asked

KIND = "preview"
KEPT = DAY

RUNNING, COMPLETED, BROKEN = "RUNNING", "COMPLETED", "FAILED"
CALLED_OFF = "The preview was called off."
TOO_MUCH = "The preview took more memory or time than it has. A shorter lookback or a simpler definition needs less."


class Share(msgspec.Struct, frozen=True):
    """Of those found, how many have an external id of this type."""

    type: str
    count: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`sample` are ids of some of them. `overlap`: how many are in the other audience too. Or why there is nothing."""

    size: int = 0
    sample: list[str] = msgspec.field(default_factory=list)
    breakdown: list[Share] | None = None
    overlap: int | None = None
    failure: str | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`overlap_key` is the key of the audience it is compared with."""

    id: str
    space_id: str
    asked: Asked
    created_at: int
    overlap_key: str | None = None

    @property
    def task_id(self) -> str:
        return task_id_of(KIND, self.space_id, None, self.id)

    @property
    def cut_key(self) -> str:
        """What it reads, in the archive."""
        return f"previews/{self.space_id}/{self.id}.cut.json"


class Followed(NamedTuple):
    """`result` is there when it is complete, `failure` when it failed."""

    preview: Preview
    status: str
    result: Result | None = None
    failure: str | None = None


class AudiencePreviews:
    def __init__(
        self, work: Records, workspaces: Workspaces, tasks: Tasks, quota: Quota, ids: Ids, clock: Clock
    ) -> None:
        self._work, self._workspaces, self._tasks, self._quota = work, workspaces, tasks, quota
        self._ids, self._clock = ids, clock
        self._previews, self._results = Shelf(work, Preview), Shelf(work, Result)

    def create(self, space: Space, asked: Asked) -> Preview:
        """Raises Invalid, and Exhausted when the space had all of its month."""
        overlap_key = self._overlap_key(space, asked)
        self._quota.take(space.id)
        now = self._clock.now()
        preview = Preview(
            id=self._ids.ksuid("prv_"), space_id=space.id, asked=asked, created_at=now, overlap_key=overlap_key
        )
        self._work.put(preview_key(space.id, preview.id), msgspec.msgpack.encode(preview), expires_at=now + KEPT)
        self._tasks.create(KIND, space.id, preview.id, input={"preview_id": preview.id})
        return preview

    def get(self, space_id: str, preview_id: str) -> Followed:
        """Raises NotFound, also for one that is older than a day."""
        preview = self._previews.find(preview_key(space_id, preview_id))
        if preview is None:
            raise NotFound("there is no preview with this id")
        result = self._results.find(result_key(space_id, preview_id))
        if result is None:
            return _unfinished(preview, self._tasks.get(preview.task_id))
        if result.failure is not None:
            return Followed(preview, BROKEN, failure=result.failure)
        return Followed(preview, COMPLETED, result)

    def _overlap_key(self, space: Space, asked: Asked) -> str | None:
        if asked.overlap_with is None:
            return None
        try:
            other = self._workspaces.audiences.get(space.id, asked.overlap_with)
        except NotFound:
            raise Invalid(Problem("there is no audience with this id", "overlapAudienceId")) from None
        if other.scope != asked.scope:
            raise Invalid(Problem(f"that audience is of another type: {other.scope}", "overlapAudienceId"))
        return other.key


def preview_key(space_id: str, preview_id: str) -> Key:
    return Key(f"previews#{space_id}", preview_id)


def result_key(space_id: str, preview_id: str) -> Key:
    return Key(f"preview_results#{space_id}", preview_id)


def _unfinished(preview: Preview, task: Task) -> Followed:
    if task.is_open or task.status == SUCCEEDED:
        return Followed(preview, RUNNING)
    return Followed(preview, BROKEN, failure=TOO_MUCH if task.status == FAILED else CALLED_OFF)
