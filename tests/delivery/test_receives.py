"""How often a message was received comes from the queue, and a hundred come at once."""

from types import SimpleNamespace
from typing import Any

from chalicelib import workers
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.message import encode
from chalicelib.queues import Received
from chalicelib.store.dynamodb import DynamoRecords

from .post import answers, delivery, posted
from .world import audience, connection, webhook


class Deliverer:
    def __init__(self):
        self.received: list[Received] = []

    def deliver(self, messages, deadline):
        self.received += messages
        return set()


def test_the_worker_tells_how_often_each_was_received():
    deliverer = Deliverer()
    application: Any = SimpleNamespace(deliverer=deliverer)
    record = {"messageId": "m", "receiptHandle": "r", "body": "b"}
    event = {"Records": [record, {**record, "attributes": {"ApproximateReceiveCount": "7"}}]}
    assert workers.deliver(application, event, NoDeadline()) == {"batchItemFailures": []}
    assert [message.receives for message in deliverer.received] == [1, 7]


def test_a_whole_call_of_a_hundred_on_the_real_table(cloud):
    vip = audience()
    post = posted(
        answers(503),
        *[delivery(n, "many") for n in range(100)],
        destinations=[webhook("many")],
        connections=[connection(vip, "many")],
        records=lambda clock: DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock),
    )
    received = [Received(f"q{n}", f"q{n}", encode(delivery(n, "many"))) for n in range(100)]
    for _ in range(2):
        assert len(post.deliverer.deliver(received, NoDeadline())) == 100
    assert len(post.asked_at) == 100, "the second time all of them are too early"
    assert post.ledger.counts("many") == {"retried": 100, "pending": 100}
