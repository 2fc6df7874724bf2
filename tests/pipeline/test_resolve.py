"""Counting each message once and keeping audiences true."""

import pytest

from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.deadline import ClockDeadline
from chalicelib.errors import Unavailable, VersionConflict
from chalicelib.identity.external_id import Identifier
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.queues import Received
from chalicelib.store.memory import MemoryIdentifiers, MemoryProfiles, MemoryTimeline
from chalicelib.tracking.envelope import Accepted, pack
from tests.events import T0
from tests.pipeline.shop import Shop, audience, identify, track

BUYERS = audience("buyers", "event('Bought').count() >= 2")
RECENT = audience("recent", "event('Bought').within(2 hours).count() >= 1")
PRO = audience("pro", "trait('plan') = 'pro'")
LAPSED_PRO = audience("lapsed_pro", "trait('pro') = 'true' AND NOT trait('recent') = 'true'")


def test_events_of_one_request_make_one_write():
    shop = Shop([BUYERS])
    shop.send(track("Bought"), track("Viewed"), track("Bought"), identify("u1", {"plan": "pro"}))
    profile = shop.profile("user_id:u1")
    assert profile.version == 1
    assert shop.value("user_id:u1", "buyers") is True
    assert shop.value("user_id:u1", "plan") == "pro"


def test_an_audience_never_entered_is_not_shown_and_one_left_is_false():
    shop = Shop([PRO])
    shop.send(identify("u1", {"plan": "free"}))
    assert "pro" not in shop.profile("user_id:u1").trait_values()
    shop.send(identify("u1", {"plan": "pro"}))
    assert shop.value("user_id:u1", "pro") is True
    shop.send(identify("u1", {"plan": None}))
    assert shop.value("user_id:u1", "pro") is False


def test_a_redelivered_message_changes_nothing():
    shop = Shop([BUYERS])
    message = shop.message("b1", track("Bought"), identify("u1", {"plan": "pro"}))
    assert shop.resolve(message) == set()
    before = shop.profile("user_id:u1")
    shop.clock.advance(HOUR)
    assert shop.resolve(message) == set()
    assert shop.profile("user_id:u1") == before


def test_a_clients_duplicate_counts_once_within_and_across_requests():
    shop = Shop([BUYERS])
    bought = track("Bought", messageId="same")
    shop.send(bought, bought)
    shop.clock.advance(HOUR)
    shop.send(bought)
    assert shop.value("user_id:u1", "buyers") is None
    shop.send(track("Bought", messageId="other"))
    assert shop.value("user_id:u1", "buyers") is True
    events = shop.timeline.events(ProfileKey("s", shop.profile("user_id:u1").profile_id), 0)
    assert sorted(e.message_id for e in events) == ["other", "same"]


def test_two_copies_of_one_message_in_one_invocation_count_once():
    shop = Shop([BUYERS])
    message = shop.message("b1", track("Bought"))
    assert shop.resolve(message, message._replace(id="q-copy")) == set()
    assert shop.value("user_id:u1", "buyers") is None


def test_the_latest_trait_wins_whatever_arrives_last():
    shop = Shop()
    late = identify("u1", {"plan": "new", "city": "Oslo"}, timestamp="2026-03-01T11:00:00Z")
    early = identify("u1", {"plan": "old", "age": 30}, timestamp="2026-03-01T10:00:00Z")
    shop.send(late)
    shop.send(early)
    assert shop.profile("user_id:u1").trait_values() == {"plan": "new", "city": "Oslo", "age": 30}


def test_a_removed_trait_stays_removed_when_an_older_value_arrives_late():
    shop = Shop()
    shop.send(identify("u1", {"plan": None}, timestamp="2026-03-01T11:00:00Z"))
    shop.send(identify("u1", {"plan": "old", "city": ""}, timestamp="2026-03-01T10:00:00Z"))
    assert shop.profile("user_id:u1").trait_values() == {"city": ""}


def test_only_identify_sets_traits_of_a_person():
    shop = Shop()
    shop.send(track("A", context={"traits": {"plan": "x", "email": "a@b.c"}}))
    assert shop.profile("email:a@b.c").trait_values() == {}


def test_an_identify_cannot_overwrite_a_computation():
    shop = Shop([PRO])
    shop.send(identify("u1", {"plan": "pro", "pro": "gotcha"}))
    assert shop.value("user_id:u1", "pro") is True


def test_an_anonymous_visitor_keeps_the_past_at_sign_up():
    shop = Shop([BUYERS])
    shop.send(track("Bought", None, anonymousId="a1"), track("Bought", None, anonymousId="a1"))
    assert shop.value("anonymous_id:a1", "buyers") is None  # anonymous visitors are not eligible
    shop.send(identify("u1", {}, anonymousId="a1"))
    assert shop.value("user_id:u1", "buyers") is True
    assert shop.profile("user_id:u1").profile_id == shop.profile("anonymous_id:a1").profile_id


def test_a_shared_device_does_not_mix_two_people():
    shop = Shop()
    shop.send(identify("u1", {"name": "One"}, anonymousId="a1"))
    shop.send(identify("u2", {"name": "Two"}, anonymousId="a1"))
    assert shop.value("user_id:u1", "name") == "One"
    assert shop.value("user_id:u2", "name") == "Two"


def test_a_group_call_describes_the_account_and_not_the_person():
    shop = Shop([PRO])
    shop.send({"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "pro"}})
    assert shop.profile("group_id:g1", "accounts").trait_values() == {"plan": "pro"}
    assert shop.profile("user_id:u1").trait_values() == {}


def test_time_alone_ends_a_membership():
    shop = Shop([RECENT])
    shop.send(track("Bought"))
    profile = shop.profile("user_id:u1")
    assert profile.due_at == T0 + 2 * HOUR + 1
    shop.clock.advance(2 * HOUR)
    assert shop.resolve(shop.due("d1", profile.profile_id)) == set()
    assert shop.profile("user_id:u1").version == profile.version  # not yet due: nothing is written
    shop.clock.advance(1)
    assert shop.resolve(shop.due("d2", profile.profile_id)) == set()
    after = shop.profile("user_id:u1")
    assert after.trait_values() == {"recent": False}
    assert after.due_at is None


def test_references_follow_in_the_same_pass():
    shop = Shop([LAPSED_PRO, RECENT, PRO])
    shop.send(identify("u1", {"plan": "pro"}))
    assert shop.value("user_id:u1", "lapsed_pro") is True
    shop.send(track("Bought"))
    assert shop.value("user_id:u1", "lapsed_pro") is False
    shop.clock.advance(3 * HOUR)
    shop.resolve(shop.due("d1", shop.profile("user_id:u1").profile_id))
    assert shop.value("user_id:u1", "recent") is False
    assert shop.value("user_id:u1", "lapsed_pro") is True


def test_only_events_received_after_creation_count():
    shop = Shop([audience("late", "event('Bought').count() >= 1", created_at=T0 + 1)])
    shop.send(track("Bought"))
    assert shop.value("user_id:u1", "late") is None
    shop.clock.advance(1)
    shop.send(track("Bought", timestamp="2020-01-01T00:00:00Z"))
    assert shop.value("user_id:u1", "late") is True


def test_a_computation_made_later_is_evaluated_at_the_next_touch():
    shop = Shop()
    shop.send(identify("u1", {"plan": "pro"}))
    shop.directory.define([PRO])
    shop.send(track("Anything"))
    assert shop.value("user_id:u1", "pro") is True


def test_a_disabled_computation_is_frozen_but_goes_on_remembering():
    shop = Shop([RECENT, BUYERS])
    shop.send(track("Bought"))
    off = [audience(c.key, c.query, enabled=False) for c in (RECENT, BUYERS)]
    shop.directory.define(off)
    shop.clock.advance(5 * HOUR)
    shop.send(track("Bought"))
    assert shop.profile("user_id:u1").trait_values() == {"recent": True}
    assert shop.profile("user_id:u1").due_at is None
    shop.directory.define([RECENT, BUYERS])
    shop.send(track("Other"))
    assert shop.profile("user_id:u1").trait_values() == {"recent": True, "buyers": True}


def test_a_deleted_computation_leaves_an_ordinary_trait_and_its_streams_go():
    shop = Shop([PRO, BUYERS])
    shop.send(identify("u1", {"plan": "pro"}), track("Bought"))
    assert shop.profile("user_id:u1").streams
    shop.directory.define([])
    shop.clock.advance(HOUR)
    shop.send(identify("u1", {"plan": "free"}))
    assert shop.value("user_id:u1", "pro") is True
    assert shop.profile("user_id:u1").streams == {}
    shop.send(identify("u1", {"pro": "mine"}))
    assert shop.value("user_id:u1", "pro") == "mine"


def test_every_event_lands_in_the_archive_with_its_profile_even_one_that_names_nobody():
    import gzip
    import json

    shop = Shop()
    shop.send(track("A"), track("B", None, anonymousId="00-00"))
    (key,) = shop.archive.list("events/landing/s/")
    rows = [json.loads(line) for line in gzip.decompress(shop.archive.get(key)).splitlines()]
    assert [(r["event"], r["profileId"]) for r in rows] == [
        ("A", shop.profile("user_id:u1").profile_id),
        ("B", None),
    ]


def test_a_message_that_is_no_envelope_fails_alone():
    shop = Shop()
    broken = Received("q-bad", "r", "garbage")
    assert shop.resolve(broken, shop.message("b1", track("A"))) == {"q-bad"}
    assert shop.profile("user_id:u1")


@pytest.mark.parametrize("message", [{}, {"type": "track"}, {"type": "track", "messageId": "m", "context": 5}, 5])
def test_an_envelope_with_something_else_inside_fails_alone_or_does_no_harm(message):
    shop = Shop()
    envelope = Accepted(
        batch_id="b0", workspace_id="w", space_id="s", source_id="src", received_at=T0, messages=[message]
    )
    odd = Received("q-odd", "r", pack(envelope))
    assert shop.resolve(odd, shop.message("b1", track("A"))) <= {"q-odd"}
    assert shop.profile("user_id:u1")


def test_a_message_that_breaks_the_code_fails_alone(monkeypatch):
    shop = Shop([BUYERS])
    real = MemoryTimeline.put

    def put(self, key, tag, events, expires_at):
        if any(e.event == "Poison" for e in events):
            raise KeyError("a defect")
        real(self, key, tag, events, expires_at)

    monkeypatch.setattr(MemoryTimeline, "put", put)
    good, bad = shop.message("b1", track("Bought")), shop.message("b2", track("Poison", "u2"))
    assert shop.resolve(good, bad, shop.message("b3", track("Bought"))) == {"q-b2"}
    assert shop.value("user_id:u1", "buyers") is True


def test_a_service_that_is_away_fails_the_whole_space():
    class Away(MemoryProfiles):
        def save(self, profile):
            raise Unavailable("gone")

    shop = Shop(profiles=Away())
    assert shop.resolve(shop.message("b1", track("A")), shop.message("b2", track("A", "u2"))) == {"q-b1", "q-b2"}


def test_a_lost_race_for_a_profile_is_run_again_on_fresh_reads():
    class Racing(MemoryProfiles):
        rivals = 1

        def save(self, profile):
            if self.rivals and profile.version:
                self.rivals -= 1
                other = self.load([ProfileKey(profile.space_id, profile.profile_id)]).popitem()[1]
                other.head.updated_at += 1
                super().save(other)
            super().save(profile)

    shop = Shop([BUYERS], profiles=Racing())
    shop.send(track("Bought"))
    shop.send(track("Bought"))
    assert shop.value("user_id:u1", "buyers") is True
    assert shop.profile("user_id:u1").version == 3


def test_a_profile_that_is_always_contested_goes_back_to_the_queue_without_its_neighbours():
    class Contested(MemoryProfiles):
        def save(self, profile):
            if profile.find("user_id", "u2"):
                raise VersionConflict("again")
            super().save(profile)

    shop = Shop(profiles=Contested())
    messages = [shop.message("b1", track("A", "u1")), shop.message("b2", track("A", "u2"))]
    assert shop.resolve(*messages) == {"q-b2"}
    assert shop.profile("user_id:u1")


def test_two_workers_that_meet_a_new_person_at_once_make_one_profile():
    """The rival claims `a1` for a profile of its own after we looked and before we claim."""

    class Racing(MemoryIdentifiers):
        armed = True

        def claim(self, mapping, over=None):
            if self.armed and mapping.identifier.type == "anonymous_id":
                self.armed = False
                rival.resolve(shop.message("rival", track("Visited", None, anonymousId="a1")))
            return super().claim(mapping, over)

    shop = Shop(identifiers=Racing())
    rival = Shop(identifiers=shop.identifiers, profiles=shop.profiles, timeline=shop.timeline)
    shop.send(identify("u1", {"plan": "pro"}, anonymousId="a1"))
    assert shop.profile("user_id:u1").profile_id == shop.profile("anonymous_id:a1").profile_id
    assert {e.value for e in shop.profile("user_id:u1").head.external_ids} == {"u1", "a1"}
    events = shop.timeline.events(ProfileKey("s", shop.profile("user_id:u1").profile_id), 0)
    assert [e.event for e in events] == ["Visited"]
    live = [p for p in shop.profiles.load(shop.profiles.keys()).values() if p.merged_into is None]
    assert len(live) == 1


def test_a_claim_that_the_profile_can_no_longer_take_is_given_back():
    shop = Shop()
    shop.send(identify("u1", {}, anonymousId="a1"))
    owner = shop.profile("user_id:u1").profile_id
    shop.identifiers.claim(Claim("s", Identifier("users", "user_id", "u2"), owner, T0, "src", "m"))
    shop.send(identify("u2", {"name": "Two"}))
    assert shop.profile("user_id:u2").profile_id != owner
    assert shop.value("user_id:u2", "name") == "Two"


def test_work_that_no_longer_fits_into_the_time_is_left_to_the_next_delivery():
    shop = Shop()
    over = ClockDeadline(FixedClock(T0), T0)
    assert shop.resolver().resolve([shop.message("b1", track("A"))], over) == {"q-b1"}


def test_old_message_ids_are_forgotten_and_the_profile_stays_small():
    shop = Shop([BUYERS])
    for _ in range(5):
        shop.send(*(track("Viewed") for _ in range(50)))
        shop.clock.advance(DAY)
    assert sum(len(c.hashes) for c in shop.profile("user_id:u1").head.recent) == 8 * 50


@pytest.mark.parametrize("unrelated", [0, 50])
def test_an_event_that_no_audience_reads_evaluates_none(monkeypatch, unrelated):
    from chalicelib import query

    shop = Shop([audience(f"a{n}", f"event('Other {n}').count() >= 1") for n in range(unrelated)])
    shop.send(track("Seen"))
    calls: list[object] = []
    monkeypatch.setattr(query, "evaluate", lambda *args: calls.append(args))
    shop.send(track("Seen"))
    assert calls == []


def test_a_clock_behind_that_of_the_receiver_makes_no_event_wait():
    shop = Shop([RECENT])
    assert shop.resolve(shop.message("b1", track("Bought"), at=T0 + 5_000)) == set()
    assert shop.value("user_id:u1", "recent") is True
    assert shop.profile("user_id:u1").due_at == T0 + 5_000 + 2 * HOUR + 1
