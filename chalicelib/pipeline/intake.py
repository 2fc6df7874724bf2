"""From a tracking request to the ingest queue. Nothing is acknowledged before the queue has it."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ..clock import Clock
from ..errors import Retryable, place_of
from ..ids import Ids
from ..queues import INGEST, MESSAGE_LIMIT, Outgoing, Queues
from ..tracking.envelope import Accepted, pack
from ..tracking.refusal import Refused
from ..tracking.request import TrackingRequest, read
from ..tracking.validation import sift
from ..workspace.model import Source
from ..workspace.ports import Directory
from .discards import UNKNOWN, Discards

logger = logging.getLogger(__name__)

RETRY_AFTER = 5  # seconds: clients wait at least this long, and none gives up over it
LONGEST_WRITE_KEY = 128  # ours have 32 characters; a longer one need not be looked up


class Call(NamedTuple):
    """`kind` is a message type, `batch` or `import`; `headers` by lower-case name; `body` as it was sent.
    `address` is where the connection came from."""

    kind: str
    headers: Mapping[str, str]
    body: bytes
    address: str | None = None


class Reply(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


ACCEPTED = Reply(200, {"success": True}, {})


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """`code` and `message` are what Python clients look for, `error` is what Ruby logs."""
    return Reply(status, {"success": False, "code": code, "message": message, "error": message}, headers or {})


class Intake:
    def __init__(self, directory: Directory, queues: Queues, discards: Discards, clock: Clock, ids: Ids) -> None:
        self._directory, self._queues, self._discards = directory, queues, discards
        self._clock, self._ids = clock, ids

    def accept(self, call: Call) -> Reply:
        """200 also for what is thrown away; 400 for what must not be sent again, 503 for what should be."""
        try:
            self._take(read(call.kind, call.headers, call.body), call.address)
        except Refused as refusal:
            return failure(400, refusal.code, refusal.message)
        except Retryable as error:
            logger.warning("a tracking request was put off: %s", type(error).__name__)
            return failure(503, "unavailable", "Try again later.", {"Retry-After": str(RETRY_AFTER)})
        return ACCEPTED

    def _take(self, request: TrackingRequest, address: str | None) -> None:
        source = self._source(request.write_key)
        if source is None:
            self._discard(UNKNOWN, {"project_not_found": max(1, request.count)})
        elif not source.enabled:
            self._discard(source.id, {"source_disabled": max(1, request.count)})
        else:
            sifted = sift(request, self._ids)
            if sifted.messages:
                self._queue(source, request, sifted.messages, address)
            self._discard(source.id, sifted.discarded)

    def _source(self, write_key: str) -> Source | None:
        return self._directory.source_of_write_key(write_key) if len(write_key) <= LONGEST_WRITE_KEY else None

    def _queue(
        self, source: Source, request: TrackingRequest, messages: list[dict[str, Any]], address: str | None
    ) -> None:
        envelope = Accepted(
            batch_id=self._ids.ksuid("bat_"),
            workspace_id=source.workspace_id,
            space_id=source.space_id,
            source_id=source.id,
            received_at=self._clock.now(),
            sent_at=request.sent_at,
            address=address,
            context=request.context,
            integrations=request.integrations,
            messages=messages,
        )
        bodies = packed(envelope, MESSAGE_LIMIT, self._ids)
        self._queues.send(INGEST, [Outgoing(body, group=source.space_id) for body in bodies])

    def _discard(self, scope: str, codes: Mapping[str, int]) -> None:
        # The messages are queued or thrown away by now: failing would only make the client send them twice.
        try:
            self._discards.count(scope, codes)
        except Exception as error:
            logger.error("Discards could not be counted: %s", place_of(error))


def packed(envelope: Accepted, limit: int, ids: Ids) -> list[str]:
    """Queue messages of at most `limit` bytes; halves of the envelope are batches of their own."""
    body = pack(envelope)
    if len(body) <= limit or len(envelope.messages) < 2:
        return [body]
    middle = len(envelope.messages) // 2
    halves = (envelope.messages[:middle], envelope.messages[middle:])
    return [
        body
        for half in halves
        for body in packed(msgspec.structs.replace(envelope, messages=half, batch_id=ids.ksuid("bat_")), limit, ids)
    ]
