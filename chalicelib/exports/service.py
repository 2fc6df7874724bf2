"""Exports as an owner orders and fetches them: one at a time per computation, and no more than one in five minutes."""

from typing import NamedTuple

import msgspec

from ..clock import DAY, MINUTE, SECOND, Clock
from ..computations.computation import ACCOUNTS, AUDIENCE, Computation
from ..computations.linked import REASON
from ..errors import Conflict, Invalid, NotFound, Problem, VersionConflict
from ..ids import Ids
from ..instants import to_iso
from ..profiles.ports import Archive
from ..records import Key, Records
from ..tasks.service import Tasks
from ..tasks.task import CANCELLED, FAILED, Task, task_id_of
from ..workspace.shelf import Shelf
from .request import Choice

KIND = "export"
BETWEEN = 5 * MINUTE
AVAILABLE = DAY  # a finished file can be fetched for so long
KEPT = 90 * DAY  # as long as its task
ROUNDS = 5  # of one order against others for the same computation

# Of accounts only the people who belong to them can be exported, who hold no values of the accounts.
NOT_OF_ACCOUNTS = "values of accounts cannot be exported"


class TooSoon(Exception):
    """Another export is possible from `at` (epoch ms) on."""

    def __init__(self, at: int) -> None:
        super().__init__(f"the next export is possible at {to_iso(at)}")
        self.at = at


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `at` is when it was complete."""

    people: int
    bytes: int
    at: int


class Export(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    workspace_id: str
    space_id: str
    computation_id: str
    computation_kind: str
    computation_key: str
    choice: Choice
    created_at: int
    created_by: str

    @property
    def task_id(self) -> str:
        return task_id_of(KIND, self.space_id, None, self.id)

    @property
    def key(self) -> str:
        """Of its file in the archive."""
        return f"exports/{self.space_id}/{self.id}.csv"

    @property
    def cut_key(self) -> str:
        return f"exports/{self.space_id}/{self.id}.cut.json"

    @property
    def of_trait(self) -> bool:
        return self.computation_kind != AUDIENCE


class Followed(NamedTuple):
    """`file` is there once it is complete, `link` as long as it can be fetched."""

    export: Export
    task: Task
    file: File | None
    link: str | None

    @property
    def expires_at(self) -> int | None:
        return None if self.file is None else self.file.at + AVAILABLE


class Exports:
    def __init__(self, work: Records, archive: Archive, tasks: Tasks, ids: Ids, clock: Clock) -> None:
        self._work, self._archive, self._tasks = work, archive, tasks
        self._ids, self._clock = ids, clock
        self._exports, self._files = Shelf(work, Export), Shelf(work, File)

    def create(self, computation: Computation, choice: Choice, by: str) -> Export:
        """Raises Invalid, Conflict while another one is under way, and TooSoon."""
        if not computation.is_computed:
            raise Invalid(Problem(REASON, "audienceType"))
        if computation.scope == ACCOUNTS and computation.kind != AUDIENCE:
            raise Invalid(Problem(NOT_OF_ACCOUNTS, "type"))
        export = Export(
            id=self._ids.ksuid("exp_"),
            workspace_id=computation.workspace_id,
            space_id=computation.space_id,
            computation_id=computation.id,
            computation_kind=computation.kind,
            computation_key=computation.key,
            choice=choice,
            created_at=self._clock.now(),
            created_by=by,
        )
        expires_at = export.created_at + KEPT
        self._take_turn(export)
        self._work.put(export_key(export.space_id, export.id), msgspec.msgpack.encode(export), expires_at=expires_at)
        asked = {"export_id": export.id, "computation_id": computation.id, "by": by}
        self._tasks.create(KIND, export.space_id, export.id, input=asked)
        return export

    def get(self, computation: Computation, export_id: str) -> Followed:
        """Raises NotFound."""
        export = self._exports.find(export_key(computation.space_id, export_id))
        if export is None or export.computation_id != computation.id:
            raise NotFound("there is no export with this id")
        file = self._files.find(file_key(export.space_id, export.id))
        return Followed(
            export, self._tasks.get(export.task_id), file, None if file is None else self._link(export, file)
        )

    def _link(self, export: Export, file: File) -> str | None:
        """Made anew for each reader: what signs it in the cloud lives shorter than a day."""
        left = file.at + AVAILABLE - self._clock.now()
        if left < SECOND:
            return None
        return self._archive.link(export.key, left // SECOND, f"{export.computation_key}.csv")

    def _take_turn(self, export: Export) -> None:
        """One record per computation names its last export: of two orders at once only one can replace it."""
        key = Key(f"exports_of#{export.computation_id}", "last")
        data = msgspec.msgpack.encode(export)
        for _ in range(ROUNDS):
            record = self._work.get(key)
            if record is not None:
                self._check_turn(self._exports.read(record))
            try:
                self._work.create(key, data) if record is None else self._work.replace(record, data)
                return
            except (Conflict, VersionConflict):
                continue
        raise Conflict("others export this at the same moment")

    def _check_turn(self, last: Export) -> None:
        """One that came to nothing stands in nobody's way. Without a task it is just being made, or never will be."""
        try:
            task = self._tasks.get(last.task_id)
        except NotFound:
            task = None
        possible = last.created_at + BETWEEN
        if task is not None and task.is_open:
            raise Conflict("another export of this is under way", {"exportId": last.id})
        came_to_nothing = task is not None and task.status in (FAILED, CANCELLED)
        if not came_to_nothing and self._clock.now() < possible:
            raise TooSoon(possible)


def export_key(space_id: str, export_id: str) -> Key:
    return Key(f"exports#{space_id}", export_id)


def file_key(space_id: str, export_id: str) -> Key:
    return Key(f"export_files#{space_id}", export_id)
