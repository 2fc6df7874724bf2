"""The rows a formula looks at one by one, and which of their columns hold what."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from . import paths, printer, references
from .admission import test
from .memories.rows import Rows
from .occurrence import Occurrence, OwnReference, cell_reader, entries_reader, raw_entries_reader
from .reducers import Reducer
from .syntax import Condition, Property, Reduced, Trait
from .values import Cell, text

FIRST_COLUMN = 1  # column 0 is the timestamp


class Frame:
    """One event of a formula: its rows have the place `place` in a run, `parent` is the event around it."""

    def __init__(self, place: int, horizon: int | None, parent: "Frame | None") -> None:
        self.place, self.parent = place, parent
        self.memory = Rows(horizon)
        self.names: list[str] = []
        self.reads: list[OwnReference] = []

    def value(self, reference: OwnReference, whole: bool = False) -> int:
        """The column of a property: one cell, or the list of entries where the path expands.

        `whole`: those entries as one text.
        """
        if whole:
            return self._column("array", printer.reference(_own(reference)), array_reader(reference), [reference])
        read = entries_reader(reference) if paths.expands(reference.path) else cell_reader(reference)
        return self._column("value", printer.reference(_own(reference)), read, [reference])

    def flag(self, condition: Condition) -> int:
        """The column that says whether a static condition held."""
        reads = [node for node in references.parts(condition) if isinstance(node, OwnReference)]
        return self._column("flag", printer.condition(condition), test(condition), reads)

    def contribution(self, node: Reduced, family: str, reducer: Reducer) -> int:
        """The column with what each event adds to a reducer: an aggregate or None."""
        entries = entries_of(node)

        def read(occurrence: Occurrence) -> Any:
            return reducer.lift(entries(occurrence), order_of(occurrence))

        reads = [node.reference] if isinstance(node.reference, OwnReference) else []
        return self._column("lifted", family, read, reads)

    def order(self) -> int:
        """The column with what orders events of the same timestamp."""
        return self._column("order", "", lambda occurrence: [occurrence.received_at, occurrence.message_id], [])

    def _column(self, kind: str, name: str, read: Callable[[Occurrence], Any], reads: Sequence[OwnReference]) -> int:
        name = f"{kind} {name}"
        if name not in self.names:
            self.names.append(name)
            self.memory.columns.append(read)
            self.reads += map(_own, reads)
        return FIRST_COLUMN + self.names.index(name)


def _own(reference: OwnReference) -> OwnReference:
    """Seen from the event itself, `parent:` has no meaning."""
    return replace(reference, parent=False) if isinstance(reference, Property) else reference


def order_of(occurrence: Occurrence) -> tuple[int, int, str]:
    return occurrence.timestamp, occurrence.received_at, occurrence.message_id


def entries_of(node: Reduced) -> Callable[[Occurrence], Sequence[Cell]]:
    """What a reducer reads of an event; nothing for `count` and for traits."""
    reference = node.reference
    if reference is None or isinstance(reference, Trait):
        return lambda occurrence: ()
    return array_reader(reference) if node.cast == "array" else entries_reader(reference)


def array_reader(reference: OwnReference) -> Callable[[Occurrence], Sequence[Cell]]:
    """All entries of a path as one flattened text."""
    if not paths.expands(reference.path):
        return entries_reader(reference)
    raw = raw_entries_reader(reference)
    return lambda occurrence: [text(found)] if (found := raw(occurrence)) else []
