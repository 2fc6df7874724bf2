"""Who is taken for whom: the acceptance cases of identity resolution, each event in a request of its own."""

import gzip
import json

import pytest

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.identity.external_id import Identifier
from chalicelib.identity.rules import Rules, TypeRule
from chalicelib.pipeline.findings import MOST
from chalicelib.pipeline.identity_log import (
    BLOCKED,
    MAPPING_LIMIT,
    MERGE_LIMIT,
    MERGED,
    TIME_LIMIT,
    UNRESOLVED,
    VALUE_LIMIT,
)
from chalicelib.pipeline.milestones import Milestones
from chalicelib.profiles.links_view import LinksView
from chalicelib.profiles.ports import Claim, ProfileKey
from chalicelib.profiles.profile import SUPPRESSED
from tests.events import T0
from tests.pipeline.crowd import Crowd, call, limits
from tests.pipeline.shop import audience, identify, track


def seen(crowd, name):
    return crowd.value(name, "seen")


def test_1_an_anonymous_page_makes_a_profile():
    crowd = Crowd()
    crowd.send({"type": "page", "anonymousId": "a1"})
    profile = crowd.profile("anonymous_id:a1")
    assert profile.profile_id.startswith("use_")
    assert len(profile.profile_id) == 31
    assert [(e.type, e.value) for e in profile.head.external_ids] == [("anonymous_id", "a1")]


def test_2_a_visitor_becomes_known_under_the_same_id():
    crowd = Crowd()
    assert crowd.sees({"a": "a1"}, {"u": "u1", "a": "a1"}) == ["P1", "P1"]
    assert crowd.who() == {"P1": {"a:a1", "u:u1"}}
    assert seen(crowd, "user_id:u1") == 2


def test_3_the_older_profile_survives_be_it_the_anonymous_one():
    crowd = Crowd()
    assert crowd.sees({"a": "a1"}, {"u": "u1"}, {"u": "u1", "a": "a1"}) == ["P1", "P2", "P1"]
    assert crowd.who() == {"P1": {"a:a1", "u:u1"}}
    assert crowd.number(crowd.made[1]) == "P1"
    assert crowd.number(f"segment_id:{crowd.made[1]}") == "P1"
    assert seen(crowd, "user_id:u1") == 3

    crowd = Crowd()
    crowd.sees({"u": "u1"}, {"a": "a1"}, {"u": "u1", "a": "a1"})
    assert crowd.number("anonymous_id:a1") == "P1"
    assert crowd.stored(crowd.made[0]).find("user_id", "u1")


def test_4_a_logout_without_reset_keeps_two_people_apart():
    crowd = Crowd()
    events = [{"u": "u1", "a": "a1"}, {"a": "a1"}, {"u": "u2", "a": "a1"}, {"a": "a1"}]
    assert crowd.sees(*events) == ["P1", "P1", "P2", "P1"]
    assert crowd.who() == {"P1": {"u:u1", "a:a1"}, "P2": {"u:u2"}}
    assert (seen(crowd, "user_id:u1"), seen(crowd, "user_id:u2")) == (3, 1)
    (entry,) = crowd.log.page("s").entries
    assert (entry.kind, entry.type, entry.value, entry.in_excess) == (VALUE_LIMIT, "anonymous_id", "a1", "user_id")
    assert entry.profile_ids == [crowd.made[1]]


def test_5_a_mailbox_of_two_people_stays_with_the_first():
    crowd = Crowd()
    mailbox = "jane@example1.com"
    assert crowd.sees({"u": "abc123", "e": mailbox}, {"u": "abc456", "e": mailbox}) == ["P1", "P2"]
    assert crowd.who() == {"P1": {"u:abc123", f"e:{mailbox}"}, "P2": {"u:abc456"}}


def test_6_one_person_over_several_devices():
    crowd = Crowd()
    crowd.sees(
        {"a": "a1", "i": "i1"},
        {"u": "x", "a": "a1", "i": "i1"},
        {"u": "x", "a": "a2", "n": "n1"},
        {"u": "x", "a": "a3", "n": "n1"},
    )
    assert crowd.who() == {"P1": {"u:x", "a:a1", "a:a2", "a:a3", "i:i1", "n:n1"}}


def test_7_an_address_joins_two_visits():
    crowd = Crowd()
    assert crowd.sees({"a": "a1"}, {"a": "a1", "e": "e1"}, {"a": "a2"}, {"a": "a2", "e": "e1"}) == [
        "P1",
        "P1",
        "P2",
        "P1",
    ]
    assert crowd.who() == {"P1": {"a:a1", "a:a2", "e:e1"}}
    (merge,) = crowd.profile("email:e1").head.merges
    assert (merge.profile_id, merge.message_id) == (crowd.made[1], "b4-0")
    added = {e.value: e.message_id for e in crowd.profile("email:e1").head.external_ids}
    assert added == {"a1": "b1-0", "e1": "b2-0", "a2": "b3-0"}


def test_8_a_shared_tablet_does_not_join_its_users():
    crowd = Crowd()
    assert crowd.sees(*({"u": f"u{n}", "e": f"e{n}", "i": "i"} for n in (1, 2, 3))) == ["P1", "P2", "P3"]
    assert crowd.who() == {"P1": {"u:u1", "e:e1", "i:i"}, "P2": {"u:u2", "e:e2"}, "P3": {"u:u3", "e:e3"}}


def test_9_without_user_ids_a_shared_tablet_joins_as_many_as_the_limit_lets():
    crowd = Crowd()
    went = crowd.sees(*({"e": f"e{n}", "i": "i"} for n in range(1, 8)))
    assert went == ["P1"] * 5 + ["P2", "P3"]
    assert crowd.who() == {"P1": {"i:i", *(f"e:e{n}" for n in range(1, 6))}, "P2": {"e:e6"}, "P3": {"e:e7"}}


def test_10_a_limit_of_one_address_separates_all_of_them():
    crowd = Crowd(rules=limits(e=1))
    assert crowd.sees(*({"e": f"e{n}", "i": "i"} for n in range(1, 8))) == [f"P{n}" for n in range(1, 8)]
    assert crowd.who()["P1"] == {"e:e1", "i:i"}


def test_11_a_group_mailbox_stays_with_the_first():
    crowd = Crowd()
    team = "team@c.com"
    assert crowd.sees({"u": "u1", "e": team}, {"u": "u2", "e": team}, {"e": team}) == ["P1", "P2", "P1"]
    assert crowd.who() == {"P1": {"u:u1", f"e:{team}"}, "P2": {"u:u2"}}


def test_12_more_devices_than_the_limit_are_left_out_and_the_events_count():
    crowd = Crowd()
    assert crowd.sees(*({"u": "u1", "a": f"a{n}"} for n in range(1, 8)), {"a": "a6"}) == ["P1"] * 7 + ["P2"]
    assert crowd.who() == {"P1": {"u:u1", *(f"a:a{n}" for n in range(1, 6))}, "P2": {"a:a6"}}
    assert seen(crowd, "user_id:u1") == 7


def test_13_a_limit_per_week_slides():
    crowd = Crowd(rules=limits(a=TypeRule(limit=5, period="weekly")))
    crowd.sees(*({"u": "u1", "a": f"a{n}"} for n in range(1, 7)), apart=HOUR)
    crowd.clock.advance(8 * DAY)
    crowd.sees({"u": "u1", "a": "a7"})
    assert crowd.who() == {"P1": {"u:u1", *(f"a:a{n}" for n in (1, 2, 3, 4, 5, 7))}}
    assert crowd.violations() == [(TIME_LIMIT, "a6")]


def test_13_the_time_of_an_identifier_is_when_it_happened_and_never_in_the_future():
    crowd = Crowd(rules=limits(a=TypeRule(limit=1, period="weekly")))
    crowd.sees({"u": "u1", "a": "a1"}, timestamp="2026-02-01T00:00:00Z")
    crowd.sees({"u": "u1", "a": "a2"}, timestamp="2031-01-01T00:00:00Z")
    assert crowd.who() == {"P1": {"u:u1", "a:a1", "a:a2"}}
    times = {e.value: e.created_at for e in crowd.profile("user_id:u1").head.external_ids}
    assert times["a1"] < times["a2"] == crowd.clock.now()
    crowd.clock.advance(7 * DAY)
    crowd.sees({"u": "u1", "a": "a3"})
    assert "a:a3" in crowd.who()["P1"]


def test_14_blocked_values_name_nobody():
    crowd = Crowd()
    assert crowd.sees({"u": "0000", "a": "a1"}, {"u": "null", "a": "a2"}, {"u": "anonymous", "a": "00-00"}) == [
        "P1",
        "P2",
        None,
    ]
    assert crowd.who() == {"P1": {"a:a1"}, "P2": {"a:a2"}}
    rows = [
        json.loads(line)
        for key in crowd.archive.list("events/")
        for line in gzip.decompress(crowd.archive.get(key)).splitlines()
    ]
    assert {row["userId"] for row in rows} == {"0000", "null", "anonymous"}
    assert sorted(crowd.violations()) == [
        (BLOCKED, "00-00"),
        (BLOCKED, "0000"),
        (BLOCKED, "anonymous"),
        (BLOCKED, "null"),
        (UNRESOLVED, None),
    ]


def test_15_addresses_are_compared_in_lower_case_and_shown_as_sent():
    crowd = Crowd()
    crowd.send(identify("u1", {"email": "Jane@X.com"}))
    crowd.clock.advance(HOUR)
    crowd.send({"type": "identify", "anonymousId": "a2", "traits": {"email": "jane@x.com "}})
    profile = crowd.profile("user_id:u1")
    assert {(e.type, e.value) for e in profile.head.external_ids} == {
        ("user_id", "u1"),
        ("email", "jane@x.com"),
        ("anonymous_id", "a2"),
    }
    assert profile.trait_values()["email"] == "jane@x.com "


def test_16_user_ids_are_compared_byte_for_byte():
    assert Crowd().sees({"u": "U1"}, {"u": "u1"}) == ["P1", "P2"]


def test_17_a_new_user_id_takes_nothing_of_another_along():
    crowd = Crowd()
    assert crowd.sees({"u": "u1", "e": "e1", "a": "a1"}, {"u": "u2", "e": "e1", "a": "a9"}, {"a": "a9"}) == [
        "P1",
        "P2",
        "P3",
    ]
    assert crowd.who() == {"P1": {"u:u1", "e:e1", "a:a1"}, "P2": {"u:u2"}, "P3": {"a:a9"}}


def test_18_two_known_people_are_never_joined():
    crowd = Crowd()
    assert crowd.sees({"u": "u1", "e": "e1"}, {"u": "u2", "e": "e2"}, {"u": "u1", "e": "e2", "a": "a9"}) == [
        "P1",
        "P2",
        "P1",
    ]
    assert crowd.who() == {"P1": {"u:u1", "e:e1"}, "P2": {"u:u2", "e:e2"}}
    assert sorted(crowd.violations()) == [(VALUE_LIMIT, "a9"), (VALUE_LIMIT, "e2")]


def test_19_three_become_one():
    crowd = Crowd()
    assert crowd.sees({"a": "a1"}, {"e": "e1"}, {"u": "u1"}, {"u": "u1", "e": "e1", "a": "a1"}) == [
        "P1",
        "P2",
        "P3",
        "P1",
    ]
    assert crowd.who() == {"P1": {"a:a1", "e:e1", "u:u1"}}
    assert [m.profile_id for m in crowd.profile("email:e1").head.merges] == crowd.made[1:]
    assert seen(crowd, "user_id:u1") == 4
    assert Milestones(crowd.log).write(crowd.profiles.changes) == set()
    logged = sorted(entry.profile_ids for entry in crowd.log.page("s", kind=MERGED).entries)
    assert logged == sorted([crowd.made[0], loser] for loser in crowd.made[1:])


def test_20_of_each_trait_the_latest_value_stays():
    crowd = Crowd()
    crowd.send(identify("u1", {"plan": "a", "gone": 1, "old": 1}))
    crowd.clock.advance(HOUR)
    crowd.send({"type": "identify", "anonymousId": "a1", "traits": {"plan": "b", "city": "x", "gone": None}})
    crowd.clock.advance(HOUR)
    crowd.send(track("Seen", "u1", anonymousId="a1"))
    profile = crowd.profile("user_id:u1")
    assert profile.trait_values() == {"plan": "b", "city": "x", "old": 1, "seen": 1}
    assert profile.profile_id == crowd.profile("anonymous_id:a1").profile_id


def test_21_a_hundred_merges_and_no_more():
    crowd = Crowd(rules=limits(a=1_000))
    crowd.send(call({"u": "u1"}))
    for n in range(1, 102):
        crowd.clock.advance(1)
        crowd.send(call({"a": f"a{n}"}))
        crowd.clock.advance(1)
        crowd.send(call({"u": "u1", "a": f"a{n}"}))
    profile = crowd.profile("user_id:u1")
    assert len(profile.head.merges) == 100
    assert crowd.profile("anonymous_id:a101").profile_id != profile.profile_id
    assert (seen(crowd, "user_id:u1"), seen(crowd, "anonymous_id:a101")) == (202, 1)
    assert crowd.violations()[-1] == (MERGE_LIMIT, "a101")


def test_22_a_thousand_mappings_and_no_more():
    crowd = Crowd(rules=limits(a=2_000))
    crowd.send(*(call({"u": "u1", "a": f"a{n}"}) for n in range(1, 1_001)))
    profile = crowd.profile("user_id:u1")
    assert len(profile.head.external_ids) == 1_000
    assert profile.find("anonymous_id", "a999")
    assert crowd.lookup.find("s", "users", "anonymous_id:a1000") is None
    assert seen(crowd, "user_id:u1") == 1_000
    assert crowd.violations() == [(MAPPING_LIMIT, "a1000")]


def test_23_an_alias_merges_nobody():
    crowd = Crowd()
    crowd.sees({"u": "u1"}, {"u": "u2"})
    crowd.send({"type": "alias", "userId": "u2", "previousId": "u1"})
    assert crowd.profile("user_id:u1").profile_id != crowd.profile("user_id:u2").profile_id
    last = crowd.profile("user_id:u2").head.last
    assert last is not None
    assert last.message_id == "b3-0"


@pytest.mark.parametrize(("missing", "joined"), [(None, True), ("encoding", False), ("collection", False)])
def test_24_listed_identifiers_need_all_their_fields(missing, joined):
    crowd = Crowd()
    phone = {"id": "123", "type": "phone", "collection": "users", "encoding": "none"}
    phone.pop(missing, None)
    crowd.send(identify("u1", {}))
    crowd.send(track("Seen", "u1", context={"externalIds": [phone]}))
    crowd.send(track("Seen", None, context={"externalIds": [phone]}))
    found = crowd.profile("user_id:u1")
    assert (found.find("phone", "123") is not None) is joined
    assert seen(crowd, "user_id:u1") == (2 if joined else 1)
    assert (UNRESOLVED in {kind for kind, _ in crowd.violations()}) is not joined


def test_25_an_account_knows_its_people_and_joins_nobody():
    crowd = Crowd()
    crowd.send({"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "ent"}})
    crowd.clock.advance(HOUR)
    crowd.send({"type": "group", "userId": "u2", "groupId": "g1"})
    crowd.send(track("Seen", "u3", context={"groupId": "g1"}), {"type": "group", "groupId": "g2", "anonymousId": "-1"})
    account = crowd.profile("group_id:g1", "accounts")
    users = [crowd.profile(f"user_id:u{n}") for n in (1, 2, 3)]
    assert account.trait_values() == {"plan": "ent"}
    assert linked(crowd, account) == [u.profile_id for u in users[:2]]
    assert [[link.account_id for link in u.head.links] for u in users] == [[account.profile_id]] * 2 + [[]]
    assert "plan" not in users[0].trait_values()
    assert linked(crowd, crowd.profile("group_id:g2", "accounts")) == []


def linked(crowd, account):
    """The people that the account shows."""
    return [user.profile_id for user in LinksView(crowd.links, crowd.lookup).page(account, 100, None).items]


# Beyond the numbered cases.


def test_rules_hold_for_what_comes_after_them():
    crowd = Crowd()
    crowd.sees({"u": "u1", "e": "e1"}, {"u": "u1", "e": "e2"})
    crowd.directory.define(rules=limits(e=1))
    assert crowd.sees({"u": "u1", "e": "e2"}, {"u": "u1", "e": "e3"}) == ["P1", "P1"]
    assert crowd.who() == {"P1": {"u:u1", "e:e1", "e:e2"}}
    crowd.directory.define(rules=limits(e=3))
    crowd.sees({"u": "u1", "e": "e3"})
    assert crowd.who() == {"P1": {"u:u1", "e:e1", "e:e2", "e:e3"}}


def test_two_user_ids_per_person_and_one_address():
    crowd = Crowd(rules=limits(u=2, e=1))
    crowd.sees({"u": "u1", "e": "e1"}, {"u": "u2", "e": "e1"}, {"u": "u2", "e": "e2"})
    assert crowd.who() == {"P1": {"u:u1", "u:u2", "e:e1"}}
    assert crowd.violations() == [(VALUE_LIMIT, "e2")]


def test_chains_of_merges_lead_to_their_end():
    crowd = Crowd(rules=limits(a=10))
    crowd.sees(*({"a": f"a{n}"} for n in range(6)))
    for n in range(5, 0, -1):
        crowd.sees({"a": f"a{n}"} | {"e": f"e{n}"}, {"a": f"a{n - 1}", "e": f"e{n}"})
    assert list(crowd.who()) == ["P1"]
    assert {crowd.number(profile_id) for profile_id in crowd.made} == {"P1"}
    assert {crowd.number(f"anonymous_id:a{n}") for n in range(6)} == {"P1"}
    profile = crowd.profile("anonymous_id:a0")
    assert sorted(m.profile_id for m in profile.head.merges) == sorted(crowd.made[1:])
    assert seen(crowd, "anonymous_id:a0") == 16 == len(crowd.events(profile))


def test_in_one_request_merges_and_what_came_before_them_are_one_write():
    crowd = Crowd()
    crowd.send(call({"a": "a1"}), call({"u": "u1"}), call({"u": "u1", "a": "a1"}), call({"e": "e1", "u": "u1"}))
    profile = crowd.profile("user_id:u1")
    assert {e.value for e in profile.head.external_ids} == {"a1", "u1", "e1"}
    assert (profile.version, profile.head.merges) == (1, [])
    assert seen(crowd, "user_id:u1") == 4
    assert crowd.events(profile) == ["b1-0", "b1-1", "b1-2", "b1-3"]
    assert crowd.ids() == [profile.profile_id]


def test_in_one_request_two_stored_profiles_join_after_events_of_their_own():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"u": "u1"})
    crowd.send(call({"u": "u1", "e": "e1"}), call({"a": "a1"}), call({"u": "u1", "a": "a1"}), call({"e": "e1"}))
    assert crowd.who() == {"P1": {"a:a1", "u:u1", "e:e1"}}
    assert seen(crowd, "email:e1") == 6
    assert len(crowd.events(crowd.profile("email:e1"))) == 6
    rows = [
        json.loads(line)["profileId"]
        for key in crowd.archive.list("events/")
        for line in gzip.decompress(crowd.archive.get(key)).splitlines()
    ]
    assert sorted(rows) == sorted([crowd.made[0]] * 5 + [crowd.made[1]])


def test_a_merge_re_evaluates_everything_over_the_joined_past():
    buyers = audience("buyers", "event('Bought').count() >= 2", external_ids=["user_id", "anonymous_id"])
    few = audience("few", "event('Bought').count() < 2", external_ids=["user_id", "anonymous_id"])
    crowd = Crowd(buyers, few)
    crowd.send(track("Bought", None, anonymousId="a1"))
    crowd.send(track("Bought", "u1"))
    assert (crowd.value("user_id:u1", "few"), crowd.value("user_id:u1", "buyers")) == (True, None)
    crowd.send(identify("u1", {}, anonymousId="a1"))
    assert (crowd.value("user_id:u1", "few"), crowd.value("user_id:u1", "buyers")) == (False, True)


def test_a_new_kind_of_identifier_re_evaluates_everything():
    crowd = Crowd(audience("vip", "event('Seen').count() >= 1", external_ids=["email"]))
    crowd.sees({"a": "a1"})
    assert crowd.value("anonymous_id:a1", "vip") is None
    crowd.sees({"a": "a1", "e": "e1"})
    assert crowd.value("anonymous_id:a1", "vip") is True


def test_metadata_after_a_merge():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"u": "u1"}, {"a": "a1"}, {"u": "u1"}, {"u": "u1", "a": "a1"})
    head = crowd.profile("user_id:u1").head
    assert head.first is not None
    assert head.last is not None
    assert (head.first.message_id, head.last.message_id) == ("b1-0", "b5-0")
    assert (head.created_at, head.updated_at) == (T0 + MINUTE, crowd.clock.now())


def test_links_of_two_who_become_one():
    crowd = Crowd()
    for person, group in (({"anonymousId": "a1"}, "g1"), ({"userId": "u1"}, "g1"), ({"userId": "u1"}, "g2")):
        crowd.clock.advance(HOUR)
        crowd.send({"type": "group", "groupId": group, **person})
    crowd.sees({"u": "u1", "a": "a1"})
    accounts = [crowd.profile(f"group_id:{g}", "accounts") for g in ("g1", "g2")]
    profile = crowd.profile("user_id:u1")
    assert [link.account_id for link in profile.head.links] == [a.profile_id for a in accounts]
    assert [linked(crowd, account) for account in accounts] == [[profile.profile_id]] * 2
    crowd.send({"type": "group", "groupId": "g2", "userId": "u1"})
    assert linked(crowd, accounts[1]) == [profile.profile_id]
    assert crowd.profile("user_id:u1").head.links == profile.head.links


def test_accounts_merge_by_identifiers_of_their_own():
    crowd = Crowd()
    crm = {"id": "c1", "type": "crm", "collection": "accounts", "encoding": "none"}
    for group in ("g1", "g2"):
        crowd.clock.advance(HOUR)
        crowd.send({"type": "group", "userId": "u1", "groupId": group, "traits": {"name": group}})
    for group in ("g1", "g2"):
        crowd.clock.advance(HOUR)
        listed = {"externalIds": [crm]}
        crowd.send({"type": "group", "userId": "u1", "groupId": group, "context": listed, "traits": {group: 1}})
    account = crowd.profile("group_id:g2", "accounts")
    assert account.profile_id == crowd.profile("group_id:g1", "accounts").profile_id
    assert account.trait_values() == {"name": "g2", "g1": 1, "g2": 1}
    assert {(e.type, e.value) for e in account.head.external_ids} == {
        ("group_id", "g1"),
        ("group_id", "g2"),
        ("crm", "c1"),
    }
    before = crowd.profile("user_id:u1")
    crowd.send({"type": "group", "userId": "u1", "groupId": "g2"})
    assert crowd.profile("user_id:u1").head.links == before.head.links


def test_an_account_is_written_only_when_something_new_is_said_of_it():
    crowd = Crowd()
    for n in range(5):
        crowd.clock.advance(HOUR)
        calls = [
            {"type": "group", "userId": f"u{n}{m}", "groupId": "g1", "traits": {"plan": "ent", "seats": 5}}
            for m in range(4)
        ]
        crowd.send(*calls)
    account = crowd.profile("group_id:g1", "accounts")
    assert account.version == 1
    assert len(linked(crowd, account)) == 20
    crowd.send({"type": "group", "userId": "u00", "groupId": "g1", "traits": {"seats": 6}})
    changed = crowd.profile("group_id:g1", "accounts")
    assert (changed.version, changed.trait_values()) == (2, {"plan": "ent", "seats": 6})


def test_an_account_takes_the_latest_value_and_a_redelivered_call_changes_nothing():
    crowd = Crowd()

    def group(plan):
        return {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": plan}}

    first = crowd.message("b1", group("a"), group("b"))
    crowd.resolve(first)
    second = crowd.message("b2", group("c"))
    crowd.resolve(second)
    assert crowd.profile("group_id:g1", "accounts").trait_values() == {"plan": "b"}
    crowd.clock.advance(1)
    crowd.send(group("d"))
    for message in (first, second, first):
        crowd.resolve(message)
    account = crowd.profile("group_id:g1", "accounts")
    assert (account.version, account.trait_values()) == (2, {"plan": "d"})


def test_a_suppressed_person_leaves_no_trace():
    crowd = Crowd()
    crowd.identifiers.claim(Claim("s", Identifier("users", "user_id", "u1"), SUPPRESSED, 0, "", ""))
    crowd.send(
        call({"u": "u1", "a": "a1"}),
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"x": 1}},
        call({"u": "u2"}),
    )
    assert crowd.ids() == [crowd.profile("user_id:u2").profile_id]
    rows = [
        json.loads(line)["userId"]
        for key in crowd.archive.list("events/")
        for line in gzip.decompress(crowd.archive.get(key)).splitlines()
    ]
    assert rows == ["u2"]
    assert crowd.lookup.find("s", "users", "user_id:u1") is None


def test_a_deleted_person_starts_afresh():
    crowd = Crowd()
    crowd.sees({"u": "u1", "a": "a1"})
    profile = crowd.stored(crowd.made[0])
    crowd.profiles.bury(profile)
    assert crowd.sees({"u": "u1"}, {"a": "a1"}, {"u": "u1", "a": "a1"}) == ["P2", "P3", "P2"]
    assert crowd.who() == {"P2": {"u:u1", "a:a1"}}
    assert seen(crowd, "user_id:u1") == 3


def test_an_identifier_taken_away_may_go_elsewhere():
    crowd = Crowd()
    crowd.sees({"u": "u1", "e": "e1"})
    profile = crowd.stored(crowd.made[0])
    profile.head.external_ids = [e for e in profile.head.external_ids if e.value != "e1"]
    crowd.profiles.save(profile)  # and the mapping is still there
    assert crowd.sees({"u": "u2", "e": "e1"}) == ["P2"]
    assert crowd.who() == {"P1": {"u:u1"}, "P2": {"u:u2", "e:e1"}}
    assert crowd.number("email:e1") == "P2"


def test_a_redelivered_event_stays_where_it_was_counted_whatever_the_rules_became():
    crowd = Crowd()
    crowd.sees({"u": "u1"}, {"e": "e1"})
    message = crowd.message("again", call({"u": "u1", "e": "e1"}))
    crowd.directory.define(rules=Rules(merges_limit=0))
    assert crowd.resolve(message) == set()
    assert (seen(crowd, "user_id:u1"), seen(crowd, "email:e1")) == (2, 1)
    crowd.directory.define(rules=Rules(priority=["email", "user_id"]))
    assert crowd.resolve(message) == set()
    assert (seen(crowd, "user_id:u1"), seen(crowd, "email:e1")) == (2, 1)


def test_mappings_follow_a_merge_and_a_chain_costs_no_more_reads_after_that(monkeypatch):
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"u": "u1"}, {"u": "u1", "a": "a1"}, {"u": "u1"})
    assert crowd.identifiers.owners("s", [Identifier("users", "user_id", "u1")]).popitem()[1] == crowd.made[0]
    loads = []
    real = crowd.profiles.load

    def load(keys):
        loads.append(list(keys))
        return real(loads[-1])

    monkeypatch.setattr(crowd.profiles, "load", load)
    crowd.send(call({"u": "u1"}))
    assert loads == [[ProfileKey("s", crowd.made[0])]]


def test_a_device_of_two_people_is_logged_once_per_request_and_a_flood_is_cut():
    crowd = Crowd()
    crowd.sees({"u": "u1", "a": "a1"})
    crowd.send(*(call({"u": "u2", "a": "a1"}) for _ in range(30)))
    assert crowd.violations() == [(VALUE_LIMIT, "a1")]
    crowd.send(*(call({"u": "u1", "e": f"e{n}"}) for n in range(300)))
    assert len(crowd.violations()) == 1 + MOST
    assert seen(crowd, "user_id:u1") == 301


def test_a_long_chain_of_shared_devices_in_one_request_comes_to_its_end():
    crowd = Crowd()
    crowd.send(*(call({"u": f"u{n}", "a": f"a{n}", "e": f"e{n + 1}", "i": f"i{n // 2}"}) for n in range(30)))
    people = [crowd.profile(f"user_id:u{n}") for n in range(30)]
    assert len({p.profile_id for p in people}) == 30
    assert sum(len(crowd.events(p)) for p in people) == 30
