"""A deliver queue, a partner and a deliverer that tests play through time with."""

import random

from chalicelib.clock import FixedClock
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.deliver import Deliverer
from chalicelib.delivery.ledger import Ledger
from chalicelib.delivery.message import Delivery, encode
from chalicelib.delivery.pace import Pacer
from chalicelib.delivery.sending import Sender
from chalicelib.delivery.tokens import Tokens
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.queues import Outgoing, Received
from chalicelib.store.memory import MemoryRecords, MemorySecrets

from .world import NOW, SPACE, FakeDirectory, audience, connection, webhook

VISIBILITY = 300_000  # ms a received message stays hidden when nobody says otherwise
BATCH = 10


class Waiting:
    def __init__(self, id, body):
        self.id, self.body = id, body
        self.visible_at = NOW
        self.receipts = 0


class DeliverQueue:
    """Plays SQS: a received message hides for a while, comes back unless it is deleted, and may be hidden longer."""

    def __init__(self, clock):
        self._clock = clock
        self.messages: dict[str, Waiting] = {}
        self.hidden: list[tuple[str, int]] = []
        self.sent: list[Outgoing] = []

    def put(self, body, id=None):
        id = id or f"q{len(self.messages)}"
        self.messages[id] = Waiting(id, body)

    def receive(self, most=BATCH):
        now = self._clock.now()
        found: list[Received] = []
        for message in sorted(self.messages.values(), key=lambda m: m.visible_at):
            if message.visible_at <= now and len(found) < most:
                message.visible_at = now + VISIBILITY
                message.receipts += 1
                found.append(Received(message.id, message.id, message.body, message.receipts))
        return found

    def send(self, queue, messages):
        for message in messages:
            id = f"copy{len(self.sent)}"
            self.sent.append(message)
            self.put(message.body, id)
            self.messages[id].visible_at = self._clock.now() + message.delay * 1_000

    def hide(self, queue, receipt, seconds):
        self.hidden.append((receipt, seconds))
        if receipt in self.messages:
            self.messages[receipt].visible_at = self._clock.now() + seconds * 1_000

    def delete_all_but(self, received, kept):
        for message in received:
            if message.id not in kept:
                del self.messages[message.id]

    def next_at(self):
        return min((m.visible_at for m in self.messages.values()), default=None)


class Post:
    """`partner` is a function from a request to a response, a status, or an error to raise."""

    def __init__(self, partner, destinations=None, computations=None, connections=None, records=MemoryRecords):
        self.clock = FixedClock(NOW)
        self.partner = partner
        vip = audience()
        self.directory = FakeDirectory(
            computations or [vip], connections or [connection(vip)], destinations or [webhook()]
        )
        self.records = records(self.clock)
        self.ledger = Ledger(self.records, self.clock)
        self.queue = DeliverQueue(self.clock)
        self.transport = MockTransport(self._answer)
        self.asked_at: list[float] = []
        self.deliverer = self.worker()

    def worker(self, **ports):
        ports = {
            "directory": self.directory,
            "queues": self.queue,
            "ledger": self.ledger,
            "transport": self.transport,
            "work": self.records,
            **ports,
        }
        work, transport = ports.pop("work"), ports.pop("transport")
        sender = Sender(transport, Tokens(work, MemorySecrets(), transport, self.clock), self.clock)
        pacer = Pacer(work, self.clock)
        return Deliverer(clock=self.clock, random=random.Random(3), pacer=pacer, sender=sender, **ports)

    def _answer(self, request):
        self.asked_at.append((self.clock.now() - NOW) / 1_000)
        answer = self.partner(request)
        if isinstance(answer, BaseException):
            raise answer
        return Response(answer) if isinstance(answer, int) else answer

    def turn(self, deadline=None, worker=None):
        """One invocation on what is visible now."""
        received = self.queue.receive()
        kept = (worker or self.deliverer).deliver(received, deadline or NoDeadline())
        self.queue.delete_all_but(received, kept)
        return kept

    def play(self, hours=24):
        """Invocations whenever something becomes visible, until the queue is empty or time is over."""
        end = self.clock.now() + hours * 3_600_000
        while (at := self.queue.next_at()) is not None and at <= end:
            self.clock.move_to(max(at, self.clock.now()))
            self.turn()


def delivery(number=1, destination_id="d1", computation=None, **changes):
    computation = computation or audience()
    fields = {
        "message_id": f"personas_{number}",
        "connection_id": connection(computation, destination_id).id,
        "computation_id": computation.id,
        "space_id": SPACE,
        "destination_id": destination_id,
        "created_at": NOW - number,
        "payload": {"type": "identify", "messageId": f"personas_{number}", "traits": {"vip": True}},
        **changes,
    }
    return Delivery(**fields)


def posted(partner, *deliveries, **world):
    post = Post(partner, **world)
    for one in deliveries or (delivery(),):
        post.queue.put(encode(one))
    return post


def answers(*given):
    """A partner that answers so, one after the other, the last for ever."""
    queue = list(given)
    return lambda request: queue.pop(0) if len(queue) > 1 else queue[0]
