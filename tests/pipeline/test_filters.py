"""Filters of a space: what they leave out gets nowhere."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.clock import MINUTE
from chalicelib.workspace.model import SpaceFilter
from tests.events import T0
from tests.pipeline.shop import Shop, audience, identify, track

BUYERS = audience("buyers", "event('Bought').count() >= 2")


def space_filter(when, *, enabled=True, drop=True, since=T0, id="fil_1"):
    return SpaceFilter(
        id=id,
        workspace_id="w",
        space_id="s",
        name=id,
        when=when,
        enabled=enabled,
        drop=drop,
        created_at=since,
        updated_at=since,
        since=since,
    )


def shop(*filters):
    made = Shop([BUYERS])
    made.directory.filters = filters
    return made


def landed(shop):
    lines = [line for key in shop.archive.list("") for line in gzip.decompress(shop.archive.get(key)).splitlines()]
    return [json.loads(line)["messageId"] for line in lines]


def known(shop, name):
    return shop.lookup.find("s", "users", name)


def discards(shop):
    return shop.books.discards.of("src")


def test_what_meets_a_filter_gets_nowhere():
    one = shop(space_filter("type = 'track' and properties.test"))
    one.send(
        track("Bought", properties={"test": True}),
        track("Bought", user="ghost", properties={"test": True}),
        track("Bought", messageId="real"),
        identify("u1", {"plan": "pro"}, messageId="told"),
    )
    assert one.value("user_id:u1", "buyers") is None
    assert one.value("user_id:u1", "plan") == "pro"
    assert known(one, "user_id:ghost") is None
    assert sorted(landed(one)) == ["real", "told"]
    assert discards(one) == {"event_setting": 2}
    assert list(one.books.vocabulary.properties("s", "Bought")) == []


def test_a_request_of_which_nothing_is_left_leaves_nothing_behind():
    one = shop(space_filter("all"))
    one.send(track("Bought"), identify("u1", {"plan": "pro"}))
    assert known(one, "user_id:u1") is None
    assert landed(one) == []
    assert discards(one) == {"event_setting": 2}
    assert one.books.vocabulary.events("s") == []


@pytest.mark.parametrize("switch", [{"enabled": False}, {"drop": False}])
def test_a_filter_that_is_switched_off_lets_everything_in(switch):
    one = shop(space_filter("all", **switch))
    one.send(track("Bought"), track("Bought"))
    assert one.value("user_id:u1", "buyers") is True
    assert discards(one) == {}


def test_any_of_several_filters_holds_back():
    one = shop(space_filter("event = 'A'"), space_filter("event = 'B'", id="fil_2"))
    one.send(track("A"), track("B"), track("C", messageId="c"))
    assert landed(one) == ["c"]


def test_what_was_received_before_a_filter_gets_in_however_late():
    one = shop(space_filter("all", since=T0 + 1))
    one.clock.advance(MINUTE)
    one.resolve(one.message("b1", track("Bought"), track("Bought"), at=T0))
    assert one.value("user_id:u1", "buyers") is True


def test_a_redelivery_finds_what_was_counted_before_the_filter():
    one = shop()
    message = one.message("b1", track("Bought"), track("Bought"))
    one.resolve(message)
    one.clock.advance(MINUTE)
    one.directory.filters = (space_filter("all", since=one.clock.now()),)
    before = one.profile("user_id:u1")
    assert one.resolve(message) == set()
    assert one.profile("user_id:u1") == before
    assert discards(one) == {}


def test_a_filter_that_cannot_be_read_makes_events_wait(caplog):
    one = shop(space_filter("event ~ 'x'"))
    message = one.message("b1", track("Bought"))
    assert one.resolve(message) == {message.id}
    assert known(one, "user_id:u1") is None
    one.directory.filters = ()
    assert one.resolve(message) == set()
    assert landed(one) == ["b1-0"]


def test_events_count_though_nothing_can_be_written_down(caplog):
    one = shop(space_filter("event = 'Test'"))

    def down(*_, **__):
        raise RuntimeError("down with jo@ex.io")

    one.work.add = down
    one.send(track("Bought"), track("Bought"), track("Test"))
    assert one.value("user_id:u1", "buyers") is True
    assert "is not written down" in caplog.text
    assert "jo@ex.io" not in caplog.text


NAMES = st.sampled_from(["Bought", "Viewed", "Test"])
BATCHES = st.lists(st.lists(st.tuples(NAMES, st.sampled_from(["u1", "u2"])), min_size=1, max_size=4), max_size=4)


@settings(max_examples=40)
@given(BATCHES, st.sets(NAMES), st.data())
def test_a_filtered_space_is_one_that_never_heard_of_it(batches, held, data):
    """Whatever comes twice, and in whichever order."""
    filtered, other = shop(*(space_filter(f"event = '{name}'", id=name) for name in sorted(held))), shop()
    arrivals = data.draw(st.permutations([*range(len(batches)), *range(len(batches))])) if batches else []
    for n in arrivals:
        calls = [(name, track(name, user, messageId=f"{n}-{m}")) for m, (name, user) in enumerate(batches[n])]
        filtered.resolve(filtered.message(f"b{n}", *(call for _, call in calls)))
        kept = [call for name, call in calls if name not in held]
        if kept:
            other.resolve(other.message(f"b{n}", *kept))
    for user in ("user_id:u1", "user_id:u2"):
        one, two = known(filtered, user), known(other, user)
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            assert (one.trait_values(), one.streams) == (two.trait_values(), two.streams)
    assert set(landed(filtered)) == set(landed(other))
