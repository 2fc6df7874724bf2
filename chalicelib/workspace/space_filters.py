"""Filters of spaces: which events never get to its profiles."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, NotFound
from ..ids import Ids
from .body import Body
from .conditions import read_condition
from .model import Space, SpaceFilter, SpaceFilters
from .ports import SPACE_PREFIX
from .storage import Storage, space_filters_key, space_key, workspace_partition

MOST = 10  # of a space, as at Segment
LONGEST_DESCRIPTION = 1_000  # characters

SPACE = "integrationId"  # what the Public API calls the space here
CHANGING = ("dropProperties", "allowProperties")
ONLY_DROP = "filters of a space leave out whole events; fields cannot be taken from them"


class SpaceFiltering:
    """The filters of spaces. `content` is a request body. A space has one record of them all."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock

    def of(self, space_id: str) -> list[SpaceFilter]:
        """Oldest first."""
        found = self._storage.space_filters.find(space_filters_key(space_id))
        return found.filters if found else []

    def get(self, workspace_id: str, filter_id: str) -> SpaceFilter:
        """Raises NotFound."""
        for space in self._storage.spaces.every(workspace_partition(workspace_id), "space#"):
            for one in self.of(space.id):
                if one.id == filter_id:
                    return one
        raise _not_found()

    def create(self, workspace_id: str, content: Mapping[str, Any]) -> SpaceFilter:
        """In force for what is received from now on. Raises Invalid, NotFound for an unknown space, and Conflict when
        the space has as many as it can have."""
        body = Body(content)
        space_id, name, when = (
            body.required_text(SPACE),
            body.required_text("name"),
            read_condition(body, required=True),
        )
        fields = _fields(body)
        body.done()
        space, now = self._space(workspace_id, space_id), self._clock.now()
        made = SpaceFilter(
            id=self._ids.ksuid("fil_"),
            workspace_id=workspace_id,
            space_id=space.id,
            name=name,
            when=when or "",
            enabled=fields.get("enabled", True),
            drop=fields.get("drop", True),
            description=fields.get("description"),
            created_at=now,
            updated_at=now,
            since=now,
        )
        self._storage.space_filters.ensure(space_filters_key(space.id), SpaceFilters())

        def change(present: list[SpaceFilter]) -> list[SpaceFilter]:
            if len(present) >= MOST:
                raise Conflict(f"a space can have at most {MOST} filters")
            return [*present, made]

        self._change(space.id, change)
        return made

    def update(self, workspace_id: str, filter_id: str, content: Mapping[str, Any]) -> SpaceFilter:
        """What is given replaces what is there. Raises Invalid and NotFound."""
        space_id = self.get(workspace_id, filter_id).space_id
        body = Body(content)
        asked, name, when = body.required_text(SPACE), body.text("name"), read_condition(body)
        given = _fields(body) | ({"name": name} if name else {}) | ({"when": when} if when is not None else {})
        body.done()
        if asked.removeprefix(SPACE_PREFIX) != space_id:
            raise _not_found()
        now = self._clock.now()

        def change(present: list[SpaceFilter]) -> list[SpaceFilter]:
            if all(one.id != filter_id for one in present):
                raise _not_found()
            return [_changed(one, given, now) if one.id == filter_id else one for one in present]

        return next(one for one in self._change(space_id, change) if one.id == filter_id)

    def delete(self, workspace_id: str, filter_id: str) -> None:
        """Raises NotFound."""
        space_id = self.get(workspace_id, filter_id).space_id
        self._change(space_id, lambda present: [one for one in present if one.id != filter_id])

    def _space(self, workspace_id: str, space_id: str) -> Space:
        return self._storage.spaces.get(space_key(workspace_id, space_id.removeprefix(SPACE_PREFIX)))

    def _change(self, space_id: str, change: Callable[[list[SpaceFilter]], list[SpaceFilter]]) -> list[SpaceFilter]:
        changed = self._storage.space_filters.amend(
            space_filters_key(space_id), lambda present: SpaceFilters(filters=change(present.filters))
        )
        self._storage.bump(space_id)
        return changed.filters


def _fields(body: Body) -> dict[str, Any]:
    """Those that may be left out, as far as they are given."""
    for name in CHANGING:
        if body.has(name):
            body.reject(name, ONLY_DROP, {"code": "not_supported"})
    found = {
        "enabled": body.flag("enabled"),
        "drop": body.flag("drop"),
        "description": body.text("description", longest=LONGEST_DESCRIPTION),
    }
    return {name: value for name, value in found.items() if value is not None}


def _changed(present: SpaceFilter, given: Mapping[str, Any], now: int) -> SpaceFilter:
    changed = replace(present, **given, updated_at=max(now, present.updated_at))
    starts = (changed.enabled and changed.drop) and not (present.enabled and present.drop)
    return replace(changed, since=now) if starts else changed


def _not_found() -> NotFound:
    return NotFound("there is no filter with this id")
