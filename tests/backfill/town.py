"""One space with everything that turns it: people who do things, workers that count, runs that take definitions in.

Any number of processes share nothing but the stores. What a profile counted is told by two traits that were there from
the beginning and list every event; what follows from it is told by a second evaluator over the whole of it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chalicelib import query
from chalicelib.archive.compaction import Compaction
from chalicelib.archive.history import History
from chalicelib.archive.workshop import Workshops
from chalicelib.backfill.past import ArchivedPast, Past
from chalicelib.backfill.run import Backfill
from chalicelib.backfill.watching import RunEnds, RunPurpose
from chalicelib.backfill.wishes import Wishes
from chalicelib.clock import DAY, SECOND, FixedClock
from chalicelib.computations.catalogue import is_eligible
from chalicelib.computations.computation import AUDIENCE, Computation
from chalicelib.deadline import NoDeadline
from chalicelib.destinations.registry import KINDS
from chalicelib.errors import VersionConflict
from chalicelib.identity.external_id import Identifier
from chalicelib.ids import CountingIds
from chalicelib.instants import to_iso
from chalicelib.pipeline.fanout import OneByOne
from chalicelib.pipeline.identity_log import IdentityLog
from chalicelib.pipeline.resolve import Resolver
from chalicelib.profiles.erasure import Eraser
from chalicelib.profiles.links import RecordedLinks
from chalicelib.profiles.lookup import Lookup
from chalicelib.profiles.ports import ProfileKey
from chalicelib.profiles.profile import Profile
from chalicelib.queues import Received
from chalicelib.store.keys import SHARDS
from chalicelib.store.memory import (
    MemoryArchive,
    MemoryFailures,
    MemoryIdentifiers,
    MemoryProfiles,
    MemoryQueues,
    MemoryRecords,
    MemorySecrets,
    MemoryTimeline,
)
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.purpose import ComputationsPurpose
from chalicelib.tracking.envelope import Accepted, pack
from chalicelib.workspace.directory import StoredDirectory
from chalicelib.workspace.founding import found
from chalicelib.workspace.service import Workspaces
from chalicelib.workspace.storage import Storage, computation_key
from tests.audit.world import Inline
from tests.events import T0
from tests.query.oracle import User, user_value
from tests.query.timeline import Occurrence

SETTLE = 90 * SECOND
EVERYBODY = ["user_id", "email", "anonymous_id"]
KNOWN_EVENTS = ("A", "B")

Around = Callable[[Any], Any]


def untouched(port: Any) -> Any:
    return port


class Changes:
    def __init__(self) -> None:
        self.put_by: dict[str, tuple[int, int]] = {}

    def put(self, run_id: str, added: int, removed: int) -> None:
        self.put_by[run_id] = (added, removed)


class Process:
    """What one worker holds: its own caches, and ports that somebody may stand in front of."""

    def __init__(self, town: "Town", around: Around) -> None:
        self.town = town
        clock, work, workspace = town.clock, around(town.work), around(town.workspace)
        profiles, archive, identifiers = around(town.profiles), around(town.archive), around(town.identifiers)
        self.directory = StoredDirectory(workspace, MemorySecrets(), clock)
        links, log = RecordedLinks(work), IdentityLog(work, clock)
        timeline = around(town.timeline)
        self.resolver = Resolver(
            directory=self.directory,
            profiles=profiles,
            identifiers=identifiers,
            timeline=timeline,
            archive=archive,
            links=links,
            log=log,
            clock=clock,
            fanout=OneByOne(),
        )
        storage = Storage(workspace, clock)
        self.wishes = Wishes(work, storage, lambda: self.engine.tasks, clock, town.ids)
        sizes = SimpleNamespace(of=lambda space_id: {})
        self.workspaces = Workspaces(workspace, MemorySecrets(), KINDS, sizes, town.ids, clock, self.wishes)
        backfill = Backfill(
            storage=storage,
            profiles=profiles,
            archive=archive,
            resolver=self.resolver,
            past=town.past(archive) if town.past else ArchivedPast(History(archive, clock, lambda: town.scratch)),
            changes=town.changes,
            clock=clock,
            settle=SETTLE,
        )
        self.engine = Engine(
            work=work,
            queues=town.queues,
            kinds=backfill.kinds(),
            purpose=RunPurpose(storage, ComputationsPurpose(workspace)),
            failures=MemoryFailures(),
            completions=RunEnds(storage, archive),
            pace=Inline(),
            clock=clock,
            ids=town.ids,
            jitter=lambda: 1.0,
        )
        lookup = Lookup(profiles, identifiers)
        self.eraser = Eraser(
            lookup=lookup,
            profiles=profiles,
            identifiers=identifiers,
            timeline=timeline,
            links=links,
            archive=archive,
            log=log,
            work=work,
            clock=clock,
        )
        self.compaction = Compaction(Workshops(archive, clock, lambda: town.scratch, OneByOne()))

    def resolve(self, messages: Iterable[Received]) -> set[str]:
        return self.resolver.resolve(list(messages), NoDeadline())

    def compute(self) -> None:
        for task in self.engine.tasks.open():
            self.engine.worker.run(task.task_id, NoDeadline())

    def erase(self, user: str) -> None:
        try:
            self.eraser.erase(self.town.space_id, Identifier("users", "user_id", user))
        except VersionConflict:
            return

    def space(self) -> Any:
        return self.workspaces.space(self.town.founded.workspace_id, self.town.space_id)


class Town:
    """`past` makes another reader of history out of the archive; `stores` replaces ports in memory by others."""

    def __init__(self, scratch: Path, past: Callable[[Any], Past] | None = None, **stores: Any) -> None:
        self.scratch, self.past = scratch, past
        self.clock = stores.get("clock") or FixedClock(T0)
        self.ids = CountingIds(self.clock)
        self.work = stores.get("work") or MemoryRecords(self.clock)
        self.workspace = stores.get("workspace") or MemoryRecords(self.clock)
        self.profiles = stores.get("profiles") or MemoryProfiles()
        self.identifiers = stores.get("identifiers") or MemoryIdentifiers()
        self.timeline = stores.get("timeline") or MemoryTimeline(self.clock)
        self.archive = stores.get("archive") or MemoryArchive(self.clock)
        self.queues, self.changes = MemoryQueues(), Changes()
        self.founded = found(self.workspace, self.ids, self.clock, slug="town", name="Town")
        self.space_id = self.founded.space_id
        self.events: dict[str, Occurrence] = {}
        self.home = Process(self, untouched)
        for name in KNOWN_EVENTS:
            self._witness(name)

    def _witness(self, event: str) -> None:
        made = Computation(
            id=f"tra_{event}",
            workspace_id=self.founded.workspace_id,
            space_id=self.space_id,
            kind="trait",
            scope="USERS",
            key=f"all_{event.lower()}",
            name=event,
            query=f"event('{event}').unique(property('n'))",
            external_ids=list(EVERYBODY),
            created_at=0,
        )
        storage = Storage(self.workspace, self.clock)
        storage.computations.create(computation_key(self.space_id, made.id), made)
        storage.bump(self.space_id)

    # What people do

    def message(self, *calls: dict[str, Any]) -> Received:
        """Calls name an `event`, whom by `u`, `a` and `e`, perhaps a value `v` and how long `ago` it was in ms."""
        batch = f"b{len(self.events)}-{self.clock.now()}"
        envelope = Accepted(
            batch_id=batch,
            workspace_id=self.founded.workspace_id,
            space_id=self.space_id,
            source_id="src",
            received_at=self.clock.now(),
            messages=[self._call(**call) for call in calls],
        )
        return Received(f"q-{batch}", f"r-{batch}", pack(envelope))

    def _call(
        self,
        event: str,
        u: str | None = None,
        a: str | None = None,
        e: str | None = None,
        v: int = 1,
        ago: int = 0,
    ) -> dict[str, Any]:
        n, now = f"{len(self.events):05d}", self.clock.now()
        properties = {"n": n, "v": v}
        made: dict[str, Any] = {
            "type": "track",
            "event": event,
            "messageId": f"m{n}",
            "properties": properties,
            "timestamp": to_iso(now - ago),
            **({"userId": u} if u else {}),
            **({"anonymousId": a} if a else {}),
            **({"context": {"traits": {"email": e}}} if e else {}),
        }
        self.events[n] = Occurrence(
            event=event,
            timestamp=now - ago,
            received_at=now,
            message_id=f"m{n}",
            source_id="src",
            properties=properties,
        )
        return made

    def send(self, *calls: dict[str, Any]) -> None:
        """Counted at once."""
        assert self.home.resolve([self.message(*calls)]) == set()

    # What owners do

    def audience(self, name: str, text: str, by: Process | None = None, **options: Any) -> Computation:
        process = by or self.home
        options = {"filterByExternalIds": EVERYBODY, **options}
        sent = {"name": name, "audienceType": "USERS", "definition": {"query": text}, "options": options}
        return process.workspaces.audiences.create(process.space(), sent, "me")

    def trait(self, name: str, text: str, by: Process | None = None, **options: Any) -> Computation:
        process = by or self.home
        options = {"includeAnonymousUsers": True, **options}
        sent = {"name": name, "definition": {"query": text, "type": "USERS"}, "options": options}
        return process.workspaces.computed_traits.create(process.space(), sent, "me")

    def update(self, computation: Computation, by: Process | None = None, **sent: Any) -> Computation:
        process = by or self.home
        changed: Computation = self._service(process, computation).update(self.stored(computation.id), sent, "me")
        return changed

    def delete(self, computation: Computation, by: Process | None = None) -> None:
        self._service(by or self.home, computation).delete(computation)

    def _service(self, process: Process, computation: Computation) -> Any:
        is_audience = computation.kind == AUDIENCE
        return process.workspaces.audiences if is_audience else process.workspaces.computed_traits

    def stored(self, id: str) -> Computation:
        return Storage(self.workspace, self.clock).computations.get(computation_key(self.space_id, id))

    def computations(self) -> list[Computation]:
        """Those of owners."""
        services = self.home.workspaces
        every = [*services.audiences.every(self.space_id), *services.computed_traits.every(self.space_id)]
        return [computation for computation in every if not computation.key.startswith("all_")]

    # Time, and what it brings

    def tick(self) -> None:
        self.home.wishes.tick(NoDeadline())
        self.home.engine.tick(NoDeadline())

    def run(self, rounds: int = 60) -> None:
        """Until nothing is left to be taken in."""
        for _ in range(rounds):
            self.home.compute()
            self.clock.advance(125 * SECOND)
            self.tick()
            if not self.home.engine.tasks.open() and not list(self._wishes()):
                return
        raise AssertionError([(t.task_id, t.status, t.error) for t in self.home.engine.tasks.open()])

    def _wishes(self) -> Iterable[Any]:
        return self.work.page("wishes").records

    def pass_edges(self) -> None:
        """Everybody whom time alone may have changed is looked at."""
        for shard in range(SHARDS):
            keys = self.profiles.due(shard, self.clock.now(), 1_000).keys
            assert self.home.resolver.touch(self.space_id, [key.profile_id for key in keys], {}) == set()

    # What became of it

    def people(self) -> list[Profile]:
        ids = self.profiles.newest(self.space_id, "users", 1_000)
        found = self.profiles.load([ProfileKey(self.space_id, profile_id) for profile_id in ids]).values()
        return [profile for profile in found if profile.merged_into is None]

    def counted(self, profile: Profile) -> list[Occurrence]:
        values = profile.trait_values()
        return [self.events[n] for event in KNOWN_EVENTS for n in values.get(f"all_{event.lower()}", ())]

    def expected(self, computation: Computation, profile: Profile) -> Any:
        """By everything that the profile ever counted."""
        if not is_eligible(computation, {external_id.type for external_id in profile.head.external_ids}):
            return None
        definition = query.parse(computation.query, kind=computation.kind, scope=computation.scope)
        events = [event for event in self.counted(profile) if self._in_bounds(computation, event)]
        return user_value(definition, User(events, profile.trait_values()), self.clock.now())

    def actual(self, computation: Computation, profile: Profile) -> Any:
        outcome = profile.head.outcomes.get(computation.key)
        return None if outcome is None else outcome.value

    def check(self) -> int:
        """Every value is as the whole history says; how many were compared."""
        compared = 0
        for profile in self.people():
            assert self._keeps_no_notes_in_vain(profile)
            for computation in filter(lambda one: one.enabled, self.computations()):
                expected, actual = self.expected(computation, profile), self.actual(computation, profile)
                compared += 1
                nothing: tuple[Any, ...] = (None, False) if computation.kind == AUDIENCE else (None, 0, [])
                if expected in nothing:
                    assert actual in nothing, self._told(computation, profile, expected, actual)
                else:
                    assert actual == expected, self._told(computation, profile, expected, actual)
        return compared

    def _keeps_no_notes_in_vain(self, profile: Profile) -> bool:
        """Notes of streams that are complete or gone go with the first write that knows of it."""
        catalogue = self.home.directory.view(self.space_id).catalogue
        return profile.head.catalogue < catalogue.version or profile.head.fills.keys() <= catalogue.filling

    def _in_bounds(self, computation: Computation, event: Occurrence) -> bool:
        if not computation.history:
            return event.received_at >= computation.created_at
        days = computation.lookback_days
        return days is None or event.timestamp >= computation.created_at - days * DAY

    def _told(self, computation: Computation, profile: Profile, expected: Any, actual: Any) -> str:
        counted = [(event.event, event.message_id) for event in self.counted(profile)]
        return f"{computation} is {actual}, not {expected}, of {profile.profile_id}, who counted {counted}"
