"""A tracking API in memory, and a sender for it."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

from chalicelib.clock import FixedClock
from chalicelib.computations.catalogue import Catalogue
from chalicelib.errors import Unavailable
from chalicelib.ids import CountingIds
from chalicelib.instants import to_iso
from chalicelib.pipeline.discards import Discards
from chalicelib.pipeline.intake import Call, Intake, Reply
from chalicelib.queues import INGEST, Outgoing
from chalicelib.store.memory.queues import MemoryQueues
from chalicelib.store.memory.records import MemoryRecords
from chalicelib.tracking.decode import events
from chalicelib.tracking.envelope import Accepted, unpack
from chalicelib.tracking.event import Event
from chalicelib.workspace.model import Activation, Destination, DestinationMapping, Source, Space, Token
from chalicelib.workspace.ports import SpaceView
from tests.events import instant

KEY = "K" * 32
SWITCHED_OFF = "D" * 32
UNKNOWN_KEY = "U" * 32
RECEIVED_AT = instant("2026-03-01T12:30:00Z")


def source(id: str, write_key: str, *, enabled: bool = True) -> Source:
    return Source(
        id=id,
        workspace_id="wks",
        space_id="spc",
        slug=id,
        name=id,
        metadata_id="http",
        enabled=enabled,
        write_keys=[write_key],
        created_at=0,
    )


class Sources:
    """The directory of one workspace with a source that is on and one that is off."""

    def __init__(self) -> None:
        self._by_key = {KEY: source("src", KEY), SWITCHED_OFF: source("off", SWITCHED_OFF, enabled=False)}
        self.asked: list[str] = []

    def source_of_write_key(self, write_key: str) -> Source | None:
        self.asked.append(write_key)
        return self._by_key.get(write_key)

    def token(self, secret: str) -> Token | None:
        return None

    def space(self, space_id: str) -> Space | None:
        return None

    def view(self, space_id: str) -> SpaceView:
        return SpaceView(1, Catalogue(1), {})

    def destination(self, destination_id: str, *, fresh: bool = False) -> Destination | None:
        return None

    def mapping(self, activation: Activation) -> DestinationMapping | None:
        return None


class FailingQueues(MemoryQueues):
    def send(self, queue: str, messages: Any) -> None:
        raise Unavailable("the queue does not answer")


class FailingRecords(MemoryRecords):
    def add(self, *args: Any, **kwargs: Any) -> dict[str, int]:
        raise RuntimeError("the table does not answer")


class Api:
    """`intake` and everything behind it; `directory`, `queues` and `work` may be replaced before the first use."""

    def __init__(self, *, queues: MemoryQueues | None = None, records: Callable[..., MemoryRecords] = MemoryRecords):
        self.clock = FixedClock(RECEIVED_AT)
        self.ids = CountingIds(self.clock)
        self.directory = Sources()
        self.queues = queues or MemoryQueues()
        self.discards = Discards(records(self.clock), self.clock)
        self.intake = Intake(self.directory, self.queues, self.discards, self.clock, self.ids)

    def post(self, kind: str, content: Any, **headers: str) -> Reply:
        """`content` as JSON unless it is bytes; header names with `_` for `-`."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.intake.accept(Call(kind, {name.replace("_", "-"): v for name, v in headers.items()}, body))

    def sent(self) -> list[Outgoing]:
        return self.queues.sent.get(INGEST, [])

    def envelopes(self) -> list[Accepted]:
        found = [unpack(message.body) for message in self.sent()]
        return [envelope for envelope in found if isinstance(envelope, Accepted)]

    def stored(self) -> list[Event]:
        return [event for envelope in self.envelopes() for event in events(envelope)]

    def discarded(self, scope: str = "src") -> dict[str, int]:
        return self.discards.of(scope)


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": "E", **fields}


def batch(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"writeKey": KEY, "batch": list(messages), **fields}


def sized(size: int, **fields: Any) -> bytes:
    """A track call of exactly `size` bytes."""
    return _filled(size, lambda filler: json.dumps(track(**fields, properties={"filler": filler})).encode())


def sized_batch(size: int, elements: int) -> bytes:
    """A batch of exactly `size` bytes with equally long elements, except the last."""
    share = size // elements

    def build(filler: str) -> bytes:
        last = track(properties={"filler": filler})
        return json.dumps(batch(*[json.loads(sized(share)) for _ in range(elements - 1)], last)).encode()

    return _filled(size, build)


def _filled(size: int, build: Callable[[str], bytes]) -> bytes:
    return build("x" * (size - len(build(""))))


def gzipped(content: Any) -> bytes:
    return gzip.compress(content if isinstance(content, bytes) else json.dumps(content).encode())


def iso(event: Event) -> str:
    return to_iso(event.timestamp)
