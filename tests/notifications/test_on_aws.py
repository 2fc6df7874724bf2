"""From a change to a channel over the real tables, queues, keys and topics, with everything wired as it is deployed."""

import json
from dataclasses import replace

import pytest

from chalicelib import bootstrap
from chalicelib.clock import HOUR, MINUTE, FixedClock
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.workspace.founding import found
from tests.management.api import Api

from .test_channels import SLACK, SLACK_URL, create

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@pytest.fixture
def application(cloud):
    adapters = bootstrap.on_aws(cloud.names.settings, FixedClock(NOON), cloud.clients)
    application = bootstrap.Application(replace(adapters, transport=MockTransport(lambda request: Response(200))))
    bootstrap.install(application)
    yield application
    bootstrap.install(None)


def test_a_change_is_told_forwarded_and_exported(application, cloud):
    adapters, clock = application.adapters, application.clock
    founded = found(adapters.workspace, adapters.ids, clock, slug="acme", name="Acme")
    api = Api(application, founded)
    topic = cloud.clients.client("sns").create_topic(Name="muster-people")["TopicArn"]
    created = ["Audience Created"]
    create(api, SLACK, actions=created)
    create(api, {"type": "SNS", "name": "Mail", "settings": {"topicArn": topic}, "actions": created})
    api.send("PUT", "/audit-forwarding", {"enabled": True, "sourceId": founded.source_id})
    audience = api.create_audience()
    alert = {"type": "AUDIENCE_SIZE_CHANGE", "name": "Size", "threshold": 4, "audienceId": audience["id"]}
    api.post("/alerts", {**alert, "spaceId": founded.space_id})

    told = application.operations.tick(NoDeadline())
    assert told == {"fired": 0, "told": 5}
    (request,) = adapters.transport.requests
    assert request.url == SLACK_URL
    assert json.loads(request.body) == {"text": "Audience Created: Big Buyers"}
    queued = cloud.clients.sqs.get_queue_attributes(
        QueueUrl=cloud.names.settings.ingest_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert queued["Attributes"]["ApproximateNumberOfMessages"] == "5"

    clock.advance(HOUR + MINUTE)
    assert application.operations.tick(NoDeadline()) == {"fired": 0, "told": 0}
    assert [row["type"] for row in api.get("/audit-events", resourceId=audience["id"]).data["events"]] == created
    first = api.get("/audit-events", pagination={"count": 3}).data
    second = api.get("/audit-events", pagination={"count": 3, "cursor": first["pagination"]["next"]}).data
    assert len({row["id"] for row in first["events"] + second["events"]}) == 5
    assert api.get(f"{api.audiences}/{audience['id']}/overview").data["overview"]["status"] == "Preparing"
    assert api.get("/notifications").data["notifications"] == []
