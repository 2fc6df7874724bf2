"""Finding a profile by any of its names."""

import pytest

from chalicelib.identity.external_id import ExternalId, Identifier
from chalicelib.profiles.lookup import Lookup, set_aside
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.profiles.profile import DELETED, SUPPRESSED, Head, Merge, Profile
from chalicelib.store.memory import MemoryIdentifiers, MemoryProfiles
from tests.events import T0

ANN, OLD_ANN, SHOP = "use_" + "a" * 27, "use_" + "b" * 27, "acc_" + "c" * 27


class Asked(MemoryProfiles):
    def __init__(self):
        super().__init__()
        self.asked: list[ProfileKey] = []

    def load(self, keys):
        wanted = list(keys)
        self.asked += wanted
        return super().load(wanted)


HERS = [
    ExternalId(type, value, f"map_{type}", T0, "src", "m")
    for type, value in (("user_id", "u1"), ("app_id", "x:y/z"), ("email", "a@b.c"))
]


@pytest.fixture
def profiles():
    profiles = Asked()
    head = Head(external_ids=HERS, merges=[Merge(OLD_ANN, T0, "m", "src")])
    profiles.save(Profile(space_id="s", profile_id=ANN, head=head))
    profiles.save(Profile(space_id="s", profile_id=OLD_ANN, merged_into=ANN))
    profiles.save(Profile(space_id="s", profile_id=SHOP, head=Head(collection="accounts")))
    return profiles


@pytest.fixture
def identifiers():
    identifiers = MemoryIdentifiers()
    for type, value, owner in [("user_id", "u1", ANN), ("app_id", "x:y/z", ANN), ("email", "a@b.c", OLD_ANN)]:
        identifiers.claim(Claim("s", Identifier("users", type, value), owner, T0, "src", "m"))
    return identifiers


@pytest.fixture
def find(profiles, identifiers):
    def find(name, collection="users", space_id="s"):
        found = Lookup(profiles, identifiers).find(space_id, collection, name)
        return found and found.profile_id

    return find


@pytest.mark.parametrize(
    "name", ["user_id:u1", "app_id:x:y/z", "email:a@b.c", ANN, OLD_ANN, f"segment_id:{ANN}", f"segment_id:{OLD_ANN}"]
)
def test_every_name_leads_to_the_one_profile(find, name):
    assert find(name) == ANN
    assert find(name, "accounts") is None
    assert find(name, space_id="t") is None


def test_an_account_is_found_among_accounts(find):
    assert find(SHOP, "accounts") == SHOP
    assert find(SHOP) is None


@pytest.mark.parametrize(
    "name", ["", ":", "user_id:", ":u1", "u1", "user_id:U1", "User_id:u1", "user_id:u1 ", "app_id:x"]
)
def test_names_are_compared_byte_for_byte(find, name):
    assert find(name) is None


@pytest.mark.parametrize("rest", ["", "x" * 3_000, ANN[4:] + "#", "é", "\0", "../x"])
def test_what_cannot_be_a_profile_id_is_not_looked_up(find, profiles, rest):
    for name in (f"use_{rest}", f"segment_id:use_{rest}", f"segment_id:{rest}"):
        assert find(name) is None
    assert profiles.asked == []


def load(profiles, id):
    return profiles.load([ProfileKey("s", id)])[ProfileKey("s", id)]


def test_a_mapping_to_somebody_who_does_not_have_the_identifier_leads_nowhere(find, profiles):
    ann = load(profiles, ANN)
    ann.head.external_ids = HERS[:2]
    profiles.save(ann)
    assert find("email:a@b.c") is None
    assert find("user_id:u1") == ANN


def test_while_a_merge_is_under_way_all_names_lead_to_the_survivor(find, profiles):
    ann, old = load(profiles, ANN), load(profiles, OLD_ANN)
    ann.head = Head(external_ids=HERS[:2])
    old.head.external_ids = HERS[2:]
    profiles.save(ann)
    profiles.save(old)
    assert find("email:a@b.c") == find("user_id:u1") == ANN


def test_a_deleted_profile_is_nobody(find, profiles):
    ann = load(profiles, ANN)
    ann.merged_into = DELETED
    profiles.save(ann)
    assert [find(name) for name in ("user_id:u1", ANN, OLD_ANN)] == [None] * 3


def test_somebody_suppressed_can_still_be_read(find, identifiers):
    suppressed = Identifier("users", "user_id", "u1")
    identifiers.move(identifiers.find("s", [suppressed])[suppressed], SUPPRESSED, 0)
    assert find("user_id:u1") is None
    identifiers.claim(Claim("s", set_aside(suppressed), ANN, T0, "src", "m"))
    assert find("user_id:u1") == ANN
