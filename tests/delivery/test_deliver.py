import json
import logging
import threading

import pytest
from msgspec.structs import replace

from chalicelib.clock import HOUR, SECOND
from chalicelib.deadline import ClockDeadline
from chalicelib.delivery.classification import no_answer
from chalicelib.delivery.message import encode
from chalicelib.delivery.transport import Response
from chalicelib.errors import Unavailable
from chalicelib.queues import Received

from .post import Post, answers, delivery, posted
from .world import NOW, audience, connection, webhook


def ids_sent(post):
    return [json.loads(request.body)["messageId"] for request in post.transport.requests]


def recorded(calls, name, method):
    def call(*args, **kwargs):
        calls.append(name)
        return method(*args, **kwargs)

    return call


def two_destinations():
    vip = audience()
    return {
        "destinations": [webhook("d1"), webhook("d2")],
        "connections": [connection(vip, "d1"), connection(vip, "d2")],
    }


def test_a_partner_that_accepts():
    post = posted(answers(200))
    assert post.turn() == set()
    assert ids_sent(post) == ["personas_1"]
    assert post.transport.requests[0].url == "https://d1.example.org/in"
    assert post.ledger.counts("d1") == {"delivered": 1}
    assert post.records.page("delivery#personas_1").records == []


def test_successes_cost_one_write_together():
    post = posted(answers(200), *[delivery(n) for n in range(10)])
    writes: list[str] = []
    for name in ("create", "replace", "put", "delete", "add"):
        setattr(post.records, name, recorded(writes, name, getattr(post.records, name)))
    post.turn()
    assert writes == ["add"]
    assert post.ledger.counts("d1") == {"delivered": 10}


def test_a_partner_that_always_says_too_many():
    post = posted(answers(429))
    post.turn()
    assert post.ledger.counts("d1") == {"retried": 1, "pending": 1}
    assert post.ledger.dead_letters("d1") == []
    post.play()
    assert len(post.asked_at) == 10
    assert 60 <= post.asked_at[1] <= 73
    assert 198 * 60 <= post.asked_at[-1] <= (3 * 60 + 58) * 60
    assert set(ids_sent(post)) == {"personas_1"}
    assert post.queue.messages == {}
    assert post.ledger.counts("d1") == {"retried": 9, "pending": 0, "discarded": 1, "discarded.429": 1}
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.attempts, letter.retries_exhausted) == ("429", 10, True)
    assert (letter.first_attempt_at, letter.failed_at) == (NOW, NOW + round(post.asked_at[-1] * 1_000))


def test_two_failures_then_success():
    post = posted(answers(503, 503, 200))
    post.play()
    assert ids_sent(post) == ["personas_1"] * 3
    assert post.ledger.counts("d1") == {"retried": 2, "pending": 0, "delivered": 1}
    assert post.ledger.waiting(["personas_1"]) == {}
    assert post.ledger.dead_letters("d1") == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_a_refusal_for_good(status):
    post = posted(answers(status))
    post.play()
    assert len(post.asked_at) == 1
    assert post.ledger.counts("d1") == {"discarded": 1, f"discarded.{status}": 1}
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.attempts, letter.retries_exhausted) == (str(status), 1, False)
    assert letter.payload == delivery().payload


def test_a_name_that_does_not_resolve_for_ten_minutes():
    def partner(request):
        return no_answer("ENOTFOUND") if post.clock.now() < NOW + 600_000 else 200

    post = posted(partner)
    post.play()
    assert len(post.asked_at) == 5
    for at, (earliest, latest) in zip(post.asked_at[1:], [(60, 73), (180, 218), (420, 507), (900, 1_084)], strict=True):
        assert earliest <= at <= latest
    assert post.ledger.counts("d1")["delivered"] == 1


def test_a_partner_may_ask_for_a_longer_wait():
    post = posted(answers(Response(429, {"retry-after": "1800"}), 200))
    post.play()
    assert post.asked_at == [0, 1_800]


def test_a_wait_beyond_the_deadline_is_given_up_at_once():
    post = posted(answers(Response(503, {"retry-after": "20000"})))
    post.turn()
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.attempts, letter.retries_exhausted) == ("503", 1, True)
    assert post.queue.messages == {}


def test_a_message_that_comes_too_early_is_hidden_again_without_an_attempt():
    post = posted(answers(503))
    post.turn()
    (waiting,) = post.queue.messages.values()
    due = waiting.visible_at
    post.clock.advance(10 * SECOND)
    waiting.visible_at = post.clock.now()
    assert post.turn() == {waiting.id}
    assert len(post.asked_at) == 1
    assert waiting.visible_at == due


def test_the_same_message_twice_in_one_call_is_sent_once():
    for partner, left in ((answers(200), set()), (answers(503), {"q0", "q1"})):
        post = posted(partner, delivery(), delivery())
        assert post.turn() == left
        assert len(post.asked_at) == 1
        assert {receipt for receipt, _ in post.queue.hidden} == left


def test_a_duplicate_after_the_end_repeats_neither_request_nor_count():
    post = posted(answers(503))
    post.play()
    counts, letters = post.ledger.counts("d1"), post.ledger.dead_letters("d1")
    post.queue.put(encode(delivery()))
    post.turn()
    assert (post.ledger.counts("d1"), post.ledger.dead_letters("d1")) == (counts, letters)
    assert len(post.asked_at) == 10
    assert post.queue.messages == {}


def test_what_waited_is_taken_from_the_hour_it_was_added_to():
    post = posted(answers(503, 503, 503, 503, 503, 503, 503, 200))
    post.play()
    assert post.clock.now() - NOW > HOUR
    assert post.ledger.counts("d1") == {"retried": 7, "pending": 0, "delivered": 1}
    assert post.ledger.counts("d1", since=NOW + 1)["delivered"] == 1
    assert "pending" not in post.ledger.counts("d1", since=NOW + 1)
    assert post.ledger.counts("d1", connection_id=delivery().connection_id) == post.ledger.counts("d1")


def test_one_failing_destination_does_not_prevent_another():
    def partner(request):
        return no_answer("ETIMEDOUT") if "d1." in request.url else 200

    post = posted(partner, *[delivery(n, f"d{1 + n % 2}") for n in range(10)], **two_destinations())
    assert len(post.turn()) == 5
    assert post.ledger.counts("d2") == {"delivered": 5}
    assert post.ledger.counts("d1") == {"retried": 5, "pending": 5}


def test_a_hanging_destination_does_not_hold_up_another():
    healthy_done = threading.Event()

    def partner(request):
        if "d1." in request.url:
            assert healthy_done.wait(20), "the healthy destination waited for the hanging one"
        elif b"personas_3" in request.body:
            healthy_done.set()
        return 200

    post = posted(partner, delivery(0, "d1"), delivery(1, "d2"), delivery(3, "d2"), **two_destinations())
    assert post.turn() == set()


def test_what_is_no_delivery_is_kept_and_harms_nobody():
    post = posted(answers(200))
    for n, body in enumerate(("", "{}", "[]", "null", '{"messageId":1}', "\x00", "﻿{", encode(delivery())[:-1])):
        post.queue.put(body, f"bad{n}")
    assert post.turn() == {f"bad{n}" for n in range(8)}
    assert ids_sent(post) == ["personas_1"]


def test_what_was_not_begun_in_time_comes_again_soon_and_without_an_attempt():
    def partner(request):
        post.clock.advance(9 * SECOND)
        return 200

    post = posted(partner, *[delivery(n) for n in range(5)])
    kept = post.turn(ClockDeadline(post.clock, NOW + 28 * SECOND))
    assert ids_sent(post) == ["personas_0", "personas_1"]
    assert kept == {receipt for receipt, _ in post.queue.hidden} == {"q2", "q3", "q4"}
    assert all(seconds <= 3 for _, seconds in post.queue.hidden)
    assert post.records.page("delivery#personas_2").records == []
    assert post.ledger.counts("d1") == {"delivered": 2}


def test_pausing_discards_what_waits():
    post = posted(answers(503))
    post.turn()
    (wired,) = post.directory.connections
    post.directory.switch(wired, enabled=False)
    post.play()
    assert len(post.asked_at) == 1
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.attempts, letter.retries_exhausted) == ("CONNECTION_PAUSED", 1, False)
    assert post.ledger.counts("d1") == {
        "retried": 1,
        "pending": 0,
        "discarded": 1,
        "discarded.CONNECTION_PAUSED": 1,
    }


def test_a_disabled_destination_gets_nothing():
    post = posted(answers(200), destinations=[webhook(enabled=False)])
    post.play()
    assert post.asked_at == []
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.attempts) == ("DESTINATION_DISABLED", 0)


@pytest.mark.parametrize("removed", ["connections", "destinations"])
def test_removing_cancels_what_waits(removed):
    post = posted(answers(503))
    post.turn()
    getattr(post.directory, removed).clear()
    post.play()
    assert len(post.asked_at) == 1
    assert post.queue.messages == {}
    assert post.ledger.dead_letters("d1") == []
    assert post.ledger.counts("d1") == {"retried": 1, "pending": 0, "cancelled": 1}
    assert post.ledger.waiting(["personas_1"]) == {}


@pytest.mark.parametrize(
    ("settings", "hint"),
    [({"url": ""}, "url is required"), ({"url": "ftp://x"}, "url must"), ({"method": "GET"}, "POST")],
)
def test_settings_that_cannot_work(settings, hint):
    post = posted(answers(200), destinations=[webhook(**settings)])
    post.play()
    (letter,) = post.ledger.dead_letters("d1")
    assert letter.code == "INVALID_SETTINGS"
    assert hint in letter.detail
    assert post.asked_at == []


def test_a_kind_that_does_not_exist():
    post = posted(answers(200), destinations=[replace(webhook(), metadata_id="f" * 24)])
    post.play()
    assert post.ledger.dead_letters("d1")[0].code == "INVALID_SETTINGS"


def test_a_redirect_is_followed_within_the_attempt():
    post = posted(answers(Response(307, {"location": "https://new.example.org/"}), 200))
    post.turn()
    assert [request.url for request in post.transport.requests][-1] == "https://new.example.org/"
    assert post.ledger.counts("d1") == {"delivered": 1}


def test_trouble_of_our_own_is_tried_again():
    post = posted(answers(RuntimeError("bug"), 200))
    post.play()
    assert len(post.asked_at) == 2
    assert post.ledger.counts("d1")["delivered"] == 1


def test_a_payload_that_cannot_be_written_is_our_own_trouble(monkeypatch):
    post = posted(answers(200), delivery(1, payload={"x": 1}), delivery(2))
    from chalicelib.destinations import webhook as module

    def stringify(item):
        if "x" in item:
            raise TypeError("no JSON form")
        return json.dumps(item)

    monkeypatch.setattr(module, "stringify", stringify)
    assert post.turn() == {"q0"}
    assert post.ledger.waiting(["personas_1"])["personas_1"].attempts.code == "INTERNAL"
    assert ids_sent(post) == ["personas_2"]


@pytest.mark.parametrize("broken", ["get_many", "create"])
def test_without_the_ledger_messages_stay_in_the_queue(broken):
    post = posted(answers(503), delivery(1), delivery(2))

    def down(*args, **kwargs):
        raise Unavailable("dynamodb")

    setattr(post.records, broken, down)
    assert post.turn() == {"q0", "q1"}
    assert post.queue.hidden == []


def test_counts_that_cannot_be_written_hold_up_nothing():
    post = posted(answers(200))

    def down(*args, **kwargs):
        raise Unavailable("dynamodb")

    post.records.add = down
    assert post.turn() == set()


def test_a_space_that_cannot_be_looked_up_holds_up_only_its_own():
    post = posted(answers(200), delivery(1), delivery(2, space_id="other"))
    view = post.directory.view

    def partly(space_id):
        if space_id == "other":
            raise Unavailable("dynamodb")
        return view(space_id)

    post.directory.view = partly
    assert post.turn() == {"q1"}
    assert ids_sent(post) == ["personas_1"]


def test_two_workers_on_one_message_count_its_failure_once():
    post = posted(answers(503))
    message = Received("q0", "q0", encode(delivery()))
    inner = post.records.create

    def race(key, data, *, expires_at=None):
        post.records.create = inner
        post.worker().deliver([message], ClockDeadline(post.clock, NOW + 10**6))
        return inner(key, data, expires_at=expires_at)

    post.records.create = race
    assert post.turn() == {"q0"}
    assert post.ledger.waiting(["personas_1"])["personas_1"].attempts.count == 1
    assert post.ledger.counts("d1") == {"retried": 1, "pending": 1}
    assert len(post.queue.hidden) == 1


def test_an_empty_call():
    assert Post(answers(200)).deliverer.deliver([], ClockDeadline(Post(answers(200)).clock, NOW)) == set()


def test_neither_secrets_nor_people_are_logged(caplog):
    caplog.set_level(logging.DEBUG)
    person = {"type": "identify", "messageId": "personas_1", "traits": {"email": "jo@ex.io"}}
    secrets = {"sharedSecret": "s3cr3t", "headers": {"Authorization": "Bearer topsecret"}, "url": "https://x/?t=tok3n"}
    partner = answers(503, RuntimeError("jo@ex.io"), no_answer("ETIMEDOUT"), 400)
    post = posted(partner, delivery(payload=person), destinations=[webhook(**secrets)])
    post.queue.put("{jo@ex.io", "bad")
    post.play(hours=1)
    assert len(post.asked_at) == 4
    for word in ("jo@ex.io", "s3cr3t", "topsecret", "tok3n"):
        assert word not in caplog.text
    letters = str(post.ledger.dead_letters("d1"))
    assert "s3cr3t" not in letters
    assert "topsecret" not in letters
