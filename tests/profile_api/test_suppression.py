"""Suppressing user ids and letting them go again."""

import pytest

from chalicelib.errors import VersionConflict
from chalicelib.identity.external_id import ExternalId, Identifier
from chalicelib.profiles.lookup import Lookup, set_aside
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.profiles.profile import SUPPRESSED, Head, Merge, Profile
from chalicelib.profiles.suppression import Suppression
from chalicelib.store.memory import MemoryIdentifiers, MemoryProfiles
from tests.events import T0
from tests.profile_api.crashing import Fate, Killed

U1 = Identifier("users", "user_id", "u1")


class World:
    def __init__(self, *, known=True):
        self.profiles, self.identifiers = MemoryProfiles(), MemoryIdentifiers()
        if known:
            ids = [ExternalId("user_id", "u1", "map_1", T0, "src", "m")]
            self.profiles.save(Profile(space_id="s", profile_id="use_ada", head=Head(external_ids=ids)))
            self.claim("use_ada")

    def claim(self, owner):
        return self.identifiers.claim(Claim("s", U1, owner, T0, "src", "m"))

    def service(self, fate=None):
        fate = fate or Fate()
        profiles, identifiers = fate.befall(self.profiles), fate.befall(self.identifiers)
        return Suppression(identifiers, Lookup(profiles, identifiers))

    def suppress(self, fate=None):
        self.service(fate).suppress("s", U1, T0)

    def lift(self, fate=None):
        self.service(fate).lift("s", U1)

    def found(self):
        found = Lookup(self.profiles, self.identifiers).find("s", "users", "user_id:u1")
        return found and found.profile_id

    def mappings(self):
        return self.identifiers.owners("s", [U1, set_aside(U1)])

    def load(self, id="use_ada"):
        return self.profiles.load([ProfileKey("s", id)])[ProfileKey("s", id)]


def test_the_user_id_is_taken_and_still_leads_readers_to_the_person():
    world = World()
    for _ in range(2):
        world.suppress()
    assert world.mappings() == {U1: SUPPRESSED, set_aside(U1): "use_ada"}
    assert world.claim("use_new") == SUPPRESSED
    assert world.found() == "use_ada"
    for _ in range(2):
        world.lift()
    assert world.mappings() == {U1: "use_ada"}
    assert world.identifiers.find("s", [U1])[U1].version == world.load().version


def test_somebody_nobody_knows_can_be_suppressed():
    world = World(known=False)
    world.suppress()
    assert world.mappings() == {U1: SUPPRESSED}
    assert world.found() is None
    world.lift()
    assert world.mappings() == {}
    world.lift()


def test_who_was_merged_meanwhile_is_found_again():
    world = World()
    world.suppress()
    ada = world.load()
    survivor = Head(external_ids=ada.head.external_ids, merges=[Merge("use_ada", T0, "m", "src")])
    world.profiles.save(Profile(space_id="s", profile_id="use_older", head=survivor))
    ada.merged_into = "use_older"
    world.profiles.save(ada)
    assert world.found() == "use_older"
    world.lift()
    assert world.mappings() == {U1: "use_older"}


def test_who_lost_the_user_id_meanwhile_does_not_get_it_back():
    world = World()
    world.suppress()
    ada = world.load()
    ada.head.external_ids = []
    world.profiles.save(ada)
    world.lift()
    assert world.mappings() == {}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("step", ["suppress", "lift"])
def test_killed_at_every_call_and_repeated(known, step):
    def made():
        world = World(known=known)
        if step == "lift":
            world.suppress()
        return world

    whole, undisturbed = Fate(), made()
    getattr(undisturbed, step)(whole)
    for place in range(1, whole.calls + 1):
        for after in (False, True):
            world = made()
            with pytest.raises(Killed):
                getattr(world, step)(Fate(place, after=after))
            getattr(world, step)()
            assert world.mappings() == undisturbed.mappings()


@pytest.mark.parametrize("place", range(1, 5))
def test_a_suppression_broken_off_and_then_lifted_leaves_nothing(place):
    world = World()
    with pytest.raises(Killed):
        world.suppress(Fate(place, after=True))
    world.lift()
    assert world.mappings() == {U1: "use_ada"}


def test_a_trace_of_an_earlier_one_does_not_lead_astray():
    world = World()
    world.identifiers.claim(Claim("s", set_aside(U1), "use_gone", T0, "src", "m"))
    world.suppress()
    assert world.mappings() == {U1: SUPPRESSED, set_aside(U1): "use_ada"}


def test_workers_that_never_stop_win():
    world = World(known=False)

    class Contested(Fate):
        def call(self, method, *args, **more):
            if method.__name__ == "find":
                world.identifiers.release("s", U1, "use_ada")
                found = method(*args, **more)
                world.claim("use_ada")
                return found
            return method(*args, **more)

    with pytest.raises(VersionConflict):
        world.suppress(Contested())
