"""Counts of events that other events follow, or do not follow, as SQL.

Each funnel is a relation with one row for each profile that has parents: `kept`, how many parents satisfy the
conditions, and `open`, whether only the evaluator can tell.
"""

from ...query.filters import Bounds, Filters
from ...query.memories.rows import MAX_ROWS
from ...query.syntax import Comparison, Context, Literal, Moment, Property, Reduced
from .admissions import Admission
from .cells import Cells
from .children import Child, child_of
from .conditions import comparison_of, structure
from .text import all_of, any_of
from .thresholds import NotInSql, reaching


class Funnel:
    """`name` begins the names of its relations. Raises NotInSql for what is more than two steps."""

    def __init__(self, name: str, reduced: Reduced, found: Filters, bounds: Bounds, now: int) -> None:
        if reduced.reducer != "count" or found.gap is not None:
            raise NotInSql
        self.name, self._now = name, now
        self._bounds = bounds
        self._window = found.window
        self._cells = Cells("p")
        self._children: list[Child] = []
        admission = Admission(reduced.stream.name, found.static, found.excluded, bounds)
        self._recent = admission.recent(found.window, now)
        self._admitted = admission.unnamed(self._cells)
        self._live = [structure(node, self._leaf) for node in found.live]

    @property
    def relations(self) -> list[str]:
        """Common table expressions over `source`, the last one under the name of the funnel."""
        children = [relation for child in self._children for relation in child.relations]
        return [*children, self._parents(), f"{self.name} as ({self._counted()})"]

    def _leaf(self, node: Comparison) -> str:
        if isinstance(node.left, Reduced):
            return self._followed(node, node.left)
        reads = [node.left, *(item for item in node.operands if not isinstance(item, Literal | Moment))]
        if not all(isinstance(item, Context) or (isinstance(item, Property) and not item.parent) for item in reads):
            raise NotInSql
        return comparison_of(node, self._cells, self._now)

    def _followed(self, node: Comparison, reduced: Reduced) -> str:
        def reached(wanted: int) -> str:
            name = f"{self.name}_{len(self._children)}"
            child = child_of(name, reduced, wanted, self._cells, self._bounds, self._window, self._now)
            self._children.append(child)
            return child.reached

        return reaching(node, reached)

    def _parents(self) -> str:
        select = ", ".join(["profile_id", "timestamp", "event", "source_id", "received_at", *self._cells.select()])
        # Whoever has no such child at all has no parent that counts.
        needed = [f"select profile_id from {child.name}" for child in self._children if child.reached in self._live]  # noqa: S608
        able = all_of(["coalesce(admitted, true)", *(f"profile_id in ({ids})" for ids in needed)])
        admitted = f"select *, {self._admitted} as admitted from (select {select} from source where {self._recent})"  # noqa: S608
        return f"{self.name}_parents as (select * from ({admitted}) where {able})"  # noqa: S608

    def _counted(self) -> str:
        keep = all_of(["p.admitted", f"p.timestamp <= {self._now - self._window.near}", *self._live])
        unsure = any_of(
            [
                f"bool_or({keep} is null)",
                f"count(*) >= {MAX_ROWS}",
                *(sql for child in self._children for sql in child.open),
            ]
        )
        joins = " ".join(child.join for child in self._children)
        return (
            f"select p.profile_id, count_if({keep}) as kept, {unsure} as open"  # noqa: S608
            f" from {self.name}_parents p {joins} group by p.profile_id"
        )
