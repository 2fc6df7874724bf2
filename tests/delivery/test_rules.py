"""Filters of a destination: what the partner does not get, and what of the rest."""

import json

import pytest
from msgspec.structs import replace

from chalicelib.delivery.filtering import filtered
from chalicelib.filters.actions import ALLOW_PROPERTIES, DROP, DROP_PROPERTIES, SAMPLE, Action
from chalicelib.workspace.model import DestinationFilter

from .post import answers, delivery, posted
from .world import NOW, webhook

TRACK = {
    "type": "track",
    "messageId": "personas_1",
    "event": "Audience Entered",
    "userId": "u1",
    "properties": {"vip": True, "audience_key": "vip", "email": "jo@ex.io"},
    "context": {"personas": {"computation_key": "vip"}, "traits": {"email": "jo@ex.io"}},
}


def rule(when, *actions, enabled=True, since=0, id="dfl_1"):
    chosen = list(actions) or [Action(type=DROP)]
    return DestinationFilter(
        id=id, title=id, when=when, actions=chosen, enabled=enabled, created_at=0, updated_at=0, since=since
    )


def without(**fields):
    return Action(type=DROP_PROPERTIES, fields=fields)


def counts(post):
    return {name: amount for name, amount in post.ledger.counts("d1").items() if amount}


def sent(post):
    return [json.loads(request.body) for request in post.transport.requests]


def at(*rules):
    return {"destinations": [replace(webhook(), filters=list(rules))]}


def posted_to(partner, *rules, payload=TRACK):
    return posted(partner, delivery(payload=payload), **at(*rules))


@pytest.mark.parametrize(
    ("when", "goes"),
    [
        ("type = 'track'", False),
        ("type = 'identify'", True),
        ("all", False),
        ("!( event = 'Audience Entered' )", True),
        ("contains( properties.email, '@ex.io' )", False),
        ("match( context.traits.email, '*@other.io' )", True),
    ],
)
def test_what_meets_the_condition_is_dropped_without_a_request(when, goes):
    post = posted_to(answers(200), rule(when))
    post.turn()
    assert [item["event"] for item in sent(post)] == ["Audience Entered"] * goes
    assert post.queue.messages == {}
    assert post.ledger.dead_letters("d1") == []
    told = counts(post)
    assert told.get("delivered", 0) == goes
    assert told.get("filtered.FILTERED_BY_RULES", 0) == (not goes)


def test_a_filter_that_is_switched_off_does_nothing():
    post = posted_to(answers(200), rule("all", enabled=False))
    post.turn()
    assert len(sent(post)) == 1


def test_only_send_of_two_kinds_sends_nothing():
    post = posted_to(answers(200), rule("!( type = 'track' )"), rule("!( type = 'identify' )"))
    post.turn()
    assert sent(post) == []


def test_fields_are_taken_away_before_the_partner_sees_them_and_kept_for_us():
    only = Action(type=ALLOW_PROPERTIES, fields={"properties": ["vip", "audience_key"]})
    # The second condition is asked of the event as it was made, whatever the first filter takes away.
    rules = rule("type = 'track'", only), rule("properties.email != null", without(**{"context.traits": ["email"]}))
    post = posted_to(answers(400), *rules)
    post.turn()
    (item,) = sent(post)
    assert item["properties"] == {"vip": True, "audience_key": "vip"}
    assert item["context"] == {"personas": {"computation_key": "vip"}, "traits": {}}
    (letter,) = post.ledger.dead_letters("d1")
    assert letter.payload == TRACK


def test_a_sample_is_drawn_once_for_all_attempts():
    rules = rule("all", Action(type=SAMPLE, percent=0.5))
    made = [delivery(n, payload={**TRACK, "messageId": f"personas_{n}"}, message_id=f"personas_{n}") for n in range(80)]
    post = posted(lambda request: 503, *made, **at(rules))
    for _ in range(10):
        post.turn()
    chosen = {item["messageId"] for item in sent(post)}
    assert 20 < len(chosen) < 60
    assert counts(post)["filtered.FILTERED_BY_RULES"] == 80 - len(chosen)
    post.partner = lambda request: 200
    post.play()
    assert {item["messageId"] for item in sent(post)} == chosen
    assert counts(post)["delivered"] == len(chosen)


def test_a_filter_that_came_later_does_not_stop_what_waits_for_another_attempt():
    post = posted_to(answers(503, 200))
    post.turn()
    later = rule("all", since=NOW + 1), rule("all", without(properties=["email"]), since=NOW + 1)
    post.directory.destinations["d1"] = replace(webhook(), filters=list(later))
    post.play()
    first, second = sent(post)
    assert first["properties"] == TRACK["properties"]
    assert second["properties"] == {"vip": True, "audience_key": "vip"}  # but it may have less in it
    assert counts(post)["delivered"] == 1


def test_fields_stay_away_in_every_attempt():
    post = posted_to(answers(503, 503, 200), rule("all", without(properties=["email"])))
    post.play()
    assert [item["properties"] for item in sent(post)] == [{"vip": True, "audience_key": "vip"}] * 3


def test_what_cannot_be_read_holds_everything_back(caplog):
    assert filtered([rule("event ~ 'x'")], TRACK) is None
    assert "Filter dfl_1" in caplog.text
    assert filtered([rule("event ~ 'x'", enabled=False)], TRACK) == TRACK


def test_replays_obey_filters():
    copy = delivery(payload=TRACK, replayed=True, message_id="personas_1~ab")
    post = posted(answers(200), copy, **at(rule("all")))
    post.turn()
    assert sent(post) == []
    assert post.queue.messages == {}
