"""How the state of each kind of stream comes out of aggregated columns, where it can.

The state is the very one that `Stream.add` gives for the events of one profile in order of arrival.
"""

from collections import Counter
from collections.abc import Callable, Sequence
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
from .form import NOTHING, UNDECIDED, Form
from .rows import listed


class Admitted(NamedTuple):
    """The rows a stream admits: the alias of the condition, and where values and derived columns are asked for."""

    condition: str
    cells: Cells
    derived: Columns

    def only(self, aggregate: str, *also: str) -> str:
        return f"{aggregate} filter (where {' and '.join([self.condition, *also])})"

    def from_the_future(self) -> str:
        return self.only("bool_or(timestamp > received_at)")


def form(stream: Stream, rows: Admitted) -> Form:
    spec = stream.spec
    made: Form | None = None
    if isinstance(spec.memory, Tally):
        made = _tally(spec.memory, rows)
    elif isinstance(spec.memory, Aggregate):
        made = _aggregate(spec, rows)
    elif isinstance(spec.memory, Rows) and not spec.memory.columns:
        made = _times(spec.memory, rows)
    return made or listed(stream, rows.only, rows.cells)


def _tally(memory: Tally, rows: Admitted) -> Form:
    recent = f"timestamp >= received_at - {memory.far}"
    if memory.enough is None:
        return Form([rows.only("list(timestamp)", recent)], _all_times)
    newest = "list_value(max(timestamp))" if memory.enough == 1 else f"max(timestamp, {memory.enough})"
    if memory.enough == 1:
        return Form([rows.only("max(timestamp)", recent), rows.from_the_future()], _newest_time)
    return Form([rows.only(newest, recent), rows.from_the_future()], _newest_times)


def _all_times(values: Sequence[Any]) -> Any:
    times = values[0]
    if times is None:
        return NOTHING
    return [sorted(times)] if len(times) < coalescing.EXACT_ROWS else UNDECIDED


def _newest_time(values: Sequence[Any]) -> Any:
    newest, future = values
    return UNDECIDED if future else NOTHING if newest is None else [[newest]]


def _newest_times(values: Sequence[Any]) -> Any:
    times, future = values
    return UNDECIDED if future else [times[::-1]] if times else NOTHING


def _times(memory: Rows, rows: Admitted) -> Form:
    """Rows of which only the time matters."""

    def read(values: Sequence[Any]) -> Any:
        return [[at] for at in sorted(values[0])[-MAX_ROWS:]] if values[0] else NOTHING

    recent = [] if memory.horizon is None else [f"timestamp >= received_at - {memory.horizon}"]
    return Form([rows.only("list(timestamp)", *recent)], read)


def _aggregate(spec: Spec, rows: Admitted) -> Form | None:
    node = spec.reduced
    if node.reference is None:
        return Form([rows.only("count(*)"), rows.from_the_future()], _counted)
    if expands(node.reference.path) or (value := rows.cells.alias(node.reference)) is None:
        return None
    if node.reducer in ("sum", "avg"):
        return _past(rows, numbers.total(value, rows.derived), _total)
    if node.reducer in ("min", "max") and node.cast != "string":
        return _past(rows, numbers.extreme(value, node.reducer, rows.derived), _extreme)
    if node.reducer in ("min", "max"):
        found = rows.derived.named(text_of(value))
        unknown = rows.derived.named(f"{value} is not null and {found} is null")
        return _past(rows, [f"{node.reducer}({found})", f"bool_or({unknown})"], _text_extreme)
    if node.reducer in ("first", "last"):
        choose = "min" if node.reducer == "first" else "max"
        ordered = f"{choose}(struct_pack(t := timestamp, r := received_at, m := message_id, v := {value}))"
        return Form([rows.only(ordered, f"{value} is not null"), rows.from_the_future()], _outermost)
    return _past(rows, [f"histogram({value})"], _unique if node.reducer == "unique" else _mode)


def _past(rows: Admitted, aggregates: list[str], read: Callable[..., Any]) -> Form:
    """An aggregate of events none of which waits for its day."""

    def settled(values: Sequence[Any]) -> Any:
        *found, future = values
        if future:
            return UNDECIDED
        made = read(*found)
        return made if made is NOTHING or made is UNDECIDED else [made, []]

    return Form([*map(rows.only, aggregates), rows.from_the_future()], settled)


def _counted(values: Sequence[Any]) -> Any:
    count, future = values
    return UNDECIDED if future else [count, []] if count else NOTHING


def _total(count: int, units: int | None, places: int | None, greatest: int | None, unknown: bool | None) -> Any:
    if unknown or (greatest is not None and greatest * count >= numbers.LARGEST):
        return UNDECIDED
    if units is None or places is None:
        return NOTHING
    return [count, units // 10 ** (numbers.PLACES - places), places]


def _extreme(found: float | None, unknown: bool | None) -> Any:
    if unknown:
        return UNDECIDED
    if found is None:
        return NOTHING
    return packed_number(int(found) if found.is_integer() else Decimal(repr(found)))


def _text_extreme(found: str | None, unknown: bool | None) -> Any:
    return UNDECIDED if unknown else found


def _outermost(values: Sequence[Any]) -> Any:
    found, future = values
    if future:
        return UNDECIDED
    return NOTHING if found is None else [[found["t"], found["r"], found["m"], decoded(found["v"])], []]


def _unique(counts: dict[str, int] | None) -> Any:
    if not counts:
        return NOTHING
    return sorted({text(decoded(value)) for value in counts}) if len(counts) < MAX_DISTINCT else UNDECIDED


def _mode(counts: dict[str, int] | None) -> Any:
    if not counts:
        return NOTHING
    if len(counts) >= MAX_DISTINCT:
        return UNDECIDED
    tally: Counter[str] = Counter()
    for value, count in counts.items():
        tally[text(decoded(value))] += count
    return dict(tally)


def decoded(value: str) -> Any:
    return cell(msgspec.json.decode(value))
