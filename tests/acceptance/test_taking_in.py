"""While a definition is taken in people go on, and so do owners: whatever happens at whatever moment of it, in the end
everything is as the whole past says."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from chalicelib import bootstrap
from chalicelib.clock import DAY
from chalicelib.instants import to_iso
from tests.acceptance.journal import Journal, Message
from tests.acceptance.world import track

SETTLE = 90
MOMENTS = [0, 45, 91, 135, 181]  # seconds after the order: settling, waiting after the switch, and done

COUNT = "event('A').count() >= 3"
OTHER = "event('B').count() >= 2 OR event('A').within(2 days).count() >= 1"
FUNNEL = "event('A').where(event('B').within(parent: 3 days).count() >= 1).count() >= 1"


def guest(event: str, who: str, **more: object) -> Message:
    return {"type": "track", "event": event, "anonymousId": who, **more}


def joined(user: str, who: str, **traits: object) -> Message:
    return {"type": "identify", "userId": user, "anonymousId": who, "traits": traits}


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal(SETTLE)
    for days in (20, 9, 4, 1):  # u1, u2 and a1 did A four times, and only u1 and u2 did B as well
        ago = {"timestamp": to_iso(made.now - days * DAY)}
        made.say(*(track(event, user, **ago) for event in "AB" for user in ("u1", "u2")), guest("A", "a1", **ago))
        made.say(guest("B", "a2", **ago), guest("A", "a3", **ago), track("A", "u4"))
        made.world.advance(3_600)
    yield made
    bootstrap.install(None)


def merge(journal: Journal) -> None:
    journal.say(joined("u1", "a1"), joined("u2", "a2"))


def merge_two_strangers(journal: Journal) -> None:
    journal.say({"type": "identify", "anonymousId": "a1", "traits": {"email": "a@x.io"}})
    journal.say({"type": "identify", "anonymousId": "a3", "traits": {"email": "A@x.io"}})
    journal.say(guest("B", "a3"))


def go_on(journal: Journal) -> None:
    journal.say(track("A", "u1"), track("B", "u4"), guest("A", "a2"), track("A", "u9"))


def come_late(journal: Journal) -> None:
    for days in (19, 6, 2):
        journal.say(track("A", "u4", timestamp=to_iso(journal.now - days * DAY)), guest("B", "a1"))


def repeat(journal: Journal) -> None:
    journal.say(*(said.content for said in journal.chronicle.said[-9:]))


def switch(journal: Journal) -> None:
    for rule in [*journal.rules.values()]:
        journal.switch(rule, on=False)
    journal.world.advance(20)
    go_on(journal)
    for rule in journal.rules.values():
        journal.switch(rule, on=True)


def delete_one(journal: Journal) -> None:
    """One that nobody refers to."""
    journal.delete([*journal.rules.values()][-1])


def order_more(journal: Journal) -> None:
    journal.audience(COUNT)
    journal.trait("event('A').count()", backfillDurationDays=5)


def edit(journal: Journal) -> None:
    for rule in [*journal.rules.values()][:2]:
        assert journal.edit(rule, "event('B').count()" if rule.kind == "trait" else OTHER) in (200, 409)


def restrict(journal: Journal) -> None:
    rule = next(rule for rule in journal.rules.values() if rule.kind == "audience")
    assert journal.restrict(rule, "user_id") in (200, 409)


DEEDS: list[Callable[[Journal], None]] = [
    merge,
    merge_two_strangers,
    go_on,
    come_late,
    repeat,
    switch,
    delete_one,
    order_more,
    edit,
    restrict,
]


def live_through(journal: Journal, random: Random) -> None:
    """Three deeds at three moments."""
    passed = 0
    for moment, deed in zip(sorted(random.sample(MOMENTS, 3)), random.sample(DEEDS, 3), strict=True):
        journal.world.advance(moment - passed)
        deed(journal)
        passed = moment
    journal.world.advance(100)
    go_on(journal)
    journal.check()


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_meanwhile(journal: Journal, seed: int) -> None:
    journal.audience(COUNT)
    journal.audience(FUNNEL)
    journal.audience("event('A').within(6 days).count() >= 2", backfillEventDataDays=5)
    journal.trait("event('A').count()")
    journal.trait("event('B').count()", includeHistoricalData=False)
    live_through(journal, Random(seed))
    journal.world.advance(8 * DAY / 1_000)
    journal.check()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_while_it_is_edited(journal: Journal, seed: int) -> None:
    rules = [journal.audience(COUNT), journal.trait("event('B').count()"), journal.audience("trait('r1') >= 4")]
    journal.check()
    edited = ["event('B').count() >= 4 AND NOT event('A').within(7 days).count() >= 4", "event('A').sum(property('v'))"]
    assert [journal.edit(*pair) for pair in zip(rules, edited, strict=False)] == [200, 200]
    live_through(journal, Random(seed))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_definition_stands_until_its_first_values_are_in(journal: Journal, moment: int) -> None:
    rules = [journal.audience(COUNT), journal.trait("event('A').count()")]
    journal.world.advance(moment)
    for rule, text in zip(rules, (OTHER, "event('B').count()"), strict=True):
        is_live = journal.shown(rule)["status"] == "Live"
        assert is_live is (moment > 2 * SETTLE)
        assert journal.edit(rule, text) == (200 if is_live else 409)
    assert journal.restrict(rules[0], "user_id") == 409
    journal.check()


def test_back_and_forth(journal: Journal) -> None:
    rule, other = journal.audience(COUNT), journal.trait("event('A').count()", backfillDurationDays=10)
    journal.check()
    for text, values in ((FUNNEL, "event('B').count()"), (COUNT, "event('A').count()")) * 2:
        assert (journal.edit(rule, text), journal.edit(other, values)) == (200, 200)
        assert (journal.edit(rule, OTHER), journal.edit(other, "event('C').count()")) == (409, 409)
        merge(journal)
        go_on(journal)
        assert journal.shown(rule)["status"] == "Locked"
        journal.check()


def test_an_edit_that_is_undone_while_it_is_switched_off(journal: Journal) -> None:
    rule = journal.audience(COUNT)
    journal.check()
    for text in (FUNNEL, COUNT, FUNNEL, COUNT):
        journal.edit(rule, text)
        journal.switch(rule, on=False)
        come_late(journal)
        journal.world.advance(30)
        journal.switch(rule, on=True)
        journal.check()


def test_new_ones_that_refer_to_each_other_begin_at_once(journal: Journal) -> None:
    hook = journal.world.webhook("hook")
    first, count = journal.audience(COUNT), journal.trait("event('B').count()")
    second = journal.audience(f"trait('{first.key}') = 'true' AND trait('{count.key}') >= 4", ("user_id",))
    third = journal.audience(f"trait('{second.key}') = 'true' OR event('C').count() >= 1", ("user_id",))
    for one in (first, second, third):
        journal.world.connect({"id": one.id}, hook)
    rest = journal.audience(f"NOT trait('{first.key}') = 'true'")
    journal.audience(f"trait('{rest.key}') = 'true' AND NOT trait('{third.key}') = 'true'")
    journal.check()
    told = [(e["event"], e["properties"]["audience_key"], e.get("userId")) for e in journal.world.events("hook")]
    assert {event for event, _, _ in told} == {"Audience Entered"}
    for one in (second, third):
        assert sorted(str(user) for _, key, user in told if key == one.key) == ["u1", "u2"]


def test_of_a_merge_only_new_identifiers_are_told(journal: Journal) -> None:
    """The guest a1 was a member, a2 was not."""
    hook = journal.world.webhook("hook")
    rule = journal.audience("event('A').within(30 days).count() >= 3")
    journal.world.connect({"id": rule.id}, hook)
    journal.check()
    before = [(e["event"], e.get("userId"), e.get("anonymousId")) for e in journal.world.events("hook")]
    assert ("Audience Entered", None, "a1") in before
    merge(journal)
    journal.check()
    heard = [(e["event"], e.get("userId"), e.get("anonymousId")) for e in journal.world.events("hook")]
    assert heard[len(before) :] == [("Audience Entered", None, "a2")]
    journal.world.forget("hook")
    journal.world.advance(31 * DAY / 1_000)
    journal.check()
    heard = [(e["event"], e.get("userId"), e.get("anonymousId")) for e in journal.world.events("hook")]
    assert {event for event, _, _ in heard} == {"Audience Exited"}
    assert {(user, guest) for _, user, guest in heard} >= {("u1", None), ("u2", None), (None, "a1"), (None, "a2")}
