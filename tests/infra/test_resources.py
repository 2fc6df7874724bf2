"""The template of the resources, and what it creates."""

import re
from typing import Any

import msgspec
import pytest

from chalicelib.archive import layout
from chalicelib.archive.columns import EVENT, SNAPSHOT
from chalicelib.settings import Settings, from_environment
from infra.functions import FUNCTIONS
from infra.resources import SETTINGS, environment, template
from tests.conftest import Cloud

Json = dict[str, Any]


def resources(kind: str) -> dict[str, Json]:
    return {name: found for name, found in template()["Resources"].items() if found["Type"] == kind}


def queues() -> dict[str, Json]:
    return {name: queue["Properties"] for name, queue in resources("AWS::SQS::Queue").items()}


def dead_letter_queues() -> set[str]:
    redriven = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues().values()
        if "RedrivePolicy" in queue
    }
    return redriven | {"EmitFailures"}


def test_every_queue_has_a_dead_letter_queue_of_its_own() -> None:
    working = queues().keys() - dead_letter_queues()
    assert working == {"IngestQueue", "ComputeQueue", "DeliverQueue"}
    assert len(dead_letter_queues()) == len(working) + 1
    assert all("RedrivePolicy" in queues()[name] for name in working)


def test_dead_letters_outlive_the_queue_they_come_from() -> None:
    kept = {name: queue["MessageRetentionPeriod"] for name, queue in queues().items()}
    assert all(kept[name] == 14 * 86_400 for name in dead_letter_queues())
    assert all(kept[name] <= 4 * 86_400 for name in queues().keys() - dead_letter_queues())


def test_every_dead_letter_queue_has_an_alarm() -> None:
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
    }
    assert watched == dead_letter_queues()


@pytest.mark.parametrize(("queue", "timeout"), [("IngestQueue", 60), ("DeliverQueue", 60), ("ComputeQueue", 900)])
def test_messages_stay_hidden_six_times_as_long_as_the_worker_may_run(queue: str, timeout: int) -> None:
    assert queues()[queue]["VisibilityTimeout"] >= 6 * timeout


def test_only_profiles_have_a_stream_and_what_cannot_be_made_again_can_be_restored() -> None:
    tables = {name: table["Properties"] for name, table in resources("AWS::DynamoDB::Table").items()}
    assert [name for name, table in tables.items() if "StreamSpecification" in table] == ["ProfilesTable"]
    restorable = {name for name, table in tables.items() if "PointInTimeRecoverySpecification" in table}
    assert restorable == {"ProfilesTable", "IdentifiersTable", "WorkspaceTable"}
    assert all(template()["Resources"][name]["DeletionPolicy"] == "Retain" for name in restorable)
    assert all(table["BillingMode"] == "PAY_PER_REQUEST" for table in tables.values())
    assert all(table["SSESpecification"]["SSEEnabled"] for table in tables.values())
    expiring = {name for name, table in tables.items() if "TimeToLiveSpecification" in table}
    assert expiring == {"TimelineTable", "WorkspaceTable", "WorkTable"}


SETTLE = "MUSTER_SETTLE_SECONDS"


def test_every_required_setting_has_a_source() -> None:
    required = {field.name for field in _fields() if field.required}
    assert required == SETTINGS.keys()
    rates = {"MUSTER_PROFILE_API_RATE": "100", "MUSTER_MANAGEMENT_RATE": "300"}
    settings = from_environment(
        {name: name.lower() for name in environment()} | rates | {SETTLE: environment()[SETTLE]}
    )
    assert settings.work_table == "muster_work_table"
    assert (settings.profile_api_rate, settings.management_rate) == (100, 300)
    assert settings.settle_seconds > FUNCTIONS["resolve"].timeout


def _fields() -> Any:
    return msgspec.structs.fields(Settings)


def test_everything_is_created_with_names_of_its_own(cloud: Cloud) -> None:
    names = [value for field, value in vars_of(cloud.names.settings).items() if field in SETTINGS]
    assert len(set(names)) == len(SETTINGS)
    assert set(cloud.names.dead_letter_urls) == {"ingest", "compute", "deliver", "emit"}


def vars_of(settings: Settings) -> Json:
    return msgspec.structs.asdict(settings)


def test_a_message_that_always_fails_ends_among_the_dead_letters(cloud: Cloud) -> None:
    sqs, url = cloud.clients.sqs, cloud.names.settings.ingest_queue_url
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    received = 0
    while sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages"):
        received += 1
    (letter,) = sqs.receive_message(QueueUrl=cloud.names.dead_letter_urls["ingest"])["Messages"]
    assert letter["Body"] == "poison"
    assert received == 5


def test_the_stream_carries_both_images_of_the_profiles_table(cloud: Cloud) -> None:
    table = cloud.clients.client("dynamodb").describe_table(TableName=cloud.names.settings.profiles_table)["Table"]
    assert table["LatestStreamArn"] == cloud.names.profile_stream_arn
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    indexes = {index["IndexName"]: index["Projection"]["ProjectionType"] for index in table["GlobalSecondaryIndexes"]}
    assert indexes == {"due": "KEYS_ONLY", "listing": "KEYS_ONLY"}


def test_the_archive_keeps_strangers_out_and_never_drops_landed_events() -> None:
    bucket = template()["Resources"]["ArchiveBucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    expiring = {r["Prefix"] for r in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in r}
    assert expiring == {"emitted/", "previews/", "exports/", "imports/", "replays/", "runs/"}
    policy = template()["Resources"]["ArchiveBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (policy["Effect"], policy["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_athena_finds_the_columns_of_history_by_space_and_day() -> None:
    tables = {
        found["Properties"]["TableInput"]["Name"]: found["Properties"]["TableInput"]
        for found in resources("AWS::Glue::Table").values()
    }
    columns = {
        name: [column["Name"] for column in table["StorageDescriptor"]["Columns"]] for name, table in tables.items()
    }
    assert columns == {"events": list(EVENT), "profiles": list(SNAPSHOT)}
    for name, table in tables.items():
        (place,) = table["Parameters"]["storage.location.template"].values()
        listed = place.replace("${!space}", "s").replace("${!dt}", "2026-03-01").partition("${ArchiveBucket}/")[2]
        assert layout.listing(name, "s", "2026-03-01").startswith(listed)
        assert [key["Name"] for key in table["PartitionKeys"]] == ["space", "dt"]


def resolved(value: Any, stack_id: str) -> Any:
    """What CloudFormation makes of the functions that names are built with."""
    if not isinstance(value, dict):
        return [resolved(one, stack_id) for one in value] if isinstance(value, list) else value
    ((name, given),) = value.items()
    found = resolved(given, stack_id)
    match name:
        case "Ref":
            return {"AWS::StackId": stack_id}[found]
        case "Fn::Split":
            return found[1].split(found[0])
        case "Fn::Select":
            return found[1][found[0]]
        case "Fn::Join":
            return found[0].join(found[1])
    raise AssertionError(name)


@pytest.mark.parametrize("stack", ["Muster-Prod", "m", "a-b-c"])
def test_the_database_of_athena_has_a_name_that_needs_no_quotes(stack: str) -> None:
    (database,) = resources("AWS::Glue::Database").values()
    id = f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{stack}/51af3dc0-da77-11e4-872e-1234567db123"
    assert resolved(database["Properties"]["DatabaseName"], id) == "muster_51af3dc0"
    for table in resources("AWS::Glue::Table").values():
        assert table["Properties"]["DatabaseName"] == {"Ref": "ArchiveDatabase"}
        assert re.fullmatch("[a-z0-9_]+", table["Properties"]["TableInput"]["Name"])


def test_no_function_outlives_its_trigger() -> None:
    assert FUNCTIONS["api_handler"].timeout <= 29
    assert FUNCTIONS["tick"].timeout < 60
