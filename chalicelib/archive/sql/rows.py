"""Admitted events, brought down to what a memory reads of them, for memories that are fed one by one."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...query.occurrence import OwnReference
from ...query.stream import Stream
from ...query.syntax import Context
from .cells import Cells, extracted
from .form import Form


class Projected(msgspec.Struct):
    """An occurrence that holds what is read of it."""

    event: str
    timestamp: int
    received_at: int
    message_id: str
    source_id: str | None
    properties: dict[str, Any]
    context: dict[str, Any]


def listed(stream: Stream, named: Callable[[str], str], cells: Cells) -> Form:
    """The memory adds the events in order of arrival. `named` gives the alias of an aggregate."""
    parts = {(_root(node), node.path[0]) for node in stream.spec.reads}
    kept = [(root, step, cells.named(_part(root, step))) for root, step in sorted(parts)]
    fields = ["received_at::varchar", "to_json(message_id)::varchar", "timestamp::varchar"]
    fields += [f"coalesce({alias}, 'null')" for _, _, alias in kept]
    rows = named(f"string_agg(concat('[', concat_ws(',', {', '.join(fields)}), ']'), ',')")
    memory, empty = stream.spec.memory, stream.empty()

    def finish(rows: list[Any]) -> Any:
        state = empty
        for row in sorted(rows, key=_arrival):
            state = memory.add(state, _occurrence(stream.event, row, kept))
        return None if state is empty else state

    return Form(f"'[' || {rows} || ']'", finish=finish)


def _arrival(row: Sequence[Any]) -> tuple[int, str]:
    return row[0], row[1]


def _occurrence(event: str, row: Sequence[Any], kept: Sequence[tuple[str, str, str]]) -> Projected:
    found = Projected(event, row[2], row[0], row[1], None, {}, {})
    for (root, step, _), value in zip(kept, row[3:], strict=True):
        if value is not None:
            into = found.properties if root == "properties" else found.context
            into.update(value if extracted(root, (step,)) is None else {step: value})
    return found


def _root(node: OwnReference) -> str:
    return "context" if isinstance(node, Context) else "properties"


def _part(root: str, step: str) -> str:
    """One value, or all of them where SQL cannot find it."""
    return extracted(root, (step,)) or root
