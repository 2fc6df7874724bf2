"""How the state of each kind of stream comes out of aggregated columns, where it can.

The state is the very one that `Stream.add` gives for the events of one profile in order of arrival.
"""

from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ...query.memories import coalescing
from ...query.memories.aggregate import Aggregate
from ...query.memories.rows import MAX_ROWS, Rows
from ...query.memories.tally import Tally
from ...query.paths import expands
from ...query.reducers import MAX_DISTINCT
from ...query.stream import Spec, Stream
from ...query.values import cell, packed_number, text
from . import numbers
from .cells import Cells
from .columns import Columns
from .comparisons import text_of
from .form import Finish, Form
from .rows import listed

_FUTURE = "timestamp > received_at"
_NEVER = 1 << 62  # later than any event


class Admitted(NamedTuple):
    """The rows a stream admits: the alias of the condition, None for all rows that there are, and where values, derived
    columns and aggregates are asked for."""

    condition: str | None
    cells: Cells
    derived: Columns
    found: Columns

    def named(self, aggregate: str, *also: str) -> str:
        """The alias of an aggregate of them."""
        terms = [*([self.condition] if self.condition else []), *also]
        return self.found.named(f"{aggregate} filter (where {' and '.join(terms)})" if terms else aggregate)

    @property
    def from_the_future(self) -> str:
        return f"{self.named(f'bool_or({_FUTURE})')} is true"


def form(stream: Stream, rows: Admitted) -> Form:
    spec = stream.spec
    made: Form | None = None
    if isinstance(spec.memory, Tally):
        made = _tally(spec.memory, rows)
    elif isinstance(spec.memory, Aggregate):
        made = _aggregate(spec, rows)
    elif isinstance(spec.memory, Rows) and not spec.memory.columns:
        made = _times(spec.memory, rows)
    return made or listed(stream, rows.named, rows.cells)


def _tally(memory: Tally, rows: Admitted) -> Form:
    recent = f"timestamp >= received_at - {memory.far}"
    if memory.enough is None:
        times = rows.named("list(timestamp)", recent)
        return Form(f"'[' || list_sort({times})::varchar || ']'", [f"len({times}) >= {coalescing.EXACT_ROWS}"])
    # Were there an event from the future, it would be the newest.
    moment = f"case when {_FUTURE} then {_NEVER} else timestamp end"
    if memory.enough == 1:
        newest = rows.named(f"max({moment})", recent)
        return Form(f"'[[' || {newest} || ']]'", [f"{newest} = {_NEVER}"])
    newest = rows.named(f"max({moment}, {memory.enough})", recent)
    return Form(f"'[' || list_reverse({newest})::varchar || ']'", [f"{newest}[1] = {_NEVER}"])


def _times(memory: Rows, rows: Admitted) -> Form:
    """Rows of which only the time matters."""
    recent = [] if memory.horizon is None else [f"timestamp >= received_at - {memory.horizon}"]
    times = rows.named("list(timestamp)", *recent)
    return Form(f"'[' || replace(list_sort({times})[-{MAX_ROWS}:]::varchar, ', ', '],[') || ']'")


def _aggregate(spec: Spec, rows: Admitted) -> Form | None:
    node = spec.reduced
    if node.reference is None:
        count = rows.named("count(*)")
        return Form(f"if({count} > 0, '[' || {count} || ',[]]', null)", [rows.from_the_future])
    if expands(node.reference.path) or (value := rows.cells.alias(node.reference)) is None:
        return None
    if node.reducer in ("sum", "avg"):
        return _total(value, rows)
    if node.reducer in ("min", "max") and node.cast != "string":
        size = numbers.extreme(value, rows.derived)
        return _extreme(rows, f"{node.reducer}({size})", numbers.unknown(value, size), _number)
    if node.reducer in ("min", "max"):
        found = rows.derived.named(text_of(value))
        return _extreme(rows, f"{node.reducer}({found})", f"{value} is not null and {found} is null", None)
    if node.reducer in ("first", "last"):
        return _outermost("min" if node.reducer == "first" else "max", value, rows)
    counts = rows.named(f"histogram({value})")
    open_ = [rows.from_the_future, f"cardinality({counts}) >= {MAX_DISTINCT}"]
    made = f"if(cardinality({counts}) > 0, '[' || to_json({counts})::varchar || ',[]]', null)"
    return Form(made, open_, _past(_unique if node.reducer == "unique" else _mode))


def _past(finish: Finish) -> Finish:
    """Of an aggregate of events none of which waits for its day."""
    return lambda state: [finish(state[0]), state[1]]


def _total(value: str, rows: Admitted) -> Form:
    units = numbers.units(value, rows.derived)
    unsure = rows.named(f"bool_or({_FUTURE} or {numbers.unknown(value, units)})")
    count, total = rows.named(f"count({units})"), rows.named(f"sum({units})")
    places, greatest = rows.named(f"max({numbers.places(units)})"), rows.named(f"max(abs({units}))")
    scale = f"case {places} {_scales()} end"
    made = f"'[[' || {count} || ',' || {total} // {scale} || ',' || {places} || '],[]]'"
    return Form(made, [f"{unsure} is true", f"{greatest}::hugeint * {count} >= {numbers.LARGEST}"])


def _scales() -> str:
    return " ".join(f"when {places} then {10 ** (numbers.PLACES - places)}" for places in range(numbers.PLACES + 1))


def _extreme(rows: Admitted, aggregate: str, unknown: str, finish: Finish | None) -> Form:
    found, unsure = rows.named(aggregate), rows.named(f"bool_or({_FUTURE} or {unknown})")
    return Form(f"'[' || to_json({found})::varchar || ',[]]'", [f"{unsure} is true"], _past(finish) if finish else None)


def _outermost(choose: str, value: str, rows: Admitted) -> Form:
    event = f"struct_pack(t := timestamp, r := received_at, m := message_id, v := {value})"
    found = rows.named(f"{choose}({event})", f"{value} is not null")
    order = f"{found}.t || ',' || {found}.r || ',' || to_json({found}.m)::varchar"
    return Form(f"'[[' || {order} || ',' || {found}.v || '],[]]'", [rows.from_the_future], _past(_with_cell))


def _with_cell(row: list[Any]) -> list[Any]:
    return [*row[:3], cell(row[3])]


def _number(found: float) -> Any:
    return packed_number(int(found) if float(found).is_integer() else Decimal(repr(found)))


def _unique(counts: dict[str, int]) -> Any:
    return sorted({text(decoded(value)) for value in counts})


def _mode(counts: dict[str, int]) -> Any:
    tally: Counter[str] = Counter()
    for value, count in counts.items():
        tally[text(decoded(value))] += count
    return dict(tally)


def decoded(value: str) -> Any:
    return cell(msgspec.json.decode(value))
