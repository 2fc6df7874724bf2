"""A process may die before or after any call to the outside. Nothing may be lost by that, or told in another way."""

from itertools import count

import pytest

from chalicelib.clock import FixedClock
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.debugger import Debugger
from chalicelib.delivery.ledger import Ledger
from chalicelib.delivery.message import decode
from chalicelib.delivery.sizes import Sizes
from chalicelib.queues import DELIVER
from chalicelib.store.memory import MemoryArchive, MemoryQueues, MemoryRecords

from .post import answers, delivery, posted
from .world import E1, E2, NOW, SPACE, U1, FakeDirectory, audience, change, connection, emitter, head, webhook


class Killed(BaseException):
    """As sudden as the end of a process: nothing in the code may catch it."""


class Fuse:
    """Blows at the n-th call, before or after it has had its effect."""

    def __init__(self, at, after):
        self._left, self._after = at, after
        self.blown = False

    def around(self, port):
        return _Fused(self, port)

    def call(self, method, args, kwargs):
        self._left -= 1
        if self._left == 0:
            self.blown = True
            if self._after:
                method(*args, **kwargs)
            raise Killed
        return method(*args, **kwargs)


class _Fused:
    def __init__(self, fuse, port):
        self._fuse, self._port = fuse, port

    def __getattr__(self, name):
        inner = getattr(self._port, name)
        return (lambda *args, **kwargs: self._fuse.call(inner, args, kwargs)) if callable(inner) else inner


def fused_worker(post, fuse):
    records = fuse.around(post.records)
    return post.worker(
        directory=fuse.around(post.directory),
        queues=fuse.around(post.queue),
        ledger=Ledger(records, post.clock),
        transport=fuse.around(post.transport),
        work=records,
    )


def play(post, fuse):
    """Until the queue is empty; the worker dies once and is replaced."""
    worker = fused_worker(post, fuse)
    while (at := post.queue.next_at()) is not None:
        assert at < NOW + 86_400_000, "a message goes round and round"
        post.clock.move_to(max(at, post.clock.now()))
        try:
            post.turn(worker=worker)
        except Killed:
            worker = post.deliverer


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("partner", "requests", "code"),
    [((200,), 1, None), ((503, 503, 200), 3, None), ((400,), 1, "400"), ((429,), 10, "429")],
)
def test_a_delivery_survives_a_death_at_every_call(partner, requests, code, after):
    for at in count(1):
        fuse = Fuse(at, after)
        post = posted(answers(*partner))
        play(post, fuse)
        sent = [request.body for request in post.transport.requests]
        assert set(sent) == {sent[0]}, "the event itself changed"
        # What was in flight when the process died is asked once more, as far as the deadline allows.
        assert requests - 1 <= len(sent) <= requests + 1
        letters = post.ledger.dead_letters("d1")
        assert [letter.code for letter in letters] == ([code] if code else [])
        if not fuse.blown:
            assert len(sent) == requests
            break
    assert at > 5


@pytest.mark.parametrize("after", [False, True])
def test_an_emission_survives_a_death_at_every_call(after):
    vip = audience()
    moved = [
        change(None, head(U1, E1, E2, vip=True), version=1),
        change(None, head(("user_id", "u2"), vip=True), profile_id="p2", version=1),
    ]
    told = []
    for at in count(1):
        clock = FixedClock(NOW)
        directory = FakeDirectory([vip], [connection(vip, sendTrack=True)], [webhook()])
        queues, records, fuse = MemoryQueues(), MemoryRecords(clock), Fuse(at, after)
        work, archive = fuse.around(records), MemoryArchive(clock)
        fused = emitter(fuse.around(directory), fuse.around(queues), work, clock, archive=fuse.around(archive))
        try:
            assert fused.emit(moved) == set()
        except Killed:
            assert emitter(directory, queues, records, clock, archive=archive).emit(moved) == set()
        told.append({decode(body).message_id for body in queues.bodies(DELIVER)})
        assert Sizes(records).of(SPACE) == {"aud_vip": 2}
        assert len(Debugger(records, clock).newest("d1")) == 6
        assert len(archive.objects) == 1
        if not fuse.blown:
            break
    assert at > 5
    assert len(told[0]) == 6
    assert all(ids == told[0] for ids in told)


def test_a_death_before_the_queue_hears_of_success_repeats_the_same_message():
    post = posted(answers(200), delivery(1), delivery(2))
    received = post.queue.receive()
    assert post.deliverer.deliver(received, NoDeadline()) == set()
    post.play()
    bodies = [request.body for request in post.transport.requests]
    assert bodies == bodies[:2] * 2
