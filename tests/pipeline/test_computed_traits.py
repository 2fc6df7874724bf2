"""Values of computed traits on a profile: when they are stored, changed, cleared and left alone."""

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.computations.computation import TRAIT
from chalicelib.delivery.transitions import transitions
from tests.events import T0
from tests.pipeline.shop import Shop, audience, identify, track


def trait(key, query, **fields):
    made = audience(key, query, **fields)
    made.kind, made.id = TRAIT, f"tra_{key}"
    return made


def value(shop, key, user="u1"):
    return shop.value(f"user_id:{user}", key)


def pass_time(shop, milliseconds):
    """Time goes by and whoever is due is looked at, as the tick would."""
    shop.clock.advance(milliseconds)
    profile = shop.profile("user_id:u1")
    if profile.due_at is not None and profile.due_at <= shop.clock.now():
        shop.resolve(shop.due(f"due{shop.clock.now()}", profile.profile_id))


def test_no_trait_before_the_first_matching_event_and_not_even_a_zero():
    shop = Shop([trait("n", "event('A').count()")])
    shop.send(track("B"))
    assert shop.profile("user_id:u1").trait_values() == {}
    shop.send(track("A"))
    assert value(shop, "n") == 1


def test_a_sliding_window_counts_down_to_zero_and_other_reducers_to_nothing():
    shop = Shop(
        [trait("n", "event('A').within(1 day).count()"), trait("last", "event('A').within(1 day).last(property('p'))")]
    )
    shop.send(track("A", properties={"p": "x"}))
    assert (value(shop, "n"), value(shop, "last")) == (1, "x")
    pass_time(shop, DAY + 1)
    assert shop.profile("user_id:u1").trait_values() == {"n": 0}
    version = shop.profile("user_id:u1").version
    pass_time(shop, DAY)
    assert shop.profile("user_id:u1").version == version


def test_what_is_sent_follows_the_changes_and_says_nothing_twice():
    shop = Shop([trait("total", "event('A').within(1 day).sum(property('p'))")])
    shop.send(track("A", properties={"p": 3}))
    shop.send(track("A", properties={"p": 0}))
    pass_time(shop, DAY + 1)
    catalogue = shop.directory.catalogue
    pairs = [(change.old, change.new) for change in shop.profiles.changes if change.new is not None]
    told = [(t.computation.key, t.value) for old, new in pairs for t in transitions(old, new, catalogue)]
    assert told == [("total", 3), ("total", None)]


def test_a_session_keeps_its_value_until_the_next_one_starts():
    shop = Shop([trait("session", "event('A').expires_after(30 minutes).count()")])
    shop.send(track("A"))
    shop.clock.advance(20 * MINUTE)
    shop.send(track("A"))
    assert value(shop, "session") == 2
    pass_time(shop, 3 * HOUR)
    assert value(shop, "session") == 2
    shop.send(track("A"))
    assert value(shop, "session") == 1


def test_a_late_event_belongs_to_the_session_it_happened_in():
    shop = Shop([trait("session", "event('A').expires_after(1 hour).count()")])
    shop.send(track("A", timestamp="2026-03-01T10:00:00Z"))
    shop.send(track("A", timestamp="2026-03-01T11:30:00Z"))
    assert value(shop, "session") == 1
    shop.send(track("A", timestamp="2026-03-01T10:45:00Z"))
    assert value(shop, "session") == 3


def test_anonymous_people_have_a_value_only_if_asked_and_get_it_when_they_sign_up():
    count = "event('A').count()"
    with_anonymous = ["user_id", "email", "anonymous_id"]
    shop = Shop([trait("known", count), trait("all", count, external_ids=with_anonymous)])
    shop.send(track("A", None, anonymousId="a1"))
    assert shop.profile("anonymous_id:a1").trait_values() == {"all": 1}
    shop.send(identify("u1", {}, anonymousId="a1"))
    assert shop.profile("user_id:u1").trait_values() == {"all": 1, "known": 1}


def test_an_audience_and_a_funnel_follow_a_trait_in_the_same_pass():
    shop = Shop(
        [
            audience("above_average", "event('A').where(property('p') > trait('average')).count() >= 1"),
            trait("average", "event('A').avg(property('p'))"),
            audience("abandoned", "event('A').where(event('B').within(parent: 1 day).count() = 0).count() >= 1"),
        ]
    )
    shop.send(track("A", properties={"p": 10}))
    assert shop.profile("user_id:u1").trait_values() == {"average": 10, "abandoned": True}
    shop.clock.advance(1)
    shop.send(track("B"))
    assert value(shop, "abandoned") is False
    shop.send(track("A", properties={"p": 20}))
    assert value(shop, "average") == 15
    assert value(shop, "above_average") is True
    assert value(shop, "abandoned") is True


def test_a_unique_list_is_stored_once_it_has_something_and_removed_when_it_is_empty_again():
    shop = Shop([trait("skus", "event('A').within(1 day).unique(property('sku'))")])
    shop.send(track("A"))
    assert value(shop, "skus") is None
    shop.send(track("A", properties={"sku": "b"}), track("A", properties={"sku": "a"}))
    assert value(shop, "skus") == ["a", "b"]
    pass_time(shop, DAY + 1)
    assert "skus" not in shop.profile("user_id:u1").trait_values()


def test_a_full_list_takes_no_more_and_goes_on_counting_the_known():
    shop = Shop([trait("all", "event('A').unique(property('p'))")])
    for start in range(0, 10_000, 2_500):
        shop.send(*(track("A", properties={"p": f"{n:05}"}) for n in range(start, start + 2_500)))
    assert len(value(shop, "all")) == 10_000
    shop.send(track("A", properties={"p": "new"}), track("A", properties={"p": "00000"}))
    assert len(value(shop, "all")) == 10_000
    assert "new" not in value(shop, "all")


def test_the_value_of_a_deleted_trait_becomes_an_ordinary_one():
    shop = Shop([trait("n", "event('A').count()")])
    shop.send(track("A"))
    shop.directory.define([])
    shop.clock.advance(1)
    shop.send(track("A"))
    assert value(shop, "n") == 1
    shop.send(identify("u1", {"n": "mine"}))
    assert value(shop, "n") == "mine"
    assert shop.profile("user_id:u1").head.traits["n"].updated_at == T0 + 1
