"""What the language needs to know of an event, and what can be read from it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from . import paths
from .syntax import Context, Property
from .values import Cell, cell

OwnReference = Property | Context

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Occurrence(Protocol):
    """One event. Times are epoch ms; `event` is None for calls that are not events."""

    @property
    def event(self) -> str | None: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def received_at(self) -> int: ...
    @property
    def message_id(self) -> str: ...
    @property
    def source_id(self) -> str | None: ...
    @property
    def properties(self) -> dict[str, Any]: ...
    @property
    def context(self) -> dict[str, Any]: ...


def cell_reader(reference: OwnReference) -> Callable[[Occurrence], Cell]:
    """Reads a path without `$`."""
    get = paths.getter(reference.path)
    if isinstance(reference, Context):
        return lambda occurrence: cell(get(occurrence.context))
    if reference.path == ("timestamp",):
        return _timestamp
    return lambda occurrence: cell(get(occurrence.properties))


def entries_reader(reference: OwnReference) -> Callable[[Occurrence], Sequence[Cell]]:
    """Reads any path as the list of its non-null entries."""
    if not paths.expands(reference.path):
        read = cell_reader(reference)
        return lambda occurrence: [] if (value := read(occurrence)) is None else [value]
    raw = raw_entries_reader(reference)
    return lambda occurrence: [cell(item) for item in raw(occurrence)]


def raw_entries_reader(reference: OwnReference) -> Callable[[Occurrence], list[Any]]:
    path = reference.path
    if isinstance(reference, Context):
        return lambda occurrence: paths.entries(occurrence.context, path)
    return lambda occurrence: paths.entries(occurrence.properties, path)


def _timestamp(occurrence: Occurrence) -> Cell:
    """A property of that name if there is one, else the time of the event itself."""
    found = cell(occurrence.properties.get("timestamp"))
    return timestamp_text(occurrence.timestamp) if found is None else found


def timestamp_text(instant: int) -> str | None:
    """ISO 8601, with a fraction only when there is one; None outside the years that can be written."""
    try:
        moment = _EPOCH + timedelta(milliseconds=instant)
    except OverflowError:
        return None
    fraction = f".{instant % 1_000:03d}" if instant % 1_000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
