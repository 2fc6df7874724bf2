"""Muster as its customers meet it: an address and tokens. AWS is moto, everything above it the real thing."""

import base64
import gzip
import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from chalicelib import bootstrap
from chalicelib.clock import FixedClock, MovableClock
from chalicelib.workspace.founding import found
from infra.functions import FUNCTIONS
from infra.local.control import Control
from infra.local.gateway import Gateway
from infra.local.harness import Harness
from infra.local.held import HeldQueues
from infra.local.meter import Meter
from infra.local.server import LocalServer
from infra.local.triggers import Function, QueueTrigger, ScheduleTrigger, Trigger
from tests.conftest import Cloud
from tests.events import T0


class Answer:
    def __init__(self, raw: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = raw.status, raw.headers, raw.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:500]!r}"


class Muster:
    """`description` is what a stack file holds; `adapters` and `clients` look behind the scenes."""

    def __init__(self, description: dict[str, str], adapters: bootstrap.Adapters, cloud: Cloud) -> None:
        self.base_url = description["base_url"]
        self.space_id = description["space_id"]
        self.api_token, self.profile_token = description["api_token"], description["profile_token"]
        self.engage_source_id = description["engage_source_id"]
        self.adapters, self._cloud = adapters, cloud
        self._landed: dict[str, list[Any]] = {}

    def ask(self, method: str, target: str, body: Any = None, **headers: str | None) -> Answer:
        """`body` goes out as it is if it is bytes or chunks, else as JSON; header names with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        content = json.dumps(body).encode() if isinstance(body, dict | list) else body
        connection = http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=30)
        try:
            connection.request(method, target, content, sent, encode_chunked="Transfer-Encoding" in sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def source(self) -> "Source":
        """A new one, whose messages and discards are nobody else's."""
        body = {"slug": unique("source").lower(), "enabled": True, "metadataId": "python"}
        created = self.ask("POST", "/sources", body, Authorization=f"Bearer {self.api_token}")
        assert created.status == 201, created
        source = created.json["data"]["source"]
        return Source(self, source["id"], source["writeKeys"][0])

    def drain(self) -> dict[str, int]:
        """What ran until nothing was left to do."""
        ran: dict[str, int] = self.ask("POST", "/_local/drain").json["ran"]
        return ran

    def pass_time(self, seconds: float) -> None:
        assert self.ask("POST", "/_local/clock", {"advance_seconds": seconds}).status == 200

    def set_clock(self, now: str) -> None:
        assert self.ask("POST", "/_local/clock", {"now": now}).status == 200

    def landed(self) -> list[Any]:
        """Every event of the archive."""
        for key in self.adapters.archive.list(f"events/landing/{self.space_id}/"):
            if key not in self._landed:
                lines = gzip.decompress(self.adapters.archive.get(key)).splitlines()
                self._landed[key] = [json.loads(line) for line in lines]
        return [row for rows in self._landed.values() for row in rows]

    def profile(self, identifier: str, resource: str, collection: str = "users", **headers: str | None) -> Answer:
        """`identifier` is percent-encoded here; `resource` may carry a query."""
        path = f"{collection}/profiles/{quote(identifier, safe='')}/{resource}"
        return self.profile_at(path, "spaces", **headers)

    def profile_at(self, path: str, prefix: str = "spaces", **headers: str | None) -> Answer:
        """`path` as it is, below the collections of the space."""
        authorised: dict[str, str | None] = {"Authorization": basic(self.profile_token + ":"), **headers}
        return self.ask("GET", f"/v1/{prefix}/{self.space_id}/collections/{path}", **authorised)

    def traits(self, identifier: str, collection: str = "users") -> dict[str, Any] | None:
        """All of them; None when there is no such profile."""
        answer = self.profile(identifier, "traits?limit=200", collection)
        assert answer.status in (200, 404), answer
        return answer.json["traits"] if answer.status == 200 else None

    def segment_id(self, identifier: str) -> str | None:
        answer = self.profile(identifier, "metadata")
        return answer.json["segment_id"] if answer.status == 200 else None

    def put_on_ingest_queue(self, *bodies: str) -> None:
        for body in bodies:
            self._cloud.clients.sqs.send_message(QueueUrl=self._cloud.names.settings.ingest_queue_url, MessageBody=body)

    def take_dead_letters(self) -> list[str]:
        """Bodies from behind the ingest queue; they are gone afterwards."""
        sqs, url, found = self._cloud.clients.sqs, self._cloud.names.dead_letter_urls["ingest"], []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += [message["Body"] for message in messages]
        return found


class Source:
    def __init__(self, muster: Muster, id: str, write_key: str) -> None:
        self.muster, self.id, self.write_key = muster, id, write_key

    def post(self, path: str, content: Any, **headers: str | None) -> Answer:
        """With the write key in the header, unless `Authorization` is given; None leaves it out."""
        return self.muster.ask("POST", path, content, **{"Authorization": basic(self.write_key + ":"), **headers})

    def send(self, *messages: Any, **envelope: Any) -> None:
        """One batch, which is taken."""
        assert_accepted(self.post("/v1/batch", {"batch": list(messages), **envelope}))

    def stored(self) -> list[Any]:
        """What came through this source into the archive, once everything is worked off."""
        self.muster.drain()
        return [row for row in self.muster.landed() if row["sourceId"] == self.id]

    def discarded(self) -> dict[str, int]:
        answer = self.muster.ask("GET", f"/sources/{self.id}/discards", Authorization=f"Bearer {self.muster.api_token}")
        return {one["code"]: one["count"] for one in answer.json["data"]["discards"]}


@contextmanager
def running(cloud: Cloud) -> Iterator[Muster]:
    """The app behind the local server, with the triggers that resolve and compute. The clock stands still."""
    import app

    clock = MovableClock(FixedClock(T0))
    adapters = bootstrap.on_aws(cloud.names.settings, clock, cloud.clients)
    held = HeldQueues(adapters.queues, clock)
    # One worker at a time, so nobody works on with what was known before.
    bootstrap.install(bootstrap.Application(replace(adapters, queues=held), settle_seconds=0))
    founded = found(adapters.workspace, adapters.ids, clock, slug="acme", name="Acme")
    sqs, settings = cloud.clients.sqs, cloud.names.settings
    resolve = QueueTrigger(Function("resolve", app.resolve), sqs, settings.ingest_queue_url, held, batch_size=20)
    compute = Function("compute", app.compute, FUNCTIONS["compute"].timeout)
    triggers: list[Trigger] = [resolve, QueueTrigger(compute, sqs, settings.compute_queue_url, held, batch_size=1)]
    # Nothing here falls due by time alone, and moto is slow at the queries of a tick.
    tick = ScheduleTrigger(Function("tick", lambda event, context: None), clock)
    server = LocalServer(0)
    server.start(
        Gateway(app.app, clock, server.base_url),
        Control(clock, Harness(clock, triggers, tick, held, threads=False), Meter()),
    )
    try:
        description = {name: str(value) for name, value in founded._asdict().items()}
        yield Muster({**description, "base_url": server.base_url}, adapters, cloud)
    finally:
        server.stop()
        bootstrap.install(None)


def unique(stem: str) -> str:
    """A name nobody else has, in this run or another."""
    return f"{stem}-{secrets.token_hex(4)}"


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def assert_accepted(answer: Answer) -> None:
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"success": True}


def assert_refused(answer: Answer, status: int = 400) -> None:
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert body["success"] is False
    assert all(isinstance(body[name], str) and body[name] for name in ("code", "message", "error"))
