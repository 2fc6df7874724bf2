"""Looking at profiles for whom no event comes."""

from chalicelib.clock import HOUR
from chalicelib.errors import Unavailable
from chalicelib.profiles.profile import Profile
from tests.pipeline.shop import Shop, audience, identify, track

PRO = audience("pro", "trait('plan') = 'pro'")
RECENT = audience("recent", "event('Bought').within(2 hours).count() >= 1")


def everybody(shop):
    return shop.profiles.newest("s", "users", 1_000)


def touch(shop):
    assert shop.resolver().touch("s", everybody(shop), {}) == set()


def people(shop, count, **traits):
    for n in range(count):
        shop.clock.advance(1_000)
        shop.send(identify(f"u{n}", traits))


def test_a_new_audience_takes_in_those_whose_traits_say_so():
    shop = Shop()
    people(shop, 7, plan="pro")
    shop.directory.define([PRO])
    touch(shop)
    assert all(shop.value(f"user_id:u{n}", "pro") is True for n in range(7))


def test_somebody_of_whom_nothing_changes_is_read_but_not_written():
    shop = Shop()
    people(shop, 2, plan="free")
    shop.directory.define([PRO])
    touch(shop)
    assert [shop.profile(f"user_id:u{n}").version for n in range(2)] == [1, 1]


def test_switched_on_again_an_audience_catches_up_with_what_it_missed():
    shop = Shop([RECENT, PRO])
    shop.send(identify("u1", {"plan": "pro"}), track("Bought"))
    shop.send(identify("u2", {"plan": "free"}))
    shop.directory.define([audience(c.key, c.query, enabled=False) for c in (RECENT, PRO)])
    shop.send(identify("u1", {"plan": "free"}), identify("u2", {"plan": "pro"}))
    shop.clock.advance(3 * HOUR)
    touch(shop)
    assert shop.profile("user_id:u1").trait_values() == {"plan": "free", "pro": True, "recent": True}
    shop.directory.define([RECENT, PRO])
    touch(shop)
    assert shop.profile("user_id:u1").trait_values() == {"plan": "free", "pro": False, "recent": False}
    assert shop.value("user_id:u2", "pro") is True


def test_everybody_is_shown_as_they_became():
    shop = Shop()
    people(shop, 3, plan="pro")
    shop.directory.define([PRO])
    seen: list[Profile] = []
    shop.resolver().touch("s", [*everybody(shop), "use_nobody"], {}, seen.append)
    assert {profile.profile_id for profile in seen} == set(everybody(shop))
    assert all(profile.head.outcomes["pro"].value is True for profile in seen)


def test_who_cannot_be_written_is_named(monkeypatch):
    shop = Shop()
    people(shop, 3, plan="pro")
    shop.directory.define([PRO])
    (bad, *_), save = everybody(shop), shop.profiles.save

    def refuse(profile):
        if profile.profile_id == bad:
            raise ValueError("broken")
        save(profile)

    monkeypatch.setattr(shop.profiles, "save", refuse)
    assert shop.resolver().touch("s", everybody(shop), {}) == {bad}
    assert sum(shop.value(f"user_id:u{n}", "pro") is True for n in range(3)) == 2


def test_nobody_is_done_while_the_store_does_not_answer(monkeypatch):
    shop = Shop()
    people(shop, 2, plan="pro")
    shop.directory.define([PRO])

    def refuse(profile):
        raise Unavailable("dynamodb")

    monkeypatch.setattr(shop.profiles, "save", refuse)
    assert shop.resolver().touch("s", everybody(shop), {}) == set(everybody(shop))
