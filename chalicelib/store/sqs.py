"""Queues on SQS."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import Invalid, Problem, Unavailable
from ..queues import COMPUTE, DELIVER, INGEST, Outgoing
from ..settings import Settings
from .faults import translated

BATCH = 10  # messages; the limit of SendMessageBatch
BATCH_BYTES = 1_048_576  # of all messages of a batch together
LONGEST_DELAY = 900  # seconds; the limit of SQS
# SQS counts 12 h from the receipt of the message, so the whole of them can no longer be asked for afterwards.
LONGEST_HIDING = 12 * 3_600 - 300  # seconds


class SqsQueues:
    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._urls = {
            INGEST: settings.ingest_queue_url,
            COMPUTE: settings.compute_queue_url,
            DELIVER: settings.deliver_queue_url,
        }

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        for batch in _batches(messages):
            refused = self._send(queue, batch)
            if refused and self._send(queue, refused):
                raise Unavailable(f"sqs: {len(refused)} messages refused twice")

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        with translated("sqs"):
            self._client.change_message_visibility(
                QueueUrl=self._urls[queue], ReceiptHandle=receipt, VisibilityTimeout=_clamp(seconds, LONGEST_HIDING)
            )

    def _send(self, queue: str, batch: Sequence[Outgoing]) -> list[Outgoing]:
        """Those that the queue did not take. Raises Invalid for those that it never will."""
        entries = [_entry(place, message) for place, message in enumerate(batch)]
        with translated("sqs"):
            answer = self._client.send_message_batch(QueueUrl=self._urls[queue], Entries=entries)
        failed = answer.get("Failed", [])
        hopeless = {entry["Code"] for entry in failed if entry["SenderFault"] and not _is_passing(entry["Code"])}
        if hopeless:
            raise Invalid(Problem(f"the queue {queue} refuses a message: {', '.join(sorted(hopeless))}"))
        return [batch[int(entry["Id"])] for entry in failed]


def _is_passing(code: str) -> bool:
    return "Throttl" in code or code.endswith("OverLimit")


def _entry(place: int, message: Outgoing) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(place), "MessageBody": message.body}
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if message.delay > 0:
        entry["DelaySeconds"] = _clamp(message.delay, LONGEST_DELAY)
    return entry


def _batches(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    batch: list[Outgoing] = []
    size = 0
    for message in messages:
        length = len(message.body.encode())
        if batch and (len(batch) == BATCH or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _clamp(seconds: int, most: int) -> int:
    return max(0, min(seconds, most))
