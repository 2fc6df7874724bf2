"""What a space wants to be told of its failures."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..records import Key, Records
from ..workspace.body import Body
from ..workspace.shelf import Shelf
from ..workspace.storage import space_partition


class Preferences(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`notify_transient_failures`: whether to be told also of failures that a retry may still repair."""

    notify_transient_failures: bool = True


class SpacePreferences:
    """The preferences of spaces. They hold for failures from then on."""

    def __init__(self, workspace: Records) -> None:
        self._shelf = Shelf(workspace, Preferences)

    def of(self, space_id: str) -> Preferences:
        """Strongly consistent."""
        return self._shelf.find(_key(space_id)) or Preferences()

    def update(self, space_id: str, content: Mapping[str, Any]) -> Preferences:
        """Raises Invalid."""
        body = Body(content)
        transient = body.flag("notifyTransientFailures", required=True)
        body.done()
        preferences = Preferences(notify_transient_failures=bool(transient))
        self._shelf.put(_key(space_id), preferences)
        return preferences


def _key(space_id: str) -> Key:
    return Key(space_partition(space_id), "failure_notifications")
