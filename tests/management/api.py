"""The management API as a client sees it, over services that keep everything in memory."""

import json
from base64 import b64encode
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote

from chalice.test import Client

from app import app
from chalicelib import bootstrap
from chalicelib.batch.timetable import Timetable
from chalicelib.clock import Clock, FixedClock
from chalicelib.computations.computation import Computation
from chalicelib.computations.editions import switched, taken_in
from chalicelib.delivery.ledger import DeadLetter, Ledger
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.destinations.kind import Request
from chalicelib.destinations.registry import KINDS
from chalicelib.ids import CountingIds
from chalicelib.operations import Operations
from chalicelib.pipeline.discards import Discards
from chalicelib.pipeline.intake import Intake
from chalicelib.pipeline.vocabulary import Vocabulary
from chalicelib.records import Records
from chalicelib.store.memory import MemoryQueues, MemoryRecords, MemorySecrets, MemoryTopics
from chalicelib.tasks.schedules import Schedules
from chalicelib.workspace.directory import StoredDirectory
from chalicelib.workspace.founding import Founded, found
from chalicelib.workspace.rates import Rates
from chalicelib.workspace.service import Workspaces
from chalicelib.workspace.storage import Storage, computation_key
from tests.events import T0
from tests.openapi import declared

WEBHOOK = next(kind for kind in KINDS.values() if kind.slug == "actions-webhook")
BOUGHT = "event('Order Completed').count() >= 1"

client = Client(app)


class Counted:
    """Stands for whoever counts sizes, discards and dead letters."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.discards: dict[str, dict[str, int]] = {}
        self.letters: dict[str, list[DeadLetter]] = {}

    def of(self, id: str) -> Any:
        return self.discards.get(id, self.sizes)

    def dead_letters(self, destination_id: str) -> list[DeadLetter]:
        return self.letters.get(destination_id, [])


class AtOnce:
    """Runs that are over as soon as they begin; or, while they are held, as soon as they are let go."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: list[Computation] = []
        self.held = False

    def wish(self, space_id: str, computation_id: str) -> "AtOnce":
        return self

    def grant(self, computation: Computation) -> None:
        self._waiting.append(computation)
        if not self.held:
            self.let_go()

    def let_go(self) -> None:
        for computation in self._waiting:
            key = computation_key(computation.space_id, computation.id)
            self._storage.computations.amend(key, lambda present: taken_in(switched(present)))
            self._storage.bump(computation.space_id)
        self._waiting = []


class Reply(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        assert self.status in (200, 201), self.body
        assert "errors" not in self.body
        return self.body["data"]

    @property
    def errors(self) -> Any:
        assert self.status >= 400, self.body
        assert "data" not in self.body
        return self.body["errors"]

    @property
    def fields(self) -> list[str | None]:
        return [error.get("field") for error in self.errors]


class Api:
    """One workspace, asked with its own token."""

    def __init__(self, services: Any, founded: Founded) -> None:
        self.services, self.founded = services, founded
        self.space = f"/spaces/{founded.space_id}"
        self.audiences = f"{self.space}/audiences"
        self.headers = {"Authorization": f"Bearer {founded.api_token}"}

    def send(self, method: str, path: str, content: Any = None, **headers: str) -> Reply:
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.http.request(method, path, headers=sent, body=body)
        declared.check(method, path, response.status_code, response.json_body)
        return Reply(response.status_code, response.json_body, response.headers)

    def get(self, path: str, /, **parameters: Any) -> Reply:
        """Objects among the parameters are sent as JSON, as the Python client does."""
        texts = {
            name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in parameters.items()
        }
        query = "&".join(f"{quote(name)}={quote(text, safe='')}" for name, text in texts.items())
        return self.send("GET", f"{path}?{query}" if query else path)

    def post(self, path: str, content: Any = None) -> Reply:
        return self.send("POST", path, content)

    def patch(self, path: str, content: Any) -> Reply:
        return self.send("PATCH", path, content)

    def delete(self, path: str) -> Reply:
        return self.send("DELETE", path)

    def create_audience(self, name: str = "Big Buyers", query: str = BOUGHT, **more: Any) -> Any:
        sent = {"name": name, "audienceType": "USERS", "definition": {"query": query}, **more}
        return self.post(self.audiences, sent).data["audience"]

    def create_destination(self, source_id: str | None = None, **settings: Any) -> Any:
        sent = {
            "sourceId": source_id or self.founded.engage_source_id,
            "metadataId": WEBHOOK.metadata_id,
            "settings": settings,
        }
        return self.post("/destinations", sent).data["destination"]


class World:
    """The services behind the API, and the means to move their time. `records` makes the one table of all."""

    def __init__(self, records: Callable[[Clock], Records] = MemoryRecords) -> None:
        self.clock = FixedClock(T0)
        self.ids = CountingIds(self.clock)
        self.records = records(self.clock)
        self.secrets = MemorySecrets()
        self.counted = Counted()
        self.directory = StoredDirectory(self.records, self.secrets, self.clock)
        self.runs = AtOnce(Storage(self.records, self.clock))
        self.workspaces = Workspaces(self.records, self.secrets, KINDS, self.counted, self.ids, self.clock, self.runs)
        self.queues, self.topics = MemoryQueues(), MemoryTopics()
        self.answer: Callable[[Request], Response] = lambda request: Response(200)
        self.transport = MockTransport(lambda request: self.answer(request))
        self.ledger = Ledger(self.records, self.clock)
        discards = Discards(self.records, self.clock)
        self.intake = Intake(self.directory, self.queues, discards, self.clock, self.ids)
        self.operations = Operations(
            workspace=self.records,
            work=self.records,
            secrets=self.secrets,
            transport=self.transport,
            topics=self.topics,
            directory=self.directory,
            workspaces=self.workspaces,
            intake=self.intake,
            ledger=self.ledger,
            ids=self.ids,
            clock=self.clock,
        )
        application: Any = SimpleNamespace(
            clock=self.clock,
            workspaces=self.workspaces,
            directory=self.directory,
            discards=self.counted,
            ledger=self.counted,
            operations=self.operations,
            timetable=Timetable(Schedules(self.records, self.clock), self.ids, self.clock),
            vocabulary=Vocabulary(self.records, self.clock),
            overviews=SimpleNamespace(retrying=lambda computations: set()),
            rates=Rates(self.records, self.clock, 0),
        )
        self.application = application
        bootstrap.install(application)

    def api(self, slug: str = "acme") -> Api:
        return Api(self, found(self.records, self.ids, self.clock, slug=slug, name=slug.capitalize()))


def cursor(offset: int) -> str:
    return b64encode(str(offset).encode()).decode()
