"""How schedules are shown."""

from typing import Any

from ... import bootstrap
from ...batch.timetable import Planned, shape
from ...computations.computation import ACCOUNTS, Computation
from ...instants import to_iso


def schedules_of(computation: Computation) -> list[dict[str, Any]]:
    """None for what is kept up to date at every moment."""
    planned = bootstrap.current().timetable.of(computation) if computation.scope == ACCOUNTS else None
    return [] if planned is None else [schedule(planned)]


def schedule(planned: Planned) -> dict[str, Any]:
    following = {} if planned.next_at is None else {"nextExecution": to_iso(planned.next_at)}
    return {"id": planned.id, **shape(planned), **following}
