"""What audiences and computed traits have in common: one space of keys, references among each other, one way to go."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from ..clock import Clock
from ..computations.computation import Computation
from ..computations.definition import check, check_cycle, references
from ..computations.keys import key_of, with_suffix
from ..errors import Conflict, NotFound, Problem
from ..ids import Ids
from .body import Body
from .connections import Connections
from .model import Space
from .storage import Reservation, Storage, computation_key, key_key, space_partition
from .sweeps import Sweeps

NO_EDIT = "the query cannot be changed yet: create another one with the new query and delete this one"
NO_HISTORY = (
    "events from before the creation cannot be read back in yet, only events received afterwards count: "
    "leave this out or set it to false"
)
NO_LOOKBACK = "events from before the creation cannot be read back in yet: leave this out"


class Described(NamedTuple):
    """What an owner may change at any time; None leaves it as it is."""

    name: str | None
    description: str | None
    enabled: bool | None

    @classmethod
    def read(cls, body: Body, *, is_new: bool) -> "Described":
        name = body.required_text("name") if is_new or body.has("name") else None
        return cls(name, body.text("description", longest=None), body.flag("enabled"))

    def of(self, present: Computation) -> Computation:
        return replace(
            present,
            name=present.name if self.name is None else self.name,
            description=present.description if self.description is None else self.description,
            enabled=present.enabled if self.enabled is None else self.enabled,
        )


class Definitions:
    """The computations of spaces, of every kind. `kind` is AUDIENCE or TRAIT."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock, connections: Connections) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._connections = connections
        self._sweeps = Sweeps(storage.records)

    def all(self, space_id: str) -> list[Computation]:
        return self._storage.computations.every(space_partition(space_id), "computation#")

    def every(self, space_id: str, kind: str) -> list[Computation]:
        """Oldest first."""
        found = [computation for computation in self.all(space_id) if computation.kind == kind]
        return sorted(found, key=lambda computation: (computation.created_at, computation.id))

    def get(self, space_id: str, kind: str, id: str, what: str) -> Computation:
        """Raises NotFound."""
        computation = self._storage.computations.find(computation_key(space_id, id))
        if computation is None or computation.kind != kind:
            raise NotFound(f"there is no {what} with this id")
        return computation

    def new(
        self, space: Space, kind: str, prefix: str, *, scope: str, query: str, described: Described, by: str
    ) -> Computation:
        """Not stored yet. The key is free at this moment and taken by `add`."""
        now, name = self._clock.now(), described.name or ""
        made = Computation(
            id=self._ids.ksuid(prefix),
            workspace_id=space.workspace_id,
            space_id=space.id,
            kind=kind,
            scope=scope,
            key=self._free_key(space.id, key_of(name, kind)),
            name=name,
            query=query,
            created_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
        )
        return described.of(made)

    def add(self, computation: Computation) -> None:
        """Only events received from its creation on count for it."""
        self._reserve_key(computation)
        self._storage.computations.create(computation_key(computation.space_id, computation.id), computation)
        self._announce(computation, sweep=True)

    def amend(self, computation: Computation, by: str, described: Described) -> Computation:
        """Raises NotFound."""

        def stamped(present: Computation) -> Computation:
            at = max(self._clock.now(), present.updated_at + 1)  # so that callers see that it changed
            return replace(described.of(present), updated_at=at, updated_by=by)

        changed = self._storage.computations.amend(computation_key(computation.space_id, computation.id), stamped)
        self._announce(changed, sweep=described.enabled is True)  # it may have missed something
        return changed

    def remove(self, computation: Computation) -> None:
        """With its connections; its key stays taken. Raises Conflict when another computation refers to it."""
        readers = [o.name for o in self.all(computation.space_id) if computation.key in references(o)]
        if readers:
            raise Conflict(f"other definitions refer to this one: {', '.join(sorted(readers))}")
        self._storage.computations.delete(computation_key(computation.space_id, computation.id))
        self._storage.bump(computation.space_id)
        self._connections.remove_computation(computation)

    def circles(self, computation: Computation) -> list[Problem]:
        """Why it cannot stand beside the others: it would wait for itself."""
        return check_cycle(computation, self.all(computation.space_id))

    def edit_problems(self, computation: Computation, query: str) -> list[Problem]:
        """What is wrong with the new query itself comes first: it would stand in the way of a new one too."""
        if query in ("", computation.query):
            return []
        return (
            check(query, computation.kind, computation.scope)
            or self.circles(replace(computation, query=query))
            or [Problem(NO_EDIT, "definition.query", {"code": "not_supported"})]
        )

    def _announce(self, computation: Computation, *, sweep: bool) -> None:
        """Let workers see it, and only then look at everybody."""
        self._storage.bump(computation.space_id)
        if sweep and computation.enabled:
            self._sweeps.request(computation.space_id)

    def _free_key(self, space_id: str, wanted: str) -> str:
        key = wanted
        while self._storage.names.find(key_key(space_id, key)) is not None:
            key = with_suffix(wanted, self._ids.suffix())
        return key

    def _reserve_key(self, computation: Computation) -> None:
        """Take the key for ever: another computation under it would be mixed up with this one downstream."""
        wanted = computation.key
        while True:
            try:
                key = key_key(computation.space_id, computation.key)
                self._storage.names.create(key, Reservation(owner=computation.id, at=computation.created_at))
                return
            except Conflict:  # somebody else took it this very moment
                computation.key = self._free_key(computation.space_id, wanted)


def reject_changed(body: Body, kept: Iterable[tuple[str, str]]) -> None:
    """Reject what would change a field that never does."""
    for name, value in kept:
        if body.text(name) not in (None, value):
            body.reject(name, f'"{name}" never changes')


def reject_history(options: Body, days: str) -> None:
    """Reject options that would need events of the past; `days` is what the lookback is called."""
    if options.flag("includeHistoricalData"):
        options.reject("includeHistoricalData", NO_HISTORY)
    if options.has(days):
        options.reject(days, NO_LOOKBACK)
