"""What tasks report, as rows of the audit trail: one per failed execution, one per run that succeeded.

The id of a row follows from the task and the attempt, and its time is the one stored with the task: reporting again
finds the row in its place.
"""

import logging

from ..computations.catalogue import is_audience
from ..computations.computation import Computation
from ..ids import derived
from ..tasks.task import SUCCEEDED, Failure, Task
from ..workspace.model import Space
from ..workspace.ports import Directory
from ..workspace.shelf import Shelf
from ..workspace.storage import computation_key
from .catalogue import AUDIENCE, FAILED, JOURNEY, RUN_COMPLETE, RUN_FAILED, SYNC_FAILED, TASK, TRAIT, has, name_of
from .preferences import SpacePreferences
from .row import ID_PREFIX, Row
from .trail import Trail

logger = logging.getLogger(__name__)

SYNC = "sync"
RUNS = ("compute", "edit", "batch")  # kinds of task whose success is a run that is complete

_COLLECTIONS = {AUDIENCE: "audiences", TRAIT: "computed-traits", JOURNEY: "journeys", TASK: "tasks"}
_BY_PREFIX = {"aud_": AUDIENCE, "tra_": TRAIT}


class Failures:
    """`tasks.ports.Failures`, written into the audit trail."""

    def __init__(
        self, trail: Trail, preferences: SpacePreferences, directory: Directory, computations: Shelf[Computation]
    ) -> None:
        self._trail, self._preferences = trail, preferences
        self._subjects = _Subjects(directory, computations)

    def report(self, task: Task, failure: Failure) -> None:
        subject = self._subjects.of(task)
        if subject is None:
            return
        told = not failure.will_retry or self._preferences.of(task.space_id).notify_transient_failures
        event = FAILED if subject.type == TASK else SYNC_FAILED if task.kind == SYNC else RUN_FAILED
        details = {**_of_task(task, failure.attempt), **_of_failure(failure)}
        id = derived(ID_PREFIX, failure.at, task.task_id, str(failure.attempt))
        self._trail.write(subject.row(id, failure.at, event, details, transient=not told))


class Completions:
    """`tasks.ports.Completions`: runs that succeeded. Failures were told before, cancellations are wanted."""

    def __init__(self, trail: Trail, directory: Directory, computations: Shelf[Computation]) -> None:
        self._trail, self._subjects = trail, _Subjects(directory, computations)

    def report(self, task: Task) -> None:
        subject = self._subjects.of(task)
        if task.status != SUCCEEDED or task.kind not in RUNS or subject is None or task.completed_at is None:
            return
        if has(subject.type, RUN_COMPLETE):
            id = derived(ID_PREFIX, task.completed_at, task.task_id, SUCCEEDED)
            self._trail.write(subject.row(id, task.completed_at, RUN_COMPLETE, _of_task(task, task.attempt)))


class _Subject:
    """The computation or journey a task works for; itself, when somebody ordered it for the whole space."""

    def __init__(self, space: Space, type: str, id: str, name: str) -> None:
        self._space, self.type, self._id, self._name = space, type, id, name

    def row(self, id: str, at: int, event: str, details: dict[str, object], *, transient: bool = False) -> Row:
        return Row(
            id=id,
            at=at,
            workspace_id=self._space.workspace_id,
            space_id=self._space.id,
            action=name_of(self.type, event),
            resource_type=self.type,
            resource_id=self._id,
            resource_name=self._name,
            path=f"spaces/{self._space.id}/{_COLLECTIONS[self.type]}/{self._id}",
            details=details,
            transient=transient,
        )


class _Subjects:
    def __init__(self, directory: Directory, computations: Shelf[Computation]) -> None:
        self._directory, self._computations = directory, computations

    def of(self, task: Task) -> _Subject | None:
        """None only when the whole space is gone: then there is nobody to read about it."""
        space = self._directory.space(task.space_id)
        if space is None:
            logger.error("Task %s belongs to no space that exists", task.task_id)
            return None
        if not task.computation_id:
            return _Subject(space, TASK, task.task_id, task.kind)
        id = task.computation_id
        computation = self._computations.find(computation_key(space.id, id))
        if computation is None:  # deleted meanwhile
            return _Subject(space, _BY_PREFIX.get(id[:4], JOURNEY), id, id)
        if computation.journey_id is not None:
            return _Subject(space, JOURNEY, computation.journey_id, computation.name)
        return _Subject(space, AUDIENCE if is_audience(computation) else TRAIT, id, computation.name)


def _of_task(task: Task, attempt: int) -> dict[str, object]:
    details: dict[str, object] = {
        "run_id": task.run_id,
        "task_id": task.task_id,
        "attempt": attempt,
        "max_retries": task.max_retries,
        "destination_id": task.destination_id,
    }
    return {name: value for name, value in details.items() if value is not None}


def _of_failure(failure: Failure) -> dict[str, object]:
    return {
        "step": failure.step,
        "error_code": failure.code,
        "error_message": failure.message,
        "will_retry": failure.will_retry,
        "hard_failure": failure.hard_failure,
    }
