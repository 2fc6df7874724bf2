"""What mappings set for an action of a destination: checked beside the destination's own settings, and what is secret
sealed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..secrecy import Secrets
from .body import Body
from .destinations import open_settings, open_values
from .model import Destination, DestinationMapping
from .ports import DestinationAction, DestinationKind

LARGEST = 10_000  # bytes

NO_ACTIONS = "this kind of destination has no actions: what is sent is set on the destination and its connections"
NO_SUCH_ACTION = "this kind of destination has no such action; its metadata lists those there are"


class MappingSettings:
    """`kinds` are by metadata id, `body` is the one that names an action and has `settings`."""

    def __init__(self, secrets: Secrets, kinds: Mapping[str, DestinationKind]) -> None:
        self._secrets, self._kinds = secrets, kinds

    def action(self, destination: Destination, id: str) -> DestinationAction | None:
        return next((action for action in self._kinds[destination.metadata_id].actions if action.id == id), None)

    def required_action(self, body: Body, destination: Destination) -> DestinationAction | None:
        """The one that `actionId` names; None where that is refused."""
        id = body.required_text("actionId")
        action = self.action(destination, id)
        if id and not self._kinds[destination.metadata_id].actions:
            body.reject("actionId", NO_ACTIONS, {"code": "not_supported"})
        elif id and action is None:
            body.reject("actionId", NO_SUCH_ACTION)
        return action

    def checked(
        self, body: Body, destination: Destination, action_id: str | None, before: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """All that the mapping will have, checked together with the destination's own."""
        merged = {**(before or {}), **(body.mapping("settings") or {})}
        settings = {name: value for name, value in merged.items() if value is not None}
        if action_id is None or not body.has("settings"):
            return settings
        if len(msgspec.json.encode(settings)) > LARGEST:
            body.reject("settings", f'"{body.path}settings" is larger than {LARGEST} bytes')
            return settings
        own = open_settings(destination, self._secrets)
        for problem in self._kinds[destination.metadata_id].mapping_problems(action_id, settings, own):
            body.reject(problem.field or "settings", problem.message, problem.data)
        return settings

    def sealed(
        self, destination: Destination, action_id: str, settings: Mapping[str, Any], context: str
    ) -> tuple[dict[str, Any], dict[str, str | None]]:
        """Settings that may be shown, and the others sealed for what has the id `context`; null stays null."""
        secret = self._kinds[destination.metadata_id].secret_fields(action_id)
        public = {name: value for name, value in settings.items() if name not in secret}
        return public, {name: self._seal(value, context) for name, value in settings.items() if name in secret}

    def opened(self, mapping: DestinationMapping, context: str) -> dict[str, Any]:
        return {**mapping.settings, **open_values(mapping.secrets, context, self._secrets)}

    def _seal(self, value: Any, context: str) -> str | None:
        return None if value is None else self._secrets.seal(msgspec.json.encode(value).decode(), context)
