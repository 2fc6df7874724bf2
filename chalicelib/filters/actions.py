"""What filters of destinations do to events: leave them out, let through a share of them, or take fields away."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

SAMPLE, DROP, DROP_PROPERTIES, ALLOW_PROPERTIES = "SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES"
TYPES = (SAMPLE, DROP, DROP_PROPERTIES, ALLOW_PROPERTIES)  # in the order in which they are taken
STOPPING = (SAMPLE, DROP)

TOP = ""  # the path of the event itself

# What an event is, whom and when it is about, and where it may go: without these it is no event any more.
ENVELOPE = frozenset(
    {
        "type",
        "messageId",
        "userId",
        "anonymousId",
        "groupId",
        "previousId",
        "event",
        "timestamp",
        "originalTimestamp",
        "receivedAt",
        "sentAt",
        "integrations",
    }
)
CONTEXT, PERSONAS = "context", "personas"  # the second one, inside of the first: which computation an event tells of

Event = Mapping[str, Any]
Change = Callable[[dict[str, Any]], dict[str, Any]]


class Action(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """`fields` are names by the path of the object they are in. `percent` is the share of events, from 0 to 1, that is
    let through; those that agree in what stands at `path` go together."""

    type: str
    fields: dict[str, list[str]] = {}
    percent: float | None = None
    path: str | None = None


def keeps(path: str) -> Collection[str]:
    """Names in an object that no action takes away."""
    return ENVELOPE if path == TOP else {PERSONAS} if path == CONTEXT else ()


def is_kept_whole(path: str) -> bool:
    """Whether nothing inside can be taken away."""
    return path.split(".")[:2] == [CONTEXT, PERSONAS] or path.split(".")[0] in ENVELOPE


def taken(event: Event, actions: Iterable[Action]) -> dict[str, Any] | None:
    """The event that is left, None if it is left out. The one given stays as it is."""
    left = dict(event)
    for action in sorted(actions, key=lambda action: TYPES.index(action.type)):
        if action.type == DROP or (action.type == SAMPLE and not _is_chosen(event, action)):
            return None
        if action.type not in STOPPING:
            for path, names in action.fields.items():
                left = _without(left, path, names, allowed=action.type == ALLOW_PROPERTIES)
    return left


def _is_chosen(event: Event, action: Action) -> bool:
    """The same whenever it is asked of the same event, so that no repetition is another draw."""
    value = _at(event, action.path.split(".")) if action.path else None
    value = event.get("messageId") if value is None else value
    digest = blake2b(msgspec.json.encode(value, order="sorted"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 < (1.0 if action.percent is None else action.percent)


def _at(event: Event, names: Sequence[str]) -> Any:
    value: Any = event
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _without(event: dict[str, Any], path: str, names: Collection[str], *, allowed: bool) -> dict[str, Any]:
    kept = keeps(path)

    def change(inner: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in inner.items() if name in kept or (name in names) == allowed}

    left = change(event) if path == TOP else _changed(event, path.split("."), change)
    return _with_personas(left, event) if path == TOP else left


def _with_personas(left: dict[str, Any], before: Event) -> dict[str, Any]:
    """Of a context that is taken away as a whole, what no action takes away stays."""
    told = _at(before, (CONTEXT, PERSONAS))
    return {**left, CONTEXT: {PERSONAS: told}} if told is not None and CONTEXT not in left else left


def _changed(value: Any, names: Sequence[str], change: Change) -> Any:
    """A copy, as far as it differs. Of a list, each of the objects in it."""
    if isinstance(value, list):
        return [_changed(item, names, change) if isinstance(item, dict) else item for item in value]
    if not isinstance(value, dict):
        return value
    if not names:
        return change(value)
    first, *others = names
    return {**value, first: _changed(value[first], others, change)} if first in value else value
