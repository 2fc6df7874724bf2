"""Alerts as owners set them up."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, Forbidden, NotFound
from ..ids import Ids
from ..notifications.channels import Channels
from ..records import Key, Records
from ..workspace.body import Body
from ..workspace.model import Space
from ..workspace.service import Workspaces
from ..workspace.shelf import Shelf
from .alert import DELIVERY_RATE, TYPES, WITH_AUDIENCE, WITH_DESTINATION, Alert
from .history import SizeHistory

MOST = 200  # of one workspace
HIGHEST = 10_000.0  # percent: a hundredfold within a day

# All alerts of an installation stand in one partition: they are few, and all of them are looked at each hour.
_PARTITION = "alerts"


class Alerts:
    """The alerts of workspaces. `content` is a request body, `by` the id of the token that asks."""

    def __init__(
        self,
        workspace: Records,
        workspaces: Workspaces,
        channels: Channels,
        history: SizeHistory,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._shelf = Shelf(workspace, Alert)
        self._workspaces, self._channels, self._history = workspaces, channels, history
        self._ids, self._clock = ids, clock

    def all(self) -> list[Alert]:
        """Of every workspace."""
        return self._shelf.every(_PARTITION, "")

    def every(self, workspace_id: str) -> list[Alert]:
        """Oldest first."""
        found = self._shelf.every(_PARTITION, f"{workspace_id}#")
        return sorted(found, key=lambda alert: (alert.created_at, alert.id))

    def get(self, workspace_id: str, alert_id: str) -> Alert:
        """Raises NotFound."""
        alert = self._shelf.find(_key(workspace_id, alert_id))
        if alert is None:
            raise NotFound("there is no alert with this id")
        return alert

    def create(self, workspace_id: str, content: Mapping[str, Any], by: str) -> Alert:
        """Raises Invalid, and Conflict when there are too many."""
        body = Body(content)
        type, name = body.choice("type", TYPES, required=True) or "", body.required_text("name")
        enabled, threshold = body.flag("enabled"), _threshold(body, type, required=True)
        channels = self._channels.check(body, workspace_id)
        space_id, audience_id, destination_id = self._subject(body, workspace_id, type)
        body.done()
        if len(self.every(workspace_id)) >= MOST:
            raise Conflict(f"a workspace can have at most {MOST} alerts")
        now, id = self._clock.now(), self._ids.ksuid("alt_")
        alert = Alert(
            id=id,
            workspace_id=workspace_id,
            type=type,
            name=name,
            threshold=threshold or 0.0,
            channels=channels or (),
            enabled=enabled is not False,
            created_by=by,
            created_at=now,
            updated_at=now,
            space_id=space_id,
            audience_id=audience_id,
            destination_id=destination_id,
        )
        self._shelf.create(_key(workspace_id, id), alert)
        if space_id is not None:
            self._history.note(space_id)  # what the first day is compared with
        return alert

    def update(self, workspace_id: str, alert_id: str, content: Mapping[str, Any], by: str) -> Alert:
        """What it watches never changes. Raises NotFound, Forbidden for anybody but its creator, and Invalid."""
        before = self.get(workspace_id, alert_id)
        if before.created_by != by:
            raise Forbidden("only its creator may change an alert; others can delete it and create their own")
        body = Body(content)
        name = body.required_text("name") if body.has("name") else None
        enabled, threshold = body.flag("enabled"), _threshold(body, before.type)
        channels = self._channels.check(body, workspace_id)
        _reject_other_subject(body, before)
        body.done()

        def change(present: Alert) -> Alert:
            return replace(
                present,
                name=name or present.name,
                enabled=present.enabled if enabled is None else enabled,
                threshold=present.threshold if threshold is None else threshold,
                channels=present.channels if channels is None else channels,
                updated_at=max(self._clock.now(), present.updated_at + 1),
            )

        return self.amend(before, change)

    def delete(self, workspace_id: str, alert_id: str) -> None:
        """Every API token is an owner's, and owners may delete any. Raises NotFound."""
        self._shelf.delete(_key(workspace_id, self.get(workspace_id, alert_id).id))

    def amend(self, alert: Alert, change: Callable[[Alert], Alert]) -> Alert:
        """Raises NotFound when it was deleted meanwhile."""
        return self._shelf.amend(_key(alert.workspace_id, alert.id), change)

    def _subject(self, body: Body, workspace_id: str, type: str) -> tuple[str | None, str | None, str | None]:
        """The space, the audience and the destination it watches, as far as its type has them."""
        space_id = audience_id = destination_id = None
        if type in WITH_AUDIENCE:
            space = self._space(body, workspace_id)
            audience_id = body.required_text("audienceId") or None
            space_id = space.id if space else None
            if space and audience_id and not _exists(self._workspaces.audiences.get, space.id, audience_id):
                body.reject("audienceId", "there is no audience with this id in the space")
        if type in WITH_DESTINATION:
            destination_id = body.required_text("destinationId") or None
            get = self._workspaces.destinations.get
            if destination_id and not _exists(get, workspace_id, destination_id):
                body.reject("destinationId", "there is no destination with this id")
        return space_id, audience_id, destination_id

    def _space(self, body: Body, workspace_id: str) -> Space | None:
        space_id = body.required_text("spaceId")
        try:
            return self._workspaces.space(workspace_id, space_id) if space_id else None
        except NotFound:
            body.reject("spaceId", "there is no space with this id")
            return None


def _exists(get: Callable[[str, str], object], home: str, id: str) -> bool:
    try:
        get(home, id)
    except NotFound:
        return False
    return True


def _threshold(body: Body, type: str, *, required: bool = False) -> float | None:
    given = body.content.get("threshold")
    if given is None and not required:
        return None
    most = 100.0 if type == DELIVERY_RATE else HIGHEST
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= most:
        body.reject("threshold", f'"threshold" must be a number of percent above 0 and up to {most:.0f}')
        return None
    return float(given)


def _reject_other_subject(body: Body, alert: Alert) -> None:
    kept: Collection[tuple[str, str | None]] = (
        ("type", alert.type),
        ("spaceId", alert.space_id),
        ("audienceId", alert.audience_id),
        ("destinationId", alert.destination_id),
    )
    for name, value in kept:
        if body.text(name) not in (None, value):
            body.reject(name, f'"{name}" never changes')


def _key(workspace_id: str, alert_id: str) -> Key:
    return Key(_PARTITION, f"{workspace_id}#{alert_id}")
