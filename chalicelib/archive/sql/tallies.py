"""Reduced streams without other events in their conditions: one pass over the events answers all of them."""

from ...query.filters import Bounds, Filters
from ...query.memories.coalescing import STEP
from ...query.memories.memory import MAX_PENDING
from ...query.memories.tally import MOST_ENOUGH
from ...query.paths import expands
from ...query.syntax import Comparison, Reduced
from . import numbers
from .admissions import Admission, named, newer
from .cells import Cells
from .columns import Columns
from .grouping import grouped
from .text import all_of
from .thresholds import NotInSql, limit, literal, scaled, symbol

RELATION = "tallies"


class Tallies:
    """Collects aggregates of a relation with one row for each profile that has such events."""

    def __init__(self, bounds: Bounds, now: int) -> None:
        self._bounds, self._now = bounds, now
        self._cells, self._derived, self._found = Cells("c"), Columns("d"), Columns("t")
        self._conditions: list[str] = []
        self._names: list[str] = []
        self._oldest: int | None = now

    @property
    def query(self) -> str | None:
        """None when nothing is asked of it."""
        if not self._conditions:
            return None
        recent = "true" if self._oldest is None else f"timestamp >= {self._oldest}"
        which = all_of([named(self._names), recent])
        return grouped(self._cells, self._conditions, self._derived, self._found.select(), which)

    def comparison(self, node: Comparison, reduced: Reduced, found: Filters) -> str:
        """Over a row of the relation, all NULL where there is none: true, false, or NULL if only events can tell.

        Raises NotInSql.
        """
        limit(node)  # for the evaluator if it is no number that is compared with
        young = self._young(reduced, found)
        admitted = self._derived.named(f"({young} and timestamp <= {self._now - found.window.near})")
        answer = self._count(node, admitted) if reduced.reference is None else self._value(node, reduced, admitted)
        open_ = [self._found.named(f"bool_or({admitted} is null)")] if found.static else []
        if found.window.far is None:
            waiting = self._found.named(f"count_if({young} and timestamp > received_at)")
            open_.append(f"{waiting} >= {MAX_PENDING}")
        elif found.window.near or reduced.reference is not None or limit(node) >= MOST_ENOUGH:
            # A profile with many events remembers the older of them only by the hour.
            open_.append(f"{self._found.named(f'count_if({young})')} >= {STEP}")
        return f"case when {' or '.join(open_)} then null else {answer} end" if open_ else answer

    def _young(self, reduced: Reduced, found: Filters) -> str:
        """The condition on admitted events that are not too old, those of the future among them."""
        admission = Admission(reduced.stream.name, found.static, found.excluded, self._bounds)
        condition = admission.sql(self._cells, newer(found.window, self._now))
        far = found.window.far
        self._oldest = None if far is None or self._oldest is None else min(self._oldest, self._now - far)
        self._names.append(reduced.stream.name)
        if condition not in self._conditions:
            self._conditions.append(condition)
        return f"a{self._conditions.index(condition)}"

    def _count(self, node: Comparison, admitted: str) -> str:
        count = self._found.named(f"count_if({admitted})")
        return f"(coalesce({count}, 0) {symbol(node)} {literal(limit(node))})"

    def _value(self, node: Comparison, reduced: Reduced, admitted: str) -> str:
        reference = reduced.reference
        if reference is None or expands(reference.path) or (cell := self._cells.alias(reference)) is None:
            raise NotInSql
        if reduced.reducer in ("sum", "avg"):
            return self._total(node, reduced.reducer, cell, admitted)
        if reduced.reducer in ("min", "max") and reduced.cast != "string":
            return self._extreme(node, reduced.reducer, cell, admitted)
        raise NotInSql

    def _total(self, node: Comparison, reducer: str, cell: str, admitted: str) -> str:
        found = numbers.units(cell, self._derived)
        unknown = self._only(f"bool_or({numbers.unknown(cell, found)})", admitted)
        count, units = self._only(f"count({found})", admitted), self._only(f"sum({found})", admitted)
        greatest = self._only(f"max(abs({found}))", admitted)
        wanted = str(scaled(limit(node), numbers.PLACES))
        if reducer == "avg":
            wanted = f"{wanted}::hugeint * {count}"
        return (
            f"case when {unknown} or {greatest} * {count}::hugeint >= {numbers.LARGEST} then null"
            f" else coalesce({units} {symbol(node)} {wanted}, false) end"
        )

    def _extreme(self, node: Comparison, reducer: str, cell: str, admitted: str) -> str:
        size = numbers.extreme(cell, self._derived)
        found = self._only(f"{reducer}({size})", admitted)
        unknown = self._only(f"bool_or({numbers.unknown(cell, size)})", admitted)
        return f"case when {unknown} then null else coalesce({found} {symbol(node)} {literal(limit(node))}, false) end"

    def _only(self, aggregate: str, admitted: str) -> str:
        return self._found.named(f"{aggregate} filter (where {admitted})")
