"""Topics of SNS: what is published arrives, and which refusals pass by themselves."""

import json

import pytest
from botocore.exceptions import ClientError

from chalicelib.errors import NotFound, Unavailable
from chalicelib.store.sns import SnsTopics
from tests.conftest import Cloud


def test_what_is_published_arrives(cloud: Cloud) -> None:
    sns, sqs = cloud.clients.client("sns"), cloud.clients.sqs
    topic = sns.create_topic(Name="muster-people")["TopicArn"]
    queue = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    SnsTopics(lambda: sns).publish(topic, "Muster: Audience Run Failed", "Grüße\nin two lines")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(message["Body"])
    assert (told["Subject"], told["Message"]) == ("Muster: Audience Run Failed", "Grüße\nin two lines")


def test_a_topic_that_is_not_there_is_not_found(cloud: Cloud) -> None:
    topics = SnsTopics(lambda: cloud.clients.client("sns"))
    with pytest.raises(NotFound):
        topics.publish("arn:aws:sns:us-east-1:123456789012:muster-nobody", "s", "t")


class Refusing:
    def __init__(self, code: str, status: int) -> None:
        self._answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def publish(self, **message: str) -> None:
        raise ClientError(self._answer, "Publish")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("Throttling", 400, Unavailable),
        ("InternalError", 500, Unavailable),
        ("AuthorizationError", 403, NotFound),
        ("InvalidParameter", 400, NotFound),
        ("SomethingNew", 400, ClientError),
    ],
)
def test_refusals(code: str, status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        SnsTopics(lambda: Refusing(code, status)).publish("arn", "s", "t")
