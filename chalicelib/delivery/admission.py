"""Whether a message from the queue may still be sent: its connection and destination may have changed since."""

from dataclasses import dataclass, field

from ..destinations.kind import Payload
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
from .message import Delivery
from .sending import Target


class Cancelled(Exception):
    """Connection or destination were removed: nobody is left who could want the message or hear of its failure."""


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

    def admit(self, delivery: Delivery, waiting_since: int | None = None) -> tuple[Target, Payload]:
        """To whom it goes, and what of it. `waiting_since` is when it was attempted first (epoch ms). Raises Cancelled,
        Filtered or Discarded when the delivery must not be attempted."""
        destination = self.directory.destination(delivery.destination_id)
        if destination is None:
            raise Cancelled
        if not delivery.replayed:
            self._check_switches(delivery, destination)
        target = _target(destination)
        if delivery.payload.get("type", "identify") not in target.kind.types:
            raise Discarded(UNSUPPORTED_EVENT_TYPE)
        if not allows(delivery.payload.get("integrations") or {}, target.kind.name):
            raise Filtered(FILTERED_BY_INTEGRATIONS_OBJECT)
        payload = filtered(destination.filters, delivery.payload, waiting_since)
        if payload is None:
            raise Filtered(FILTERED_BY_RULES)
        return target, payload

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
        if delivery.space_id not in self._views:
            self._views[delivery.space_id] = self.directory.view(delivery.space_id)
        connections = self._views[delivery.space_id].connections.get(delivery.computation_id, ())
        return next((c for c in connections if c.id == delivery.connection_id), None)


def _target(destination: Destination) -> Target:
    kind = KINDS.get(destination.metadata_id)
    if kind is None:
        raise Discarded(INVALID_SETTINGS, "this kind of destination does not exist any more")
    problems = kind.problems(destination.settings)
    if problems:
        raise Discarded(INVALID_SETTINGS, "; ".join(problem.message for problem in problems))
    return Target(destination.id, kind, destination.settings)
