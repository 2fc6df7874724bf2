"""One space with its profiles, run by hand: queue messages in, profiles out."""

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.clock import FixedClock
from chalicelib.computations.catalogue import Catalogue, compile_computation
from chalicelib.computations.computation import AUDIENCE, USERS, Computation
from chalicelib.deadline import NoDeadline
from chalicelib.identity.rules import DEFAULT_RULES, Rules
from chalicelib.pipeline.books import Books
from chalicelib.pipeline.discards import Discards
from chalicelib.pipeline.fanout import OneByOne
from chalicelib.pipeline.identity_log import IdentityLog
from chalicelib.pipeline.resolve import Resolver
from chalicelib.pipeline.vocabulary import Vocabulary
from chalicelib.profiles.links import RecordedLinks
from chalicelib.profiles.lookup import Lookup
from chalicelib.profiles.profile import Profile
from chalicelib.queues import Received
from chalicelib.store.memory import MemoryArchive, MemoryIdentifiers, MemoryProfiles, MemoryRecords, MemoryTimeline
from chalicelib.tracking.envelope import Accepted, Due, pack
from chalicelib.workspace.model import SpaceFilter
from chalicelib.workspace.ports import SpaceView
from tests.events import T0


def audience(key: str, query: str, **fields: Any) -> Computation:
    given = {"kind": AUDIENCE, "scope": USERS, "created_at": 0, **fields}
    return Computation(id=f"aud_{key}", workspace_id="w", space_id="s", key=key, name=key, query=query, **given)


class OneSpace:
    """A directory that knows one catalogue and its rules at a time; `views` counts how often it was asked."""

    def __init__(self, computations: Iterable[Computation] = ()) -> None:
        self._version = self.views = 0
        self.filters: Sequence[SpaceFilter] = ()
        self.catalogue = Catalogue(0)
        self.define(computations)

    def define(self, computations: Iterable[Computation] | None = None, rules: Rules = DEFAULT_RULES) -> None:
        """Without computations, those of before."""
        self._version += 1
        self._rules = rules
        if computations is None:
            computations = [item.computation for item in self.catalogue.by_key.values()]
        self.catalogue = Catalogue(self._version, [compile_computation(c) for c in computations])

    def view(self, space_id: str) -> SpaceView:
        self.views += 1
        return SpaceView(self._version, self.catalogue, {}, self._rules, filters=self.filters)


class Shop:
    """`stores` replaces the ports in memory by others of the same kind."""

    def __init__(self, computations: Iterable[Computation] = (), space_id: str = "s", **stores: Any) -> None:
        self.space_id = space_id
        self.clock = FixedClock(T0)
        self.directory = OneSpace(computations)
        self.profiles = stores.get("profiles") or MemoryProfiles()
        self.identifiers = stores.get("identifiers") or MemoryIdentifiers()
        self.timeline = stores.get("timeline") or MemoryTimeline(self.clock)
        self.archive = stores.get("archive") or MemoryArchive()
        self.work = stores.get("work") or MemoryRecords(self.clock)
        self.links = RecordedLinks(self.work)
        self.log = IdentityLog(self.work, self.clock)
        self.lookup = Lookup(self.profiles, self.identifiers)
        self.books = Books(Discards(self.work, self.clock), Vocabulary(self.work, self.clock))

    def resolver(self) -> Resolver:
        return Resolver(
            directory=self.directory,  # type: ignore[arg-type]
            profiles=self.profiles,
            identifiers=self.identifiers,
            timeline=self.timeline,
            archive=self.archive,
            links=self.links,
            log=self.log,
            clock=self.clock,
            fanout=OneByOne(),
            witness=self.books.close,
        )

    def message(self, batch_id: str, *messages: dict[str, Any], at: int | None = None) -> Received:
        """One queue message; a call without `messageId` gets one of its place in the batch."""
        envelope = Accepted(
            batch_id=batch_id,
            workspace_id="w",
            space_id=self.space_id,
            source_id="src",
            received_at=self.clock.now() if at is None else at,
            messages=[{"messageId": f"{batch_id}-{n}", **m} for n, m in enumerate(messages)],
        )
        return Received(f"q-{batch_id}", f"r-{batch_id}", pack(envelope))

    def due(self, batch_id: str, *profile_ids: str) -> Received:
        envelope = Due(batch_id=batch_id, space_id=self.space_id, profile_ids=list(profile_ids))
        return Received(f"q-{batch_id}", f"r-{batch_id}", pack(envelope))

    def resolve(self, *messages: Received) -> set[str]:
        return self.resolver().resolve(messages, NoDeadline())

    def send(self, *messages: dict[str, Any], batch_id: str | None = None) -> None:
        """Everything in one request, resolved at once; it must succeed."""
        self._sent = getattr(self, "_sent", 0) + 1
        assert self.resolve(self.message(batch_id or f"b{self._sent}", *messages)) == set()

    def profile(self, name: str, collection: str = "users") -> Profile:
        found = self.lookup.find(self.space_id, collection, name)
        assert found is not None, name
        return found

    def value(self, name: str, key: str) -> Any:
        """What the Profile API shows under a key; None when there is nothing."""
        return self.profile(name).trait_values().get(key)


def track(name: str, user: str | None = "u1", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, **({"userId": user} if user else {}), **fields}


def identify(user: str, traits: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits, **fields}
