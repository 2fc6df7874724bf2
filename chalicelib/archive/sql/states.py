"""The states of streams, one row for each profile."""

from collections.abc import Sequence
from typing import Any

from ...query.stream import Stream
from .admissions import Admission, named
from .cells import Cells
from .columns import Columns
from .form import NOTHING, UNDECIDED, Form
from .forms import Admitted, form
from .grouping import grouped
from .text import any_of


class States:
    """The query that gathers what the states are made of, and the reader of its rows."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = list({stream.key: stream for stream in streams}.values())
        self._cells, self._derived = Cells("c"), Columns("d")
        self._admissions = [Admission(*stream.spec[:4]) for stream in self.streams]
        self._conditions = [admission.sql(self._cells) for admission in self._admissions]
        self._forms = [self._form(place) for place in range(len(self.streams))]

    def _form(self, place: int) -> Form:
        return form(self.streams[place], Admitted(f"a{place}", self._cells, self._derived))

    @property
    def query(self) -> str:
        """Over a relation `source` of events that have a `profile_id`: that, whether some event is undecided, and
        what `read` needs."""
        aggregates = [sql for each in self._forms for sql in each.aggregates]
        unsure = any_of([f"bool_or(a{place} is null)" for place, a in enumerate(self._admissions) if not a.is_plain])
        names = named([stream.event for stream in self.streams])
        return grouped(self._cells, self._conditions, self._derived, [f"{unsure} as unsure", *aggregates], names)

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
