"""Who is told what only once, and in order."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR, MINUTE, FixedClock
from chalicelib.delivery.message import decode
from chalicelib.delivery.rows import rows
from chalicelib.delivery.told import CONTESTED, Told, Wanted
from chalicelib.errors import Unavailable
from chalicelib.profiles.profile import DELETED, Merge
from chalicelib.queues import DELIVER
from chalicelib.store.memory import MemoryQueues, MemoryRecords

from .test_emit import TRACK, Stage, shown, vip
from .world import (
    A1,
    E1,
    E2,
    NOW,
    SPACE,
    U1,
    FakeDirectory,
    audience,
    change,
    connection,
    emitter,
    head,
    trait,
    webhook,
)

U2 = ("user_id", "u2")


def took_in(taken, *members, who="p2"):
    taken.merges.append(Merge(who, NOW, "m", "src", list(members), [], None))
    return taken


def emails(deliveries):
    return [row[2] for row in shown(deliveries)]


def test_an_exit_reaches_identifiers_that_were_taken_away_since():
    stage = vip(**TRACK)
    stage.emit(change(None, head(U1, E1, E2, vip=True), version=1))
    assert stage.emit(change(head(U1, E1, E2, vip=True), head(U1, E1, vip=True), version=2)) == []
    left = stage.emit(change(head(U1, E1, vip=True), head(U1, E1, vip=False), version=3))
    assert emails(left) == ["jo1@ex.io", "jo2@ex.io"]
    assert [row[4] for row in shown(left)] == [False, False]


def test_an_identifier_that_comes_back_is_not_told_twice():
    stage = vip(**TRACK)
    stage.emit(change(None, head(U1, E1, vip=True), version=1))
    stage.emit(change(head(U1, E1, vip=True), head(U1, vip=True), version=2))
    assert stage.emit(change(head(U1, vip=True), head(U1, E1, vip=True), version=3)) == []


def test_who_enters_again_is_told_again_even_if_a_pause_swallowed_the_exit():
    stage = vip(**TRACK)
    assert len(stage.emit(change(None, head(U1, vip=True), version=1))) == 1
    id = next(iter(stage.directory.connections))
    stage.directory.switch(id, enabled=False)
    assert stage.emit(change(head(U1, vip=True), head(U1, vip=False), version=2)) == []
    stage.directory.switch(id, enabled=True)
    assert shown(stage.emit(change(head(U1, vip=False), head(U1, vip=True), version=3))) == [
        ("Audience Entered", "u1", None, None, True)
    ]


def test_a_change_that_comes_again_says_the_same_and_an_older_one_nothing():
    stage = vip(**TRACK)
    entered = change(None, head(U1, E1, vip=True), version=1)
    left = change(head(U1, E1, vip=True), head(U1, E1, vip=False), version=2)
    first, second = stage.emit(entered), stage.emit(left)
    assert [d.message_id for d in stage.emit(left)] == [d.message_id for d in second]
    assert stage.emit(entered) == []
    assert {d.message_id for d in first}.isdisjoint(d.message_id for d in second)


def test_changes_of_one_profile_in_one_batch_are_told_in_order():
    stage = vip(**TRACK)
    told = stage.emit(
        change(None, head(U1, vip=True), version=1),
        change(head(U1, vip=True), head(U1, vip=False), version=2),
        change(head(U1, vip=False), head(U1, vip=True), version=3),
    )
    assert [row[0] for row in shown(told)] == ["Audience Entered", "Audience Exited", "Audience Entered"]
    assert [d.sequence for d in told] == sorted({d.sequence for d in told})
    assert [d.follows for d in told] == [False, True, True]


def test_who_comes_after_a_change_that_failed_waits_for_it():
    stage = vip(**TRACK)
    one = change(None, head(U1, vip=True), version=1)
    two = change(head(U1, vip=True), head(U1, vip=False), version=2)
    other = change(None, head(U2, vip=True), version=1, profile_id="p9")
    stage.sizes.apply = lambda changes: {one.record_id}
    assert stage.emitter.emit([one, two, other]) == {one.record_id, two.record_id}
    assert [decode(m.body).payload["userId"] for m in stage.queues.take(DELIVER)] == ["u2"]


def test_a_queue_that_takes_nothing_holds_up_later_changes_of_the_same_profile():
    stage = vip(**TRACK)
    changes = [
        change(None, head(U1, vip=True), version=1),
        change(head(U1, vip=True), head(U1, vip=False), version=2),
    ]
    send, stage.queues.send = stage.queues.send, refuse
    assert stage.emitter.emit(changes) == {c.record_id for c in changes}
    stage.queues.send = send
    assert [row[0] for row in shown(stage.emit(*changes))] == ["Audience Entered", "Audience Exited"]


def refuse(queue, messages):
    raise Unavailable("not now")


def test_a_merge_tells_only_who_does_not_know():
    stage = vip(**TRACK)
    stage.emit(change(None, head(U1, vip=True), version=1))
    stage.emit(change(None, head(U2, vip=True), version=7, profile_id="p2"))
    merged = took_in(head(U1, U2, E1, vip=True), "vip")
    told = stage.emit(change(head(U1, vip=True), merged, version=2))
    assert shown(told) == [
        ("Audience Entered", "u1", "jo1@ex.io", None, True),
        ("Audience Entered", "u2", "jo1@ex.io", None, True),
    ]


def test_what_the_one_taken_in_was_told_is_known_of_the_survivor():
    stage = vip(**TRACK)
    stage.emit(change(None, head(U2, E2, vip=True), version=7, profile_id="p2"))
    stage.emit(change(None, head(U1), version=1))
    told = stage.emit(change(head(U1), took_in(head(U1, U2, vip=True), "vip"), version=2))
    assert sorted(row[1] for row in shown(told)) == ["u1", "u2"]
    left = stage.emit(change(head(U1, U2, vip=True), head(U1, U2, vip=False), version=3))
    assert ("Audience Exited", "u2", "jo2@ex.io", None, False) in shown(left)
    assert min(d.sequence for d in left) > max(d.sequence for d in told)


def test_a_late_change_of_somebody_who_was_taken_in_is_not_told_any_more():
    stage = vip(**TRACK)
    late = change(None, head(U2, vip=True), version=7, profile_id="p2")
    told = stage.emit(change(head(U1), took_in(head(U1, U2), "vip"), version=2))
    assert [row[0] for row in shown(told)] == ["Audience Exited"] * 2
    assert stage.emit(late) == []


def test_of_whom_is_deleted_nothing_stays():
    stage = vip(**TRACK)
    stage.emit(change(None, head(U1, vip=True), version=1))
    assert any("told#" in key.partition for key in stage.emitter._told._work._items)
    gone = change(head(U1, vip=True), head(), version=2, merged_into=DELETED)
    assert stage.emit(gone) == []
    assert not any("told#" in key.partition for key in stage.emitter._told._work._items)


def test_what_tells_nobody_anything_costs_nothing():
    stage = vip(enabled=False)
    stage.emit(change(None, head(U1, vip=True), version=1))
    stage.emit(change(head(U1), head(U1, E1), version=2))
    assert not any("told#" in key.partition for key in stage.emitter._told._work._items)


def test_a_trait_is_told_once_per_value():
    computation = trait()
    stage = Stage([computation], [connection(computation, sendTrack=True, sendIdentify=False)])
    (three,) = stage.emit(change(None, head(U1, ltv=3), version=1))
    assert stage.emit(change(head(U1, ltv=3), head(U1, ltv=3), version=2)) == []
    (four,) = stage.emit(change(head(U1, ltv=3), head(U1, ltv=4), version=3))
    assert four.payload["event"] == "Trait Computed"
    assert four.payload["properties"] == {"trait_key": "ltv", "ltv": 4}
    assert four.payload["context"]["personas"]["computation_class"] == "trait"
    assert three.sequence < four.sequence


# The sheets themselves

WANTED = Wanted("c1", (), True)


def test_of_two_who_tell_at_once_one_looks_again():
    told = Told(MemoryRecords(FixedClock(NOW)), FixedClock(NOW))
    one = told.sheets(SPACE, ["p1"])["p1"]
    told.change(one, 1, [WANTED], [], ["c1"])
    with pytest.raises(CONTESTED):
        told.change(one, 2, [WANTED], [], ["c1"])


def test_what_was_told_long_ago_cannot_be_on_its_way_any_more():
    stage = vip()
    stage.emit(change(None, head(U1, vip=True), version=1))
    stage.clock.advance(15 * DAY)
    (left,) = stage.emit(change(head(U1, vip=True), head(U1, vip=False), version=2))
    assert not left.follows
    stage.clock.advance(HOUR)
    (back,) = stage.emit(change(head(U1, vip=False), head(U1, vip=True), version=3))
    assert back.follows


class Torn:
    """Records of a worker that may die, or lose against another one, at any write."""

    def __init__(self, work, dice):
        self._work, self._dice = work, dice

    def __getattr__(self, name):
        call = getattr(self._work, name)

        def made(*args, **kwargs):
            dies = name in ("create", "replace", "send", "put") and self._dice.random() < 0.15
            if dies and self._dice.random() < 0.5:
                raise Killed
            answer = call(*args, **kwargs)
            if dies:
                raise Killed
            return answer

        return made


class Killed(BaseException):
    pass


POOL = [U1, U2, E1, E2, ("email", "jo3@ex.io"), A1]
states = st.lists(
    st.tuples(st.sets(st.sampled_from(POOL), min_size=1, max_size=5), st.booleans(), st.integers(0, 3)), max_size=7
)


@given(st.lists(states, min_size=1, max_size=3), st.integers(0, 10**6), st.booleans())
def test_a_partner_ends_up_believing_what_is_true_whatever_dies_and_comes_again(lives, seed, single):
    """People do not share identifiers here: who they belong to is decided before anything is told."""
    dice, clock = random.Random(seed), FixedClock(NOW)
    vip, ltv = audience(anonymous=True), trait()
    wired = [connection(one, fanout="per_identifier" if single else "combination") for one in (vip, ltv)]
    directory, work, queues = FakeDirectory([vip, ltv], wired, [webhook()]), MemoryRecords(clock), MemoryQueues()
    stream = []
    for number, life in enumerate(lives):
        old, known = None, set()
        for version, (ids, member, value) in enumerate(life, start=1):
            known |= ids
            outcomes = {"vip": member} | ({"ltv": value} if value else {})
            new = head(*sorted((type, f"{text}-{number}") for type, text in known), **outcomes)
            stream.append(change(old, new, profile_id=f"p{number}", version=version))
            old = new
    believed: dict[tuple[Any, ...], Any] = {}
    start = 0
    while start < len(stream):
        clock.advance(MINUTE)
        batch = stream[start : start + dice.randint(1, 4)]
        batch = batch + dice.sample(batch, dice.randint(0, len(batch)))
        torn = emitter(directory, Torn(queues, dice), Torn(work, dice), clock)
        try:
            if torn.emit(batch):
                continue
        except Killed:
            continue
        start += len({c.record_id for c in batch})
    messages = [decode(body) for body in queues.bodies(DELIVER)]
    dice.shuffle(messages)
    for one in sorted(messages, key=lambda one: one.sequence):
        event = one.payload
        email = event["traits"].get("email")
        key = event["context"]["personas"]["computation_key"]
        believed[key, event.get("userId"), event.get("anonymousId"), email] = event["traits"][key]
    people = {c.profile_id: c.new for c in stream if c.new}.values()
    truth = {
        (one.key, row.user_id, row.anonymous_id, row.email, outcome.value)
        for person in people
        for one, wire in zip((vip, ltv), wired, strict=True)
        if (outcome := person.outcomes.get(one.key)) and outcome.value is not False
        for row in rows(person.external_ids, one, wire)
    }
    told = {(*where, value) for where, value in believed.items() if value not in (False, None)}
    assert told >= truth
    if single:  # of combinations, those of fewer identifiers stay believed beside the fuller ones
        assert told == truth
    for person in people:
        if not person.outcomes["vip"].is_held:
            ids = {e.value for e in person.external_ids}
            assert not [row for row in told if row[0] == "vip" and not ids.isdisjoint(row[1:4])]
