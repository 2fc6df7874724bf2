"""One row for each profile, from the events of a relation `source`."""

from collections.abc import Sequence

from .cells import Cells
from .columns import Columns
from .text import any_of

_KEPT = ["profile_id", "event", "source_id", "timestamp", "received_at", "message_id"]


def grouped(cells: Cells, conditions: Sequence[str], derived: Columns, aggregates: Sequence[str], which: str) -> str:
    """`conditions` become a0, a1, …: an event of `which` is looked at when one of them holds or may hold.
    `derived` is made of cells, and the aggregates of all of these."""
    values = ", ".join([*_KEPT, *cells.select()])
    rows = f"select {values} from source where {which}"  # noqa: S608
    if list(conditions) == [which]:
        rows = f"select *, true as a0 from ({rows})"  # noqa: S608
    elif conditions:
        admissions = ", ".join(["*", *(f"{sql} as a{place}" for place, sql in enumerate(conditions))])
        admitted = any_of([f"a{place}" for place in range(len(conditions))])
        rows = f"select * from (select {admissions} from ({rows})) where coalesce({admitted}, true)"  # noqa: S608
    return (
        f"select profile_id, {', '.join(aggregates)} from ("  # noqa: S608
        f"select {', '.join(['*', *derived.select()])} from ({rows})) group by profile_id"
    )
