"""Channels: where people of a workspace want to be told, and of what."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from ..audit.catalogue import FAILURES, NAMES
from ..clock import Clock
from ..errors import Conflict
from ..ids import Ids
from ..records import Key, Records
from ..secrecy import Secrets
from ..workspace.body import Body
from ..workspace.model import Space
from ..workspace.shelf import Shelf
from ..workspace.storage import workspace_partition
from .kinds import KINDS
from .notice import Notice

MOST = 20  # of one workspace: a notice goes to all of them within one tick


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """`actions` are the names in the audit trail it is told of; alerts name their channels themselves. `space_id`
    None: all spaces. `secrets` are sealed settings by name; they are never returned."""

    id: str
    workspace_id: str
    type: str
    name: str
    enabled: bool
    created_by: str
    created_at: int
    updated_at: int
    space_id: str | None = None
    actions: tuple[str, ...] = ()
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)

    def wants(self, notice: Notice) -> bool:
        if not self.enabled:
            return False
        if notice.channels is not None:
            return self.id in notice.channels
        return self.space_id in (None, notice.space_id) and notice.name in self.actions


class Channels:
    """The channels of workspaces. `content` is a request body, `by` the id of the token that asks."""

    def __init__(self, workspace: Records, secrets: Secrets, ids: Ids, clock: Clock) -> None:
        self._shelf = Shelf(workspace, Channel)
        self._secrets, self._ids, self._clock = secrets, ids, clock

    def every(self, workspace_id: str) -> list[Channel]:
        """Oldest first."""
        found = self._shelf.every(workspace_partition(workspace_id), "channel#")
        return sorted(found, key=lambda channel: (channel.created_at, channel.id))

    def get(self, workspace_id: str, channel_id: str) -> Channel:
        """Raises NotFound."""
        return self._shelf.get(_key(workspace_id, channel_id))

    def create(self, workspace_id: str, content: Mapping[str, Any], by: str, spaces: Collection[Space]) -> Channel:
        """Raises Invalid, and Conflict when there are too many."""
        body = Body(content)
        type, name, enabled = (
            body.choice("type", KINDS, required=True),
            body.required_text("name"),
            body.flag("enabled"),
        )
        space_id, actions = _space(body, spaces), _actions(body)
        settings = body.mapping("settings", required=True)
        if type is not None and settings is not None:
            body.problems += KINDS[type].problems(settings)
        body.done()
        if len(self.every(workspace_id)) >= MOST:
            raise Conflict(f"a workspace can have at most {MOST} notification channels")
        now, id = self._clock.now(), self._ids.ksuid("nch_")
        public, sealed = self._sort(type or "", settings or {}, id)
        channel = Channel(
            id=id,
            workspace_id=workspace_id,
            type=type or "",
            name=name,
            enabled=enabled is not False,
            created_by=by,
            created_at=now,
            updated_at=now,
            space_id=space_id,
            actions=FAILURES if actions is None else actions,
            settings=public,
            secrets=sealed,
        )
        self._shelf.create(_key(workspace_id, id), channel)
        return channel

    def update(self, workspace_id: str, channel_id: str, content: Mapping[str, Any]) -> Channel:
        """Settings given are merged into the present ones, null takes one away. Raises NotFound and Invalid."""
        before = self.get(workspace_id, channel_id)
        body = Body(content)
        name = body.required_text("name") if body.has("name") else None
        enabled, actions, given = body.flag("enabled"), _actions(body), body.mapping("settings") or {}
        if body.text("type") not in (None, before.type):
            body.reject("type", '"type" never changes')
        merged = _without_null({**self.settings_of(before), **given})
        body.problems += KINDS[before.type].problems(merged)
        body.done()
        public, sealed = self._sort(before.type, merged, channel_id)

        def change(present: Channel) -> Channel:
            return replace(
                present,
                name=name or present.name,
                enabled=present.enabled if enabled is None else enabled,
                actions=present.actions if actions is None else actions,
                settings=public,
                secrets=sealed,
                updated_at=max(self._clock.now(), present.updated_at + 1),
            )

        return self._shelf.amend(_key(workspace_id, channel_id), change)

    def delete(self, workspace_id: str, channel_id: str) -> None:
        """What still waits for it is dropped. Raises NotFound."""
        self.get(workspace_id, channel_id)
        self._shelf.delete(_key(workspace_id, channel_id))

    def settings_of(self, channel: Channel) -> dict[str, Any]:
        """All of them, in clear: for sending alone, they are never returned by the API."""
        opened = {
            name: msgspec.json.decode(self._secrets.open(sealed, channel.id))
            for name, sealed in channel.secrets.items()
        }
        return {**channel.settings, **opened}

    def check(self, body: Body, workspace_id: str) -> tuple[str, ...] | None:
        """The ids under `channels` of a body, each of a channel there is."""
        given = body.texts("channels")
        known = {channel.id for channel in self.every(workspace_id)} if given else set()
        for place, id in enumerate(given or ()):
            if id not in known:
                body.reject(f"channels.{place}", "there is no notification channel with this id")
        return None if given is None else tuple(given)

    def _sort(self, type: str, settings: Mapping[str, Any], id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Settings that may be shown, and the sealed others."""
        secret = KINDS[type].secret
        given = _without_null(settings)
        sealed = {n: self._secrets.seal(msgspec.json.encode(v).decode(), id) for n, v in given.items() if n in secret}
        return {name: value for name, value in given.items() if name not in secret}, sealed


def _space(body: Body, spaces: Collection[Space]) -> str | None:
    space_id = body.text("spaceId")
    if space_id is not None and space_id not in {space.id for space in spaces}:
        body.reject("spaceId", "there is no space with this id")
    return space_id


def _actions(body: Body) -> tuple[str, ...] | None:
    given = body.texts("actions")
    for place, name in enumerate(given or ()):
        if name not in NAMES:
            body.reject(f"actions.{place}", f"{name!r} is no name of the audit trail")
    return None if given is None else tuple(given)


def _without_null(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _key(workspace_id: str, channel_id: str) -> Key:
    return Key(workspace_partition(workspace_id), f"channel#{channel_id}")
