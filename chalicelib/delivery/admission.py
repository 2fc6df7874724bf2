"""Whether a message from the queue may still be sent: its connection and destination may have changed since."""

from dataclasses import dataclass, field

from ..destinations.kind import DestinationKind, Payload
from ..destinations.registry import KINDS
from ..workspace.model import Connection, Destination
from ..workspace.ports import Directory, SpaceView
from .classification import (
    CONNECTION_PAUSED,
    DESTINATION_DISABLED,
    INVALID_SETTINGS,
    UNSUPPORTED_EVENT_TYPE,
    Discarded,
)
from .filtering import FILTERED_BY_RULES, filtered
from .integrations import FILTERED_BY_INTEGRATIONS_OBJECT, allows
from .mappings import NO_MATCHING_MAPPING, Mapped, OfActivation, body, matching, target
from .message import Delivery
from .sending import Target


class Cancelled(Exception):
    """Connection, destination, activation or mapping were removed: nobody is left who could want the message or hear
    of its failure."""


class Divided(Exception):
    """It goes through these mappings, each by itself."""

    def __init__(self, mapping_ids: list[str]) -> None:
        super().__init__(*mapping_ids)
        self.mapping_ids = mapping_ids


class Filtered(Exception):
    """It is not meant for this partner. Not a failure: nothing was attempted and nothing is to be repaired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Admission:
    """For one call of the deliverer: each space is looked up once."""

    directory: Directory
    _views: dict[str, SpaceView] = field(default_factory=dict)
    _asked_anew: set[str] = field(default_factory=set)

    def admit(self, delivery: Delivery, waiting_since: int | None = None) -> tuple[Target, Payload]:
        """To whom it goes, and what of it. `waiting_since` is when it was attempted first (epoch ms). Raises Cancelled,
        Filtered or Discarded when the delivery must not be attempted, and Divided when others must in its place."""
        destination = self._destination(delivery)
        if destination is None:
            raise Cancelled
        if not delivery.replayed:
            self._check_switches(delivery, destination)
        kind, mapping = _kind(destination), self._mapping(destination, delivery)
        whole = bool(destination.subscriptions) and mapping is None
        to = None if whole else target(destination, kind, mapping)
        payload = _left(delivery, destination, kind, waiting_since)
        if to is None:
            raise _divided(destination, payload)
        return to, payload if mapping is None else body(kind, mapping, payload)

    def _destination(self, delivery: Delivery) -> Destination | None:
        """Whoever divided the event may have known of a mapping earlier than this worker: it is looked for once more
        before it counts as gone."""
        id, mapping_id = delivery.destination_id, delivery.subscription_id
        found = self.directory.destination(id)
        if found is None or not mapping_id or id in self._asked_anew:
            return found
        if any(one.enabled and one.id == mapping_id for one in found.subscriptions):
            return found
        self._asked_anew.add(id)
        return self.directory.destination(id, fresh=True)

    def _check_switches(self, delivery: Delivery, destination: Destination) -> None:
        """What is replayed goes out whatever is switched off: its owner asks for it."""
        connection = self._connection(delivery)
        if connection is None:
            raise Cancelled
        if not destination.enabled:
            raise Discarded(DESTINATION_DISABLED)
        if not connection.enabled:
            raise Discarded(CONNECTION_PAUSED)

    def _connection(self, delivery: Delivery) -> Connection | None:
        connections = self._view(delivery.space_id).connections.get(delivery.computation_id, ())
        return next((c for c in connections if c.id == delivery.connection_id), None)

    def _view(self, space_id: str) -> SpaceView:
        if space_id not in self._views:
            self._views[space_id] = self.directory.view(space_id)
        return self._views[space_id]

    def _mapping(self, destination: Destination, delivery: Delivery) -> Mapped | None:
        """The one it goes through; None for what goes through none, or was not divided yet. It was chosen when the
        event was made or divided, whatever its trigger is now."""
        if delivery.activation_id:
            return self._of_activation(delivery)
        if not delivery.subscription_id:
            return None
        found = next((one for one in destination.subscriptions if one.id == delivery.subscription_id), None)
        if found is None:
            raise Cancelled
        if not found.enabled:
            raise Filtered(NO_MATCHING_MAPPING)
        return found

    def _of_activation(self, delivery: Delivery) -> Mapped:
        activations = self._view(delivery.space_id).activations.get(delivery.connection_id, ())
        found = next((one for one in activations if one.id == delivery.activation_id), None)
        mapping = self.directory.mapping(found) if found else None
        if found is None or mapping is None:
            raise Cancelled
        if not found.enabled:
            raise Filtered(NO_MATCHING_MAPPING)
        return OfActivation(found.id, mapping.action_id, mapping.settings)


def _left(delivery: Delivery, destination: Destination, kind: DestinationKind, waiting_since: int | None) -> Payload:
    """What of an event may be sent. Raises Filtered or Discarded."""
    if delivery.payload.get("type", "identify") not in kind.types:
        raise Discarded(UNSUPPORTED_EVENT_TYPE)
    if not allows(delivery.payload.get("integrations") or {}, kind.name):
        raise Filtered(FILTERED_BY_INTEGRATIONS_OBJECT)
    payload = filtered(destination.filters, delivery.payload, waiting_since)
    if payload is None:
        raise Filtered(FILTERED_BY_RULES)
    return payload


def _divided(destination: Destination, payload: Payload) -> Divided | Filtered:
    found = matching(destination, payload)
    return Divided(found) if found else Filtered(NO_MATCHING_MAPPING)


def _kind(destination: Destination) -> DestinationKind:
    kind = KINDS.get(destination.metadata_id)
    if kind is None:
        raise Discarded(INVALID_SETTINGS, "this kind of destination does not exist any more")
    return kind
