"""Queues on SQS: batches within the limits, refusals, delays and hiding."""

from typing import Any

import pytest

from chalicelib.errors import Invalid, Unavailable
from chalicelib.queues import COMPUTE, DELIVER, INGEST, MESSAGE_LIMIT, Outgoing, Queues
from chalicelib.store.memory import MemoryQueues
from chalicelib.store.sqs import LONGEST_HIDING, SqsQueues
from tests.conftest import Cloud


class FakeSqs:
    """Records calls; refuses the bodies in `refusals` as often as they say."""

    def __init__(
        self, refusals: dict[str, int] | None = None, code: str = "InternalError", fault: bool = False
    ) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.hidden: list[int] = []
        self._refusals, self._code, self._fault = refusals or {}, code, fault

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.batches.append(Entries)
        refused = [entry for entry in Entries if self._refuses(entry["MessageBody"])]
        return {"Failed": [{"Id": e["Id"], "Code": self._code, "SenderFault": self._fault} for e in refused]}

    def _refuses(self, body: str) -> bool:
        self._refusals[body] = self._refusals.get(body, 0) - 1
        return self._refusals[body] >= 0

    def change_message_visibility(self, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        self.hidden.append(VisibilityTimeout)


def queues_on(sqs: Any, cloud: Cloud) -> SqsQueues:
    return SqsQueues(sqs, cloud.names.settings)


def bodies(sqs: FakeSqs) -> list[list[str]]:
    return [[entry["MessageBody"] for entry in batch] for batch in sqs.batches]


def test_messages_go_out_in_batches_of_ten(cloud: Cloud) -> None:
    sqs = FakeSqs()
    queues_on(sqs, cloud).send(INGEST, [Outgoing(str(n)) for n in range(23)])
    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    assert [body for batch in bodies(sqs) for body in batch] == [str(n) for n in range(23)]


def test_a_batch_stays_within_a_mebibyte(cloud: Cloud) -> None:
    sqs = FakeSqs()
    sizes = [600_000, 400_000, MESSAGE_LIMIT, 10, 10]
    queues_on(sqs, cloud).send(INGEST, [Outgoing("x" * size) for size in sizes])
    assert [[len(body) for body in batch] for batch in bodies(sqs)] == [[600_000, 400_000], [MESSAGE_LIMIT, 10, 10]]


def test_size_is_counted_in_bytes(cloud: Cloud) -> None:
    sqs = FakeSqs()
    queues_on(sqs, cloud).send(INGEST, [Outgoing("é" * 300_000)] * 2)
    assert [len(batch) for batch in sqs.batches] == [1, 1]


def test_nothing_to_send_is_no_call(cloud: Cloud) -> None:
    sqs = FakeSqs()
    queues_on(sqs, cloud).send(INGEST, [])
    assert sqs.batches == []


def test_only_refused_messages_are_sent_again(cloud: Cloud) -> None:
    sqs = FakeSqs({"1": 1})
    queues_on(sqs, cloud).send(INGEST, [Outgoing("0"), Outgoing("1"), Outgoing("2")])
    assert bodies(sqs) == [["0", "1", "2"], ["1"]]


def test_a_message_refused_twice_is_told(cloud: Cloud) -> None:
    with pytest.raises(Unavailable):
        queues_on(FakeSqs({"1": 2}), cloud).send(INGEST, [Outgoing("0"), Outgoing("1")])


def test_a_message_the_queue_will_never_take_is_not_sent_again(cloud: Cloud) -> None:
    sqs = FakeSqs({"1": 9}, code="InvalidMessageContents", fault=True)
    with pytest.raises(Invalid):
        queues_on(sqs, cloud).send(INGEST, [Outgoing("1")])
    assert len(sqs.batches) == 1


def test_a_throttled_message_is_sent_again(cloud: Cloud) -> None:
    sqs = FakeSqs({"1": 1}, code="RequestThrottled", fault=True)
    queues_on(sqs, cloud).send(INGEST, [Outgoing("1")])
    assert bodies(sqs) == [["1"], ["1"]]


def test_group_and_delay_go_with_the_message(cloud: Cloud) -> None:
    sqs = FakeSqs()
    queues_on(sqs, cloud).send(
        DELIVER, [Outgoing("a", group="des_1", delay=30), Outgoing("b"), Outgoing("c", delay=9_999)]
    )
    assert sqs.batches[0] == [
        {"Id": "0", "MessageBody": "a", "MessageGroupId": "des_1", "DelaySeconds": 30},
        {"Id": "1", "MessageBody": "b"},
        {"Id": "2", "MessageBody": "c", "DelaySeconds": 900},
    ]


def test_hiding_is_clamped_to_what_the_queue_allows(cloud: Cloud) -> None:
    sqs = FakeSqs()
    queues = queues_on(sqs, cloud)
    for seconds in (60, 0, -5, 100_000):
        queues.hide(DELIVER, "receipt", seconds)
    assert sqs.hidden == [60, 0, 0, LONGEST_HIDING]
    assert LONGEST_HIDING < 43_200


@pytest.mark.parametrize("queue", [INGEST, COMPUTE, DELIVER])
def test_a_message_sent_is_received_from_its_queue(cloud: Cloud, queue: str) -> None:
    sqs = cloud.clients.sqs
    SqsQueues(sqs, cloud.names.settings).send(queue, [Outgoing(f"for {queue}", group="g")])
    url = getattr(cloud.names.settings, f"{queue}_queue_url")
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Body"] == f"for {queue}"
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_a_hidden_message_is_not_received(cloud: Cloud) -> None:
    sqs, url = cloud.clients.sqs, cloud.names.settings.deliver_queue_url
    queues: Queues = SqsQueues(sqs, cloud.names.settings)
    queues.send(DELIVER, [Outgoing("later")])
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    queues.hide(DELIVER, message["ReceiptHandle"], 600)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_the_memory_queue_shows_what_was_done() -> None:
    queues = MemoryQueues()
    queues.send(INGEST, [Outgoing("a"), Outgoing("b")])
    queues.hide(INGEST, "receipt", 60)
    assert queues.bodies(INGEST) == ["a", "b"]
    assert queues.hidden == [(INGEST, "receipt", 60)]
    assert queues.take(INGEST) == [Outgoing("a"), Outgoing("b")]
    assert queues.take(INGEST) == []
