"""How schedules are shown."""

from typing import Any

from ... import bootstrap
from ...batch.timetable import Planned, shape
from ...computations.computation import USERS, Computation
from ...instants import to_iso


def schedules_of(computation: Computation) -> list[dict[str, Any]]:
    """None for what is kept up to date at every moment."""
    planned = None if computation.scope == USERS else bootstrap.current().timetable.of(computation)
    return [] if planned is None else [schedule(planned)]


def forget_schedules(computation: Computation) -> None:
    """Of what was deleted. That of accounts goes when its next run finds nothing to compute."""
    if not computation.is_computed:
        bootstrap.current().timetable.forget(computation.id)


def schedule(planned: Planned) -> dict[str, Any]:
    following = {} if planned.next_at is None else {"nextExecution": to_iso(planned.next_at)}
    return {"id": planned.id, **shape(planned), **following}
