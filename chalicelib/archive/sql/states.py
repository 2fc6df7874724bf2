"""The states of streams, one row for each profile."""

from collections.abc import Sequence
from typing import Any

from ...query.stream import Spec, Stream
from .cells import Cells
from .columns import Columns
from .conditions import where
from .form import NOTHING, UNDECIDED, Form
from .forms import Admitted, form
from .text import UNDECIDED as OPEN
from .text import all_of, any_of, quoted, speakable

KEPT = "timestamp, received_at, message_id"


class States:
    """The query that gathers what the states are made of, and the reader of its rows."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = list({stream.key: stream for stream in streams}.values())
        self._cells, self._derived = Cells("c"), Columns("d")
        self._conditions = [admission(stream.spec, self._cells) for stream in self.streams]
        self._forms = [self._form(place) for place in range(len(self.streams))]

    def _form(self, place: int) -> Form:
        return form(self.streams[place], Admitted(f"a{place}", self._cells, self._derived))

    @property
    def query(self) -> str:
        """Over a relation `source` of events that have a `profile_id`: that, whether some event is undecided, and
        what `read` needs."""
        names = [stream.event for stream in self.streams]
        aggregates = [sql for each in self._forms for sql in each.aggregates]
        cells = ", ".join(["profile_id", "event", "source_id", KEPT, *self._cells.select()])
        admissions = ", ".join(["*", *(f"{sql} as a{place}" for place, sql in enumerate(self._conditions))])
        derived = ", ".join(["*", *self._derived.select()])
        admitted = any_of([f"a{place}" for place in range(len(names))])
        unsure = any_of([f"a{place} is null" for place in range(len(names))])
        return (
            f"select profile_id, bool_or({unsure}) as unsure, {', '.join(aggregates)}\n"  # noqa: S608
            f"from (select {derived} from (select {admissions} from (\n"
            f"select {cells} from source where {named(names)}\n"
            f")) where coalesce({admitted}, true))\ngroup by profile_id"
        )

    @property
    def width(self) -> int:
        """How many columns the query gives."""
        return 2 + sum(len(each.aggregates) for each in self._forms)

    def read(self, row: Sequence[Any]) -> dict[str, Any] | None:
        """The states by key, of a row without its profile id; None when only the events themselves can tell."""
        if row[0]:
            return None
        states: dict[str, Any] = {}
        place = 1
        for stream, (aggregates, read) in zip(self.streams, self._forms, strict=True):
            state = read(row[place : place + len(aggregates)])
            place += len(aggregates)
            if state is UNDECIDED:
                return None
            if state is not NOTHING:
                states[stream.key] = state
        return states


def named(names: Sequence[str]) -> str:
    """Events of these names. What SQL cannot spell no event is called."""
    known = sorted({name for name in names if speakable(name)})
    return f"event in ({', '.join(map(quoted, known))})" if known else "false"


def admission(spec: Spec, cells: Cells) -> str:
    """What a stream admits, as SQL: NULL where only the evaluator can tell."""
    received_from, timestamp_from = spec.bounds
    terms = [named([spec.event])]
    if received_from is not None:
        terms.append(f"received_at >= {received_from}")
    if timestamp_from is not None:
        terms.append(f"timestamp >= {timestamp_from}")
    if spec.excluded:
        terms.append(_not_from(sorted(spec.excluded)))
    return all_of(terms + [where(condition, cells) for condition in spec.conditions])


def _not_from(excluded: Sequence[str]) -> str:
    if not all(map(speakable, excluded)):
        return OPEN
    return f"(source_id is null or source_id not in ({', '.join(map(quoted, excluded))}))"
