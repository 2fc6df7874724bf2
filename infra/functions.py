"""The Lambda functions: how long they may run, how they are triggered and what they may touch."""

from typing import Any, NamedTuple

from chalicelib.notifications.kinds import TOPIC_PREFIX

Json = dict[str, Any]

STAGE = "prod"

# What `app.py` names as event sources; the merge template puts the real ones in their place.
PLACEHOLDER = "arn:aws:{service}:us-east-1:000000000000:{name}"

SQS_READ = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility")
STREAM_READ = ("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream")
READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem")
QUERY = ("dynamodb:Query",)
WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
SEND = ("sqs:SendMessage",)
PUBLISH = ("sns:Publish",)
LIST = ("s3:ListBucket",)  # without it an object that is not there is forbidden instead of absent

# Megabytes of disk for the files of a session, and for what a scan spills: the most Lambda has.
SCRATCH = 10_240

# Topics that owners name as notification channels: never those of other applications.
TOPICS = f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:{TOPIC_PREFIX}*"


class Grant(NamedTuple):
    """Actions on the ARN of one resource; `suffix` is appended to the ARN, `attribute` names another ARN of it. Without
    an attribute `resource` is itself an ARN."""

    actions: tuple[str, ...]
    resource: str
    suffix: str = ""
    attribute: str = "Arn"


class Function(NamedTuple):
    """`timeout` in seconds. `event` is the logical id of the trigger, `source` the properties it gets."""

    timeout: int
    memory: int
    grants: tuple[Grant, ...]
    event: str | None = None
    source: Json | None = None
    extra: Json | None = None


REPORTING = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}

# Definitions to work by, and counters or state to keep.
COMMON = (Grant((*READ, *QUERY), "WorkspaceTable"), Grant((*READ, *QUERY, *WRITE), "WorkTable"))

FUNCTIONS = {
    "api_handler": Function(
        timeout=29,  # API Gateway gives up then
        memory=512,
        grants=(
            *COMMON,
            Grant(WRITE, "WorkspaceTable"),
            Grant((*READ, "dynamodb:PutItem"), "ProfilesTable"),
            Grant(QUERY, "ProfilesTable", "/index/listing"),
            Grant((*READ, "dynamodb:PutItem", "dynamodb:DeleteItem"), "IdentifiersTable"),
            Grant((*QUERY, "dynamodb:DeleteItem"), "TimelineTable"),
            Grant(("s3:PutObject",), "ArchiveBucket", "/erasures/*"),
            Grant(("s3:GetObject", "s3:PutObject"), "ArchiveBucket", "/manifests/*"),
            # What a link lets others do is what whoever signed it may do.
            Grant(("s3:GetObject",), "ArchiveBucket", "/exports/*"),
            Grant(("s3:GetObject", "s3:PutObject"), "ArchiveBucket", "/imports/*"),
            Grant(LIST, "ArchiveBucket"),
            Grant(SEND, "IngestQueue"),
            Grant(SEND, "ComputeQueue"),
            Grant(("kms:Encrypt", "kms:Decrypt"), "SecretsKey"),
        ),
    ),
    "resolve": Function(
        timeout=60,
        memory=512,
        grants=(
            *COMMON,
            Grant((*READ, "dynamodb:PutItem"), "ProfilesTable"),
            Grant((*READ, "dynamodb:PutItem", "dynamodb:DeleteItem"), "IdentifiersTable"),
            Grant(("dynamodb:PutItem",), "TimelineTable"),
            Grant(("s3:PutObject",), "ArchiveBucket", "/*"),
            Grant(SQS_READ, "IngestQueue"),
        ),
        event="ResolveSqsEventSource",
        # A second of patience: events of one person that come together are one write.
        source={
            "Queue": {"Fn::GetAtt": ["IngestQueue", "Arn"]},
            "BatchSize": 20,
            "MaximumBatchingWindowInSeconds": 1,
            **REPORTING,
        },
    ),
    "emit": Function(
        timeout=60,
        memory=512,
        grants=(
            *COMMON,
            Grant(STREAM_READ, "ProfilesTable", attribute="StreamArn"),
            Grant(("s3:PutObject",), "ArchiveBucket", "/profiles/landing/*"),
            Grant(("s3:PutObject",), "ArchiveBucket", "/sync/*"),
            Grant(("s3:PutObject",), "ArchiveBucket", "/emitted/*"),
            Grant(SEND, "DeliverQueue"),
            Grant(SEND, "ComputeQueue"),  # the first row that waits for a list calls for its flush
            Grant(SEND, "EmitFailures"),
            Grant(("kms:Decrypt",), "SecretsKey"),
        ),
        event="EmitDynamodbEventSource",
        source={
            "Stream": {"Fn::GetAtt": ["ProfilesTable", "StreamArn"]},
            "StartingPosition": "TRIM_HORIZON",  # LATEST can lose what is written while the mapping is made
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 20,  # a record that never works must not hold up its shard for a day
            "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["EmitFailures", "Arn"]}}},
            **REPORTING,
        },
    ),
    "deliver": Function(
        timeout=60,
        memory=512,
        grants=(
            *COMMON,
            Grant(SQS_READ, "DeliverQueue"),
            Grant(SEND, "DeliverQueue"),
            Grant(("kms:Encrypt", "kms:Decrypt"), "SecretsKey"),
        ),
        event="DeliverSqsEventSource",
        source={
            "Queue": {"Fn::GetAtt": ["DeliverQueue", "Arn"]},
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 1,
            **REPORTING,
        },
    ),
    "compute": Function(
        timeout=900,  # the most Lambda has
        memory=3_008,  # scans of the archive: nearly two CPUs, and room for what they keep in memory
        grants=(
            *COMMON,
            Grant(WRITE, "WorkspaceTable"),  # how far a definition is taken in
            Grant((*READ, "dynamodb:PutItem"), "ProfilesTable"),
            Grant(QUERY, "ProfilesTable", "/index/listing"),
            # Of whom nobody knows any more, nothing is sent again; and merges that were left half done are completed.
            Grant((*READ, "dynamodb:PutItem", "dynamodb:DeleteItem"), "IdentifiersTable"),
            Grant(("dynamodb:PutItem",), "TimelineTable"),
            Grant(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), "ArchiveBucket", "/*"),
            Grant(LIST, "ArchiveBucket"),
            Grant(SQS_READ, "ComputeQueue"),
            Grant(SEND, "ComputeQueue"),
            Grant(SEND, "IngestQueue"),  # imports and replays
            Grant(SEND, "DeliverQueue"),
            Grant(("kms:Encrypt", "kms:Decrypt"), "SecretsKey"),  # of partners whose lists it keeps it renews tokens
        ),
        extra={"EphemeralStorage": {"Size": SCRATCH}},
        event="ComputeSqsEventSource",
        # One task has the whole time of its invocation.
        source={
            "Queue": {"Fn::GetAtt": ["ComputeQueue", "Arn"]},
            "BatchSize": 1,
            "MaximumBatchingWindowInSeconds": 0,
            **REPORTING,
        },
    ),
    "tick": Function(
        timeout=55,  # over before the next one begins
        memory=256,
        grants=(
            *COMMON,
            Grant(("dynamodb:UpdateItem",), "WorkspaceTable"),  # alerts that fired
            Grant(LIST, "ArchiveBucket"),  # spaces to compact
            Grant(QUERY, "ProfilesTable", "/index/due"),
            Grant(SEND, "IngestQueue"),
            Grant(SEND, "ComputeQueue"),
            Grant(("kms:Decrypt",), "SecretsKey"),
            Grant(PUBLISH, TOPICS, attribute=""),
        ),
        extra={"EventInvokeConfig": {"MaximumRetryAttempts": 0}},  # the next minute does the same work
    ),
}

_HERE = "${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"


def logical_id(name: str) -> str:
    """What Chalice calls the function in its template."""
    return "APIHandler" if name == "api_handler" else name.capitalize()


def policy(name: str) -> Json:
    """The IAM policy of one function; the ARNs are left to CloudFormation."""
    logs = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": {"Fn::Sub": f"arn:{_HERE}:log-group:/aws/lambda/${{AWS::StackName}}-*"},
    }
    return {"Version": "2012-10-17", "Statement": [logs, *(_statement(grant) for grant in FUNCTIONS[name].grants)]}


def _statement(grant: Grant) -> Json:
    arn: Json = {"Fn::GetAtt": [grant.resource, grant.attribute]}
    if not grant.attribute:
        arn = {"Fn::Sub": grant.resource}
    elif grant.suffix:
        arn = {"Fn::Sub": "${%s.%s}%s" % (grant.resource, grant.attribute, grant.suffix)}  # noqa: UP031
    return {"Effect": "Allow", "Action": list(grant.actions), "Resource": arn}


def config() -> Json:
    """Chalice's own configuration."""
    functions = {
        name: {
            "lambda_timeout": function.timeout,
            "lambda_memory_size": function.memory,
            "iam_policy_file": policy_file(name),
        }
        for name, function in FUNCTIONS.items()
    }
    return {
        "version": "2.0",
        "app_name": "muster",
        "lambda_architecture": "arm64",
        "automatic_layer": True,
        "autogen_policy": False,
        "api_gateway_endpoint_type": "REGIONAL",
        "minimum_compression_size": 1400,  # bytes: one packet; and only with it does the gateway inflate requests
        "log_retention_in_days": 30,
        "stages": {STAGE: {"api_gateway_stage": STAGE, "lambda_functions": functions}},
    }


def policy_file(name: str) -> str:
    return f"policy-{name}.json"
