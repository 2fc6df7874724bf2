"""The meter counts requests and capacity of every client made after it was installed."""

from collections.abc import Iterator

import boto3
import pytest
from botocore import handlers
from botocore.config import Config
from moto import mock_aws

from infra.local.meter import TRIGGERS, Meter


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    found = Meter()
    found.install()
    with mock_aws():
        yield found


def test_requests_and_units_are_counted_apart_for_product_and_triggers(meter: Meter) -> None:
    session = boto3.Session("id", "secret", region_name="us-east-1")
    dynamodb = session.client("dynamodb")
    dynamodb.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for name in "ab":
        dynamodb.put_item(TableName="things", Item={"id": {"S": name}})
    dynamodb.get_item(TableName="things", Key={"id": {"S": "a"}}, ConsistentRead=True)
    session.client("sqs", config=Config(user_agent_extra=TRIGGERS)).create_queue(QueueName="q")
    figures = meter.figures()
    assert figures["requests"] == {
        "product": {"dynamodb.CreateTable": 1, "dynamodb.GetItem": 1, "dynamodb.PutItem": 2},
        "triggers": {"sqs.CreateQueue": 1},
    }
    assert figures["write_units"] >= 2
    assert figures["read_units"] > 0


def test_reset_starts_over(meter: Meter) -> None:
    boto3.Session("id", "secret", region_name="us-east-1").client("sqs").create_queue(QueueName="q")
    meter.reset()
    figures = meter.figures()
    assert figures["requests"] == {"product": {}, "triggers": {}}
    assert figures["write_units"] == 0
