"""A compiled definition as functions, each giving its result and the first instant at which time alone may change it.

Every function takes the run and, inside a `where`, the row at hand and the row of the event around it.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from . import paths
from .comparators import NEVER, Entry, bound, relative
from .syntax import Duration, Path
from .values import cell, text

Row = Any  # [timestamp, column, ...]; None where there is no event around


class Run:
    """One evaluation: what is known of a profile at one instant. `members` are the users of an account."""

    __slots__ = ("_found", "_times", "members", "now", "states", "traits")

    def __init__(
        self, states: Sequence[Any], traits: Mapping[str, Any], now: int, members: Sequence["Run"] = ()
    ) -> None:
        self.states, self.traits, self.now, self.members = states, traits, now, members
        self._times: dict[int, list[int]] = {}
        self._found: dict[Hashable, Any] = {}

    def times(self, place: int) -> list[int]:
        """The timestamps of the rows at a place, read once."""
        found = self._times.get(place)
        if found is None:
            found = self._times[place] = [row[0] for row in self.states[place]]
        return found

    def once(self, key: Hashable, find: Callable[[], Any]) -> Any:
        """What `find` gives, asked for once in this run."""
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    def at(self, now: int) -> "Run":
        """The same profile at another instant."""
        later = Run(self.states, self.traits, now, [member.at(now) for member in self.members])
        later._times = self._times
        return later


Truth = tuple[bool, int]
Formula = Callable[[Run, Row, Row], Truth]
Reading = Callable[[Run, Row, Row], tuple[Any, int]]

TRUE: Truth = (True, NEVER)
FALSE: Truth = (False, NEVER)


def both(formulas: Sequence[Formula]) -> Formula:
    """AND. While one term is false nothing else matters, so only its own edge is passed on."""
    if len(formulas) == 1:
        return formulas[0]

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        edge = NEVER
        for formula in formulas:
            holds, change = formula(run, row, parent)
            if not holds:
                return False, change
            if change < edge:
                edge = change
        return True, edge

    return evaluate


def either(formulas: Sequence[Formula]) -> Formula:
    """OR. While one term is true nothing else matters."""

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        edge = NEVER
        for formula in formulas:
            holds, change = formula(run, row, parent)
            if holds:
                return True, change
            if change < edge:
                edge = change
        return False, edge

    return evaluate


def negated(formula: Formula) -> Formula:
    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        holds, change = formula(run, row, parent)
        return not holds, change

    return evaluate


def for_any(formula: Formula) -> Formula:
    """At least one member of the account."""

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        edge = NEVER
        for member in run.members:
            holds, change = formula(member, None, None)
            if holds:
                return True, change
            edge = min(edge, change)
        return False, edge

    return evaluate


def for_all(formula: Formula) -> Formula:
    """Every member, and there is one."""
    none_fails = negated(for_any(negated(formula)))
    return lambda run, row, parent: none_fails(run, row, parent) if run.members else FALSE


def trait(path: Path, whole: bool = False) -> Reading:
    """A trait of the profile at hand: a cell, or a list of entries where the path expands (`whole`: as one text)."""
    if whole and paths.expands(path):
        return lambda run, row, parent: ([text(found)] if (found := paths.entries(run.traits, path)) else [], NEVER)
    if paths.expands(path):
        return lambda run, row, parent: ([cell(item) for item in paths.entries(run.traits, path)], NEVER)
    get = paths.getter(path)
    return lambda run, row, parent: (cell(get(run.traits)), NEVER)


def performers_trait(path: Path, whole: bool = False) -> Reading:
    """The traits of the account's user who performed the event of the row; its last column says which one."""
    read = trait(path, whole)

    def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
        return read(run.members[row[-1]], None, None)

    return evaluate


def column(place: int) -> Reading:
    def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
        return row[place], NEVER

    return evaluate


def parent_column(place: int) -> Reading:
    def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
        return parent[place], NEVER

    return evaluate


def flag(place: int) -> Formula:
    """A condition that was decided when the event arrived."""

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        return TRUE if row[place] else FALSE

    return evaluate


def fixed(value: Any) -> Reading:
    return lambda run, row, parent: (value, NEVER)


def against_constants(left: Reading, name: str, operands: Sequence[Any]) -> Formula:
    """A single value against literals."""
    test = bound(name, operands)

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        value, edge = left(run, row, parent)
        return test(value), edge

    return evaluate


def compared(left: Reading, holds: Entry, operands: Sequence[Reading]) -> Formula:
    """Any entry of the left side against any entry of the operands."""

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        value, edge = left(run, row, parent)
        others: list[Any] = []
        for operand in operands:
            other, change = operand(run, row, parent)
            edge = min(edge, change)
            others += _entries(other)
        return any(holds(item, others) for item in _entries(value)), edge

    return evaluate


def from_now(left: Reading, name: str, duration: Duration) -> Formula:
    """A comparator that looks from the present: while one entry satisfies it the others do not matter."""
    compare = relative(name, duration)

    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        value, given = left(run, row, parent)
        edge = given
        for item in _entries(value):
            holds, change = compare(item, run.now)
            if holds:
                return True, min(given, change)
            edge = min(edge, change)
        return False, edge

    return evaluate


def _entries(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)
