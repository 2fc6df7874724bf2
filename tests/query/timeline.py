"""Events for the tests of the definition language, and the ways to bring them into streams."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from chalicelib import query


class Occurrence(msgspec.Struct, kw_only=True):
    event: str | None
    timestamp: int
    received_at: int
    message_id: str
    source_id: str | None = None
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    context: dict[str, Any] = msgspec.field(default_factory=dict)


def fed(plan: query.Plan, events: Iterable[Occurrence]) -> dict[str, Any]:
    """The states after these events, in the order given."""
    states: dict[str, Any] = {}
    for event in events:
        for stream in plan.streams:
            before = states.get(stream.key, stream.empty())
            after = stream.add(before, event)
            if after is not before:
                states[stream.key] = after
    return states


def stored(states: Mapping[str, Any]) -> dict[str, Any]:
    """The states as they come back from storage."""
    restored: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(states))
    return restored


def compiled(text: str, kind: str = "audience", scope: str = "USERS", **bounds: Any) -> query.Plan:
    return query.compile(query.parse(text, kind=kind, scope=scope), **bounds)
