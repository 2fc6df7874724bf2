"""What destinations are told when two people become one."""

import random
from collections import Counter

import pytest

from chalicelib.clock import MINUTE, FixedClock
from chalicelib.delivery.message import Delivery, decode
from chalicelib.delivery.sizes import Sizes
from chalicelib.profiles.profile import Merge
from chalicelib.queues import DELIVER
from chalicelib.store.memory import MemoryQueues, MemoryRecords
from chalicelib.workspace.ports import SpaceView
from tests.pipeline.crowd import Crowd, call, limits
from tests.pipeline.shop import audience as defined

from .test_emit import TRACK, ltv, shown, vip
from .world import A1, E1, NOW, U1, change, connection, emitter, head, webhook

E2, U2 = ("email", "jo2@ex.io"), ("user_id", "u2")


def took_in(taken, *members):
    """The head of a survivor that has just taken somebody in."""
    taken.merges.append(Merge("p2", NOW, "m", "src", list(members)))
    return taken


def test_a_member_goes_into_somebody_who_is_none_and_both_are_none():
    told = shown(vip(**TRACK).emit(change(head(U1), took_in(head(U1, E1, E2), "vip"))))
    assert told == [
        ("Audience Exited", "u1", "jo1@ex.io", None, False),
        ("Audience Exited", "u1", "jo2@ex.io", None, False),
    ]


def test_the_exit_reaches_all_identifiers_when_the_survivor_had_left_before():
    told = shown(vip(**TRACK).emit(change(head(U1, vip=False), took_in(head(U1, U2, vip=False), "vip"))))
    assert [row[:2] + row[4:] for row in told] == [("Audience Exited", "u1", False), ("Audience Exited", "u2", False)]


def test_a_member_goes_into_a_member_and_only_what_is_new_is_told():
    moved = change(head(U1, vip=True), took_in(head(U1, E1, vip=True), "vip"))
    assert shown(vip(**TRACK).emit(moved)) == [("Audience Entered", "u1", "jo1@ex.io", None, True)]


def test_a_member_goes_into_somebody_who_becomes_one():
    moved = change(head(U1), took_in(head(U1, U2, vip=True), "vip"))
    assert [row[:2] for row in shown(vip(**TRACK).emit(moved))] == [
        ("Audience Entered", "u1"),
        ("Audience Entered", "u2"),
    ]


def test_nobody_was_a_member_and_nobody_hears_of_it():
    stage = vip()
    assert stage.emit(change(head(U1), took_in(head(U1, E1)))) == []
    assert stage.directory.views == 0


def test_the_members_of_an_earlier_merge_are_not_told_again():
    old = took_in(head(U1, U2, vip=False), "vip")
    assert vip().emit(change(old, took_in(head(U1, U2, updated_at=NOW + 1, vip=False), "vip"))) == []


def test_a_trait_that_the_joined_past_no_longer_gives_is_told_as_gone():
    told = shown(ltv(**TRACK).emit(change(head(U1), took_in(head(U1, U2), "ltv"))))
    assert [(row[1], row[4]) for row in told] == [("u1", None), ("u2", None)]


def test_a_trait_that_stays_is_told_to_the_new_identifiers():
    moved = change(head(U1, ltv=3), took_in(head(U1, E1, ltv=3), "ltv"))
    assert shown(ltv().emit(moved)) == [("identify", "u1", "jo1@ex.io", None, 3)]


def test_a_merge_told_again_has_the_same_ids():
    moved = change(head(U1, A1), took_in(head(U1, U2), "vip"))
    first, second = vip().emit(moved), vip().emit(moved)
    assert [d.message_id for d in first] == [d.message_id for d in second] != []


KNOWN = ["user_id", "email"]
AUDIENCES = [
    defined("novice", "event('Seen').count() = 1", external_ids=KNOWN),
    defined("loyal", "event('Seen').count() >= 3", external_ids=KNOWN),
    defined("pro", "trait('plan') = 'pro'", external_ids=KNOWN),
    defined("odd", "trait('loyal') = 'true' AND NOT trait('pro') = 'true'", external_ids=KNOWN),
]


class Partner:
    """Believes what it is told, identifier by identifier."""

    def __init__(self, crowd):
        self._crowd = crowd
        self._wired = {c.id: [connection(c, fanout="per_identifier")] for c in AUDIENCES}
        self._queues = MemoryQueues()
        work, clock = MemoryRecords(FixedClock(NOW)), FixedClock(NOW)
        self.sizes = Sizes(work)
        self._emitter = emitter(self, self._queues, work, clock)
        self.members: Counter[tuple[str, str]] = Counter()

    def view(self, space_id):
        view = self._crowd.directory.view(space_id)
        return SpaceView(view.version, view.catalogue, self._wired)

    def destination(self, destination_id):
        return webhook(destination_id)

    def listen(self):
        """To every change once more, in overlapping batches."""
        changes = self._crowd.profiles.changes
        for start in range(0, len(changes), 4):
            assert self._emitter.emit(changes[max(0, start - 3) : start + 4]) == set()
            heard: dict[str, Delivery] = {}
            for message in self._queues.take(DELIVER):
                heard.setdefault(decode(message.body).message_id, decode(message.body))
            for delivery in heard.values():
                self._hear(delivery.payload)

    def _hear(self, event):
        key = event["context"]["personas"]["computation_key"]
        name = event.get("userId") or event["traits"]["email"]
        self.members[key, name] = int(event["traits"][key])


def life(dice):
    """A random story of a few people who turn out to be fewer."""
    crowd = Crowd(*AUDIENCES, rules=dice.choice([limits(), limits(e=1), limits(u=2)]))
    for _ in range(dice.randint(4, 14)):
        crowd.clock.advance(MINUTE)
        ids = {letter: f"{letter}{dice.choice('12')}" for letter in dice.sample("uae", dice.randint(1, 2))}
        message = call(ids)
        if dice.random() < 0.3:
            message |= {"type": "identify", "traits": {"plan": dice.choice(["pro", "free"])}}
        crowd.send(message)
    return crowd


@pytest.mark.parametrize("block", range(4))
def test_a_partner_ends_up_knowing_exactly_who_is_a_member_under_which_identifiers(block):
    merges = 0
    for seed in range(block * 60, block * 60 + 60):
        crowd = life(random.Random(seed))
        partner = Partner(crowd)
        partner.listen()
        live = [p for p in map(crowd.stored, crowd.ids()) if p.merged_into is None]
        merges += sum(len(p.head.merges) for p in live)
        truth = {
            (key, e.value)
            for p in live
            for key, outcome in p.head.outcomes.items()
            if outcome.is_held and key != "seen"
            for e in p.head.external_ids
            if e.type in ("user_id", "email")
        }
        assert {told for told, value in partner.members.items() if value} == truth, f"seed {seed}"
        sizes = Counter(o.computation_id for p in live for o in p.head.outcomes.values() if o.is_held)
        assert partner.sizes.of("s") == dict(sizes), f"seed {seed}"
    assert merges > 20
