"""Traits that go along with what is told, under the names their owner chose."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..profiles.profile import Head
from ..workspace.model import Activation, Connection


def extras(connection: Connection, activations: Sequence[Activation], head: Head) -> dict[str, Any]:
    """By the name they are sent under. A trait that the profile does not have is left out."""
    wanted: dict[str, str] = dict(connection.settings.get("traits") or {})
    for activation in activations:
        wanted |= {key: activation.mapping.get(key, key) for key in activation.properties}
    return {sent: value for key, sent in wanted.items() if (value := _value(head, key)) is not None}


def _value(head: Head, key: str) -> Any:
    """What a computation says comes before what anybody sent under its key."""
    if key in head.outcomes:
        return head.outcomes[key].value
    trait = head.traits.get(key)
    return None if trait is None else trait.value


def with_extras(own: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """What a message says itself is never overwritten."""
    return {name: value for name, value in others.items() if name not in own} | dict(own)
