"""All resources of Muster, declared once: for the cloud, the local emulator and the tests."""

import json
from typing import Any, NamedTuple

import msgspec

from chalicelib.settings import PREFIX, Settings
from chalicelib.store.clients import Clients

from . import bucket, lake
from .functions import FUNCTIONS

Json = dict[str, Any]

DAY = 86_400  # seconds
RECEIVES_PER_TIMEOUT = 6  # AWS's advice for queues that Lambda reads: room for throttled pollers and retries
# They guard, and an emulator ignores them; or they are for Athena, which nothing of ours calls.
EMULATED_ELSEWHERE = ("AWS::S3::BucketPolicy", "AWS::CloudWatch::Alarm", "AWS::Glue::Database", "AWS::Glue::Table")
WAIT = {"Delay": 1, "MaxAttempts": 60}
PROFILE_API_RATE = 100  # requests per second and space: what clients of this API are used to
MANAGEMENT_RATE = 300  # requests per minute, workspace and operation: far above what a person or a terraform run does


# A worker is killed at its timeout; clocks differ, and so does the moment at which a timeout begins.
SETTLE_SECONDS = FUNCTIONS["resolve"].timeout + 30


class Queue(NamedTuple):
    """`receives` is after how many attempts a message goes to the dead-letter queue."""

    timeout: int
    window: int
    receives: int


QUEUES = {
    "Ingest": Queue(FUNCTIONS["resolve"].timeout, window=1, receives=5),
    "Compute": Queue(FUNCTIONS["compute"].timeout, window=0, receives=10),
    # A retry of a delivery and a wait for a slow partner both cost a receive; the worker decides when it is over.
    "Deliver": Queue(FUNCTIONS["deliver"].timeout, window=1, receives=50),
}

# Where the product's settings come from: fields of `Settings` and what gives them.
SETTINGS: dict[str, Json] = {
    "profiles_table": {"Ref": "ProfilesTable"},
    "identifiers_table": {"Ref": "IdentifiersTable"},
    "timeline_table": {"Ref": "TimelineTable"},
    "workspace_table": {"Ref": "WorkspaceTable"},
    "work_table": {"Ref": "WorkTable"},
    "ingest_queue_url": {"Ref": "IngestQueue"},
    "compute_queue_url": {"Ref": "ComputeQueue"},
    "deliver_queue_url": {"Ref": "DeliverQueue"},
    "archive_bucket": {"Ref": "ArchiveBucket"},
    "key_id": {"Ref": "SecretsKey"},
}

# And those that whoever deploys may choose.
FROM_PARAMETERS = {
    "PROFILE_API_RATE": "ProfileApiRate",
    "MANAGEMENT_RATE": "ManagementRate",
    "BOOTSTRAP_SECRET": "BootstrapSecret",
}


class Names(NamedTuple):
    """What was created. `dead_letter_urls` is by queue: ingest, compute, deliver, and emit for the stream."""

    settings: Settings
    profile_stream_arn: str
    dead_letter_urls: dict[str, str]


def environment() -> Json:
    """The variables every function gets."""
    found = {PREFIX + field.upper(): value for field, value in SETTINGS.items()}
    chosen = {PREFIX + name: {"Ref": parameter} for name, parameter in FROM_PARAMETERS.items()}
    return {**found, **chosen, f"{PREFIX}SETTLE_SECONDS": str(SETTLE_SECONDS)}


def template() -> Json:
    """The CloudFormation template of everything but the functions and the API."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Muster: events in, live audiences, messages out",
        "Parameters": {
            "AlarmTopicArn": {
                "Type": "String",
                "Default": "",
                "Description": "An SNS topic that hears of messages nobody could handle; empty for none",
            },
            "ProfileApiRate": {
                "Type": "Number",
                "Default": PROFILE_API_RATE,
                "MinValue": 0,
                "Description": "Profile API requests per second and space; 0 for any number and no write to count them",
            },
            "ManagementRate": {
                "Type": "Number",
                "Default": MANAGEMENT_RATE,
                "MinValue": 0,
                "Description": "Management requests per minute, workspace and operation, unless an operation has a "
                "limit of its own; 0 for any number and no write to count them",
            },
            "BootstrapSecret": {
                "Type": "String",
                "Default": "",
                "NoEcho": True,
                "AllowedPattern": "^$|^.{16,}$",
                "ConstraintDescription": "nothing, or at least 16 characters",
                "Description": "Lets whoever knows it found the first workspace by HTTP; empty for nobody",
            },
        },
        "Conditions": {"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}},
        "Resources": {
            **_tables(),
            **_queues(),
            "ArchiveBucket": _kept(bucket.bucket()),
            "ArchiveBucketPolicy": bucket.only_tls(),
            **lake.resources(),
            "SecretsKey": _key(),
        },
        "Outputs": {name: {"Value": value} for name, value in _outputs().items()},
    }


def create(clients: Clients, name: str) -> Names:
    """Creates everything as the stack `name`, in an emulator or in the test's own AWS."""
    cloudformation = clients.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(_emulated()))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAIT)
    outputs = _outputs_of(clients, name)
    return Names(
        settings=settings_of(clients, name),
        profile_stream_arn=outputs["ProfileStreamArn"],
        dead_letter_urls={name.lower(): outputs[f"{name}DeadLetterUrl"] for name in (*QUEUES, "Emit")},
    )


def settings_of(clients: Clients, name: str) -> Settings:
    """Those that make the product work on the stack `name`."""
    outputs = _outputs_of(clients, name)
    settings = {field: outputs[_output(field)] for field in SETTINGS}
    return msgspec.convert({**settings, "region": clients.region, "endpoint_url": clients.endpoint_url}, Settings)


def _outputs_of(clients: Clients, name: str) -> dict[str, str]:
    (stack,) = clients.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _emulated() -> Json:
    whole = template()
    resources = {
        name: resource for name, resource in whole["Resources"].items() if resource["Type"] not in EMULATED_ELSEWHERE
    }
    return {**whole, "Resources": resources}


def _output(field: str) -> str:
    return field.title().replace("_", "")


def _outputs() -> Json:
    return {
        **{_output(field): value for field, value in SETTINGS.items()},
        "ProfileStreamArn": {"Fn::GetAtt": ["ProfilesTable", "StreamArn"]},
        **{f"{name}DeadLetterUrl": {"Ref": f"{name}DeadLetters"} for name in QUEUES},
        "EmitDeadLetterUrl": {"Ref": "EmitFailures"},
    }


def _tables() -> Json:
    profiles = _kept(_table("pk", due_shard="N", due_at="N", listing="S"))
    profiles["Properties"] |= {
        "KeySchema": _keys("pk"),
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "GlobalSecondaryIndexes": [_index("due", "due_shard", "due_at"), _index("listing", "listing", "pk")],
    }
    return {
        "ProfilesTable": profiles,
        "IdentifiersTable": _kept(_table("pk")),
        "TimelineTable": _passing(_table("pk", "sort")),
        "WorkspaceTable": _kept(_passing(_table("partition", "sort"))),
        "WorkTable": _passing(_table("partition", "sort")),
    }


def _table(*keys: str, **further: str) -> Json:
    types = {**dict.fromkeys(keys, "S"), **further}
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": k, "AttributeType": t} for k, t in types.items()],
            "KeySchema": _keys(*keys),
            "SSESpecification": {"SSEEnabled": True},
        },
    }


def _index(name: str, *keys: str) -> Json:
    return {"IndexName": name, "KeySchema": _keys(*keys), "Projection": {"ProjectionType": "KEYS_ONLY"}}


def _keys(*names: str) -> list[Json]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)]


def _kept(resource: Json) -> Json:
    """What cannot be made again: it survives the stack and, if it is a table, can be restored to any second."""
    if resource["Type"] == "AWS::DynamoDB::Table":
        resource["Properties"]["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    return {**resource, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def _passing(table: Json) -> Json:
    table["Properties"]["TimeToLiveSpecification"] = {"AttributeName": "expires_at", "Enabled": True}
    return table


def _queues() -> Json:
    found: Json = {"EmitFailures": _dead_letters(), "EmitAlarm": _alarm("EmitFailures")}
    for name, queue in QUEUES.items():
        found[f"{name}Queue"] = _queue(queue, f"{name}DeadLetters")
        found[f"{name}DeadLetters"] = _dead_letters()
        found[f"{name}Alarm"] = _alarm(f"{name}DeadLetters")
    return found


def _queue(queue: Queue, dead_letters: str) -> Json:
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "VisibilityTimeout": RECEIVES_PER_TIMEOUT * queue.timeout + queue.window,
            # A dead letter keeps the age it had: ten days remain of the fourteen.
            "MessageRetentionPeriod": 4 * DAY,
            "MaximumMessageSize": 1_048_576,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {
                "deadLetterTargetArn": {"Fn::GetAtt": [dead_letters, "Arn"]},
                "maxReceiveCount": queue.receives,
            },
        },
    }


def _dead_letters() -> Json:
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {"MessageRetentionPeriod": 14 * DAY, "SqsManagedSseEnabled": True},
    }


def _alarm(queue: str) -> Json:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"{queue}: messages that nobody could handle",
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}],
            "Statistic": "Maximum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]},
        },
    }


def _key() -> Json:
    # The account decides through IAM who may use the key; without this statement nobody could.
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {"Description": "Muster: secrets of destinations", "EnableKeyRotation": True, "KeyPolicy": policy}
    return _kept({"Type": "AWS::KMS::Key", "Properties": properties})
