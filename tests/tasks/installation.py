"""The whole product on AWS in this process: its entry points behind the triggers of the local stack, on a clock that
stands still."""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

import app
from chalicelib import bootstrap
from chalicelib.clock import MINUTE, SECOND
from chalicelib.deadline import Deadline
from chalicelib.delivery.lists import SYNC
from chalicelib.delivery.message import Delivery
from chalicelib.delivery.transport import Response
from chalicelib.destinations.kind import Request
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Cursor, Done, Kind, Later, StepFailed, StepFunction
from chalicelib.tasks.task import Step, Task
from infra.local.harness import Harness
from infra.local.triggers import Function, QueueTrigger, ScheduleTrigger, StreamTrigger, Trigger
from tests.acceptance.engines import OnAws
from tests.acceptance.world import World
from tests.conftest import Cloud


class Triggers(OnAws):
    """All functions of the deployment."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.cloud = cloud

    def stop(self, function: str) -> None:
        self._turn([trigger for trigger in self._all if trigger.name != function])

    def _turn(self, triggers: list[Trigger]) -> None:
        tick = ScheduleTrigger(Function("tick", app.tick), self.clock)
        self._harness = Harness(self.clock, triggers, tick, self._held, threads=False)

    def next_due(self) -> int | None:
        return self._held.next_due()

    def drive(self, application: bootstrap.Application) -> None:
        clients, names = self.cloud.clients, self.cloud.names
        streams = clients.client("dynamodbstreams")

        def queue(name: str, url: str, batch_size: int) -> QueueTrigger:
            return QueueTrigger(
                Function(name, getattr(app, name), 900), clients.sqs, url, self._held, batch_size=batch_size
            )

        self._all: list[Trigger] = [
            queue("resolve", names.settings.ingest_queue_url, 20),
            StreamTrigger(Function("emit", app.emit), streams, names.profile_stream_arn),
            queue("deliver", names.settings.deliver_queue_url, 10),
            queue("compute", names.settings.compute_queue_url, 1),
        ]
        self._turn(self._all)


class Installation(World):
    """`failing` maps (computation or destination id or kind of task, step) to how often it fails. `ran` lists
    (computation or destination id, step, seconds since the task was made). `answers` are what the partner says to an
    event, by its user id, one after the other; then 200."""

    def __init__(self, cloud: Cloud, patch: pytest.MonkeyPatch) -> None:
        self._triggers = Triggers(cloud)
        self.failing: dict[tuple[str, str], int] = {}
        self.ran: list[tuple[str, str, float]] = []
        self.answers: dict[str, list[int]] = {}
        patch.setattr("chalicelib.application.Engine", self._with_kinds)
        super().__init__(self._triggers)
        self.tasks = self.application.engine.tasks

    def _with_kinds(self, **ports: Any) -> Engine:
        """The product's own tasks may be made to fail."""
        kinds = {name: replace(kind, steps=self._steps(kind)) for name, kind in ports["kinds"].items()}
        return Engine(**{**ports, "kinds": kinds, "jitter": lambda: 1.0})

    def audience(self, name: str, query: str = "event('Bought').count() >= 1", **more: Any) -> Any:
        """Once its first run is through."""
        made = super().audience(name, query, **more)
        for _ in range(10):
            self.drain()
            if self.overview(made)["status"] == "Live":
                return made
            self.minutes(1)
        raise AssertionError(f"{name} never comes to life")

    def sync(self, audience: Any, destination: Any) -> Task:
        """The one that connecting them began."""
        found = self.tasks.of_computation(self.stack.space_id, audience["id"])
        (task,) = (task for task in found if (task.kind, task.destination_id) == (SYNC, destination["id"]))
        return task

    def divert(self, prefix: str, partner: str) -> None:
        """What is told of users whose ids begin so is for another partner."""
        dispatch = self.application.dispatch
        send = dispatch.send

        def diverted(deliveries: Sequence[Delivery]) -> None:
            for one in deliveries:
                if str(one.payload.get("userId")).startswith(prefix):
                    one.payload["integrations"] = {"All": False, partner: True}
            send(deliveries)

        dispatch.send = diverted  # type: ignore[method-assign]

    def minutes(self, count: float, look: Callable[[], None] = lambda: None) -> None:
        """A tick at every full minute, and delayed messages at their very instant, as in real time."""
        end = self.clock.now() + round(count * MINUTE)
        while (now := self.clock.now()) < end:
            minute = (now // MINUTE + 1) * MINUTE
            self._engine.advance(min(end, minute, max(self._triggers.next_due() or end, now + 1)) - now)
            look()

    def rows(self, **filters: str) -> list[Any]:
        """The audit trail, the oldest first."""
        query = "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in filters.items())
        reply = self.manage("GET", f"/audit-events?{query}")
        return list(reversed(reply.data["events"]))

    def overview(self, audience: Any) -> Any:
        return self.manage("GET", f"{self.audiences}/{audience['id']}/overview").data["overview"]

    def notices(self, kind: str) -> list[Any]:
        found = self.manage("GET", "/notifications").data["notifications"]
        return [notice for notice in found if notice["kind"] == kind]

    def forward(self) -> None:
        """Audit rows become events of a source made for them."""
        sent = {"slug": "audit", "enabled": True, "metadataId": "http-api"}
        source = self.manage("POST", "/sources", sent).data["source"]["id"]
        assert self.manage("PUT", "/audit-forwarding", {"enabled": True, "sourceId": source}).status == 200

    def forwarded(self) -> list[Any]:
        """The properties of the events `Audit` that went the whole way into the archive, the oldest first."""
        landed = Landed(self.application.adapters.archive, self.stack.space_id)
        found = sorted(landed.rows(), key=lambda row: (row["receivedAt"], row["messageId"]))
        return [row["properties"] for row in found if row.get("event") == "Audit"]

    def stop_delivering(self) -> None:
        self._triggers.stop("deliver")

    def undelivered(self) -> int:
        """Messages in the deliver queue."""
        cloud = self._triggers.cloud
        asked = {"QueueUrl": cloud.names.settings.deliver_queue_url, "AttributeNames": ["ApproximateNumberOfMessages"]}
        return int(cloud.clients.sqs.get_queue_attributes(**asked)["Attributes"]["ApproximateNumberOfMessages"])

    def close(self) -> None:
        bootstrap.install(None)

    def _steps(self, kind: Kind) -> dict[str, StepFunction]:
        return {name: self._step(name, step) for name, step in kind.steps.items()}

    def _step(self, name: str, effect: StepFunction) -> StepFunction:
        def run(task: Task, step: Step, deadline: Deadline) -> Done | Cursor | Later:
            subject = task.destination_id or task.computation_id
            self.ran.append((subject, name, (self.clock.now() - task.created_at) / SECOND))
            for place in ((subject, name), (task.kind, name)):
                if self.failing.get(place, 0) > 0:
                    self.failing[place] -= 1
                    raise StepFailed("PARTNER_DOWN", "the partner does not answer")
            return effect(task, step, deadline)

        return run

    def _partner(self, request: Request) -> Response:
        answers = self.answers.get(_user_of(request), [])
        if answers and answers[0] != 200:
            return Response(answers.pop(0), {})
        return super()._partner(request)


class Landed:
    def __init__(self, archive: Any, space_id: str) -> None:
        self._archive, self._prefix = archive, f"events/landing/{space_id}/"

    def rows(self) -> list[Any]:
        keys = self._archive.list(self._prefix)
        return [json.loads(line) for key in keys for line in gzip.decompress(self._archive.get(key)).splitlines()]


def _user_of(request: Request) -> str:
    body = json.loads(request.body)
    return str(body.get("userId")) if isinstance(body, dict) else ""
