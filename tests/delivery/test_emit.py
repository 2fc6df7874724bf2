import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from chalicelib.clock import FixedClock
from chalicelib.delivery.debugger import Debugger
from chalicelib.delivery.message import decode
from chalicelib.delivery.sizes import Sizes
from chalicelib.errors import Unavailable
from chalicelib.profiles.profile import Outcome
from chalicelib.queues import DELIVER
from chalicelib.store.memory import MemoryQueues, MemoryRecords

from .world import (
    A1,
    A2,
    A3,
    E1,
    E2,
    E3,
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

TRACK = {"sendTrack": True, "sendIdentify": False}


class Stage:
    """An emitter on memory adapters."""

    def __init__(self, computations, connections, destinations=None):
        self.clock = FixedClock(NOW)
        self.directory = FakeDirectory(computations, connections, destinations or [webhook()])
        self.queues = MemoryQueues()
        work = MemoryRecords(self.clock)
        self.sizes, self.debugger = Sizes(work), Debugger(work, self.clock)
        self.emitter = emitter(self.directory, self.queues, work, self.clock, notes=self.debugger, sizes=self.sizes)

    def emit(self, *changes):
        assert self.emitter.emit(changes) == set()
        return [decode(message.body) for message in self.queues.take(DELIVER)]


def vip(*, anonymous=False, **wiring):
    computation = audience(anonymous=anonymous)
    return Stage([computation], [connection(computation, **wiring)])


def ltv(**wiring):
    computation = trait()
    return Stage([computation], [connection(computation, **wiring)])


def shown(deliveries):
    """(event or type, user id, email, anonymous id, value) of each."""
    found = []
    for delivery in deliveries:
        event = delivery.payload
        values = event.get("properties") or event["traits"]
        email = (
            event["traits"].get("email")
            if event["type"] == "identify"
            else event["context"].get("traits", {}).get("email")
        )
        key = event["context"]["personas"]["computation_key"]
        found.append(
            (event.get("event", "identify"), event.get("userId"), email, event.get("anonymousId"), values[key])
        )
    return found


def test_entering_an_audience():
    (delivery,) = vip(**TRACK).emit(change(head(U1, E1), head(U1, E1, vip=True)))
    stamp = "2027-01-15T07:59:59.995Z"
    now = "2027-01-15T08:00:00.000Z"
    assert delivery.payload == {
        "type": "track",
        "messageId": delivery.message_id,
        "event": "Audience Entered",
        "userId": "u1",
        "timestamp": stamp,
        "originalTimestamp": stamp,
        "receivedAt": now,
        "sentAt": now,
        "properties": {"audience_key": "vip", "vip": True},
        "context": {
            "personas": {
                "computation_class": "audience",
                "computation_id": "aud_vip",
                "computation_key": "vip",
                "namespace": f"spa_{SPACE}",
                "space_id": f"spa_{SPACE}",
            },
            "traits": {"email": "jo1@ex.io"},
        },
        "integrations": {"All": False, "Webhook": True},
    }
    assert delivery.message_id.startswith("personas_")
    assert (delivery.destination_id, delivery.computation_id, delivery.created_at) == ("d1", "aud_vip", NOW - 5)


def test_identify_is_the_default_and_both_forms_may_be_sent():
    moved = change(None, head(U1, E1, vip=True))
    (only,) = vip().emit(moved)
    assert (only.payload["type"], only.payload["traits"]) == ("identify", {"email": "jo1@ex.io", "vip": True})
    assert "properties" not in only.payload
    assert "event" not in only.payload
    identify, track = vip(sendTrack=True).emit(moved)
    assert (identify.payload["type"], track.payload["type"]) == ("identify", "track")
    assert identify.message_id != track.message_id


def test_neither_form():
    assert vip(sendIdentify=False).emit(change(None, head(U1, vip=True))) == []


def test_one_event_per_email():
    assert shown(vip(**TRACK).emit(change(head(U1, E1, E2), head(U1, E1, E2, vip=True)))) == [
        ("Audience Entered", "u1", "jo1@ex.io", None, True),
        ("Audience Entered", "u1", "jo2@ex.io", None, True),
    ]


def test_an_exit_ignores_the_strategy_set_meanwhile():
    stage = vip(id_sync=[("user_id", "last", None), ("email", "last", None)], **TRACK)
    assert shown(stage.emit(change(head(U1, E1, E2, vip=True), head(U1, E1, E2, vip=False)))) == [
        ("Audience Exited", "u1", "jo1@ex.io", None, False),
        ("Audience Exited", "u1", "jo2@ex.io", None, False),
    ]


def test_an_entry_follows_the_strategy():
    stage = vip(id_sync=[("user_id", "last", None), ("email", "last", None)], **TRACK)
    assert shown(stage.emit(change(head(U1, E1, E2, E3), head(U1, E1, E2, E3, vip=True)))) == [
        ("Audience Entered", "u1", "jo3@ex.io", None, True)
    ]


def test_a_member_gains_an_email():
    assert shown(vip(**TRACK).emit(change(head(U1, E1, vip=True), head(U1, E1, E2, vip=True)))) == [
        ("Audience Entered", "u1", "jo2@ex.io", None, True)
    ]


def test_a_member_known_by_email_gains_a_user_id():
    assert shown(vip().emit(change(head(E1, vip=True), head(E1, U1, vip=True)))) == [
        ("identify", "u1", "jo1@ex.io", None, True)
    ]


def test_a_member_gains_an_id_that_is_not_sent():
    assert vip().emit(change(head(U1, vip=True), head(U1, A1, ("crm_id", "c"), vip=True))) == []


@pytest.mark.parametrize("held", [{}, {"vip": False}])
def test_a_non_member_gains_an_email(held):
    assert vip().emit(change(head(U1, E1, **held), head(U1, E1, E2, **held))) == []


def test_anonymous_members():
    moved = change(None, head(A1, A2, A3, vip=True))
    assert shown(vip(anonymous=True, **TRACK).emit(moved)) == [
        ("Audience Entered", None, None, a, True) for a in ("a1", "a2", "a3")
    ]
    assert vip(**TRACK).emit(moved) == []


def test_never_entered_is_not_an_exit():
    assert vip().emit(change(head(U1), head(U1, vip=False))) == []
    assert vip().emit(change(None, head(U1, vip=False))) == []


def test_unchanged_means_silence():
    stage = vip()
    later = head(U1, E1, vip=True, updated_at=NOW + 1)
    assert stage.emit(change(head(U1, E1, vip=True), later)) == []
    assert stage.emit(change(head(U1), head(U1))) == []
    assert stage.directory.views == 0


def test_an_exit_reaches_ids_that_were_removed_in_the_same_write():
    assert [row[2] for row in shown(vip().emit(change(head(U1, E1, vip=True), head(U1, E2, vip=False))))] == [
        "jo1@ex.io",
        "jo2@ex.io",
    ]


def test_the_survivor_of_a_merge_speaks_for_both():
    stage = vip(**TRACK)
    u2 = ("user_id", "u2")
    frozen = change(head(u2), head(u2), profile_id="p2", merged_into="p1")
    assert stage.emit(frozen, change(head(U1, vip=True), head(U1, u2, vip=True))) != []
    told = stage.emit(change(head(U1, vip=True), head(U1, u2, vip=True), version=2))
    assert shown(told) == [("Audience Entered", "u2", None, None, True)]
    assert shown(stage.emit(change(head(U1, vip=True), head(U1, u2, vip=False), version=3))) == [
        ("Audience Exited", "u1", None, None, False),
        ("Audience Exited", "u2", None, None, False),
    ]


def test_the_frozen_profile_of_a_merge_and_deleted_ones_are_silent():
    member, out = head(U1, vip=True), head(U1, vip=False)
    assert vip().emit(change(member, out, merged_into="p9"), change(member, None, version=3)) == []


def test_accounts_are_not_told():
    account = head(("group_id", "g"), vip=True)
    account.collection = "accounts"
    assert vip().emit(change(None, account)) == []


def test_a_trait_is_told_when_it_changes():
    stage = ltv(**TRACK)
    (delivery,) = stage.emit(change(head(U1, E1, ltv=3), head(U1, E1, ltv=4)))
    assert delivery.payload["event"] == "Trait Computed"
    assert delivery.payload["properties"] == {"trait_key": "ltv", "ltv": 4}
    assert delivery.payload["context"]["personas"]["computation_class"] == "trait"
    assert stage.emit(change(head(U1, ltv=4), head(U1, ltv=4, updated_at=NOW + 1))) == []


def test_a_trait_that_went_away_is_told_as_null():
    (delivery,) = ltv(**TRACK).emit(change(head(U1, ltv=3), head(U1)))
    assert delivery.payload["properties"] == {"trait_key": "ltv", "ltv": None}


def test_true_is_another_value_than_one():
    computation = trait()
    stage = Stage([computation], [connection(computation)])
    old, new = head(U1, ltv=1), head(U1)
    new.outcomes["ltv"] = Outcome(True, computation.id, NOW)
    assert [row[-1] for row in shown(stage.emit(change(old, new)))] == [True]


def test_a_profile_with_a_value_gains_an_email():
    assert shown(ltv().emit(change(head(U1, ltv=3), head(U1, E1, ltv=3)))) == [("identify", "u1", "jo1@ex.io", None, 3)]
    assert ltv().emit(change(head(U1), head(U1, E1))) == []


def test_event_names_can_be_changed():
    names = {"enterEventName": "In", "exitEventName": "Out", **TRACK}
    entered, left = change(None, head(U1, vip=True)), change(head(U1, vip=True), head(U1, vip=False), version=3)
    assert [row[0] for row in shown(vip(**names).emit(entered, left))] == ["In", "Out"]
    assert [row[0] for row in shown(vip(enterEventName="", **TRACK).emit(entered))] == ["Audience Entered"]


def test_custom_and_mobile_ids_have_their_places_and_overwrite_nothing():
    sync = [("user_id", "last", None), ("crm_id", "last", "vip"), ("loyalty", "last", "loyalty_no")]
    wiring = {"id_sync": sync, "sendTrack": True, "sendMobileIds": True}
    ids = (U1, ("crm_id", "c1"), ("loyalty", "l1"), ("ios.idfa", "i1"))
    identify, track = vip(**wiring).emit(change(None, head(*ids, vip=True)))
    assert identify.payload["traits"] == {"vip": True, "loyalty_no": "l1"}
    assert track.payload["properties"] == {"vip": True, "loyalty_no": "l1", "audience_key": "vip"}
    assert track.payload["context"]["device"] == {"type": "ios", "advertisingId": "i1"}
    assert "traits" not in track.payload["context"]


def test_every_connection_is_told_and_named():
    computation = audience()
    stage = Stage(
        [computation],
        [connection(computation, "d1"), connection(computation, "d2", **TRACK)],
        [webhook("d1"), webhook("d2")],
    )
    assert stage.emitter.emit([change(None, head(U1, vip=True))]) == set()
    sent = stage.queues.take(DELIVER)
    assert [message.group for message in sent] == ["d1", "d2"]
    assert len({decode(message.body).message_id for message in sent}) == 2


def test_what_is_switched_off_or_gone_is_not_told():
    moved = change(None, head(U1, vip=True))
    assert vip(enabled=False).emit(moved) == []
    computation = audience()
    wired = [connection(computation)]
    assert Stage([computation], wired, [webhook(enabled=False)]).emit(moved) == []
    assert Stage([computation], wired, [webhook("other")]).emit(moved) == []
    assert Stage([audience(enabled=False)], wired).emit(moved) == []
    assert Stage([], wired).emit(moved) == []


def test_transitions_of_a_pause_are_not_caught_up():
    stage = vip()
    (wired,) = stage.directory.connections
    stage.directory.switch(wired, enabled=False)
    states = [False, True, False, True, False, True]
    for version, (before, after) in enumerate(pairwise(states)):
        assert stage.emit(change(head(U1, vip=before), head(U1, vip=after), version=version)) == []
    stage.directory.switch(wired, enabled=True)
    assert len(stage.emit(change(head(U1, vip=True), head(U1, vip=False), version=9))) == 1
    del stage.directory.connections[wired]
    assert stage.emit(change(head(U1, vip=False), head(U1, vip=True), version=10)) == []


def test_repeating_a_step_repeats_the_ids_and_nothing_else_does():
    moved = change(head(U1, E1, E2), head(U1, E1, E2, vip=True))
    first, second = vip(sendTrack=True).emit(moved), vip(sendTrack=True).emit(moved)
    assert [d.message_id for d in first] == [d.message_id for d in second]
    others = [
        *vip(sendTrack=True).emit(moved._replace(version=3)),
        *vip(sendTrack=True).emit(moved._replace(profile_id="p2")),
        *vip(sendTrack=True).emit(change(head(U1, E1, E2, vip=True), head(U1, E1, E2, vip=False))),
    ]
    assert len({d.message_id for d in [*first, *others]}) == 16


def test_a_space_is_looked_up_once_per_call():
    stage = vip()
    changes = [change(None, head(("user_id", f"u{n}"), vip=True), profile_id=f"p{n}") for n in range(5)]
    assert len(stage.emit(*changes)) == 5
    assert stage.directory.views == 1


def test_a_queue_that_is_full_fails_exactly_the_changes_with_messages():
    stage = vip()

    def refuse(queue, messages):
        raise Unavailable("full")

    stage.queues.send = refuse
    told = change(None, head(U1, vip=True))
    silent = change(head(U1), head(U1), profile_id="p2")
    assert stage.emitter.emit([told, silent]) == {told.record_id}


def test_a_change_that_breaks_fails_alone():
    stage = vip()
    bad = change(None, head(("user_id", "x"), vip=True), profile_id="bad")
    assert bad.new is not None
    nothing: Any = None
    bad.new.external_ids = nothing
    good = change(None, head(U1, vip=True))
    stage.sizes.apply = lambda changes: set()
    assert stage.emitter.emit([bad, good]) == {bad.record_id}
    assert len(stage.queues.take(DELIVER)) == 1


def test_a_directory_that_is_down_fails_the_changes_it_is_needed_for():
    stage = vip()

    def down(space_id):
        raise Unavailable("dynamodb")

    stage.directory.view = down
    told, silent = change(None, head(U1, vip=True)), change(None, head(U1), profile_id="p2")
    assert stage.emitter.emit([told, silent]) == {told.record_id}


def test_changes_that_cannot_be_counted_come_again():
    stage = vip()
    told = change(None, head(U1, vip=True))
    stage.sizes.apply = lambda changes: {told.record_id}
    assert stage.emitter.emit([told]) == {told.record_id}
    assert stage.queues.take(DELIVER) == []


def test_a_message_holds_only_what_a_queue_takes():
    stage = vip()
    odd = "u\x00\uffff\ufffe\u2028é😀"
    stage.emitter.emit([change(None, head(("user_id", odd), vip=True))])
    (message,) = stage.queues.take(DELIVER)
    assert not set(message.body) & {"\x00", "\uffff", "\ufffe"}
    assert decode(message.body).payload["userId"] == odd
    assert json.loads(message.body)["payload"]["userId"] == odd


def test_sizes_follow():
    stage = vip()
    stage.emit(change(None, head(U1, vip=True)))
    assert stage.sizes.of(SPACE) == {"aud_vip": 1}


def test_a_delivery_carries_no_settings():
    computation = audience()
    stage = Stage(
        [computation], [connection(computation)], [webhook(sharedSecret="s3cr3t", headers={"X": "topsecret"})]
    )
    (delivery,) = stage.emit(change(None, head(U1, vip=True)))
    assert b"s3cr3t" not in msgspec.json.encode(delivery)
    assert b"topsecret" not in msgspec.json.encode(delivery)
