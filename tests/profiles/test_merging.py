"""Folding one profile into another."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.computations.catalogue import Catalogue, compile_computation
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles import room
from chalicelib.profiles.application import apply
from chalicelib.profiles.arrival import Arrival
from chalicelib.profiles.merging import fold, freeze, unfreeze, united_links, whole
from chalicelib.profiles.profile import (
    DELETED,
    MOST_LINKS,
    Counted,
    Head,
    Link,
    Merge,
    Outcome,
    Profile,
    Sighting,
    Trait,
    Trigger,
)
from chalicelib.profiles.recent import tag_of
from tests.events import T0, event
from tests.pipeline.shop import audience

NONE = Catalogue(1)


def profile(name="use_1", streams=None, **head):
    return Profile(space_id="s", profile_id=name, version=1, head=Head(**head), streams=streams or {})


def frozen(name="use_2", **head):
    made = profile(name, **head)
    freeze(made, Merge("use_1", T0, "m9", "src", [], [("email", "e1")]))
    return made


def external_id(value, at=T0, message_id="m"):
    return ExternalId("email", value, f"map_{value}", at, "src", message_id)


def test_freezing_takes_a_profile_out_of_the_due_index_and_back():
    made = profile(edges={"a": T0})
    freeze(made, Merge("use_1", T0, "m", "src"))
    assert (made.merged_into, made.due_at) == ("use_1", None)
    unfreeze(made)
    assert (made.merged_into, made.head.merging, made.due_at) == (None, None, T0)


def test_identifiers_keep_their_first_sighting_in_order():
    survivor = profile(external_ids=[external_id("b", T0 + 2), external_id("c", T0 + 5, "late")])
    fold(survivor, frozen(external_ids=[external_id("a", T0), external_id("c", T0 + 1, "early")]), NONE)
    assert [(e.value, e.message_id) for e in survivor.head.external_ids] == [("a", "m"), ("c", "early"), ("b", "m")]


def test_of_each_trait_the_latest_stays_and_a_removal_is_one():
    survivor = profile(traits={"plan": Trait("a", 1, "s"), "gone": Trait("x", 1, "s"), "back": Trait(None, 1, "s")})
    loser = frozen(
        traits={
            "plan": Trait("b", 2, "t"),
            "gone": Trait(None, 2, "t"),
            "back": Trait("y", 0, "t"),
            "new": Trait(1, 0, "t"),
        }
    )
    fold(survivor, loser, NONE)
    assert survivor.trait_values() == {"plan": "b", "new": 1}
    assert survivor.head.traits["plan"].source_id == "t"


def test_traits_without_room_stay_behind():
    survivor = profile(traits={"a": Trait("x" * 90_000, 1, "s")})
    fold(survivor, frozen(traits={"b": Trait("y" * 9_000, 1, "s"), "c": Trait("z" * 50_000, 1, "s")}), NONE)
    assert set(survivor.head.traits) == {"a", "b"}
    assert room.TRAITS > 90_000


def test_outcomes_stand_until_they_are_evaluated_the_newest_first():
    survivor = profile(outcomes={"a": Outcome(True, "aud_a", 5), "b": Outcome(3, "tra_b", 5)})
    loser = frozen(
        outcomes={"a": Outcome(False, "aud_a", 9), "b": Outcome(4, "tra_b", 1), "c": Outcome(True, "aud_c", 1)}
    )
    fold(survivor, loser, None)
    assert {key: outcome.value for key, outcome in survivor.head.outcomes.items()} == {"a": False, "b": 3, "c": True}
    (merge,) = survivor.head.merges
    assert merge == Merge("use_2", T0, "m9", "src", ["b", "c"], [], Trigger("", "", 0))


def test_what_a_deleted_computation_left_behind_gives_way_to_a_later_trait():
    survivor = profile(outcomes={"old": Outcome(True, "aud_old", 5), "older": Outcome(True, "aud_older", 1)})
    fold(survivor, frozen(traits={"old": Trait("mine", 3, "s"), "older": Trait("mine", 3, "s")}), NONE)
    assert survivor.trait_values() == {"old": True, "older": "mine"}


def test_times_and_counted_messages():
    survivor = profile(
        created_at=5,
        updated_at=20,
        first=Sighting(5, "a", "s"),
        last=Sighting(20, "b", "s"),
        recent=[Counted(b"1", 20, b"x" * 8)],
    )
    loser = frozen(
        created_at=7,
        updated_at=30,
        first=Sighting(7, "c", "s"),
        last=Sighting(30, "d", "s"),
        recent=[Counted(b"2", 10, b"y" * 8)],
    )
    fold(survivor, loser, NONE)
    head = survivor.head
    assert (head.created_at, head.updated_at, head.first.message_id, head.last.message_id) == (5, 30, "a", "d")
    assert [counted.tag for counted in head.recent] == [b"2", b"1"]


def test_who_was_merged_before_comes_along_and_a_refusal_ends():
    survivor = profile(refused={"use_2": 4, "use_7": 1}, merges=[Merge("use_0", 1, "m", "s")])
    loser = frozen(merges=[Merge("use_3", 2, "m", "s", ["vip"])], refused={"use_8": 2})
    fold(survivor, loser, NONE)
    assert survivor.ids == ["use_1", "use_0", "use_3", "use_2"]
    assert [merge.members for merge in survivor.head.merges] == [[], [], []]
    assert survivor.head.refused == {"use_7": 1, "use_8": 2}


def test_streams_join_and_those_of_nobody_are_left_behind():
    catalogue = Catalogue(1, [compile_computation(audience("buyers", "event('Bought').count() >= 2"))])
    (key,) = catalogue.streams
    first, second = profile(), profile("use_2")
    for made, name in ((first, "m1"), (second, "m2")):
        bought = event("track", "Bought", message_id=name, user_id="u1")
        apply(made, [Arrival(tag_of(name), [bought])], [ExternalId("user_id", name, "", T0, "", "")], catalogue, T0)
    second.streams["unknown"] = [1]
    second.head.catalogue = 0
    freeze(second, Merge("use_1", T0, "m9", "src"))
    applied = apply(first, [], [], catalogue, T0, frozen=[second])
    assert applied.changed
    assert first.trait_values() == {"buyers": True}
    assert set(first.streams) == {key}


def test_links_are_one_per_account_and_not_too_many():
    kept, gone = [Link("acc_1", 5), Link("acc_2", 9)], [Link("acc_1", 1), Link("acc_3", 7)]
    assert united_links(kept, gone) == [Link("acc_1", 5), Link("acc_3", 7), Link("acc_2", 9)]
    many = united_links([Link(f"acc_{n}", n) for n in range(400)], [Link(f"acc_{n}", n) for n in range(300, 700)])
    assert [link.at for link in many] == list(range(MOST_LINKS))


def test_a_reader_sees_whoever_is_on_the_way_as_one():
    end, middle, start = (
        profile(),
        frozen(external_ids=[external_id("b")]),
        frozen("use_3", external_ids=[external_id("a")]),
    )
    shown = whole([start, middle, end])
    assert shown == end
    assert sorted(e.value for e in end.head.external_ids) == ["a", "b"]
    assert set(end.ids) == {"use_1", "use_2", "use_3"}
    assert whole([]) is None
    assert whole([middle]) is None
    assert whole([start, Profile(space_id="s", profile_id="use_9", merged_into=DELETED)]) is None


def test_a_reader_sees_whoever_was_refused_as_their_own():
    end, refused, behind = profile(refused={"use_2": 1}), frozen(), frozen("use_3", external_ids=[external_id("a")])
    assert whole([behind, refused, end]) == refused
    assert refused.ids == ["use_2", "use_3"]


instants = st.integers(0, 20)
traits = st.dictionaries(
    st.sampled_from("abcd"), st.builds(Trait, st.integers(0, 3) | st.none(), instants, st.just("s"))
)


@given(st.lists(traits, min_size=3, max_size=3, unique_by=lambda t: tuple(sorted(x.updated_at for x in t.values()))))
def test_in_whatever_order_three_are_joined_the_latest_traits_are_the_same(three):
    times = [trait.updated_at for made in three for trait in made.values()]
    if len(set(times)) < len(times):
        return  # of two values of the same instant the survivor's stays
    found = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        survivor = profile(traits=dict(three[order[0]]))
        for place in order[1:]:
            fold(survivor, frozen(f"use_{place}", traits=dict(three[place])), NONE)
        found.append(survivor.head.traits)
    assert found[0] == found[1] == found[2]
