"""The states of streams, one row for each profile."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ...query.stream import Stream
from .admissions import Admission, named
from .cells import Cells
from .columns import Columns
from .form import Form
from .forms import Admitted, form
from .grouping import grouped
from .text import any_of, quoted


class States:
    """The query that gathers the states, and the reader of what it gives."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = list({stream.key: stream for stream in streams}.values())
        self._cells, self._derived, self._found = Cells("c"), Columns("d"), Columns("g")
        self._admissions = [Admission(*stream.spec[:4]) for stream in self.streams]
        self._conditions = [admission.sql(self._cells) for admission in self._admissions]
        self._names = named([stream.event for stream in self.streams])
        self._forms = [self._form(place) for place in range(len(self.streams))]
        self._finish = [
            (stream.key, made.finish)
            for stream, made in zip(self.streams, self._forms, strict=True)
            if made.finish is not None
        ]

    def _form(self, place: int) -> Form:
        condition = None if self._conditions == [self._names] else f"a{place}"
        return form(self.streams[place], Admitted(condition, self._cells, self._derived, self._found))

    @property
    def query(self) -> str:
        """Over a relation `source` of events that have a `profile_id`: that, and `states`, which is for `read`."""
        unsure = [
            self._found.named(f"bool_or(a{place} is null)")
            for place, admission in enumerate(self._admissions)
            if not admission.is_plain
        ]
        unsure += [sql for made in self._forms for sql in made.open]
        open_ = any_of([f"coalesce({sql}, false)" for sql in unsure])
        states = ", ".join(
            f"{quoted(_json_key(stream.key))} || {made.state}"
            for stream, made in zip(self.streams, self._forms, strict=True)
        )
        rows = grouped(self._cells, self._conditions, self._derived, self._found.select(), self._names)
        made = f"'{{' || concat_ws(',', {states or 'null'}) || '}}'"
        return f"select profile_id, if({open_}, '', {made}) as states from ({rows})"  # noqa: S608

    def read(self, found: str | None) -> dict[str, Any] | None:
        """The states by key; None when only the events themselves can tell. `found` is NULL where there are none."""
        if not found:
            return {} if found is None else None
        states = decode(found)
        for key, finish in self._finish:
            if key in states:
                state = finish(states[key])
                if state is None:
                    del states[key]
                else:
                    states[key] = state
        return states


decode = msgspec.json.Decoder(dict[str, Any]).decode


def _json_key(key: str) -> str:
    return f'"{key}":'
