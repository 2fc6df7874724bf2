"""Lambda's event-source mappings, one class per kind of source, each advanced one batch at a time by `step()`."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from chalicelib.clock import MINUTE, Clock

from . import events
from .held import HeldQueues

Handler = Callable[[events.Json, events.LambdaContext], Any]

MOST_AT_ONCE = 10  # messages in one call of SQS

_log = logging.getLogger(__name__)


class Tally:
    """What a trigger did: records handed over, records that failed at least once, records given up."""

    def __init__(self) -> None:
        self.invocations = self.records = self.failed = self.given_up = 0

    def minus(self, earlier: "Tally") -> "Tally":
        found = Tally()
        for name, value in vars(self).items():
            setattr(found, name, value - getattr(earlier, name))
        return found

    def copy(self) -> "Tally":
        return self.minus(Tally())


class Trigger(Protocol):
    name: str
    tally: Tally

    def step(self) -> int:
        """Hand one batch to the function; how many records it held, 0 when the source is empty."""
        ...


class Function:
    """A Lambda function as its triggers see it: partial batch answers read, errors counted as "all failed".

    `timeout` is in seconds; the function is told, not stopped.
    """

    def __init__(self, name: str, handler: Handler, timeout: int = 60) -> None:
        self.name, self._handler, self._timeout = name, handler, timeout

    def failures(self, event: events.Json, ids: Sequence[str]) -> list[str]:
        """The ids, of those handed over, that the function did not finish."""
        try:
            answer = self._handler(event, events.LambdaContext(self.name, self._timeout))
        except Exception:
            _log.exception("%s failed with %d records", self.name, len(ids))
            return list(ids)
        reported = [str(one["itemIdentifier"]) for one in (answer or {}).get("batchItemFailures") or ()]
        if set(reported) <= set(ids):
            return reported
        # Lambda takes an answer with an id it does not know for a failure of the whole batch.
        _log.error("%s reported ids that were not in its batch", self.name)
        return list(ids)


class QueueTrigger:
    """SQS: what was finished is deleted; what failed is shown again at once, and its receives count towards the
    dead-letter queue."""

    def __init__(
        self, function: Function, sqs: Any, queue_url: str, held: HeldQueues, *, batch_size: int = MOST_AT_ONCE
    ) -> None:
        self.name, self.tally = function.name, Tally()
        self._function, self._sqs, self._url, self._held = function, sqs, queue_url, held
        self._batch_size = batch_size
        self._arn = ""

    def step(self) -> int:
        messages = self._receive()
        if not messages:
            return 0
        event = events.queue_event(messages, self._queue_arn())
        failed = set(self._function.failures(event, [m["MessageId"] for m in messages]))
        self._delete([m for m in messages if m["MessageId"] not in failed])
        self._show([m for m in messages if m["MessageId"] in failed])
        self.tally.invocations += 1
        self.tally.records += len(messages)
        self.tally.failed += len(failed)
        return len(messages)

    def _receive(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while len(found) < self._batch_size:
            more = self._receive_some(min(MOST_AT_ONCE, self._batch_size - len(found)))
            found += more
            if not more:
                break
        return found

    def _receive_some(self, count: int) -> list[Mapping[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=0,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", ()))

    def _queue_arn(self) -> str:
        if not self._arn:
            answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
            self._arn = answer["Attributes"]["QueueArn"]
        return self._arn

    def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for some in _chunks([m["ReceiptHandle"] for m in messages]):
            entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(some)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            for receipt in some:
                self._held.forget(receipt)

    def _show(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for some in _chunks([m["ReceiptHandle"] for m in messages if not self._held.is_held(m["ReceiptHandle"])]):
            entries = [{"Id": str(n), "ReceiptHandle": r, "VisibilityTimeout": 0} for n, r in enumerate(some)]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)


def _chunks(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(receipts), MOST_AT_ONCE):
        yield receipts[start : start + MOST_AT_ONCE]


class StreamTrigger:
    """A DynamoDB stream: every shard in order, a failed batch again from its first failed record.

    A record that failed `attempts` times is given up and `on_failure` is told, as in a mapping with a retry limit. A
    batch that fails as a whole is halved until the culprit stands alone.
    """

    def __init__(
        self,
        function: Function,
        streams: Any,
        stream_arn: str,
        *,
        batch_size: int = 100,
        attempts: int = 10,
        on_failure: Callable[[events.Json], None] | None = None,
    ) -> None:
        self.name, self.tally = function.name, Tally()
        self._on_failure = on_failure
        self._function, self._streams, self._arn = function, streams, stream_arn
        self._batch_size, self._attempts = batch_size, attempts
        self._shards: dict[str, _Shard] = {}
        self._children_may_exist = False

    def step(self) -> int:
        records = 0
        while True:
            if self._children_may_exist or not self._shards:
                self._open_shards()
            records += sum(self._step(shard) for shard in self._shards.values() if not shard.is_finished)
            if not self._children_may_exist:
                return records

    def _open_shards(self) -> None:
        described = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        unread = {found["ShardId"] for found in described} - {
            shard_id for shard_id, shard in self._shards.items() if shard.is_finished
        }
        for found in described:
            # The changes of one item stay in order only if a parent is finished before its children begin.
            if found["ShardId"] not in self._shards and found.get("ParentShardId") not in unread:
                self._shards[found["ShardId"]] = _Shard(self._streams, self._arn, found["ShardId"])
        self._children_may_exist = False

    def _step(self, shard: "_Shard") -> int:
        shard.fill(self._batch_size)
        records = self._hand_over(shard) if shard.pending else 0
        self._children_may_exist |= shard.is_finished
        return records

    def _hand_over(self, shard: "_Shard") -> int:
        batch = shard.next_batch(self._batch_size)
        ids = [record["dynamodb"]["SequenceNumber"] for record in batch]
        failures = set(self._function.failures(events.stream_event(batch, self._arn), ids))
        self.tally.invocations += 1
        self.tally.records += len(batch)
        first = next((place for place, one in enumerate(ids) if one in failures), len(ids))
        shard.done(first)
        if first < len(ids):
            self.tally.failed += 1
            self._failed(shard, whole_batch=len(failures) == len(ids) > 1)
        return len(batch)

    def _failed(self, shard: "_Shard", *, whole_batch: bool) -> None:
        if whole_batch:
            shard.halve()
            return
        shard.attempts += 1
        if shard.attempts >= self._attempts:
            self._give_up(shard.pending[0]["dynamodb"]["SequenceNumber"], shard.attempts)
            shard.done(1)

    def _give_up(self, number: str, attempts: int) -> None:
        _log.error("%s: record %s given up after %d attempts", self.name, number, attempts)
        self.tally.given_up += 1
        if self._on_failure:
            place = {"streamArn": self._arn, "startSequenceNumber": number, "endSequenceNumber": number, "batchSize": 1}
            self._on_failure({"requestContext": {"functionArn": self.name}, "DDBStreamBatchInfo": place})


class _Shard:
    """Where reading of one shard stands. `pending` was read and is not finished."""

    def __init__(self, streams: Any, stream_arn: str, shard_id: str) -> None:
        self._streams, self._place = streams, {"StreamArn": stream_arn, "ShardId": shard_id}
        self._iterator: str | None = self._fresh_iterator(ShardIteratorType="TRIM_HORIZON")
        self._last_read = ""
        self.pending: deque[Mapping[str, Any]] = deque()
        self.attempts = 0
        self._width: int | None = None

    @property
    def is_finished(self) -> bool:
        return self._iterator is None and not self.pending

    def _fresh_iterator(self, **start: str) -> str:
        return str(self._streams.get_shard_iterator(**self._place, **start)["ShardIterator"])

    def fill(self, limit: int) -> None:
        if self.pending or self._iterator is None:
            return
        answer = self._read(limit)
        self.pending.extend(answer["Records"])
        if self.pending:
            self._last_read = self.pending[-1]["dynamodb"]["SequenceNumber"]
        self._iterator = answer.get("NextShardIterator")

    def _read(self, limit: int) -> Any:
        try:
            return self._streams.get_records(ShardIterator=self._iterator, Limit=limit)
        except self._streams.exceptions.ExpiredIteratorException:
            # Iterators live 15 minutes: a machine that slept comes back with a dead one.
            start = {"ShardIteratorType": "TRIM_HORIZON"}
            if self._last_read:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last_read}
            return self._streams.get_records(ShardIterator=self._fresh_iterator(**start), Limit=limit)

    def next_batch(self, limit: int) -> list[Mapping[str, Any]]:
        width = min(limit, self._width or limit)
        return [self.pending[place] for place in range(min(width, len(self.pending)))]

    def halve(self) -> None:
        self._width = max(1, len(self.next_batch(len(self.pending))) // 2)

    def done(self, count: int) -> None:
        """The first `count` records need no further attempt."""
        for _ in range(count):
            self.pending.popleft()
        if count:
            self.attempts = 0
            self._width = None


class ScheduleTrigger:
    """A rule of one event a minute, by the product's clock."""

    def __init__(self, function: Function, clock: Clock) -> None:
        self.name, self.tally = function.name, Tally()
        self._function, self._clock = function, clock
        self._minute: int | None = None

    def step(self) -> int:
        """Fires when the minute has changed since the last time."""
        if self._clock.now() // MINUTE == self._minute:
            return 0
        return self.fire()

    def fire(self) -> int:
        now = self._clock.now()
        self._minute = now // MINUTE
        self.tally.invocations += 1
        self.tally.records += 1
        if self._function.failures(events.schedule_event(self.name, now), [self.name]):
            self.tally.failed += 1
        return 1
