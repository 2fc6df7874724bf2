"""Streams that are filled with history while events go on being counted."""

import pytest
from msgspec.structs import replace

from chalicelib import query
from chalicelib.archive.scan import FreshEvent
from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.computations.catalogue import Catalogue, compile_computation
from chalicelib.computations.computation import generation_of
from chalicelib.errors import VersionConflict
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles import recent as module
from chalicelib.profiles.application import apply
from chalicelib.profiles.arrival import Arrival
from chalicelib.profiles.filling import Part
from chalicelib.profiles.merging import fold, freeze
from chalicelib.profiles.profile import Fill, Merge, Profile
from chalicelib.profiles.recent import Recent, hash_of, tag_of
from tests.events import T0, event
from tests.pipeline.shop import audience

BARE = audience("buyers", "event('Bought').count() >= 3", history=True, ready=False)
(BASE,) = (stream.base for stream in compile_computation(BARE).plan.streams)
MADE = replace(BARE, generations={BASE: generation_of(BARE.id, BARE.begun_at)})
FILLING = Catalogue(2, [compile_computation(MADE)])
COMPLETE = Catalogue(3, [compile_computation(replace(MADE, ready=True))])
(KEY,) = FILLING.streams
COUNTING = query.compile(query.parse("event('Bought').count()", kind="trait", scope="USERS"))
NAME = [ExternalId("user_id", "u1", "", T0, "", "")]


def bought(message_id, at=T0):
    return event("track", "Bought", message_id=message_id, user_id="u1", at=at)


def fresh(message_id, at=T0):
    return FreshEvent(
        event="Bought",
        timestamp=at,
        received_at=at,
        message_id=message_id,
        source_id="src",
        properties={},
        context={},
        streams=[KEY],
    )


def state(count):
    stream, made = FILLING.streams[KEY], FILLING.streams[KEY].empty()
    for n in range(count):
        made = stream.add(made, bought(f"old{n}", T0 - 9 * DAY))
    return made


def person(*counted, catalogue=FILLING, now=T0, id="use_1"):
    profile = Profile(space_id="s", profile_id=id)
    arrivals = [Arrival(tag_of(message_id), [bought(message_id, now)]) for message_id in counted]
    apply(profile, arrivals, NAME, catalogue, now)
    return profile


def take(profile, *parts, catalogue=FILLING, now=T0, frozen=()):
    return apply(profile, [], [], catalogue, now, parts=parts, frozen=frozen).changed


def count(profile):
    """How many events the stream has seen."""
    return query.evaluate(COUNTING, {COUNTING.streams[0].key: profile.streams.get(KEY)}, {}, T0 + 9 * DAY).value


def test_the_same_part_taken_twice_is_there_once():
    profile = person("m1")
    assert take(profile, Part("use_1", {KEY: state(2)}, [])) is True
    assert count(profile) == 3
    assert take(profile, Part("use_1", {KEY: state(2)}, [])) is False
    assert count(profile) == 3
    assert profile.trait_values() == {}  # nothing is told before it is complete


def test_whoever_knew_of_the_stream_has_noted_what_he_counted():
    profile = person("m1")
    assert take(profile, Part("use_1", {}, [fresh("m1")])) is False
    assert count(profile) == 1


def test_what_was_counted_without_knowing_of_the_stream_is_added():
    profile = person("m1", catalogue=Catalogue(1))
    assert take(profile, Part("use_1", {}, [fresh("m1")])) is True
    assert count(profile) == 1
    assert take(profile, Part("use_1", {}, [fresh("m1")])) is False


def test_what_is_under_way_is_left_to_whoever_counts_it():
    profile = person("m1")
    assert take(profile, Part("use_1", {}, [fresh("m2")])) is False
    apply(profile, [Arrival(tag_of("m2"), [bought("m2")])], [], FILLING, T0)
    assert count(profile) == 2


def test_what_nobody_would_remember_is_added_and_not_counted_once_more():
    profile = person("m1")
    later = T0 + DAY + HOUR
    assert take(profile, Part("use_1", {}, [fresh("m2")]), now=later) is True
    assert count(profile) == 2
    apply(profile, [Arrival(tag_of("m2"), [bought("m2")])], [], FILLING, later)
    assert count(profile) == 2


def test_memory_reaches_back_as_far_as_it_is_full(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    profile = person("m1", catalogue=Catalogue(1))
    for n, message_id in enumerate(("m2", "m3")):
        apply(
            profile,
            [Arrival(tag_of(message_id), [bought(message_id)])],
            [],
            Catalogue(1),
            T0 + (n + 1) * HOUR,
        )
    remembered = Recent(profile.head.recent)
    now = T0 + 3 * HOUR
    assert remembered.counted_by(hash_of("m1")) is None
    assert remembered.may_have_counted(hash_of("m1"), T0, now)
    assert remembered.may_have_counted(hash_of("m3"), T0 + 2 * HOUR, now)
    assert not remembered.may_have_counted(hash_of("m9"), T0 + HOUR + 2 * MINUTE, now)


def test_two_who_become_one_bring_their_notes_along():
    survivor, loser = person("m1"), person("m2", id="use_2")
    take(loser, Part("use_2", {KEY: state(1)}, []))
    freeze(loser, Merge("use_1", T0, "m9", "src"))
    parts = [Part("use_1", {}, [fresh("m1")]), Part("use_2", {KEY: state(1)}, [fresh("m2")])]
    assert take(survivor, *parts, frozen=[loser]) is True
    assert count(survivor) == 3
    assert survivor.head.fills[KEY].filled == ["use_2"]


def test_notes_are_united_without_repetition():
    first, second = person("m1"), person("m2", id="use_2")
    first.head.fills = {"x": Fill(["a"], b"1" * 8)}
    second.head.fills = {"x": Fill(["a", "b"], b"2" * 8), "y": Fill([], b"3" * 8)}
    freeze(second, Merge("use_1", T0, "m9", "src"))
    fold(first, second, None)
    assert first.head.fills == {"x": Fill(["a", "b"], b"1" * 8 + b"2" * 8), "y": Fill([], b"3" * 8)}


def test_complete_it_counts_and_the_notes_go():
    profile = person("m1")
    take(profile, Part("use_1", {KEY: state(2)}, []))
    assert take(profile, catalogue=COMPLETE) is True
    assert profile.trait_values() == {"buyers": True}
    assert profile.head.fills == {}
    assert take(profile, Part("use_1", {KEY: state(2)}, []), catalogue=COMPLETE) is False


def test_what_nobody_fills_any_more_is_forgotten():
    profile = person("m1")
    off = Catalogue(3, [compile_computation(replace(MADE, enabled=False))])
    assert (off.filling, off.streams) == (set(), {})
    take(profile, catalogue=off)
    assert (profile.streams, profile.head.fills) == ({}, {})


def test_a_stream_that_only_whoever_knew_better_knows_is_kept_or_left_to_him():
    """The content of a catalogue may be newer than its number says."""
    survivor, loser = person("m1", catalogue=Catalogue(2)), person("m2", id="use_2")
    freeze(loser, Merge("use_1", T0, "m9", "src"))
    fold(survivor, loser, Catalogue(2))
    assert count(survivor) == 1
    other = person("m3", id="use_3")
    freeze(other, Merge("use_1", T0, "m9", "src"))
    with pytest.raises(VersionConflict):
        fold(survivor, other, Catalogue(2))
