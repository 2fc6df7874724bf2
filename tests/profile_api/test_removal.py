"""Removing an external id: what decides, what a killed worker leaves, and who else may write meanwhile."""

import pytest

from chalicelib.clock import FixedClock
from chalicelib.errors import NotFound, Unavailable, VersionConflict
from chalicelib.identity.external_id import ExternalId, Identifier
from chalicelib.profiles.lookup import Lookup
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.profiles.profile import Head, Merge, Profile, Trait
from chalicelib.profiles.removal import NoSuchIdentifier, Removal
from chalicelib.store.memory import MemoryIdentifiers, MemoryProfiles
from tests.events import T0
from tests.profile_api.crashing import Fate, Killed

ADA, OLD = "use_ada", "use_old"
EMAIL, PHONE = Identifier("users", "email", "ada@example.com"), Identifier("users", "phone", "123")


class World:
    """Ada, known by a user id, an e-mail address and a phone number."""

    def __init__(self):
        self.profiles, self.identifiers = MemoryProfiles(), MemoryIdentifiers()
        self.clock = FixedClock(T0)
        named = [Identifier("users", "user_id", "u1"), EMAIL, PHONE]
        ids = [ExternalId(i.type, i.value, f"map_{i.type}", T0, "src", "m") for i in named]
        self.profiles.save(
            Profile(space_id="s", profile_id=ADA, head=Head(external_ids=ids, traits={"plan": Trait("pro", T0, "src")}))
        )
        for identifier in named:
            self.claim(identifier)

    def claim(self, identifier, profile_id=ADA, version=0):
        return self.identifiers.claim(Claim("s", identifier, profile_id, T0, "src", "m", version))

    @property
    def lookup(self):
        return Lookup(self.profiles, self.identifiers)

    def removal(self, fate=None):
        fate = fate or Fate()
        profiles, identifiers = fate.befall(self.profiles), fate.befall(self.identifiers)
        return Removal(Lookup(profiles, identifiers), profiles, identifiers, self.clock)

    def remove(self, removed=EMAIL, fate=None):
        self.removal(fate).remove("s", "u1", removed)

    def load(self, id=ADA):
        return self.profiles.load([ProfileKey("s", id)])[ProfileKey("s", id)]

    def found(self, identifier):
        found = self.lookup.find("s", "users", f"{identifier.type}:{identifier.value}")
        return found and found.profile_id

    def state(self):
        head = self.load().head
        return sorted(e.type for e in head.external_ids), head.traits, sorted(self.identifiers.claims)


@pytest.fixture
def world():
    return World()


def test_the_identifier_is_gone_and_everything_else_stays(world):
    world.remove()
    types, traits, mappings = world.state()
    assert types == ["phone", "user_id"]
    assert traits["plan"].value == "pro"
    assert len(mappings) == 2
    assert world.found(EMAIL) is None
    assert world.found(PHONE) == ADA


def test_what_the_profile_does_not_have_cannot_be_removed(world):
    world.remove()
    for missing in (EMAIL, Identifier("users", "email", "ADA@example.com")):
        with pytest.raises(NoSuchIdentifier):
            world.remove(missing)
    world.claim(EMAIL, "use_other")
    with pytest.raises(NoSuchIdentifier):
        world.remove()
    assert world.identifiers.owners("s", [EMAIL]) == {EMAIL: "use_other"}


def test_nobody_to_remove_from(world):
    with pytest.raises(NotFound, match="Profile was not found"):
        world.removal().remove("s", "u2", EMAIL)


def test_killed_at_every_call_and_repeated():
    whole = Fate()
    undisturbed = World()
    undisturbed.remove(fate=whole)
    for place in range(1, whole.calls + 1):
        for after in (False, True):
            world = World()
            with pytest.raises(Killed):
                world.remove(fate=Fate(place, after=after))
            done = world.load().find("email", EMAIL.value) is None and EMAIL not in world.identifiers.owners(
                "s", [EMAIL]
            )
            if done:
                with pytest.raises(NoSuchIdentifier):
                    world.remove()
            else:
                world.remove()
            assert world.state() == undisturbed.state(), f"killed at call {place} of {whole.calls}"


def test_between_the_two_writes_the_identifier_leads_nowhere_already(world):
    fate = Fate()
    world.remove(PHONE, fate)
    with pytest.raises(Killed):
        world.remove(EMAIL, Fate(fate.calls))
    assert world.identifiers.owners("s", [EMAIL]) == {EMAIL: ADA}
    assert world.found(EMAIL) is None


def test_a_worker_with_an_older_version_cannot_bring_it_back(world):
    stale = world.load()
    world.remove()
    with pytest.raises(VersionConflict):
        world.profiles.save(stale)
    assert world.found(EMAIL) is None


def test_a_worker_that_writes_first_is_not_overwritten(world):
    class Busy(MemoryProfiles):
        def save(self, profile):
            if not seen:
                seen.append(True)
                ada = world.load()
                ada.head.traits["city"] = Trait("Oslo", T0, "src")
                world.profiles.save(ada)
            world.profiles.save(profile)

        def load(self, keys):
            return world.profiles.load(keys)

    seen = []
    Removal(world.lookup, Busy(), world.identifiers, world.clock).remove("s", "u1", EMAIL)
    assert world.load().head.traits.keys() == {"plan", "city"}
    assert world.found(EMAIL) is None


def test_a_mapping_made_anew_meanwhile_is_spared(world):
    """Somebody finds the identifier gone and maps it again, for the next version, before the old mapping is removed."""

    class Hurried(MemoryIdentifiers):
        def find(self, *args):
            return world.identifiers.find(*args)

        def release(self, *args):
            world.claim(EMAIL, version=world.load().version)
            world.identifiers.release(*args)

    Removal(world.lookup, world.profiles, Hurried(), world.clock).remove("s", "u1", EMAIL)
    assert world.identifiers.owners("s", [EMAIL]) == {EMAIL: ADA}


def test_an_identifier_that_is_just_being_added_is_not_there_yet(world):
    added = Identifier("users", "app_id", "7")
    world.claim(added, version=world.load().version)
    with pytest.raises(NoSuchIdentifier):
        world.remove(added)
    assert world.identifiers.owners("s", [added]) == {added: ADA}


def test_a_mapping_that_still_leads_to_a_merged_away_profile_goes_too(world):
    old = Profile(space_id="s", profile_id=OLD, merged_into=ADA)
    world.profiles.save(old)
    ada = world.load()
    ada.head.merges = [Merge(OLD, T0, "m", "src")]
    ada.head.external_ids.append(ExternalId("app_id", "7", "map_7", T0, "src", "m"))
    world.profiles.save(ada)
    added = Identifier("users", "app_id", "7")
    world.claim(added, OLD)
    assert world.found(added) == ADA
    world.remove(added)
    assert world.identifiers.owners("s", [added]) == {}


def test_an_id_that_was_taken_out_of_use_before_anything_was_stored_is_no_merge_under_way(world):
    world.profiles.save(Profile(space_id="s", profile_id="use_blank", merged_into=ADA))
    user_id = Identifier("users", "user_id", "u1")
    world.identifiers.release("s", user_id, ADA)
    world.claim(user_id, "use_blank")
    world.remove()
    assert world.found(EMAIL) is None


def test_nothing_is_removed_while_the_person_is_being_merged(world):
    ada = world.load()
    ada.merged_into = "use_new"
    world.profiles.save(ada)
    world.profiles.save(Profile(space_id="s", profile_id="use_new"))
    with pytest.raises(Unavailable):
        world.remove()
