"""A profile never grows past what can be stored."""

import random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.rules import MOST_MERGES
from chalicelib.pipeline.identity_log import MAPPING_LIMIT
from chalicelib.profiles import room
from chalicelib.profiles.profile import MOST_LINKS, Counted, Link, Merge, Trait
from chalicelib.profiles.recent import MOST
from chalicelib.store import codec
from chalicelib.store.dynamodb.profiles import LARGEST_HEAD
from tests.events import T0
from tests.pipeline.shop import Shop, audience, identify, track

noise = random.Random(7)


def text(length):
    """Nearly incompressible."""
    return "".join(map(chr, noise.choices(range(128), k=length)))


def trait(value):
    return Trait(value, T0, "src")


def sight(shop, user, count):
    """Events with an external id each; the types and values of these."""
    listed = [{"id": text(500), "type": f"type{n}", "collection": "users", "encoding": "none"} for n in range(count)]
    shop.send(*(track("Seen", user, context={"externalIds": [one]}) for one in listed))
    return [f"{one['type']}:{one['id'].strip()}" for one in listed]


def test_traits_without_room_are_left_out_and_everything_else_goes_on():
    shop = Shop([audience("active", "event('Seen').count() >= 3"), audience("gold", "trait('plan') = 'gold'")])
    shop.send(identify("u1", {"plan": "free"}))
    for n in range(20):
        shop.send(identify("u1", {f"k{n}": text(20_000)}), track("Seen"))
    traits = shop.profile("user_id:u1").trait_values()
    assert traits["active"] is True
    assert {"k0", "k1", "k2", "k3"} <= traits.keys()
    assert "k19" not in traits
    shop.send(identify("u1", {"k0": None, "plan": "gold", "k20": 1}))
    assert shop.value("user_id:u1", "gold") is True
    assert "k0" not in shop.profile("user_id:u1").trait_values()
    shop.send(identify("u1", {"k21": text(15_000)}))
    assert "k21" in shop.profile("user_id:u1").trait_values()


def test_the_last_traits_of_a_call_go_first():
    traits = {"old": trait("a" * 50_000), "a": trait("b" * 40_000), "b": trait("c" * 40_000), "c": trait(1)}
    assert room.without_excess(traits, {"a": None, "b": None, "c": None}) == ["a"]
    assert list(traits) == ["old", "a"]
    traits["old"] = trait("d" * 70_000)
    assert room.without_excess(traits, {"old": trait("a" * 50_000)}) == []
    assert traits["old"].value == "a" * 50_000


def test_external_ids_without_room_are_left_out_and_lead_nowhere():
    shop = Shop()
    names = sight(shop, "u1", 400)
    assert 100 < len(shop.profile("user_id:u1").head.external_ids) < 400
    assert shop.profile(names[0]) == shop.profile("user_id:u1")
    assert shop.lookup.find("s", "users", names[-1]) is None
    assert MAPPING_LIMIT in {entry.kind for entry in shop.log.page("s").entries}


def test_the_fullest_head_can_be_stored():
    shop = Shop()
    sight(shop, "u1", 400)
    for n in range(30):
        shop.send(identify("u1", {f"k{n}_{m}": text(1_000) for m in range(10)}))
    head = shop.profile("user_id:u1").head
    head.recent = [Counted(noise.randbytes(4), T0, noise.randbytes(8)) for _ in range(MOST)]
    head.links = [Link("acc_" + noise.randbytes(20).hex()[:27], T0) for _ in range(MOST_LINKS)]
    head.merges = [Merge("use_" + noise.randbytes(20).hex()[:27], T0, text(100), "src") for _ in range(MOST_MERGES)]
    assert 200_000 < len(codec.encode_head(head)) < LARGEST_HEAD


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 60_000)), max_size=12))
def test_no_sequence_of_calls_goes_past_the_room(calls):
    traits: dict[str, Trait] = {}
    for key, length in calls:
        before = {key: traits.get(key)}
        traits[key] = trait("x" * length)
        room.without_excess(traits, before)
        assert sum(len(t.value) for t in traits.values()) <= room.TRAITS
