"""Between Lambda's events for queues, streams and schedules and the services that do the work."""

from collections.abc import Callable
from typing import Any

from .bootstrap import Application
from .deadline import Deadline
from .errors import MusterError
from .queues import Received
from .store.dynamodb.changes import profile_changes

Failures = dict[str, list[dict[str, str]]]


def resolve(application: Application, event: dict[str, Any], deadline: Deadline) -> Failures:
    return _failures(application.resolver.resolve(_received(event), deadline))


def deliver(application: Application, event: dict[str, Any], deadline: Deadline) -> Failures:
    return _failures(application.deliverer.deliver(_received(event), deadline))


def compute(application: Application, event: dict[str, Any], deadline: Deadline) -> Failures:
    """`deadline` is the very end of the invocation: tasks keep their own margins."""
    return _failures(application.engine.worker.work(_received(event), deadline))


def emit(application: Application, event: dict[str, Any]) -> Failures:
    """Stream records are named by their sequence numbers: Lambda repeats from the lowest one on."""
    failed = application.emitter.emit(profile_changes(event["Records"]))
    return _failures(r["dynamodb"]["SequenceNumber"] for r in event["Records"] if r["eventID"] in failed)


def tick(application: Application, deadline: Deadline) -> dict[str, int]:
    """People who are due come first: what is told to owners can wait a minute.

    What fails does not take the rest along: the next minute does it again, and may fail again.
    """
    parts: list[Callable[[Deadline], dict[str, int]]] = [
        lambda deadline: {"queued": application.ticker.tick(deadline)},
        lambda deadline: {"wished": application.wishes.tick(deadline)},
        application.engine.tick,
        application.operations.tick,
        application.rounds.tick,
    ]
    done: dict[str, int] = {}
    failures: list[MusterError] = []
    for part in parts:
        try:
            done |= part(deadline)
        except MusterError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def _received(event: dict[str, Any]) -> list[Received]:
    return [Received(r["messageId"], r["receiptHandle"], r["body"], _receives(r)) for r in event["Records"]]


def _receives(record: dict[str, Any]) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _failures(identifiers: Any) -> Failures:
    return {"batchItemFailures": [{"itemIdentifier": i} for i in sorted(identifiers)]}
