"""Compiles a reduced stream: chooses what to remember of it and how to read it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from . import filters, printer, rowset
from . import formula as make
from .filters import Bounds, Filters
from .formula import Formula, Reading, Row, Run, Truth
from .frames import Frame, entries_of
from .matching import Match
from .memories.aggregate import Aggregate
from .memories.memory import Memory
from .memories.sessions import Sessions
from .memories.tally import Tally
from .memories.windowed import Windowed
from .occurrence import OwnReference
from .reducers import Reducer, reducer
from .rowset import Conditions, RowSet
from .stream import Stream
from .syntax import And, Comparison, Condition, Or, Property, Reduced, Reference, Trait

Reaches = Callable[[Run, Row, int], Truth]
Values = Callable[[Reference, Frame, bool], Reading]
Live = Callable[[Sequence[Condition], Frame], Formula]


class Reduction(NamedTuple):
    """A compiled reduced stream.

    `reaches` answers "at least n?" for counts that time can change; `times` gives the timestamps behind the value
    where they are remembered. `exact`: whenever an edge comes, something does change.
    """

    reading: Reading
    reaches: Reaches | None = None
    times: Callable[[Run], Sequence[int]] | None = None
    exact: bool = False


class Reductions:
    """Collects one stream for each reduced stream of a definition; its number is its place in a run."""

    def __init__(self, bounds: Bounds, generations: Mapping[str, str], live: Live, value: Values) -> None:
        self._bounds, self._generations, self._live, self._value = bounds, generations, live, value
        self._places: dict[int, Stream] = {}
        self._reserved = 0

    def streams(self) -> tuple[Stream, ...]:
        """The stream of each place."""
        return tuple(self._places[place] for place in range(self._reserved))

    def compile(self, node: Reduced, frame: Frame | None, enough: int | None = None) -> Reduction:
        """`frame` is the event around the stream, None at the top.

        `enough`: nobody asks whether a count reaches more than that.
        """
        found = filters.of(node.stream)
        if frame is not None or found.live or _reads_others(node.reference):
            reduction = self._rows(node, found, frame)
        else:
            reduction = self._static(node, found, enough)
        return reduction._replace(reading=_size(reduction.reading)) if node.counted else reduction

    def _static(self, node: Reduced, found: Filters, enough: int | None) -> Reduction:
        """Every event is decided by itself: only what it contributes is remembered."""
        made = reducer(node.reducer, node.cast, node.frequency)
        entries = entries_of(node)
        reads = [node.reference] if isinstance(node.reference, OwnReference) else []
        place = self._reserve()
        if found.gap is not None:
            sessions = Sessions(found.gap, made, entries)
            self._keep(place, node, found, sessions, f"sessions {found.gap} {family(node)}", reads)
            return Reduction(_read(place, sessions.value), None, _times(place, sessions.times))
        if found.window.far is None:
            aggregate = Aggregate(made, entries)
            self._keep(place, node, found, aggregate, f"aggregate {family(node)}", reads)
            return Reduction(_read(place, aggregate.value))
        if node.reducer == "count":
            return self._tally(place, node, found, enough)
        windowed = Windowed(found.window, made, entries)
        self._keep(place, node, found, windowed, f"windowed {found.window.far} {family(node)}", reads)
        exact = node.reducer in ("sum", "avg")
        return Reduction(_read(place, windowed.value), None, _times(place, windowed.times), exact)

    def _tally(self, place: int, node: Reduced, found: Filters, enough: int | None) -> Reduction:
        tally = Tally(found.window, enough)
        self._keep(place, node, found, tally, tally.shape)

        def reaches(run: Run, row: Row, wanted: int) -> Truth:
            return tally.reaches(run.states[place], run.now, wanted)

        return Reduction(_read(place, tally.count), reaches, _times(place, tally.times), exact=True)

    def _rows(self, node: Reduced, found: Filters, frame: Frame | None) -> Reduction:
        """Rows are looked at one by one: other events, traits or the time decide whether they count."""
        place = self._reserve()
        around = frame.memory.horizon if frame is not None else None
        own = Frame(place, min((h for h in (found.window.far, around) if h is not None), default=None), frame)
        keeps = self._conditions(found.live, own)
        below = found.below if frame is not None else None
        selected = RowSet(place, found.window, below, keeps, found.gap)
        reduction = self._over_rows(node, own, selected)
        self._keep(place, node, found, own.memory, f"rows {own.memory.horizon} {own.names}", own.reads)
        return reduction._replace(times=lambda run: [row[0] for row in selected.rows(run, None)[0]])

    def _conditions(self, live: Sequence[Condition], own: Frame) -> Conditions:
        alone = [node for node in live if not _is_paired(node)]
        paired = [node for node in live if _is_paired(node)]
        match = next((found for node in paired if (found := _match(node, own))), None)
        return Conditions(
            alone=self._live(alone, own) if alone else None,
            paired=self._live(paired, own) if paired else None,
            match=match,
        )

    def _over_rows(self, node: Reduced, own: Frame, selected: RowSet) -> Reduction:
        if node.reference is None:
            return Reduction(rowset.counted(selected), selected.reaches if selected.gap is None else None)
        made = reducer(node.reducer, node.cast, node.frequency)
        return Reduction(rowset.reduced(selected, self._contribution(node, node.reference, own, made), made))

    def _contribution(self, node: Reduced, reference: Reference, own: Frame, made: Reducer) -> Reading:
        if not _reads_others(reference):
            return make.column(own.contribution(node, family(node), made))
        read, order = self._value(reference, own, node.cast == "array"), own.order()

        def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
            value, edge = read(run, row, parent)
            entries = value if isinstance(value, list) else [] if value is None else [value]
            return made.lift(entries, (row[0], *row[order])), edge

        return evaluate

    def _reserve(self) -> int:
        self._reserved += 1
        return self._reserved - 1

    def _keep(
        self,
        place: int,
        node: Reduced,
        found: Filters,
        memory: Memory,
        shape: str,
        reads: Sequence[OwnReference] = (),
    ) -> None:
        self._places[place] = Stream(node, found, self._bounds, memory, tuple(reads), shape, self._generations)


def _reads_others(reference: Reference | None) -> bool:
    """Whether a reducer reads something that the event itself does not hold."""
    return isinstance(reference, Trait) or (isinstance(reference, Property) and reference.parent)


def _is_paired(node: Condition) -> bool:
    """Whether a condition looks at the event around its own."""
    if isinstance(node, Comparison):
        return any(isinstance(part, Property) and part.parent for part in (node.left, *node.operands))
    return any(map(_is_paired, node.terms if isinstance(node, And | Or) else (node.term,)))


def _match(node: Condition, own: Frame) -> Match | None:
    """`property(...) = property(parent: ...)`, either way round."""
    if not isinstance(node, Comparison) or node.name != "equals" or own.parent is None:
        return None
    sides = [part for part in (node.left, *node.operands) if isinstance(part, Property)]
    mine, theirs = [side for side in sides if not side.parent], [side for side in sides if side.parent]
    return Match(own.value(mine[0]), own.parent.value(theirs[0])) if mine and theirs else None


def family(node: Reduced) -> str:
    """Reducers of one family share what is remembered."""
    if node.reference is None:
        return node.reducer
    name = "total" if node.reducer in ("sum", "avg") else node.reducer
    if (node.reducer, node.cast) in _CASTS_THAT_MATTER:
        name = f"{name} as {node.cast}"
    return f"{name} {printer.reference(node.reference)}"


_CASTS_THAT_MATTER = frozenset({("min", "string"), ("max", "string"), ("mode", "array")})


def _read(place: int, value: Callable[[Any, int], tuple[Any, int]]) -> Reading:
    return lambda run, row, parent: value(run.states[place], run.now)


def _times(place: int, times: Callable[[Any, int], Sequence[int]]) -> Callable[[Run], Sequence[int]]:
    return lambda run: times(run.states[place], run.now)


def _size(reading: Reading) -> Reading:
    def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
        values, edge = reading(run, row, parent)
        return len(values), edge

    return evaluate
