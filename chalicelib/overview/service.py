"""Everything the overview of a computation shows, gathered from where it is kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ..clock import DAY, Clock
from ..computations.computation import LOCKED, Computation
from ..delivery.ledger import Ledger
from ..delivery.lists import SYNC
from ..errors import NotFound
from ..tasks.service import Tasks
from ..tasks.task import CANCELLED, WAITING_RETRY, Task, parts_of
from ..workspace.model import Activation, Connection, Destination
from ..workspace.service import Workspaces
from . import status
from .changes import Changes, RunChanges

SHOWN = 50  # runs
SEARCHED = 5_000  # ids of tasks looked through for them: with many destinations, syncs come in between
CALLED_OFF = 5  # syncs of a destination looked at for one that was not called off


class Run(NamedTuple):
    """`changes` is None until the run is through."""

    task: Task
    changes: Changes | None


class Target(NamedTuple):
    """A destination of the computation. `sync` is the newest sync that was not called off; `today` and `in_all` are
    the counts of events of the last 24 hours and of two weeks, by what became of them. `mappings`: of each whether it
    is switched on."""

    connection: Connection
    destination: Destination
    status: str
    sync: Task | None
    sync_status: str | None
    today: Mapping[str, int]
    in_all: Mapping[str, int]
    mappings: Sequence[bool]


class Overview(NamedTuple):
    """`progress` is in percent, None unless a run is under way. `locked`: an edit is being taken in."""

    computation: Computation
    size: int
    status: str
    locked: bool
    progress: int | None
    targets: Sequence[Target]


class _Found(NamedTuple):
    """Runs, the newest first, and the newest sync of each destination."""

    runs: list[Task]
    syncs: Mapping[str, Task | None]


@dataclass(frozen=True)
class Overviews:
    workspaces: Workspaces
    tasks: Tasks
    changes: RunChanges
    ledger: Ledger
    clock: Clock

    def of(self, computation: Computation) -> Overview:
        found = self._tasks(computation)
        shown = status.of_computation(computation, found.runs)
        under_way = next((task for task in found.runs if task.is_open), None) if shown in status.UNDER_WAY else None
        return Overview(
            computation=computation,
            size=self.workspaces.sizes.of(computation.space_id).get(computation.id, 0),
            status=shown,
            locked=computation.enabled and computation.stage == LOCKED,
            progress=None if under_way is None else status.progress(under_way),
            targets=list(self._targets(computation, found.syncs)),
        )

    def runs(self, computation: Computation) -> list[Run]:
        """The last ones, the newest first."""
        tasks = self._tasks(computation).runs
        changes = self.changes.of({task.run_id or task.task_id for task in tasks})
        return [Run(task, changes.get(task.run_id or task.task_id)) for task in tasks]

    def retrying(self, computations: Iterable[Computation]) -> set[str]:
        """Ids of those whose run failed and is about to be tried again. Only tasks of what is under way are read."""
        owners = {task_id: one.id for one in computations for task_id in status.awaited(one)}
        found = self.tasks.find_many(owners) if owners else {}
        return {owners[id] for id, task in found.items() if task.status == WAITING_RETRY}

    def task(self, space_id: str, task_id: str) -> Task:
        """Raises NotFound, also for a task of another space."""
        task = self.tasks.get(task_id)
        if task.space_id != space_id:
            raise NotFound("there is no task with this id")
        return task

    def _tasks(self, computation: Computation) -> "_Found":
        """Which tasks are worth reading is told by their ids alone."""
        runs: list[str] = []
        syncs: dict[str, list[str]] = {}
        for task_id in islice(self.tasks.ids_of(computation.space_id, computation.id), SEARCHED):
            parts = parts_of(task_id)
            if parts.kind in status.RUNS:
                runs.append(task_id)
            elif parts.kind == SYNC and parts.destination_id is not None:
                syncs.setdefault(parts.destination_id, []).append(task_id)
        runs = runs[:SHOWN]
        syncs = {destination_id: ids[:CALLED_OFF] for destination_id, ids in syncs.items()}
        found = self.tasks.find_many([*runs, *(id for ids in syncs.values() for id in ids)])
        newest = {destination_id: _not_called_off(ids, found) for destination_id, ids in syncs.items()}
        return _Found([found[id] for id in runs if id in found], newest)

    def _targets(self, computation: Computation, syncs: Mapping[str, Task | None]) -> Iterator[Target]:
        destinations = {d.id: d for d in self.workspaces.destinations.every(computation.workspace_id)}
        since, activations = self.clock.now() - DAY, self.workspaces.activations.of(computation)
        for connection in self.workspaces.connections.of(computation):
            destination = destinations.get(connection.destination_id)
            if destination is None:
                continue
            sync = syncs.get(destination.id)
            yield Target(
                connection=connection,
                destination=destination,
                status=status.of_destination(connection.enabled, destination.enabled),
                sync=sync,
                sync_status=status.of_sync(sync),
                today=self.ledger.counts(destination.id, connection_id=connection.id, since=since),
                in_all=self.ledger.counts(destination.id, connection_id=connection.id),
                mappings=_mappings(destination, [one for one in activations if one.connection_id == connection.id]),
            )


def _mappings(destination: Destination, activations: Iterable[Activation]) -> list[bool]:
    own = [one.enabled for one in activations if one.destination_mapping is not None]
    return [one.enabled for one in destination.subscriptions] + own


def _not_called_off(ids: Sequence[str], tasks: Mapping[str, Task]) -> Task | None:
    return next((tasks[id] for id in ids if id in tasks and tasks[id].status != CANCELLED), None)
