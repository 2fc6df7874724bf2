"""How fast a destination is asked, how it is slowed down, and when it is left alone."""

import json

import pytest
from msgspec.structs import replace as struct_replace

from chalicelib.clock import HOUR, MINUTE, SECOND, FixedClock
from chalicelib.delivery import pace
from chalicelib.delivery.message import encode
from chalicelib.delivery.pace import Bucket, Pacer, bucket_of, replay_bucket_of
from chalicelib.delivery.transport import Response
from chalicelib.store.memory import MemoryRecords

from .post import answers, delivery, posted
from .world import NOW, webhook

TEN = bucket_of("s", "d", 10)
FREE = bucket_of("s", "d", None)


class Rig:
    def __init__(self):
        self.clock = FixedClock(NOW)
        self.records = MemoryRecords(self.clock)
        self.pacer = Pacer(self.records, self.clock)
        self.writes = 0
        for name in ("create", "replace"):
            setattr(self.records, name, self._counted(getattr(self.records, name)))

    def _counted(self, method):
        def call(*args, **kwargs):
            self.writes += 1
            return method(*args, **kwargs)

        return call

    def take(self, bucket: Bucket, wanted: int):
        return self.pacer.take(bucket, wanted, self.records.get(bucket.key))

    def report(self, bucket: Bucket, accepted: int, failed: int):
        self.pacer.report(bucket, accepted, failed, self.records.get(bucket.key))


def test_a_second_of_requests_may_go_at_once_and_then_as_many_as_the_rate_says():
    rig = Rig()
    assert rig.take(TEN, 25) == (10, 100, "")
    assert rig.take(TEN, 5).requests == 0
    rig.clock.advance(300)
    assert rig.take(TEN, 5).requests == 3
    rig.clock.advance(HOUR)
    assert rig.take(TEN, 99).requests == 10


def test_over_any_time_no_more_than_the_rate_and_one_burst():
    rig, taken = Rig(), 0
    for _ in range(1_000):
        rig.clock.advance(37)
        taken += rig.take(TEN, 3).requests
    assert 10 * 36 <= taken <= 10 * 37 + 10


def test_a_slow_rate_has_a_token_now_and_then():
    rig, slow = Rig(), bucket_of("s", "d", 0.5)
    assert [rig.take(slow, 1).requests for _ in range(2)] == [1, 0]
    rig.clock.advance(2 * SECOND)
    assert rig.take(slow, 1).requests == 1


def test_one_write_per_batch_and_none_without_a_rate_or_a_failure():
    rig = Rig()
    rig.take(TEN, 5)
    rig.report(TEN, 5, 0)
    assert rig.writes == 1
    assert rig.take(FREE._replace(key=replay_bucket_of("s", "d", None).key), 1_000).requests == 1_000
    rig.report(FREE._replace(key=replay_bucket_of("s", "d", None).key), 1_000, 0)
    assert rig.writes == 1


def test_nothing_is_written_when_there_is_nothing_to_give():
    rig = Rig()
    rig.take(TEN, 10)
    writes = rig.writes
    rig.take(TEN, 10)
    assert rig.writes == writes


def test_workers_share_the_budget_even_when_both_read_before_either_wrote():
    rig = Rig()
    stale = rig.records.get(TEN.key)
    first = rig.pacer.take(TEN, 6, stale)
    second = rig.pacer.take(TEN, 6, stale)
    assert (first.requests, second.requests) == (6, 4)


def test_failures_halve_the_rate_once_a_second_and_success_brings_it_back():
    rig = Rig()
    for _ in range(5):
        rig.report(FREE, 0, 3)  # side by side: one piece of news
    assert rig.take(FREE, 1_000).requests == 100
    rig.clock.advance(SECOND)
    rig.report(FREE, 0, 1)
    rig.clock.advance(10 * SECOND)
    assert rig.take(FREE, 1_000).requests == 50
    rig.report(FREE, 1, 0)
    rig.clock.advance(pace.RECOVERY // 4)
    assert rig.take(FREE, 1_000).requests == 100
    rig.clock.advance(pace.RECOVERY)
    assert rig.take(FREE, 1_000).requests == 1_000


def test_while_nothing_succeeds_it_stays_slow_but_never_stops():
    rig = Rig()
    for _ in range(60):
        rig.clock.advance(10 * SECOND)
        rig.report(FREE, 0, 1)
    assert rig.take(FREE, 1_000).requests == int(pace.NOMINAL * pace.LEAST)
    rig.clock.advance(HOUR)
    assert rig.take(FREE, 1_000).requests == int(pace.NOMINAL * pace.LEAST)


def dead(rig, bucket=FREE):
    rig.pacer.report(bucket, 0, pace.DEAD_FAILURES, None, "503")
    rig.clock.advance(pace.DEAD_AFTER)
    rig.report(bucket, 0, 1)


def test_a_dead_destination_is_only_probed():
    rig = Rig()
    dead(rig)
    assert rig.take(FREE, 50).requests == 1
    waiting = rig.take(FREE, 50)
    assert waiting == (0, pace.PROBE_EVERY, "503")
    rig.clock.advance(pace.PROBE_EVERY)
    assert rig.take(FREE, 50).requests == 1


def test_one_success_ends_it():
    rig = Rig()
    dead(rig)
    rig.take(FREE, 1)
    rig.report(FREE, 1, 0)
    assert rig.take(FREE, 5).requests == 5


@pytest.mark.parametrize(
    ("failures", "time"), [(pace.DEAD_FAILURES - 2, pace.DEAD_AFTER), (10_000, pace.DEAD_AFTER - 1)]
)
def test_what_is_not_dead_yet(failures, time):
    rig = Rig()
    rig.report(FREE, 0, failures)
    rig.clock.advance(time)
    rig.report(FREE, 0, 1)
    assert rig.take(FREE, 2).requests == 2


def test_a_success_in_between_makes_it_no_sustained_failure():
    rig = Rig()
    for _ in range(1_000):
        rig.clock.advance(MINUTE)
        rig.report(FREE, 1, 5)
    assert rig.take(FREE, 2).requests == 2


def test_spaces_and_instances_have_budgets_of_their_own():
    rig = Rig()
    buckets = [bucket_of(space, one, 10) for space in ("s", "t") for one in ("d", "e")]
    assert [rig.take(bucket, 10).requests for bucket in buckets] == [10, 10, 10, 10]


# In the deliverer


def limited(monkeypatch, rate):
    from dataclasses import replace

    from chalicelib.destinations import webhook as module
    from chalicelib.destinations.registry import KINDS

    kind = replace(module.WEBHOOK, limits=module.WEBHOOK.limits._replace(rate=rate))
    monkeypatch.setitem(KINDS, kind.metadata_id, kind)


def test_what_has_no_token_waits_without_an_attempt_or_a_note(monkeypatch):
    limited(monkeypatch, 4)
    post = posted(answers(200), *[delivery(n) for n in range(10)])
    assert len(post.turn()) == 6
    assert len(post.asked_at) == 4
    assert len(post.queue.hidden) == 6
    assert post.records.page("delivery#personas_9").records == []
    post.play()
    assert len(post.asked_at) == 10
    assert post.ledger.counts("d1") == {"delivered": 10}
    for at in post.asked_at:
        assert sum(1 for other in post.asked_at if at <= other < at + 1) <= 8  # a second's worth, and a burst


def test_a_long_queue_at_a_low_rate_costs_few_receipts_and_loses_nothing(monkeypatch):
    limited(monkeypatch, 1)
    post = posted(answers(200), *[delivery(n) for n in range(400)])
    post.play(hours=2)
    assert len(post.asked_at) == 400
    assert post.asked_at[-1] < 1_200  # 400 s at the rate; the rest is what growing waits leave unused
    assert post.ledger.counts("d1") == {"delivered": 400}


def test_before_the_queue_takes_it_for_poison_a_fresh_copy_goes_in_its_place(monkeypatch):
    limited(monkeypatch, 0.001)
    post = posted(answers(200), delivery(1), delivery(2))
    post.turn()
    (waiting,) = post.queue.messages.values()
    waiting.receipts, waiting.visible_at = 45, post.clock.now()
    assert post.turn() == set()
    (copy,) = post.queue.messages.values()
    assert (copy.body, copy.receipts) == (waiting.body, 0)
    assert 1 <= post.queue.sent[0].delay <= 900
    assert post.queue.sent[0].group == "d1"


def test_a_retry_without_a_token_is_given_up_at_its_deadline(monkeypatch):
    post = posted(answers(503))
    post.turn()
    limited(monkeypatch, 1e-9)
    post.deliverer.pacer.take(bucket_of(delivery().space_id, "d1", 1e-9), 1, None)
    bucket = bucket_of(delivery().space_id, "d1", 1e-9)
    held = post.records.get(bucket.key)
    state = json.loads(held.data) | {"tokens": 0}
    post.records.replace(held, json.dumps(state).encode())
    post.play()
    assert len(post.asked_at) == 1
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.attempts, letter.retries_exhausted) == ("503", 1, True)
    assert post.clock.now() - NOW <= 4 * HOUR + SECOND
    assert post.ledger.counts("d1")["pending"] == 0


def behind_a_dead_one(partner, count=30):
    post = posted(partner)
    post.deliverer.pacer.report(bucket_of(delivery().space_id, "d1", None), 0, 1_000, None, "ETIMEDOUT")
    post.clock.advance(pace.DEAD_AFTER + MINUTE)
    post.queue.messages.clear()
    for n in range(count):
        post.queue.put(encode(delivery(n)))
    for message in post.queue.messages.values():
        message.visible_at = post.clock.now()
    return post


def play_until(post, instant):
    while (at := post.queue.next_at()) is not None and at < instant:
        post.clock.move_to(max(at, post.clock.now()))
        post.turn()


def test_behind_a_dead_destination_messages_wait_and_one_success_lets_them_all_go():
    alive = False
    post = behind_a_dead_one(lambda request: 200 if alive else 503)
    play_until(post, post.clock.now() + 10 * MINUTE)
    assert 5 <= len(post.asked_at) <= 12
    assert post.ledger.counts("d1")["pending"] == 30
    alive = True
    post.play(hours=4)
    assert post.queue.messages == {}
    assert post.ledger.counts("d1")["delivered"] == 30
    assert post.ledger.counts("d1")["pending"] == 0


def test_behind_a_dead_destination_nobody_waits_for_ever():
    post = behind_a_dead_one(answers(503))
    began = post.clock.now()
    post.play(hours=5)
    assert post.queue.messages == {}
    assert post.clock.now() - began <= 4 * HOUR + MINUTE
    letters = post.ledger.dead_letters("d1")
    assert len(letters) == 30
    assert all(letter.retries_exhausted and letter.code in ("503", "ETIMEDOUT") for letter in letters)
    assert len(post.asked_at) <= 4 * 60 + 1, "no more than a probe a minute"
    assert post.ledger.counts("d1")["pending"] == 0


def test_a_longer_wait_the_partner_asks_for_is_kept_and_its_neighbours_are_slowed():
    post = posted(answers(Response(429, {"retry-after": "600"}), 200), delivery(1), delivery(2))
    post.play()
    assert post.asked_at == [0, 0, 600]
    record = post.records.get(bucket_of(delivery().space_id, "d1", None).key)
    assert record is not None


def test_settings_of_a_destination_do_not_share_a_budget_with_another():
    post = posted(answers(200), destinations=[struct_replace(webhook(), id="d1")])
    assert post.turn() == set()
    assert post.records.get(bucket_of(delivery().space_id, "d1", None).key) is None
