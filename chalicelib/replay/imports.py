"""Imports as an owner orders and follows them: one file, one task, one report."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ..clock import DAY, HOUR, SECOND, Clock
from ..errors import NotFound
from ..ids import Ids
from ..profiles.ports import Archive
from ..records import Records
from ..tasks.service import Tasks
from ..tasks.task import Task, task_id_of
from ..workspace.body import Body
from ..workspace.model import ENGAGE, Space
from ..workspace.service import Workspaces
from ..workspace.shelf import Shelf
from . import places

KIND = "import"
KEPT = 90 * DAY  # as long as its task
LINK = HOUR  # long enough for an upload over a slow line
LARGEST = 5_000_000_000  # bytes: what one upload takes, and what fits beside other things into the scratch space


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the lines. `codes` counts the rejected ones; `samples` are the first of them, (line, code).

    `same_as`: the import that had taken in the same file before; nothing was sent again then.
    """

    lines: int = 0
    accepted: int = 0
    codes: dict[str, int] = msgspec.field(default_factory=dict)
    samples: list[tuple[int, str]] = msgspec.field(default_factory=list)
    rejected_key: str | None = None
    same_as: str | None = None


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the object that is read, `size` its bytes."""

    id: str
    workspace_id: str
    space_id: str
    source_id: str
    key: str
    size: int
    task_id: str
    created_at: int
    created_by: str


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """Where to put a file."""

    key: str
    url: str
    expires_at: int


class Followed(NamedTuple):
    """An import with its task, and its report once it is through."""

    made: Import
    task: Task
    report: Report | None


class Imports:
    def __init__(
        self, work: Records, archive: Archive, workspaces: Workspaces, tasks: Tasks, ids: Ids, clock: Clock
    ) -> None:
        self._work, self._shelf, self._reports = work, Shelf(work, Import), Shelf(work, Report)
        self._archive, self._workspaces, self.tasks = archive, workspaces, tasks
        self._ids, self._clock = ids, clock

    def upload(self, space: Space) -> Upload:
        """A place for a file that nobody else can name."""
        key = f"{places.uploads(space.id)}{self._ids.ksuid('')}"
        return Upload(key=key, url=self._archive.upload_link(key, LINK // SECOND), expires_at=self._clock.now() + LINK)

    def create(self, space: Space, content: Mapping[str, Any], by: str) -> Import:
        """Raises Invalid."""
        body = Body(content)
        key = body.required_text("key", longest=1_024)
        size = self._size(body, key, space)
        source_id = self._source(body, space)
        body.done()
        id = self._ids.ksuid("imp_")
        made = Import(
            id=id,
            workspace_id=space.workspace_id,
            space_id=space.id,
            source_id=source_id,
            key=key,
            size=size,
            task_id=task_id_of(KIND, space.id, None, id),
            created_at=self._clock.now(),
            created_by=by,
        )
        data = msgspec.msgpack.encode(made)
        self._work.put(places.import_key(space.id, id), data, expires_at=made.created_at + KEPT)
        self.tasks.create(KIND, space.id, id, input={"import_id": id})
        return made

    def get(self, space_id: str, import_id: str) -> Followed:
        """Raises NotFound."""
        found = self._shelf.find(places.import_key(space_id, import_id))
        if found is None:
            raise NotFound("there is no import with this id")
        return Followed(found, self.tasks.get(found.task_id), self._reports.find(places.report_key(space_id, found.id)))

    def every(self, space_id: str) -> list[Import]:
        """The newest first."""
        found = self._shelf.every(places.imports(space_id), "")
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def rejected_link(self, found: Followed) -> str | None:
        """Where the list of the lines that were not taken can be fetched for a while."""
        key = found.report.rejected_key if found.report else None
        return self._archive.link(key, LINK // SECOND, f"{found.made.id}.rejected.ndjson") if key else None

    def _size(self, body: Body, key: str, space: Space) -> int:
        if not key:
            return 0
        if not key.startswith(places.uploads(space.id)) or "/." in key:
            body.reject("key", f'"key" must lie under {places.uploads(space.id)}')
            return 0
        found = next((one for one in self._archive.stat(key) if one.key == key), None)
        if found is None:
            body.reject("key", "there is no such object: upload the file first")
        elif found.size > LARGEST:
            body.reject("key", f"the file is larger than {LARGEST} bytes: split it")
        return found.size if found else 0

    def _source(self, body: Body, space: Space) -> str:
        source_id = body.required_text("sourceId")
        try:
            source = self._workspaces.sources.get(space.workspace_id, source_id) if source_id else None
        except NotFound:
            source = None
        if source_id and (source is None or source.space_id != space.id or source.metadata_id == ENGAGE):
            body.reject("sourceId", "there is no source with this id whose events go to this space")
        return source_id
