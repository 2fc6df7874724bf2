"""What the tests of delivery set up: a space with computations, connections and destinations, and profiles."""

from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from chalicelib.computations.catalogue import Catalogue, Compiled
from chalicelib.computations.computation import AUDIENCE, DEFAULT_EXTERNAL_IDS, TRAIT, USERS, Computation
from chalicelib.delivery.debugger import Debugger
from chalicelib.delivery.dispatch import Dispatch
from chalicelib.delivery.emit import Emitter
from chalicelib.delivery.lists import Lists
from chalicelib.delivery.sizes import Sizes
from chalicelib.delivery.snapshots import Snapshots
from chalicelib.delivery.told import Told
from chalicelib.destinations.webhook import WEBHOOK
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import Head, Outcome
from chalicelib.store.memory import MemoryArchive
from chalicelib.workspace.model import Activation, Connection, Destination, DestinationMapping, IdSync
from chalicelib.workspace.ports import SpaceView

NOW = 1_800_000_000_000
SPACE = "7Hkd82"
NO_PLAN: Any = SimpleNamespace(streams=(), traits=(), references=frozenset())


def audience(key="vip", anonymous=False, **fields) -> Computation:
    ids = [*DEFAULT_EXTERNAL_IDS, *(["anonymous_id"] if anonymous else [])]
    return _computation(f"aud_{key}", AUDIENCE, key, external_ids=ids, **fields)


def trait(key="ltv", **fields) -> Computation:
    return _computation(f"tra_{key}", TRAIT, key, **fields)


def _computation(id, kind, key, **fields) -> Computation:
    return Computation(
        id=id, workspace_id="w", space_id=SPACE, kind=kind, scope=USERS, key=key, name=key, query="", **fields
    )


def connection(computation, destination_id="d1", *, id_sync=(), enabled=True, **settings) -> Connection:
    return Connection(
        id=f"ii_{computation.key}_{destination_id}",
        workspace_id="w",
        space_id=SPACE,
        computation_id=computation.id,
        destination_id=destination_id,
        enabled=enabled,
        created_at=0,
        updated_at=0,
        id_sync=[IdSync(external_id=type, strategy=how, map_to=to) for type, how, to in id_sync],
        settings=settings,
    )


def webhook(id="d1", *, enabled=True, **settings) -> Destination:
    return Destination(
        id=id,
        workspace_id="w",
        source_id="s",
        metadata_id=WEBHOOK.metadata_id,
        name=f"hook {id}",
        enabled=enabled,
        created_at=0,
        settings={"url": f"https://{id}.example.org/in", **settings},
    )


def emitter(directory, queues, work, clock, *, archive=None, notes=None, sizes=None) -> Emitter:
    """One that has no lists: nobody makes tasks for it."""
    notes = notes or Debugger(work, clock)
    dispatch = Dispatch(queues, Lists(work, _no_tasks, lambda destination_id: {}, clock), notes)
    snapshots = Snapshots(archive or MemoryArchive(clock), clock)
    return Emitter(directory, dispatch, sizes or Sizes(work), snapshots, Told(work, clock), clock)


def _no_tasks():
    raise AssertionError("nothing is flushed here")


class FakeDirectory:
    """A directory whose content a test may change between two calls; `views` counts look-ups of a space."""

    def __init__(self, computations=(), connections=(), destinations=()) -> None:
        self.computations = list(computations)
        self.connections = {c.id: c for c in connections}
        self.destinations = {d.id: d for d in destinations}
        self.known: dict[str, Destination] = {}
        self.activations: dict[str, list[Activation]] = {}
        self.views = 0

    def view(self, space_id) -> SpaceView:
        self.views += 1
        by_computation: dict[str, list[Connection]] = {}
        for c in self.connections.values():
            by_computation.setdefault(c.computation_id, []).append(c)
        catalogue = Catalogue(1, [Compiled(c, NO_PLAN) for c in self.computations])
        return SpaceView(1, catalogue, by_computation if space_id == SPACE else {}, activations=self.activations)

    def destination(self, destination_id, *, fresh=False) -> Destination | None:
        """What was `known` of it before, until it is asked for anew."""
        if fresh:
            self.known.pop(destination_id, None)
        return self.known.get(destination_id) or self.destinations.get(destination_id)

    def mapping(self, activation: Activation) -> DestinationMapping | None:
        return activation.destination_mapping

    def switch(self, id, *, enabled) -> None:
        for things in (self.connections, self.destinations):
            if id in things:
                things[id] = replace(things[id], enabled=enabled)

    def source_of_write_key(self, write_key):
        raise AssertionError("delivery knows no write keys")

    def token(self, secret):
        raise AssertionError("delivery knows no tokens")

    def space(self, space_id):
        raise AssertionError("delivery needs no space")


def head(*ids, updated_at=NOW, **outcomes) -> Head:
    """`ids` are (type, value) in the order they were added, outcomes are by computation key."""
    return Head(
        updated_at=updated_at,
        external_ids=[ExternalId(type, value, f"map_{n}", n, "src", "m") for n, (type, value) in enumerate(ids)],
        outcomes={key: outcome(key, value) for key, value in outcomes.items()},
    )


def outcome(key, value) -> Outcome:
    kind = "aud" if isinstance(value, bool) else "tra"
    return Outcome(value, f"{kind}_{key}", NOW - 5)


def change(old, new, *, profile_id="p1", version=2, merged_into=None, record_id=None) -> ProfileChange:
    record_id = record_id or f"{profile_id}/{version}"
    return ProfileChange(record_id, SPACE, profile_id, version, merged_into, old, new)


U1 = ("user_id", "u1")
E1, E2, E3 = (("email", f"jo{n}@ex.io") for n in (1, 2, 3))
A1, A2, A3 = (("anonymous_id", f"a{n}") for n in (1, 2, 3))
