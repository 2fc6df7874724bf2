"""Audiences: made from a name and a query, watched from then on, and never again under the same key."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ..clock import Clock
from ..computations.computation import ACCOUNTS, AUDIENCE, DEFAULT_EXTERNAL_IDS, USERS, Computation
from ..computations.definition import check, check_cycle, references
from ..computations.keys import key_of, with_suffix
from ..errors import Conflict, NotFound, Problem
from ..ids import Ids
from .body import Body
from .connections import Connections
from .model import Space
from .storage import Reservation, Storage, computation_key, key_key, space_partition

LINKED = "LINKED"
TYPES = (USERS, ACCOUNTS, LINKED)
EDITABLE = {"name", "description", "enabled", "definition", "options"}
PROFILE = "profile"  # the only target an audience of users can have

NO_HISTORY = (
    "events from before the creation of an audience cannot be read back in yet, only events received afterwards "
    "count: leave this out or set it to false"
)
NO_LOOKBACK = "events from before the creation of an audience cannot be read back in yet: leave this out"
NO_EDIT = "the query of an audience cannot be changed yet: create an audience with the new query and delete this one"
NO_OTHER_IDS = "the external ids of an audience cannot be changed yet: create an audience with these ids instead"
NOT_EVALUATED = "audiences of this type are not evaluated yet: use USERS"


class Audiences:
    """The audiences of spaces. `content` is a request body, `by` the id of the token that asks."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock, connections: Connections) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._connections = connections

    def every(self, space_id: str) -> list[Computation]:
        """Oldest first."""
        found = [computation for computation in self._computations(space_id) if computation.kind == AUDIENCE]
        return sorted(found, key=lambda computation: (computation.created_at, computation.id))

    def get(self, space_id: str, audience_id: str) -> Computation:
        """Raises NotFound."""
        audience = self._storage.computations.find(computation_key(space_id, audience_id))
        if audience is None or audience.kind != AUDIENCE:
            raise NotFound("there is no audience with this id")
        return audience

    def consumers(self, audience: Computation) -> list[Computation]:
        """The audiences whose query refers to this one."""
        return [other for other in self.every(audience.space_id) if audience.key in references(other)]

    def create(self, space: Space, content: Mapping[str, Any], by: str) -> Computation:
        """Only events received from now on count for it. Raises Invalid."""
        body = Body(content)
        name, description = body.required_text("name"), body.text("description", longest=None)
        enabled, scope = body.flag("enabled"), _scope(body)
        query = _query(body, required=True)
        external_ids = _external_ids(body)
        if query:
            body.problems += check(query, AUDIENCE, scope)
        body.done()
        audience = self._new(space, name, query, by)
        audience.scope, audience.description, audience.enabled = scope, description, enabled is not False
        audience.external_ids = list(DEFAULT_EXTERNAL_IDS) if external_ids is None else external_ids
        body.problems += check_cycle(audience, self._computations(space.id))
        body.done()
        self._reserve_key(audience)
        self._storage.computations.create(computation_key(space.id, audience.id), audience)
        self._storage.bump(space.id)
        return audience

    def update(self, audience: Computation, content: Mapping[str, Any], by: str) -> Computation:
        """What is given replaces what is there. Raises Invalid and NotFound."""
        body = Body(content)
        name = body.required_text("name") if body.has("name") else None
        description, enabled = body.text("description", longest=None), body.flag("enabled")
        self._check_kept(body, audience)
        body.done()

        def change(present: Computation) -> Computation:
            return replace(
                present,
                name=present.name if name is None else name,
                description=present.description if description is None else description,
                enabled=present.enabled if enabled is None else enabled,
                updated_at=max(self._clock.now(), present.updated_at + 1),  # so that callers see that it changed
                updated_by=by,
            )

        if not EDITABLE & content.keys():
            return audience
        changed = self._storage.computations.amend(computation_key(audience.space_id, audience.id), change)
        self._storage.bump(audience.space_id)
        return changed

    def delete(self, audience: Computation) -> None:
        """With its connections; its key stays taken. Raises Conflict when another computation refers to it."""
        readers = [other.name for other in self._computations(audience.space_id) if audience.key in references(other)]
        if readers:
            raise Conflict(f"other definitions refer to this audience: {', '.join(sorted(readers))}")
        self._storage.computations.delete(computation_key(audience.space_id, audience.id))
        self._storage.bump(audience.space_id)
        self._connections.remove_computation(audience)

    def _computations(self, space_id: str) -> list[Computation]:
        return self._storage.computations.every(space_partition(space_id), "computation#")

    def _new(self, space: Space, name: str, query: str, by: str) -> Computation:
        now = self._clock.now()
        return Computation(
            id=self._ids.ksuid("aud_"),
            workspace_id=space.workspace_id,
            space_id=space.id,
            kind=AUDIENCE,
            scope=USERS,
            key=self._free_key(space.id, key_of(name, AUDIENCE)),
            name=name,
            query=query,
            created_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
        )

    def _free_key(self, space_id: str, wanted: str) -> str:
        key = wanted
        while self._storage.names.find(key_key(space_id, key)) is not None:
            key = with_suffix(wanted, self._ids.suffix())
        return key

    def _reserve_key(self, audience: Computation) -> None:
        """Take the key for ever: another computation under it would be mixed up with this one downstream."""
        wanted = audience.key
        while True:
            try:
                key = key_key(audience.space_id, audience.key)
                self._storage.names.create(key, Reservation(owner=audience.id, at=audience.created_at))
                return
            except Conflict:  # somebody else took it this very moment
                audience.key = self._free_key(audience.space_id, wanted)

    def _check_kept(self, body: Body, audience: Computation) -> None:
        """Reject a change of what cannot change, or cannot yet."""
        for name, kept in (("audienceType", audience.scope), ("key", audience.key)):
            if body.text(name) not in (None, kept):
                body.reject(name, f'"{name}" never changes')
        query = _query(body)
        if query and query != audience.query:
            body.problems += self._query_problems(audience, query)
        external_ids = _external_ids(body)
        if external_ids is not None and set(external_ids) != set(audience.external_ids):
            body.reject("options.filterByExternalIds", NO_OTHER_IDS)

    def _query_problems(self, audience: Computation, query: str) -> list[Problem]:
        """What is wrong with the new query itself comes first: it would stand in the way of a new audience too."""
        edited, others = replace(audience, query=query), self._computations(audience.space_id)
        return (
            check(query, AUDIENCE, audience.scope)
            or check_cycle(edited, others)
            or [Problem(NO_EDIT, "definition.query", {"code": "not_supported"})]
        )


def _scope(body: Body) -> str:
    scope = body.choice("audienceType", TYPES, required=True)
    if scope in (ACCOUNTS, LINKED):
        body.reject("audienceType", NOT_EVALUATED)
    return USERS


def _query(body: Body, *, required: bool = False) -> str:
    definition = body.inner("definition", required=required)
    target = definition.text("targetEntity")
    if target not in (None, PROFILE):
        definition.reject("targetEntity", "only LINKED audiences have another target than profile")
    if required or body.has("definition"):
        return definition.required_text("query", longest=None)
    return ""


def _external_ids(body: Body) -> list[str] | None:
    """What `options` say of them; options that would need events of the past are rejected."""
    options = body.inner("options")
    if options.flag("includeHistoricalData"):
        options.reject("includeHistoricalData", NO_HISTORY)
    if options.has("backfillEventDataDays"):
        options.reject("backfillEventDataDays", NO_LOOKBACK)
    external_ids = options.texts("filterByExternalIds")
    if external_ids == []:
        options.reject("filterByExternalIds", "name at least one type of external id, or leave this out")
    return external_ids
