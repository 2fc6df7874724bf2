"""Subscriptions of destinations to actions, which are mappings: which events are sent how."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, NotFound
from ..ids import Ids
from ..secrecy import Secrets
from .body import Body
from .conditions import read_condition
from .destinations import opened, without_null
from .mapping_settings import MappingSettings
from .model import Destination, Subscription
from .opaque import opaque_id
from .storage import Storage, destination_key

MOST = 50  # of a destination, as at Segment
LARGEST = 150_000  # bytes of all of a destination: with its filters they must fit into its record
INPUT = "input"  # the Public API wraps what an update changes

NO_MODELS = "there are no models to subscribe to"


class Subscriptions:
    """`content` is a request body. They are part of their destination's record."""

    def __init__(self, storage: Storage, secrets: Secrets, mappings: MappingSettings, ids: Ids, clock: Clock) -> None:
        self._storage, self._secrets, self._mappings = storage, secrets, mappings
        self._ids, self._clock = ids, clock

    def get(self, workspace_id: str, destination_id: str, subscription_id: str) -> Subscription:
        """Raises NotFound."""
        return _find(self._storage.destinations.get(destination_key(workspace_id, destination_id)), subscription_id)

    def create(self, destination: Destination, content: Mapping[str, Any]) -> Subscription:
        """Disabled unless it says otherwise. Raises Invalid, and Conflict when the destination has as many as it can
        have."""
        body = Body(content)
        action = self._mappings.required_action(body, destination)
        name, enabled = body.required_text("name"), body.flag("enabled")
        given = action.trigger if action else None
        trigger = read_condition(body, required=given is None, field="trigger") or given
        settings = self._mappings.checked(body, destination, action.id if action else None)
        if body.has("modelId"):
            body.reject("modelId", NO_MODELS, {"code": "not_supported"})
        body.done()
        now, action_id = self._clock.now(), action.id if action else ""
        public, sealed = self._mappings.sealed(destination, action_id, settings, destination.id)
        made = Subscription(
            id=opaque_id(self._ids),
            name=name,
            action_id=action_id,
            trigger=trigger or "",
            enabled=enabled is True,
            created_at=now,
            updated_at=now,
            settings=public,
            secrets=without_null(sealed),
        )

        def change(present: list[Subscription]) -> list[Subscription]:
            if len(present) >= MOST:
                raise Conflict(f"a destination can have at most {MOST} subscriptions")
            return [*present, made]

        self._change(destination.workspace_id, destination.id, change)
        return made

    def update(
        self, workspace_id: str, destination_id: str, subscription_id: str, content: Mapping[str, Any]
    ) -> Subscription:
        """What is given replaces what is there; of settings each by itself, and null takes one away. Raises Invalid
        and NotFound."""
        destination = self._storage.destinations.get(destination_key(workspace_id, destination_id))
        before = _find(opened(destination, self._secrets), subscription_id)
        whole = Body(content)
        body = whole.inner(INPUT, required=True)
        found = {
            "name": body.text("name") or None,
            "trigger": read_condition(body, field="trigger"),
            "enabled": body.flag("enabled"),
        }
        settings = self._mappings.checked(body, destination, before.action_id, before.settings)
        whole.done()
        given: dict[str, Any] = without_null(found)
        if body.has("settings"):
            public, sealed = self._mappings.sealed(destination, before.action_id, settings, destination.id)
            given |= {"settings": public, "secrets": without_null(sealed)}

        def change(present: list[Subscription]) -> list[Subscription]:
            return [_changed(one, given, self._clock.now()) if one.id == subscription_id else one for one in present]

        return _find(self._change(workspace_id, destination_id, change), subscription_id)

    def delete(self, workspace_id: str, destination_id: str, subscription_id: str) -> None:
        """What waits for it is not sent any more. Raises NotFound."""
        self.get(workspace_id, destination_id, subscription_id)
        self._change(
            workspace_id, destination_id, lambda present: [one for one in present if one.id != subscription_id]
        )

    def _change(
        self, workspace_id: str, destination_id: str, change: Callable[[list[Subscription]], list[Subscription]]
    ) -> Destination:
        def amended(present: Destination) -> Destination:
            subscriptions = change(present.subscriptions)
            if len(msgspec.json.encode(subscriptions)) > LARGEST:
                raise Conflict(f"the subscriptions of a destination can have {LARGEST} bytes together")
            return replace(present, subscriptions=subscriptions)

        return self._storage.destinations.amend(destination_key(workspace_id, destination_id), amended)


def _changed(present: Subscription, given: Mapping[str, Any], now: int) -> Subscription:
    return replace(present, **given, updated_at=max(now, present.updated_at))


def _find(destination: Destination, subscription_id: str) -> Subscription:
    found = next((one for one in destination.subscriptions if one.id == subscription_id), None)
    if found is None:
        raise NotFound("there is no subscription with this id")
    return found
