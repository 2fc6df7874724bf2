"""How a computation does, its runs, and the tasks behind them. All of it are additions of Muster's."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...computations.computation import AUDIENCE as KIND_AUDIENCE
from ...computations.computation import USERS, Computation
from ...computations.linked import REASON
from ...computations.status import external_ids_of, query_of
from ...delivery.ledger import DELIVERED, DISCARDED
from ...instants import to_iso
from ...overview.service import Overview, Overviews, Run, Target
from ...overview.status import of_sync, progress, stages
from ...tasks.task import FAILED, Execution, Failure, Step, Task
from . import shapes
from .audiences import AUDIENCE, find_audience
from .computed_traits import TRAIT, find_trait
from .endpoint import Call, endpoint
from .planned import schedules_of

routes = Blueprint(__name__)

TASK = "/spaces/{space_id}/tasks/{task_id}"


@endpoint(routes, "GET", AUDIENCE + "/overview")
def get_audience_overview(call: Call) -> dict[str, Any]:
    return {"overview": _overview(call, _overviews().of(find_audience(call)))}


@endpoint(routes, "GET", AUDIENCE + "/runs")
def list_audience_runs(call: Call) -> dict[str, Any]:
    return _runs(find_audience(call))


@endpoint(routes, "GET", TRAIT + "/overview")
def get_computed_trait_overview(call: Call) -> dict[str, Any]:
    return {"overview": _overview(call, _overviews().of(find_trait(call)))}


@endpoint(routes, "GET", TRAIT + "/runs")
def list_computed_trait_runs(call: Call) -> dict[str, Any]:
    return _runs(find_trait(call))


@endpoint(routes, "GET", TASK)
def get_task(call: Call) -> dict[str, Any]:
    return {"task": _task(find_task(call))}


@endpoint(routes, "POST", TASK + "/cancel")
def cancel_task(call: Call) -> dict[str, Any]:
    """A task that is closed already stays as it is."""
    return {"task": _task(_overviews().tasks.cancel(find_task(call).task_id))}


@endpoint(routes, "POST", TASK + "/retry")
def retry_task(call: Call) -> dict[str, Any]:
    """Does not wait for the time of the next retry."""
    return {"task": _task(_overviews().tasks.retry_now(find_task(call).task_id))}


def find_task(call: Call) -> Task:
    """The task in the path. Raises NotFound when it is not one of this space."""
    return _overviews().task(call.space().id, call.id("task_id"))


def _overviews() -> Overviews:
    return bootstrap.current().overviews


def _runs(computation: Computation) -> dict[str, Any]:
    return {"runs": [_run(run) for run in _overviews().runs(computation)]}


def _overview(call: Call, shown: Overview) -> dict[str, Any]:
    computation = shown.computation
    is_audience = computation.kind == KIND_AUDIENCE
    return {
        "id": computation.id,
        "spaceId": computation.space_id,
        "name": computation.name,
        "key": computation.key,
        "description": computation.description,
        "audienceType" if is_audience else "type": computation.scope,
        "enabled": computation.enabled,
        "createdBy": computation.created_by,
        "createdAt": to_iso(computation.created_at),
        "updatedBy": computation.updated_by,
        "updatedAt": to_iso(computation.updated_at),
        "definition": {**_definition(computation), "type": computation.scope},
        "options": {
            "filterByExternalIds": external_ids_of(computation),
            **shapes.events(computation, "backfillEventDataDays" if is_audience else "backfillDurationDays"),
        },
        "computeCadence": {"type": "REALTIME" if computation.scope == USERS else "BATCH"},
        "schedules": schedules_of(computation),
        **shapes.size(computation, shown.size),
        "status": shown.status,
        **({} if computation.is_computed else {"statusReason": REASON}),
        "locked": shown.locked,
        "progress": shown.progress,
        "destinations": [_target(call, target) for target in shown.targets],
    }


def _definition(computation: Computation) -> dict[str, Any]:
    return shapes.definition(query_of(computation), None if computation.is_computed else computation.target_entity)


def _target(call: Call, target: Target) -> dict[str, Any]:
    kind = call.workspaces.destinations.kinds[target.destination.metadata_id]
    return {
        "connectionId": target.connection.id,
        "destinationId": target.destination.id,
        "name": target.destination.name,
        "metadata": {"id": kind.metadata_id, "name": kind.name, "slug": kind.slug},
        "matchingMappings": _mappings(target.mappings),
        "status": target.status,
        "syncStatus": target.sync_status,
        "lastSync": None if target.sync is None else {"taskId": target.sync.task_id, "status": of_sync(target.sync)},
        "delivery": {"last24Hours": _counts(target.today), "last14Days": _counts(target.in_all)},
    }


def _mappings(enabled: Sequence[bool]) -> dict[str, int] | str:
    """Without any, whatever is made is sent."""
    if not enabled:
        return "Not applicable"
    return {"count": len(enabled), "enabled": sum(enabled), "disabled": len(enabled) - sum(enabled)}


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {"successful": counts.get(DELIVERED, 0), "failed": counts.get(DISCARDED, 0)}


def _run(run: Run) -> dict[str, Any]:
    """Times in milliseconds. Stages are left out where nothing changed, and are not known before they are over."""
    task, spent = run.task, stages(run.task)
    changed = run.changes is not None and (run.changes.added or run.changes.removed)
    inner = {"extractingMs": spent.extracting, "preparingDeliveryMs": spent.preparing_delivery}
    return {
        "id": task.run_id or task.task_id,
        "taskId": task.task_id,
        "kind": task.kind,
        "createdAt": to_iso(task.created_at),
        "startedAt": _iso(task.started_at),
        "completedAt": _iso(task.completed_at),
        "durationMs": _between(task.started_at, task.completed_at),
        "result": task.status,
        "progress": progress(task),
        "changes": None if run.changes is None else {"added": run.changes.added, "removed": run.changes.removed},
        **({"error": _failure(task.error)} if task.status == FAILED else {}),
        "queueingMs": spent.queueing,
        **{name: value for name, value in inner.items() if changed and value is not None},
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "kind": task.kind,
        "spaceId": task.space_id,
        "computationId": task.computation_id or None,
        "destinationId": task.destination_id,
        "runId": task.run_id,
        "status": task.status,
        "attempt": task.attempt,
        "maxRetries": task.max_retries,
        "continuations": task.continuations,
        "progress": progress(task),
        "steps": [_step(step) for step in task.steps],
        "attempts": [_execution(execution) for execution in task.attempts],
        "error": _failure(task.error),
        "nextAttemptAt": _iso(task.next_attempt_at),
        "deadlineAt": _iso(task.deadline_at),
        "createdAt": to_iso(task.created_at),
        "startedAt": _iso(task.started_at),
        "completedAt": _iso(task.completed_at),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "startedAt": _iso(step.started_at),
        "completedAt": _iso(step.completed_at),
        "attempts": step.attempts,
        "lastError": _failure(step.last_error),
    }


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "attempt": execution.attempt,
        "startedAt": to_iso(execution.started_at),
        "endedAt": _iso(execution.ended_at),
        "result": execution.result,
        "error": _failure(execution.failure),
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "code": failure.code,
        "message": failure.message,
        "step": failure.step,
        "attempt": failure.attempt,
        "at": to_iso(failure.at),
        "willRetry": failure.will_retry,
    }


def _iso(instant: int | None) -> str | None:
    return None if instant is None else to_iso(instant)


def _between(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else end - start
