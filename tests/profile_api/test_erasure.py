"""Deleting a person: what is gone, what stays, and that a killed worker leaves nothing that is not completed."""

import json

import pytest

from chalicelib.clock import DAY, FixedClock
from chalicelib.delivery.sizes import Sizes
from chalicelib.errors import VersionConflict
from chalicelib.identity.external_id import ExternalId, Identifier
from chalicelib.pipeline.identity_log import BLOCKED, MERGED, Entry, IdentityLog
from chalicelib.profiles.erasure import ABANDONED_AFTER, Eraser
from chalicelib.profiles.links import RecordedLinks
from chalicelib.profiles.lookup import Lookup, set_aside
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.profiles.profile import DELETED, SUPPRESSED, Head, Link, Merge, Outcome, Profile, Trait
from chalicelib.profiles.suppression import Suppression
from chalicelib.records import every
from chalicelib.store.memory import (
    MemoryArchive,
    MemoryIdentifiers,
    MemoryProfiles,
    MemoryRecords,
    MemoryTimeline,
)
from tests.events import T0, event
from tests.profile_api.crashing import Fate, Killed

ADA, OLDER, EVE = "use_ada", "use_older", "use_eve"
U1, EMAIL, PHONE, COOKIE = (
    Identifier("users", type, value)
    for type, value in (("user_id", "u1"), ("email", "ada@example.com"), ("phone", "123"), ("anonymous_id", "a1"))
)
EVES = Identifier("users", "user_id", "u2")
VIP = {"vip": Outcome(True, "aud_vip", T0)}


class World:
    """Ada, into whom an older profile of hers was merged, and Eve. Both are in an audience and in an account."""

    def __init__(self):
        self.clock = FixedClock(T0)
        self.profiles, self.identifiers = MemoryProfiles(), MemoryIdentifiers()
        self.timeline, self.archive = MemoryTimeline(self.clock), MemoryArchive()
        self.work = MemoryRecords(self.clock)
        self.links, self.log = RecordedLinks(self.work), IdentityLog(self.work, self.clock)
        self.settle(OLDER, [COOKIE], merged_into=None)
        self.settle(ADA, [U1, EMAIL, PHONE, COOKIE], merges=[Merge(OLDER, T0, "m3", "src")])
        self.settle(EVE, [EVES])
        older = self.load(OLDER)
        older.merged_into, older.head.merging = ADA, Merge(ADA, T0, "m3", "src")
        self.profiles.save(older)
        for identifier, owner in ((U1, ADA), (EMAIL, ADA), (PHONE, ADA), (COOKIE, OLDER), (EVES, EVE)):
            self.identifiers.claim(Claim("s", identifier, owner, T0, "src", "m"))
        for user in (ADA, OLDER, EVE):
            self.links.add("s", "acc_1", user, T0)
            self.timeline.put(ProfileKey("s", user), b"t", [event("track", "Seen")], T0 + DAY)
        self.log.write("s", [self.entry("m1", EMAIL.value, ADA), self.entry("m2", EMAIL.value, EVE)])
        self.log.write("s", [self.entry("m3", None, ADA, OLDER), self.entry("m4", "x", EVE)])

    def settle(self, id, named, merged_into=None, **head):
        ids = [ExternalId(i.type, i.value, f"map_{i.type}", T0, "src", "m") for i in named]
        made = Head(
            created_at=T0,
            external_ids=ids,
            traits={"name": Trait(id, T0, "src")},
            outcomes=dict(VIP),
            links=[Link("acc_1", T0)],
            **head,
        )
        self.profiles.save(Profile(space_id="s", profile_id=id, head=made, streams={"s": [1]}))

    def entry(self, message_id, value, *ids):
        kind = MERGED if len(ids) > 1 else BLOCKED
        return Entry(at=T0, kind=kind, message_id=message_id, source_id="src", value=value, profile_ids=list(ids))

    def eraser(self, fate=None):
        fate = fate or Fate()
        ports = {
            "profiles": fate.befall(self.profiles),
            "identifiers": fate.befall(self.identifiers),
            "timeline": fate.befall(self.timeline),
            "archive": fate.befall(self.archive),
            "log": IdentityLog(fate.befall(self.work), self.clock),
            "links": RecordedLinks(fate.befall(self.work)),
            "work": fate.befall(self.work),
        }
        lookup = Lookup(ports["profiles"], ports["identifiers"])
        return Eraser(lookup=lookup, clock=self.clock, **ports)

    def erase(self, user=U1, fate=None):
        """As a request does it: first what others left."""
        eraser = self.eraser(fate)
        eraser.resume("s")
        return eraser.erase("s", user)

    def load(self, id):
        return self.profiles.load([ProfileKey("s", id)])[ProfileKey("s", id)]

    @property
    def lookup(self):
        return Lookup(self.profiles, self.identifiers)

    def sizes(self):
        sizes = Sizes(MemoryRecords(self.clock))
        assert sizes.apply(self.profiles.changes) == set()
        return sizes.of("s")

    def state(self):
        return {
            "profiles": {id: (p.merged_into, p.head, p.streams) for id in (ADA, OLDER, EVE) for p in [self.load(id)]},
            "mappings": {pk: claim.profile_id for pk, claim in self.identifiers.claims.items()},
            "events": {id: len(self.timeline.events(ProfileKey("s", id), 0)) for id in (ADA, OLDER, EVE)},
            "links": self.links.users("s", "acc_1", 10),
            "log": [entry.message_id for entry in self.log.page("s").entries],
            "notes": every(self.work, "erasures#s"),
            "archive": self.archive.objects,
            "sizes": self.sizes(),
        }


def test_everything_of_her_is_gone_and_nothing_of_others():
    world = World()
    assert world.sizes() == {"aud_vip": 2}
    assert world.erase() == ADA
    state = world.state()
    for id in (ADA, OLDER):
        assert state["profiles"][id] == (DELETED, Head(), {})
        assert world.lookup.find("s", "users", id) is None
    assert world.lookup.find("s", "users", "user_id:u2").head.traits["name"].value == EVE
    assert list(state["mappings"].values()) == [EVE]
    assert state["events"] == {ADA: 0, OLDER: 0, EVE: 1}
    assert [membership.user_id for membership in state["links"]] == [EVE]
    assert state["log"] == ["m4"]
    assert state["notes"] == []
    assert state["sizes"] == {"aud_vip": 1}
    (listed,) = state["archive"].items()
    assert listed[0] == f"erasures/s/{ADA}.json"
    assert json.loads(listed[1]) == {
        "spaceId": "s",
        "profileIds": [ADA, OLDER],
        "erasedAt": "2026-03-01T12:00:00.000Z",
    }


def test_whom_nobody_knows_cannot_be_deleted():
    world = World()
    assert world.erase(Identifier("users", "user_id", "nobody")) is None
    assert world.erase() == ADA
    assert world.erase() is None
    assert world.load(EVE).merged_into is None


def test_killed_at_every_call_and_sent_again():
    whole = Fate()
    undisturbed = World()
    undisturbed.erase(fate=whole)
    expected = undisturbed.state()
    assert whole.calls > 20
    for place in range(1, whole.calls + 1):
        for after in (False, True):
            world = World()
            with pytest.raises(Killed):
                world.erase(fate=Fate(place, after=after))
            world.erase()
            assert world.state() == expected, f"killed at call {place} of {whole.calls}, after: {after}"


def test_whoever_deletes_next_completes_what_another_began():
    whole = Fate()
    World().erase(fate=whole)
    for place in range(1, whole.calls + 1):
        world = World()
        with pytest.raises(Killed):
            world.erase(fate=Fate(place))
        marked = world.load(ADA).merged_into == DELETED
        world.clock.advance(ABANDONED_AFTER + 1)
        world.erase(Identifier("users", "user_id", "nobody"))
        state = world.state()
        assert state["notes"] == []
        assert state["profiles"][ADA][0] == (DELETED if marked else None)
        assert state["events"][OLDER] == (0 if marked else 1)
        assert len(state["mappings"]) == (1 if marked else 5)


def test_from_the_mark_on_she_is_nobody_and_no_worker_writes_her_again():
    world = World()
    stale = world.load(ADA)
    marked = Fate()
    with pytest.raises(Killed):
        world.erase(fate=_FirstSave(marked))
    assert world.lookup.find("s", "users", "email:ada@example.com") is None
    assert world.load(ADA).head.traits == {}
    assert world.load(ADA).head.outcomes == {}
    stale.head.traits["late"] = Trait(1, T0, "src")
    with pytest.raises(VersionConflict):
        world.profiles.save(stale)


class _FirstSave(Fate):
    """Dies after the first profile was saved."""

    def __init__(self, fate):
        super().__init__()

    def call(self, method, *args, **more):
        done = method(*args, **more)
        if method.__name__ == "save":
            raise Killed
        return done


def test_a_worker_that_writes_first_only_delays_it():
    world = World()
    hers = world.load(ADA)

    class Busy(Fate):
        def call(self, method, *args, **more):
            if method.__name__ == "save" and not hers.head.traits.get("late"):
                hers.head.traits["late"] = Trait(1, T0, "src")
                world.profiles.save(hers)
            return method(*args, **more)

    assert world.erase(fate=Busy()) == ADA
    assert world.load(ADA).head == Head()


def test_a_merge_under_way_does_not_save_anybody():
    world = World()
    ada = world.load(ADA)
    ada.merged_into, ada.head.merging = EVE, Merge(EVE, T0, "m9", "src")
    world.profiles.save(ada)
    assert world.erase() == EVE
    state = world.state()
    for id in (ADA, OLDER, EVE):
        assert state["profiles"][id] == (DELETED, Head(), {})
    assert (state["mappings"], state["links"], state["log"], state["sizes"]) == ({}, [], [], {})


def test_a_mapping_that_led_to_her_without_being_hers_deletes_nobody():
    world = World()
    world.identifiers.claim(Claim("s", Identifier("users", "user_id", "u9"), EVE, T0, "src", "m"))
    assert world.erase(Identifier("users", "user_id", "u9")) is None
    assert world.load(EVE).merged_into is None


def test_somebody_suppressed_can_be_deleted_and_stays_suppressed():
    world = World()
    Suppression(world.identifiers, world.lookup).suppress("s", U1, T0)
    assert world.erase() == ADA
    assert world.identifiers.owners("s", [U1, EMAIL, set_aside(U1)]) == {U1: SUPPRESSED}


def test_the_log_forgets_only_so_much_at_once(monkeypatch):
    monkeypatch.setattr("chalicelib.pipeline.identity_log.FORGETTING", 2)
    world = World()
    world.erase()
    assert len(world.log.page("s").entries) == 2
