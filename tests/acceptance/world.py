"""The whole product in this process, asked over HTTP like the deployed one. Time and partners are played."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from app import app
from chalicelib import bootstrap
from chalicelib.clock import SECOND
from chalicelib.delivery.transport import MockTransport
from chalicelib.delivery.transport import Response as Answered
from chalicelib.destinations.kind import Request as Outbound
from chalicelib.destinations.webhook import WEBHOOK
from chalicelib.instants import to_iso
from chalicelib.workspace.founding import Founded, found
from infra.local.gateway import Gateway, Request
from infra.local.sink import Script, Sink
from tests.openapi.declared import check

from .engines import Engine

BASE = "http://muster.example"
PARTNER = "http://partner.example"


class Reply:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, {n.lower(): v for n, v in headers}, json.loads(body)

    @property
    def data(self) -> Any:
        assert self.status in (200, 201), self.body
        return self.body["data"]

    def __repr__(self) -> str:
        return f"{self.status} {self.body}"


class World:
    """One installation with one workspace, turned by an engine."""

    def __init__(self, engine: Engine, settle_seconds: int = 0) -> None:
        """One worker at a time, so nobody works on with what was known before, unless definitions should settle."""
        self._engine = engine
        self.clock = engine.clock
        self.transport = MockTransport(self._partner)
        self.unreachable: BaseException | None = None
        self._sinks: dict[str, Sink] = {}
        self.application = bootstrap.Application(engine.adapters(self.transport), settle_seconds=settle_seconds)
        bootstrap.install(self.application)
        engine.drive(self.application)
        self._gateway = Gateway(app, self.clock, BASE)
        self.stack = self.found("acme")

    def found(self, slug: str) -> Founded:
        adapters = self.application.adapters
        return found(adapters.workspace, adapters.ids, self.clock, slug=slug, name=slug.capitalize())

    # Time and work

    def now(self, seconds: float = 0) -> str:
        """ISO 8601 of so many seconds from now."""
        return to_iso(self.clock.now() + round(seconds * SECOND))

    def drain(self) -> None:
        """Until nothing is queued, changed or due at this instant."""
        self._engine.drain()

    def advance(self, seconds: float) -> None:
        self._engine.advance(round(seconds * SECOND))

    def waiting(self) -> int:
        """Messages that wait for a retry."""
        return self._engine.waiting()

    # The APIs

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> Reply:
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if body and "Content_Type" not in headers:
            sent.append(("Content-Type", "application/json"))
        answer = self._gateway.handle(Request(method, path, sent, body))
        return Reply(answer.status, answer.headers, answer.body)

    def manage(self, method: str, path: str, content: Any = None, by: Founded | None = None) -> Reply:
        """Every answer is as it is declared."""
        reply = self.ask(method, path, content, Authorization=f"Bearer {(by or self.stack).api_token}")
        check(method, path, reply.status, reply.body)
        return reply

    def send(self, *messages: dict[str, Any]) -> None:
        """One batch of an SDK, taken and worked off."""
        reply = self.ask("POST", "/v1/batch", {"batch": messages}, Authorization=_basic(self.stack.write_key))
        assert (reply.status, reply.body) == (200, {"success": True})
        self.drain()

    def basic(self) -> str:
        """What readers of profiles show."""
        return _basic(self.stack.profile_token or "")

    def traits(self, name: str, **parameters: str) -> dict[str, Any] | None:
        """What the Profile API shows of a person; None for nobody."""
        query = "".join(f"&{key}={quote(value)}" for key, value in parameters.items())
        path = f"/v1/spaces/{self.stack.space_id}/collections/users/profiles/{quote(name, safe='')}/traits?limit=200"
        reply = self.ask("GET", path + query, Authorization=self.basic())
        if reply.status == 404:
            return None
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.body["traits"]
        return found

    def memberships(self, name: str) -> dict[str, bool]:
        return self.traits(name, **{"class": "audience"}) or {}

    # What an owner sets up

    @property
    def audiences(self) -> str:
        return f"/spaces/{self.stack.space_id}/audiences"

    def audience(self, name: str, query: str, **more: Any) -> Any:
        """As it was answered when it was made; everything that its making brings is done."""
        sent = {"name": name, "audienceType": "USERS", "definition": {"query": query}, **more}
        made = self.manage("POST", self.audiences, sent).data["audience"]
        self.drain()
        return made

    def webhook(self, sink: str, source: str | None = None, **settings: Any) -> Any:
        sent = {
            "sourceId": source or self.stack.engage_source_id,
            "metadataId": WEBHOOK.metadata_id,
            "settings": {"url": f"{PARTNER}/{sink}", **settings},
        }
        return self.manage("POST", "/destinations", sent).data["destination"]

    def connect(self, audience: Any, destination: Any, **more: Any) -> str:
        """Only Track is sent unless `connectionSettings` say something else; the path of the connection."""
        sent = {
            "destination": {"id": destination["id"], "type": "destination"},
            "connectionSettings": {"sendIdentify": False, "sendTrack": True},
            **more,
        }
        path = f"{self.audiences}/{audience['id']}/destination-connections"
        return f"{path}/{self.manage('POST', path, sent).data['connection']['id']}"

    def dead_letters(self, destination: Any) -> list[Any]:
        found: list[Any] = self.manage("GET", f"/destinations/{destination['id']}/dead-letters").data["deadLetters"]
        return found

    # The partner

    def script(self, sink: str, *responses: Any) -> None:
        """What it answers, one after the other; then 200 for ever."""
        self._sink(sink).script(msgspec.convert({"responses": responses}, Script))

    def received(self, sink: str) -> list[Any]:
        """Every request, the oldest first."""
        requests: list[Any] = self._sink(sink).listing()["requests"]
        return requests

    def events(self, sink: str) -> list[Any]:
        return [request["body"] for request in self.received(sink)]

    def forget(self, sink: str) -> None:
        self._sink(sink).empty()

    def _sink(self, name: str) -> Sink:
        return self._sinks.setdefault(name, Sink(self.clock))

    def _partner(self, request: Outbound) -> Answered:
        if self.unreachable is not None:
            raise self.unreachable
        answer = self._sink(urlsplit(request.url).path.strip("/")).receive(dict(request.headers), request.body)
        return Answered(answer.status, {name.lower(): value for name, value in answer.headers.items()})


def track(event: str, user: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, **({"userId": user} if user else {}), **fields}


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


def _basic(user: str) -> str:
    return "Basic " + b64encode(f"{user}:".encode()).decode()
