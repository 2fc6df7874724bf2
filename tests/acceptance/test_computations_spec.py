"""What owners order, in cases beside the plain ones: several people and ids, keys, values that stay, accounts, windows
and dates over a past that nobody counted when it came."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.clock import DAY, HOUR
from chalicelib.instants import to_iso
from tests.acceptance.journal import DEFAULT_IDS, EVERYBODY, Journal
from tests.acceptance.test_errands import preview
from tests.acceptance.test_taking_in import guest, joined
from tests.acceptance.world import World, identify, track
from tests.batch.whole import Ticking

BOUGHT = "event('Bought').count() >= 1"


@pytest.fixture
def journal() -> Iterator[Journal]:
    yield Journal()
    bootstrap.install(None)


@pytest.fixture
def accounts() -> Iterator[World]:
    yield World(Ticking())
    bootstrap.install(None)


Told = tuple[str, str | None, str | None]  # the event, and whom it names


def told(journal: Journal, sink: str = "hook") -> list[Told]:
    return [(e["event"], e.get("userId"), e.get("anonymousId")) for e in journal.world.events(sink)]


def days_ago(journal: Journal, days: float) -> str:
    return to_iso(journal.now - round(days * DAY))


# Who is in it


def test_each_anonymous_id_is_told_once_and_whoever_has_no_other_only_where_asked_for(journal: Journal) -> None:
    """One user came as a guest twice; another guest is nobody yet."""
    journal.say(joined("u1", "a1"), guest("Bought", "a1"), guest("Bought", "a2"), guest("Bought", "a3"))
    journal.say(joined("u1", "a3"))
    default, all_of_them = journal.audience(BOUGHT, DEFAULT_IDS), journal.audience(BOUGHT, EVERYBODY)
    for one, sink in ((default, "known"), (all_of_them, "all")):
        journal.world.connect({"id": one.id}, journal.world.webhook(sink))
    journal.check()
    entered = "Audience Entered"
    users: list[Told] = [(entered, "u1", None)]
    guests: list[Told] = [(entered, None, f"a{n}") for n in (1, 2, 3)]
    assert told(journal, "known") == users
    assert sorted(told(journal, "all"), key=str) == sorted(users + guests, key=str)
    journal.say({"type": "identify", "anonymousId": "a2", "traits": {"email": "b@x.io"}})
    journal.check()
    assert told(journal, "known") == [*users, (entered, None, None)]
    assert journal.restrict(all_of_them, "email") == 200
    journal.check()
    assert sorted(told(journal, "all")[-3:], key=str) == sorted(
        [("Audience Exited", *who) for who in (("u1", None), (None, "a1"), (None, "a3"))], key=str
    )


def test_keys_are_never_given_twice(journal: Journal) -> None:
    world = journal.world
    made = [world.audience("Big buyers", BOUGHT)]
    path = f"{world.audiences}/{made[0]['id']}"
    assert world.manage("PATCH", path, {"name": "Other"}).data["audience"]["key"] == "big_buyers"
    made.append(world.audience("Big buyers", BOUGHT))
    assert world.manage("DELETE", path).status == 200
    made.append(world.audience("Big buyers", BOUGHT))
    sent = {"name": "Big buyers", "definition": {"query": "event('Bought').count()", "type": "USERS"}}
    traits = f"/spaces/{world.stack.space_id}/computed-traits"
    made.append(world.manage("POST", traits, sent).data["computedTrait"])
    keys = [one["key"] for one in made]
    assert len(set(keys)) == 4
    assert all(key.startswith("big_buyers") for key in keys)


def test_what_a_deleted_audience_left_is_read_and_changed_like_any_trait(journal: Journal) -> None:
    world = journal.world
    journal.say(track("Bought", "u1"), track("Bought", "u2"), track("Seen", "u3"))
    rule = journal.audience(BOUGHT)
    journal.check()
    hook = world.webhook("hook")
    world.connect({"id": rule.id}, hook)
    journal.delete(rule)
    world.drain()
    heard = len(world.events("hook"))
    world.advance(1)
    world.send(identify("u2", **{rule.key: False}), identify("u3", **{rule.key: True}))
    reading = world.audience("Reading", f"trait('{rule.key}') = 'true'")
    assert [world.memberships(f"user_id:u{n}").get(reading["key"]) for n in (1, 2, 3)] == [True, None, True]
    assert [(world.traits(f"user_id:u{n}") or {})[rule.key] for n in (1, 2, 3)] == [True, False, True]
    assert len(world.events("hook")) == heard


def test_a_trait_that_was_there_before_an_audience_of_its_name_stands_until_somebody_enters(journal: Journal) -> None:
    world = journal.world
    world.send(identify("u1", vip=True), identify("u2", vip=True), track("B", "u1"), track("B", "u2"))
    vip, text = world.audience("Vip", BOUGHT), "trait('vip') = 'true' AND event('B').count() >= 1"
    reading = world.audience("Reading", text)

    def members() -> set[str]:
        shown = {n for n in ("u1", "u2") if (world.traits(f"user_id:{n}") or {}).get("vip")}
        assert {n for n in ("u1", "u2") if world.memberships(f"user_id:{n}").get(reading["key"])} == shown
        assert preview(world, text)["size"]["count"] == len(shown)
        return shown

    assert members() == {"u1", "u2"}
    world.send(track("B", "u1"), identify("u2", email="2@x.io"))
    assert members() == {"u1", "u2"}
    world.send(track("Bought", "u1"))
    world.manage("PATCH", f"{world.audiences}/{vip['id']}", {"definition": {"query": "event('Else').count() >= 1"}})
    world.drain()
    assert members() == {"u2"}


def test_a_circle_of_three_is_refused_and_its_parts_go_from_the_end(journal: Journal) -> None:
    first = journal.audience(BOUGHT)
    second = journal.audience(f"trait('{first.key}') = 'true'")
    third = journal.trait("event('A').count()")
    fourth = journal.audience(f"trait('{second.key}') = 'true' AND trait('{third.key}') > 1")
    journal.check()
    for text in (f"trait('{fourth.key}') = 'true'", f"NOT trait('{first.key}') = 'true'"):
        assert journal.edit(first, text) == 422
    world = journal.world
    assert [world.manage("DELETE", journal.path(one)).status for one in (first, second, third)] == [409] * 3
    for one in (fourth, third, second, first):
        journal.delete(one)


# What counts


def test_lookbacks_late_and_future_events_are_bounded_by_the_creation(journal: Journal) -> None:
    for n, days in enumerate((0, 1, 6.9, 7, 7.1, 30, -1)):
        journal.say(track("Bought", f"u{n}", timestamp=days_ago(journal, days)))
    rules = [
        journal.audience(BOUGHT, **options)
        for options in (
            {"backfillEventDataDays": 7},
            {"includeHistoricalData": False},
            {"backfillEventDataDays": 29},
            {},
        )
    ]
    journal.trait("event('Bought').within(10 days).count()", backfillDurationDays=3)
    journal.check()
    for n, days in enumerate((1, 8, 9.5, 40, -2), 10):
        journal.world.advance(20 * HOUR / 1_000)
        journal.say(track("Bought", f"u{n}", timestamp=days_ago(journal, days)))
        journal.check()
    for rule in rules:
        assert journal.edit(rule, "event('Bought').count() = 1") == 200
    journal.check()
    journal.world.advance(12 * DAY / 1_000)
    journal.check()


@pytest.mark.parametrize("days", [400, 900, 20_000])
def test_windows_longer_than_the_past(journal: Journal, days: int) -> None:
    for n in range(0, 1_200, 150):
        journal.say(track("A", f"u{n % 4}", timestamp=days_ago(journal, n)), guest("A", f"a{n % 3}"))
    journal.audience(f"event('A').within({days} days).count() >= 3")
    journal.audience(f"event('A').between(100 days, {days} days).count() = 1")
    journal.trait(f"event('A').within({days} days).count()")
    journal.check()
    for _ in range(3):
        journal.world.advance(75 * DAY / 1_000)
        journal.say(track("A", "u1", timestamp=days_ago(journal, 200)))
        journal.check()


def test_dates_turn_at_midnight_and_at_their_instant(journal: Journal) -> None:
    day = days_ago(journal, 0)[:10]
    dates = [days_ago(journal, n)[:10] for n in (-3, -1, 0, 1, 3)] + [days_ago(journal, n) for n in (-0.3, 0.3)]
    for n, date in enumerate([*dates, "soon", f" {day} ", f"{day}T10:00"]):
        journal.say(identify(f"u{n}", due=date), track("Due", f"u{n}", properties={"on": date}))
    for text in ("within_last(1 day)", "within_next(2 days)", "before_last(30 hours)", "after_next(1 day)"):
        journal.audience(f"trait('due').{text}")
        journal.audience(f"event('Due').where(property('on').{text}).count() >= 1")
    journal.audience(f"trait('due').before_date('{day}') OR trait('due').after_date('{dates[0]}')")
    for hours in (0, 1, 11, 12, 12, 20, 40):
        journal.world.advance(hours * HOUR / 1_000)
        journal.check()


def test_values_over_a_past_that_comes_out_of_order(journal: Journal) -> None:
    for n, value in enumerate(["b", "a", 2, "2", 2.0, True, None, [1, "x"], {"k": 1}, "", "a"]):
        at = days_ago(journal, (n * 7) % 5)
        journal.say(track("A", "u1", properties={"p": value}, timestamp=at))
        journal.say(guest("A", "a1", properties={"p": value}, timestamp=at))
    reducers = ["first", "last", "unique", "min", "max", "sum", "avg", "mode"]
    rules = [journal.trait(f"event('A').{name}(property('p'))") for name in reducers]
    journal.trait("event('A').within(3 days).mode(property('p'), 2)")
    journal.trait("event('A').max(property('p') as string)")
    journal.check()
    journal.say(joined("u1", "a1"))
    journal.check()
    journal.say(track("A", "u1", properties={"p": "0"}, timestamp=days_ago(journal, 60)))
    journal.world.advance(2 * DAY / 1_000)
    journal.check()
    for rule, name in zip(rules, reversed(reducers), strict=True):
        assert journal.edit(rule, f"event('A').within(9 days).{name}(property('p'))") == 200
    journal.check()
    journal.world.advance(9 * DAY / 1_000)
    journal.check()


# Switched off and on


@pytest.mark.parametrize("history", [True, False])
def test_off_and_on_tells_only_the_difference(journal: Journal, history: bool) -> None:
    journal.say(*(track("A", f"u{n}") for n in range(3)))
    journal.world.advance(1)
    rule = journal.audience("event('A').within(2 days).count() >= 1", includeHistoricalData=history)
    journal.world.connect({"id": rule.id}, journal.world.webhook("hook"))
    journal.check()
    journal.say(track("A", "u3"))
    before = told(journal)
    journal.switch(rule, on=False)
    journal.world.advance(30 * HOUR / 1_000)
    journal.say(track("A", "u1"), track("A", "u9"))
    journal.world.advance(30 * HOUR / 1_000)
    assert told(journal) == before
    journal.switch(rule, on=True)
    journal.check()
    left = {"u0", "u2", "u3"} if history else {"u3"}
    joining = {"u9"} if history else {"u1", "u9"}
    entered, exited = "Audience Entered", "Audience Exited"
    wanted = [*((entered, user, None) for user in joining), *((exited, user, None) for user in left)]
    assert sorted(told(journal)[len(before) :], key=str) == sorted(wanted, key=str)


# Accounts


def test_people_of_several_accounts_and_audiences_on_top(accounts: World) -> None:
    world = accounts

    def group(user: str, account: str) -> dict[str, Any]:
        return {"type": "group", "userId": user, "groupId": account}

    old = world.now(-40 * 86_400)
    world.send(*(group(*pair) for pair in (("u1", "idle"), ("u2", "idle"), ("u1", "busy"), ("u3", "busy"))))
    world.send(track("Logged In", "u1", timestamp=old), track("Logged In", "u3"))
    world.send(identify("u1", plan="pro"))
    made = world.audience("Idle", "ALL NOT event('Logged In').within(30 days).count() >= 1", audienceType="ACCOUNTS")
    follows = world.audience("Followers", f"trait('{made['key']}') = 'true'")
    both = world.audience("Pro followers", f"trait('{follows['key']}') = 'true' AND trait('plan') = 'pro'")
    hook = world.webhook("hook")
    world.connect(made, hook, connectionSettings={"sendGroup": True, "sendIdentify": True})
    world.advance(600)
    heard = sorted((e["type"], e.get("groupId") or e.get("userId"), e["traits"]["idle"]) for e in world.events("hook"))
    assert heard == [("group", "idle", True), ("identify", "u1", True), ("identify", "u2", True)]
    assert [world.memberships(f"user_id:u{n}") for n in (1, 2, 3)] == [
        {"idle": True, "followers": True, "pro_followers": True},
        {"idle": True, "followers": True},
        {},
    ]
    sizes = [
        world.manage("GET", f"{world.audiences}/{one['id']}").data["audience"]["size"] for one in (made, follows, both)
    ]
    assert [(size["type"], size["count"]) for size in sizes] == [("ACCOUNTS", 1), ("USERS", 2), ("USERS", 1)]
    world.send(track("Logged In", "u2"))
    world.advance(9 * 3_600)
    assert world.memberships("user_id:u1") == {"idle": False, "followers": False, "pro_followers": False}
