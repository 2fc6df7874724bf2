"""A small AWS in this process, and a harness that turns toy functions on it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.clock import FixedClock, MovableClock
from chalicelib.queues import Outgoing
from infra.local.harness import Harness
from infra.local.held import HeldQueues
from infra.local.triggers import Function, QueueTrigger, ScheduleTrigger, StreamTrigger

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


class Aws:
    """Clients, a queue with a dead-letter queue behind it, and a table with a stream."""

    def __init__(self) -> None:
        session = boto3.Session("id", "secret", region_name="us-east-1")
        self.sqs = session.client("sqs")
        self.dynamodb = session.client("dynamodb")
        self.streams = session.client("dynamodbstreams")
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.queue = self.sqs.create_queue(QueueName="work", Attributes=self._redrive())["QueueUrl"]
        self.stream_arn = self._table()

    def _redrive(self) -> dict[str, str]:
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})}

    def _table(self) -> str:
        table = self.dynamodb.create_table(
            TableName="things",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        return str(table["TableDescription"]["LatestStreamArn"])

    def put(self, name: str, **attributes: Any) -> None:
        self.dynamodb.put_item(TableName="things", Item={"id": {"S": name}, **attributes})

    def waiting(self, url: str) -> list[str]:
        """Bodies of the visible messages; they are hidden afterwards."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [m["Body"] for m in messages]
        return found


class SqsQueues:
    """The Queues port on the one queue of the toy AWS."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def send(self, queue: str, messages: Any) -> None:
        for message in messages:
            self._aws.sqs.send_message(QueueUrl=self._aws.queue, MessageBody=message.body)

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        self._aws.sqs.change_message_visibility(
            QueueUrl=self._aws.queue, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )


class World:
    """A harness whose functions the test supplies."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.clock = MovableClock(FixedClock(NOON))
        self.queues = HeldQueues(SqsQueues(aws), self.clock)
        self.ticks: list[str] = []

    def harness(
        self, *, on_queue: Callable[..., Any] | None = None, on_stream: Callable[..., Any] | None = None
    ) -> Harness:
        triggers: list[QueueTrigger | StreamTrigger] = []
        if on_queue:
            triggers.append(QueueTrigger(Function("work", on_queue), self.aws.sqs, self.aws.queue, self.queues))
        if on_stream:
            triggers.append(
                StreamTrigger(Function("emit", on_stream), self.aws.streams, self.aws.stream_arn, attempts=3)
            )
        tick = ScheduleTrigger(Function("tick", self._tick), self.clock)
        return Harness(self.clock, triggers, tick, self.queues, threads=False)

    def _tick(self, event: dict[str, Any], context: Any) -> None:
        self.ticks.append(event["time"])

    def send(self, *bodies: str) -> None:
        self.queues.send("work", [Outgoing(body) for body in bodies])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with mock_aws():
        yield Aws()


@pytest.fixture
def world(aws: Aws) -> World:
    return World(aws)
