"""Filters of destinations: which events a partner does not get, and which fields of those it gets."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, NotFound
from ..filters.actions import (
    ALLOW_PROPERTIES,
    DROP_PROPERTIES,
    SAMPLE,
    TYPES,
    Action,
    is_kept_whole,
    keeps,
)
from ..ids import Ids
from .body import LONGEST, Body
from .conditions import read_condition
from .model import Destination, DestinationFilter
from .storage import Storage, destination_key

MOST = 10  # of a destination, as at Segment
MOST_ACTIONS = 10  # of a filter: there are four kinds of them
LARGEST_ACTIONS = 10_000  # bytes: ten filters must fit into the record of their destination
LONGEST_DESCRIPTION = 1_000  # characters


class DestinationFiltering:
    """The filters of destinations. `content` is a request body. They are part of their destination's record."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock

    def get(self, workspace_id: str, destination_id: str, filter_id: str) -> DestinationFilter:
        """Raises NotFound."""
        return _find(self._storage.destinations.get(destination_key(workspace_id, destination_id)).filters, filter_id)

    def create(self, destination: Destination, content: Mapping[str, Any]) -> DestinationFilter:
        """Raises Invalid, NotFound, and Conflict when the destination has as many as it can have."""
        body = Body(content)
        source_id, title = body.required_text("sourceId"), body.required_text("title")
        if source_id and source_id != destination.source_id:
            body.reject("sourceId", "this destination hears of another source")
        enabled, when = body.flag("enabled", required=True), read_condition(body, required=True)
        actions, description = read_actions(body, required=True), body.text("description", longest=LONGEST_DESCRIPTION)
        body.done()
        now = self._clock.now()
        made = DestinationFilter(
            id=self._ids.ksuid("dfl_"),
            title=title,
            when=when or "",
            actions=actions or [],
            enabled=enabled is True,
            created_at=now,
            updated_at=now,
            since=now,
            description=description,
        )

        def change(present: list[DestinationFilter]) -> list[DestinationFilter]:
            if len(present) >= MOST:
                raise Conflict(f"a destination can have at most {MOST} filters")
            return [*present, made]

        self._change(destination.workspace_id, destination.id, change)
        return made

    def update(
        self, workspace_id: str, destination_id: str, filter_id: str, content: Mapping[str, Any]
    ) -> DestinationFilter:
        """What is given replaces what is there. Raises Invalid and NotFound."""
        body = Body(content)
        found = {
            "title": body.text("title") or None,
            "when": read_condition(body),
            "actions": read_actions(body),
            "enabled": body.flag("enabled"),
            "description": body.text("description", longest=LONGEST_DESCRIPTION),
        }
        body.done()
        given, now = {name: value for name, value in found.items() if value is not None}, self._clock.now()

        def change(present: list[DestinationFilter]) -> list[DestinationFilter]:
            _find(present, filter_id)
            return [_changed(one, given, now) if one.id == filter_id else one for one in present]

        return _find(self._change(workspace_id, destination_id, change), filter_id)

    def delete(self, workspace_id: str, destination_id: str, filter_id: str) -> None:
        """Raises NotFound."""

        def change(present: list[DestinationFilter]) -> list[DestinationFilter]:
            gone = _find(present, filter_id)
            return [one for one in present if one is not gone]

        self._change(workspace_id, destination_id, change)

    def _change(
        self,
        workspace_id: str,
        destination_id: str,
        change: Callable[[list[DestinationFilter]], list[DestinationFilter]],
    ) -> list[DestinationFilter]:
        return self._storage.destinations.amend(
            destination_key(workspace_id, destination_id),
            lambda present: replace(present, filters=change(present.filters)),
        ).filters


def read_actions(body: Body, *, required: bool = False) -> list[Action] | None:
    items = body.items("actions", required=required)
    if items is None:
        return None
    if not 0 < len(items) <= MOST_ACTIONS:
        body.reject("actions", f'"{body.path}actions" must have 1 to {MOST_ACTIONS} items')
    actions = [_action(body.element("actions", place, item)) for place, item in enumerate(items)]
    if len(msgspec.json.encode(actions)) > LARGEST_ACTIONS:
        body.reject("actions", f'"{body.path}actions" is larger than {LARGEST_ACTIONS} bytes')
    return actions


def _action(body: Body) -> Action:
    type = body.choice("type", TYPES, required=True) or ""
    chooses, changes = type == SAMPLE, type in (DROP_PROPERTIES, ALLOW_PROPERTIES)
    percent = body.number("percent", required=chooses, least=0, most=1)
    path, fields = body.text("path"), _fields(body, required=changes)
    if type and not chooses and (percent is not None or path):
        body.reject("percent" if percent is not None else "path", f"only {SAMPLE} takes this")
    if type and not changes and fields:
        body.reject("fields", f"only {DROP_PROPERTIES} and {ALLOW_PROPERTIES} take this")
    if type == DROP_PROPERTIES:
        _check_kept(body, fields)
    return Action(type=type, fields=fields, percent=percent, path=path or None)


def _fields(body: Body, *, required: bool) -> dict[str, list[str]]:
    given = body.mapping("fields", required=required)
    if given is None:
        return {}
    if required and not given:
        body.reject("fields", f'"{body.path}fields" must name an object')
    inner = Body(given, f"{body.path}fields.", body.problems)
    for path in given:
        if len(path) > LONGEST or (path and not all(path.split("."))):
            inner.reject(path[:LONGEST], "the path of an object is made of names with dots between them")
        elif path and is_kept_whole(path):
            inner.reject(path, "nothing inside of this can be taken away: it makes the event what it is")
    return {path: inner.texts(path) or [] for path in given}


def _check_kept(body: Body, fields: Mapping[str, list[str]]) -> None:
    for path, names in fields.items():
        kept = sorted(set(names) & set(keeps(path)))
        if kept:
            message = f"{', '.join(kept)} cannot be taken away: that makes the event what it is"
            body.reject(f"fields.{path}", message)


def _changed(present: DestinationFilter, given: Mapping[str, Any], now: int) -> DestinationFilter:
    """What it does changes from now on; a new title is no new filter."""
    changed = replace(present, **given, updated_at=max(now, present.updated_at))
    same = all(getattr(changed, name) == getattr(present, name) for name in ("when", "actions", "enabled"))
    return changed if same else replace(changed, since=now)


def _find(filters: list[DestinationFilter], filter_id: str) -> DestinationFilter:
    found = next((one for one in filters if one.id == filter_id), None)
    if found is None:
        raise NotFound("there is no filter with this id")
    return found
