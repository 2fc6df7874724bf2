"""Runs over accounts: what they make of accounts and of their people."""

import pytest

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.deadline import ClockDeadline
from chalicelib.tasks.kind import StepFailed
from tests.events import T0
from tests.pipeline.shop import audience, identify, track

from .firm import Firm, group, of_accounts, trait_of_accounts

IDLE = "ALL NOT event('Logged In').within(30 days).count() >= 1"


def test_people_stand_as_their_accounts_do():
    firm = Firm([of_accounts("idle", IDLE), audience("sleepers", "trait('idle') = 'true'")])
    firm.send(group("ada", "acme"), group("bob", "acme"), group("ada", "busy"), group("cleo", "busy"))
    firm.send(track("Logged In", "cleo"))
    assert firm.value("user_id:ada", "idle") is None
    assert firm.run("idle") == (1, 0)
    assert firm.of_account("acme", "idle") is True
    assert firm.of_account("busy", "idle") is None
    assert [firm.value(f"user_id:{name}", "idle") for name in ("ada", "bob", "cleo")] == [True, True, None]
    assert [firm.value(f"user_id:{name}", "sleepers") for name in ("ada", "bob", "cleo")] == [True, True, None]


def test_somebody_leaves_with_the_last_account_that_let_them_in():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    firm.send(group("ada", "g1", traits={"seats": 20}), group("ada", "g2", traits={"seats": 30}))
    assert firm.run("big") == (2, 0)
    firm.clock.advance(HOUR)
    firm.send(group(None, "g1", traits={"seats": 5}, anonymousId="a"))
    assert firm.value("user_id:ada", "big") is True
    assert firm.run("big") == (0, 1)
    assert firm.of_account("g1", "big") is False
    assert firm.value("user_id:ada", "big") is True
    firm.clock.advance(HOUR)
    firm.send(group(None, "g2", traits={"seats": 5}, anonymousId="a"))
    assert firm.run("big") == (0, 1)
    assert firm.value("user_id:ada", "big") is False


def test_whoever_joins_an_account_that_left_is_out_and_not_unknown():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    firm.send(group("ada", "g1", traits={"seats": 20}))
    firm.run("big")
    firm.clock.advance(HOUR)
    firm.send(group("ada", "g1", traits={"seats": 2}))
    firm.run("big")
    firm.send(group("bob", "g1"))
    assert firm.value("user_id:bob", "big") is None
    assert firm.run("big") == (0, 0)
    assert firm.value("user_id:bob", "big") is False


def test_whoever_joins_is_in_from_the_next_run_on():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    firm.send(group("ada", "g1", traits={"seats": 20}))
    firm.run("big")
    firm.send(group("bob", "g1"), track("Anything", "bob"))
    assert firm.value("user_id:bob", "big") is None
    assert firm.run("big") == (0, 0)
    assert firm.value("user_id:bob", "big") is True


def test_a_run_that_finds_nothing_new_writes_nothing():
    firm = Firm([of_accounts("idle", IDLE), trait_of_accounts("logins", "event('Logged In').count()")])
    firm.send(group("ada", "acme"), group("bob", "acme"), group("bob", "busy"), track("Logged In", "bob"))
    firm.run("idle"), firm.run("logins")
    before = firm.versions()
    assert firm.run("idle") == (0, 0)
    assert firm.run("logins") == (0, 0)
    assert firm.versions() == before


def test_time_alone_changes_an_account_at_the_next_run():
    firm = Firm([of_accounts("idle", IDLE)])
    firm.send(group("ada", "acme"), track("Logged In", "ada"))
    assert firm.run("idle") == (0, 0)
    firm.clock.advance(30 * DAY)
    assert firm.run("idle") == (0, 0)  # the edge of the window belongs to it
    firm.clock.advance(1)
    assert firm.run("idle") == (1, 0)
    assert firm.value("user_id:ada", "idle") is True


def test_traits_of_accounts_pool_the_events_of_all_people():
    firm = Firm(
        [
            trait_of_accounts("logins", "event('Logged In').count()"),
            trait_of_accounts("spent", "event('Paid').sum(property('amount'))"),
            trait_of_accounts("plans", "event('Paid').unique(property('plan'))"),
            trait_of_accounts("busiest", "event('Logged In').mode(trait('email'), 2)"),
            trait_of_accounts("latest", "event('Paid').last(property('plan'))"),
            trait_of_accounts("day", "event('Logged In').within(1 day).count()"),
            trait_of_accounts("never", "event('Nothing').count()"),
        ]
    )
    firm.send(
        identify("ada", {"email": "ada@ex.io"}),
        group("ada", "acme"),
        group("bob", "acme"),
        track("Logged In", "ada"),
        track("Logged In", "ada"),
        track("Logged In", "bob"),
        track("Paid", "bob", properties={"amount": 5, "plan": "pro"}),
    )
    firm.clock.advance(MINUTE)
    firm.send(track("Paid", "ada", properties={"amount": 2.5, "plan": "basic"}))
    for key in ("logins", "spent", "plans", "busiest", "latest", "day", "never"):
        assert firm.run(key) == ((0, 0) if key == "never" else (1, 0)), key
    values = firm.account("acme").trait_values()
    assert values == {
        "logins": 3,
        "spent": 7.5,
        "plans": ["basic", "pro"],
        "busiest": "ada@ex.io",
        "latest": "basic",
        "day": 3,
    }
    assert "logins" not in firm.profile("user_id:ada").trait_values()
    firm.clock.advance(DAY + 1)
    assert firm.run("day") == (1, 0)
    assert firm.of_account("acme", "day") == 0


def test_an_account_trait_that_has_nothing_to_say_any_more_goes():
    firm = Firm([trait_of_accounts("latest", "event('Paid').within(1 day).last(property('plan'))")])
    firm.send(group("ada", "acme"), track("Paid", "ada", properties={"plan": "pro"}))
    assert firm.run("latest") == (1, 0)
    firm.clock.advance(DAY + 1)
    assert firm.run("latest") == (0, 1)
    assert "latest" not in firm.account("acme").head.outcomes
    assert firm.run("latest") == (0, 0)


def test_accounts_may_refer_to_what_is_computed_of_them_and_of_their_people():
    firm = Firm(
        [
            audience("buyers", "event('Paid').count() >= 1"),
            of_accounts("paying", "ANY trait('buyers') = 'true'"),
            of_accounts("paying_big", "trait('paying') = 'true' AND trait('seats') > 10"),
        ]
    )
    firm.send(group("ada", "acme", traits={"seats": 20}), track("Paid", "ada"))
    assert firm.run("paying_big") == (0, 0)
    assert firm.run("paying") == (1, 0)
    assert firm.run("paying_big") == (1, 0)
    assert firm.value("user_id:ada", "paying_big") is True


def test_an_account_merged_away_speaks_no_more_and_its_people_are_those_of_the_other():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    firm.send(group("ada", "g1", traits={"seats": 2}), group("bob", "g2", traits={"seats": 20}))
    firm.run("big")
    assert [firm.value(f"user_id:{name}", "big") for name in ("ada", "bob")] == [None, True]
    firm.clock.advance(HOUR)
    crm = {"externalIds": [{"id": "c1", "type": "crm", "collection": "accounts", "encoding": "none"}]}
    firm.send(group("ada", "g1", context=crm))
    firm.send(group("bob", "g2", context=crm))
    assert firm.account("g1").profile_id == firm.account("g2").profile_id
    assert firm.of_account("g1", "seats") == 20
    assert firm.of_account("g1", "big") is True  # as the one was that went, until it is looked at
    assert firm.run("big") == (0, 0)
    assert [firm.value(f"user_id:{name}", "big") for name in ("ada", "bob")] == [True, True]
    firm.clock.advance(HOUR)
    firm.send(group("ada", "g1", traits={"seats": 2}))
    assert firm.run("big") == (0, 1)
    assert [firm.value(f"user_id:{name}", "big") for name in ("ada", "bob")] == [False, False]
    assert not any(firm.profile(f"user_id:{name}").head.via for name in ("ada", "bob"))


def test_people_who_merge_are_in_by_the_accounts_of_both():
    firm = Firm([of_accounts("big", "trait('seats') > 10"), audience("follow", "trait('big') = 'true'")])
    firm.send(
        group("ada", "g1", traits={"seats": 20}),
        group(None, "g2", traits={"seats": 20}, anonymousId="a"),
        {"type": "track", "event": "X", "anonymousId": "a"},
    )
    firm.run("big")
    firm.clock.advance(HOUR)
    firm.send(group(None, "g2", traits={"seats": 1}, anonymousId="b"))
    firm.run("big")  # the newest word of the two is that the other one is out
    assert firm.value("anonymous_id:a", "big") is False
    firm.clock.advance(HOUR)
    firm.send(identify("ada", {}, anonymousId="a"))
    assert firm.value("anonymous_id:a", "big") is firm.value("user_id:ada", "big") is True
    assert firm.value("user_id:ada", "follow") is True
    before = firm.versions()
    assert firm.run("big") == (0, 0)
    assert firm.versions() == before
    firm.clock.advance(HOUR)
    firm.send(group(None, "g1", traits={"seats": 1}, anonymousId="c"))
    firm.run("big")
    assert firm.value("user_id:ada", "big") is firm.value("user_id:ada", "follow") is False


def test_calls_cannot_overwrite_what_is_computed_until_it_is_deleted():
    computed = of_accounts("big", "trait('seats') > 10")
    firm = Firm([computed])
    firm.send(group("ada", "g1", traits={"seats": 20}))
    firm.run("big")
    firm.clock.advance(HOUR)
    firm.send(group("ada", "g1", traits={"big": "no"}), identify("ada", {"big": "no"}))
    assert firm.of_account("g1", "big") is firm.value("user_id:ada", "big") is True
    firm.directory.define([])
    firm.clock.advance(HOUR)
    firm.send(group("ada", "g1", traits={"big": "no"}), identify("ada", {"big": "no"}))
    assert firm.of_account("g1", "big") == firm.value("user_id:ada", "big") == "no"
    assert firm.profile("user_id:ada").head.via == {}


def test_each_run_has_one_instant_later_than_the_one_before():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    firm.send(group("ada", "g1", traits={"seats": 20}), group("bob", "g2", traits={"seats": 20}))
    firm.run("big")
    assert firm.account("g1").head.outcomes["big"].changed_at == T0
    assert firm.account("g2").head.outcomes["big"].changed_at == T0
    firm.directory.define([of_accounts("big", "trait('seats') > 100")])
    assert firm.run("big") == (0, 2)  # on the same clock
    assert firm.account("g1").head.outcomes["big"].changed_at == T0 + 1


def test_a_run_hands_over_when_its_time_is_over_and_goes_on_where_it_was():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    names = [f"g{number}" for number in range(23)]
    for name in names:
        firm.send(*[group(f"{name}-{user}", name, traits={"seats": 20}) for user in range(3)])
    over = ClockDeadline(firm.clock, firm.clock.now() - 1)
    task, runs, calls = firm.task("big"), firm.runs(), 0
    while task.current_step is not None:
        task, calls = firm.work_on(task, runs, over), calls + 1
    assert calls > len(names)
    assert firm.changes.of[task.task_id] == (23, 0)
    assert all(firm.value(f"user_id:{name}-{user}", "big") for name in names for user in range(3))


def test_more_accounts_than_one_page_holds():
    firm = Firm([of_accounts("big", "trait('seats') > 10")])
    for page in range(3):
        firm.send(*[group(f"u{page}-{n}", f"g{page}-{n}", traits={"seats": 20}) for n in range(70)])
    assert firm.run("big") == (210, 0)


def test_streams_that_are_not_complete_are_not_evaluated():
    firm = Firm([of_accounts("idle", IDLE, ready=False, begun_at=5)])
    firm.send(group("ada", "acme"))
    with pytest.raises(StepFailed) as refused:
        firm.run("idle")
    assert refused.value.code == "NOT_READY"


def test_people_do_not_keep_what_no_window_reaches_any_more():
    firm = Firm([trait_of_accounts("day", "event('Paid').within(1 day).sum(property('amount'))")])
    for amount in range(5):
        firm.send(group("ada", "acme"), track("Paid", "ada", properties={"amount": amount}))
        firm.clock.advance(10 * HOUR)
    (state,) = firm.profile("user_id:ada").streams.values()
    assert len(state) == 3
    assert firm.run("day") == (1, 0)
    assert firm.of_account("acme", "day") == 3 + 4
