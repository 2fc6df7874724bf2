"""Mappings of a destination: which of them an event is sent through, and what each makes of it."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from ..destinations.action import Action
from ..destinations.directives import rendered
from ..destinations.kind import DestinationKind, Payload
from ..filters.condition import condition
from ..query.errors import QueryError
from ..workspace.model import Destination, Subscription
from .classification import INVALID_SETTINGS, PAYLOAD_VALIDATION_FAILED, Discarded
from .message import COPY, Delivery
from .sending import Target

NO_MATCHING_MAPPING = "NO_MATCHING_MAPPING"

logger = logging.getLogger(__name__)


class Mapped(Protocol):
    """A mapping, be it of a destination or of an activation."""

    @property
    def id(self) -> str: ...
    @property
    def action_id(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


class OfActivation(NamedTuple):
    """`id` is that of the activation."""

    id: str
    action_id: str
    settings: Mapping[str, Any]


def matching(destination: Destination, payload: Payload) -> list[str]:
    """The ids of the mappings whose triggers an event meets."""
    return [one.id for one in destination.subscriptions if one.enabled and _is_met(one, payload)]


def through(delivery: Delivery, mapping_id: str) -> Delivery:
    """The same event for one mapping, under an id of its own that is the same each time: it is tried and counted by
    itself. The partner sees the id of the event."""
    head, mark, rest = delivery.message_id.partition(COPY)
    return replace(delivery, message_id=f"{head}.{mapping_id}{mark}{rest}", subscription_id=mapping_id)


def target(destination: Destination, kind: DestinationKind, mapping: Mapped | None) -> Target:
    """Raises Discarded for settings that cannot work."""
    settings, key = destination.settings, ""
    if mapping is not None:
        settings = {**settings, **_action(kind, mapping).options(mapping.settings)}
        key = msgspec.json.encode([mapping.id, mapping.action_id, mapping.settings]).decode()
    problems = kind.problems(settings)
    if problems:
        raise Discarded(INVALID_SETTINGS, "; ".join(problem.message for problem in problems))
    return Target(destination.id, kind, settings, key)


def body(kind: DestinationKind, mapping: Mapped, payload: Payload) -> Payload:
    """What is sent of an event. Raises Discarded when that is nothing that could be sent."""
    template = _action(kind, mapping).body(mapping.settings)
    made = payload if template is None else rendered(template, payload)
    if not isinstance(made, dict):
        raise Discarded(PAYLOAD_VALIDATION_FAILED, "what the mapping makes of the event is no object")
    return made


def _action(kind: DestinationKind, mapping: Mapped) -> Action:
    action = kind.action(mapping.action_id)
    if action is None:
        raise Discarded(INVALID_SETTINGS, "the action of the mapping does not exist any more")
    return action


def _is_met(mapping: Subscription, payload: Payload) -> bool:
    try:
        return condition(mapping.trigger)(payload)
    except QueryError:  # of a time when the language was another: what it is to choose nobody knows
        logger.error("The trigger of mapping %s cannot be read, so nothing is sent through it", mapping.id)
        return False
