"""What is older about somebody is not sent after what is newer; what happened is sent whenever it can be."""

import pytest

from chalicelib.clock import MINUTE

from .post import answers, delivery, posted


def told(number, sequence, value, *, type="identify", follows=True, row="r1", **fields):
    return delivery(
        number,
        row=row,
        sequence=sequence,
        follows=follows,
        payload={"type": type, "messageId": f"personas_{number}", "userId": "u1", "traits": {"vip": value}},
        **fields,
    )


def values(post):
    return [b'"vip":true' in request.body for request in post.transport.requests]


def put(post, one):
    from chalicelib.delivery.message import encode

    post.queue.put(encode(one))


def failed_and_overtaken(first, second):
    post = posted(answers(503, 200), first)
    post.turn()
    put(post, second)
    post.play()
    return post


@pytest.mark.parametrize("type", ["identify", "group"])
def test_a_state_that_waits_is_dropped_when_a_newer_one_arrived(type):
    post = failed_and_overtaken(told(1, 10, True, type=type), told(2, 11, False, type=type))
    assert values(post) == [True, False]
    counts = post.ledger.counts("d1")
    assert (counts["delivered"], counts["cancelled"], counts["pending"]) == (1, 1, 0)
    assert not post.ledger.dead_letters("d1")


def test_what_happened_is_sent_all_the_same():
    post = failed_and_overtaken(told(1, 10, True, type="track"), told(2, 11, False, type="track"))
    assert values(post) == [True, False, True]


def test_what_waits_is_sent_when_the_newer_one_is_of_somebody_else():
    post = failed_and_overtaken(told(1, 10, True), told(2, 11, False, row="r2"))
    assert values(post) == [True, False, True]


def test_an_older_one_does_not_supersede():
    post = failed_and_overtaken(told(1, 11, True), told(2, 10, False))
    assert values(post) == [True, False, True]


def test_a_newer_one_that_did_not_arrive_supersedes_nothing():
    post = posted(answers(503, 400, 200), told(1, 10, True))
    post.turn()
    put(post, told(2, 11, False))
    post.play()
    assert values(post) == [True, False, True]
    assert [letter.message_id for letter in post.ledger.dead_letters("d1")] == ["personas_2"]


def test_one_that_comes_late_for_the_first_time_is_dropped_too():
    post = posted(answers(200), told(2, 11, False))
    post.turn()
    put(post, told(1, 10, True))
    post.play()
    assert values(post) == [False]


def test_what_came_together_goes_in_order():
    post = posted(answers(200), told(2, 11, False), told(1, 10, True))
    post.play()
    assert values(post) == [True, False]


def test_nothing_is_written_where_nothing_can_be_on_its_way():
    post = posted(answers(200), told(1, 10, True, follows=False))
    post.play()
    assert not any(key.partition.startswith("arrived#") for key in post.records._items)


def test_what_is_replayed_goes_out_whatever_arrived():
    post = posted(answers(200), told(2, 11, False))
    post.turn()
    post.clock.advance(MINUTE)
    put(post, told(1, 10, True, replayed=True))
    post.play()
    assert values(post) == [False, True]
