"""The events Lambda is given by its triggers, as plain dicts in Lambda's own spelling."""

import base64
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib import instants

ACCOUNT = "000000000000"
REGION = "us-east-1"

Json = dict[str, Any]


class LambdaContext:
    """What a handler may ask of its invocation."""

    memory_limit_in_mb = 512
    function_version = "$LATEST"

    def __init__(self, function_name: str, timeout_seconds: int = 60) -> None:
        self.function_name = function_name
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_name}"
        self.aws_request_id = str(uuid.uuid4())
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = "local"
        self._ends = time.monotonic() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1_000))


def queue_event(messages: Sequence[Mapping[str, Any]], queue_arn: str) -> Json:
    """`messages` as `receive_message` returns them."""
    return {"Records": [_queue_record(message, queue_arn) for message in messages]}


def _queue_record(message: Mapping[str, Any], queue_arn: str) -> Json:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: _message_attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _message_attribute(value: Mapping[str, Any]) -> Json:
    found: Json = {"dataType": value["DataType"], "stringListValues": [], "binaryListValues": []}
    if "StringValue" in value:
        found["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        found["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return found


def stream_event(records: Sequence[Mapping[str, Any]], stream_arn: str) -> Json:
    """`records` as `get_records` of DynamoDB Streams returns them."""
    return {"Records": [_stream_record(record, stream_arn) for record in records]}


def _stream_record(record: Mapping[str, Any], stream_arn: str) -> Json:
    change = {key: value for key, value in record["dynamodb"].items() if value is not None}
    created = change.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        change["ApproximateCreationDateTime"] = int(created.timestamp())
    for part in ("Keys", "NewImage", "OldImage"):
        if part in change:
            change[part] = {name: attribute(value) for name, value in change[part].items()}
    found = {key: record[key] for key in ("eventID", "eventName", "eventVersion", "awsRegion") if key in record}
    return {**found, "eventSource": "aws:dynamodb", "dynamodb": change, "eventSourceARN": stream_arn}


def attribute(value: Mapping[str, Any]) -> Json:
    """One attribute value of the SDK, with binaries as base64 text as Lambda's JSON carries them."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64encode(content).decode("ascii")}
    if kind == "BS":
        return {"BS": [base64.b64encode(one).decode("ascii") for one in content]}
    if kind == "L":
        return {"L": [attribute(one) for one in content]}
    if kind == "M":
        return {"M": {name: attribute(one) for name, one in content.items()}}
    return {kind: content}


def schedule_event(name: str, instant: int) -> Json:
    """What an EventBridge rule sends at `instant` (epoch ms)."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": instants.to_iso(instant // 1_000 * 1_000).replace(".000Z", "Z"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"],
        "detail": {},
    }
