"""Admitted events, brought down to what a memory reads of them, for memories that are fed one by one."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...query.occurrence import OwnReference
from ...query.stream import Stream
from ...query.syntax import Context
from .cells import Cells, extracted
from .form import NOTHING, Form


class Projected(msgspec.Struct):
    """An occurrence that holds what is read of it."""

    event: str
    timestamp: int
    received_at: int
    message_id: str
    source_id: str | None
    properties: dict[str, Any]
    context: dict[str, Any]


def listed(stream: Stream, only: Callable[[str], str], cells: Cells) -> Form:
    """The memory adds the events in order of arrival."""
    parts = {(_root(node), node.path[0]) for node in stream.spec.reads}
    kept = [(root, step, cells.named(_part(root, step))) for root, step in sorted(parts)]
    fields = ", ".join(["received_at", "message_id", "timestamp", *(alias for _, _, alias in kept)])
    memory, empty = stream.spec.memory, stream.empty()

    def read(values: Sequence[Any]) -> Any:
        state = empty
        for row in sorted(values[0] or (), key=_arrival):
            state = memory.add(state, _occurrence(stream.event, row, kept))
        return NOTHING if state is empty else state

    return Form([only(f"list(row({fields}))")], read)


def _arrival(row: Sequence[Any]) -> tuple[int, str]:
    return row[0], row[1]


def _occurrence(event: str, row: Sequence[Any], kept: Sequence[tuple[str, str, str]]) -> Projected:
    found = Projected(event, row[2], row[0], row[1], None, {}, {})
    for (root, step, _), value in zip(kept, row[3:], strict=True):
        if value is not None:
            decoded = msgspec.json.decode(value)
            into = found.properties if root == "properties" else found.context
            into.update(decoded if extracted(root, (step,)) is None else {step: decoded})
    return found


def _root(node: OwnReference) -> str:
    return "context" if isinstance(node, Context) else "properties"


def _part(root: str, step: str) -> str:
    """One value, or all of them where SQL cannot find it."""
    return extracted(root, (step,)) or root
