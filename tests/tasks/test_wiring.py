"""Tasks in the product as it is deployed: the entry points, what they report, and what an idle minute reads."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import app
from chalicelib import bootstrap, workers
from chalicelib.audit.trail import Filter
from chalicelib.clock import MINUTE, FixedClock, MovableClock
from chalicelib.deadline import Deadline, NoDeadline
from chalicelib.errors import Invalid, Unavailable
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Done, Kind, per_computation
from chalicelib.tasks.pace import Threaded
from chalicelib.tasks.purpose import ComputationsPurpose
from chalicelib.tasks.task import CANCELLED, QUEUED, SUCCEEDED, WAITING_RETRY, Step, Task
from chalicelib.workspace.founding import found
from infra.local import events
from infra.local.harness import Harness
from infra.local.held import HeldQueues
from infra.local.triggers import Function, QueueTrigger, ScheduleTrigger
from tests.conftest import Cloud
from tests.tasks.world import NOON

BUDGET = 20  # read units of a tick that finds nothing to do


class Product:
    """The application on AWS, with one kind of task more than it has; `run` is what its only step does."""

    def __init__(self, cloud: Cloud) -> None:
        self.clock = MovableClock(FixedClock(NOON))
        adapters = bootstrap.on_aws(cloud.names.settings, self.clock, cloud.clients)
        held = HeldQueues(adapters.queues, self.clock)
        self.application = application = bootstrap.Application(replace(adapters, queues=held))
        self.run: Any = lambda task, step, deadline: Done()
        application.engine = self._engine(application)
        self.tasks = application.engine.tasks
        founded = found(adapters.workspace, adapters.ids, self.clock, slug="acme", name="Acme")
        self.space = application.workspaces.space(founded.workspace_id, founded.space_id)
        compute = Function("compute", app.compute, 900)
        trigger = QueueTrigger(compute, cloud.clients.sqs, cloud.names.settings.compute_queue_url, held, batch_size=1)
        tick = ScheduleTrigger(Function("tick", app.tick), self.clock)
        self.harness = Harness(self.clock, [trigger], tick, held, threads=False)
        bootstrap.install(application)

    def _engine(self, application: bootstrap.Application) -> Engine:
        a = application.adapters
        return Engine(
            work=a.work,
            queues=a.queues,
            kinds={"compute": Kind("compute", {"evaluate": self._evaluate}, one_at_a_time=per_computation)},
            purpose=ComputationsPurpose(a.workspace),
            failures=application.operations.failures,
            completions=application.operations.completions,
            pace=Threaded(),
            clock=a.clock,
            ids=a.ids,
            jitter=lambda: 1.0,
        )

    def _evaluate(self, task: Task, step: Step, deadline: Deadline) -> Any:
        return self.run(task, step, deadline)

    def audience(self, name: str) -> Any:
        sent = {"name": name, "audienceType": "USERS", "definition": {"query": "event('Bought').count() >= 1"}}
        return self.application.workspaces.audiences.create(self.space, sent, "me")

    def compute(self, computation_id: str, slot: str = "1") -> Task:
        return self.tasks.create("compute", self.space.id, slot, computation_id=computation_id)

    def later(self, seconds: int) -> None:
        self.harness.advance_to(self.clock.now() + seconds * 1_000)


@pytest.fixture
def product(cloud: Cloud) -> Iterator[Product]:
    made = Product(cloud)
    yield made
    bootstrap.install(None)
    for task in made.tasks.open():
        made.tasks.cancel(task.task_id)


def test_a_task_goes_through_the_entry_points_and_its_story_into_the_audit_trail(product: Product) -> None:
    def twice_broken(task: Task, step: Step, deadline: Deadline) -> Done:
        if task.attempt < 3:
            raise RuntimeError("broken")
        return Done()

    product.run = twice_broken
    audience = product.audience("Big")
    (task,) = product.tasks.of_computation(product.space.id, audience.id)  # its first run
    product.harness.drain()
    assert product.tasks.get(task.task_id).status == WAITING_RETRY
    for _ in range(2):
        product.later(61)
    assert product.tasks.get(task.task_id).status == SUCCEEDED
    found = product.application.operations.trail.read(product.space.workspace_id, Filter(), 100)
    assert Counter(row.action for row in found.rows if row.resource_id == audience.id) == {
        "Audience Run Failed": 2,
        "Audience Run Complete": 1,
    }


@pytest.mark.parametrize("how", ["deleted", "disabled"])
def test_a_computation_that_is_gone_takes_its_tasks_along(product: Product, how: str) -> None:
    audience = product.audience(f"Gone {how}")
    audiences = product.application.workspaces.audiences
    if how == "deleted":
        audiences.delete(audience)
    else:
        audiences.update(audience, {"enabled": False}, "me")
    task = product.compute(audience.id)
    product.harness.drain()
    assert product.tasks.get(task.task_id).status == CANCELLED


def test_the_worker_has_the_whole_time_of_its_invocation(product: Product) -> None:
    seen: list[int] = []

    def look(task: Task, step: Step, deadline: Deadline) -> Done:
        seen.append(deadline.remaining())
        return Done()

    product.run = look
    product.compute(product.audience("Timed").id)
    product.harness.drain()
    # Ten minutes without progress end a step before the invocation's fifteen, less a minute, are over.
    assert seen[0] == pytest.approx(600_000, abs=5_000)


def test_no_kind_of_task_is_promised_that_does_not_exist(cloud: Cloud) -> None:
    application = bootstrap.Application(bootstrap.on_aws(cloud.names.settings, FixedClock(NOON), cloud.clients))
    with pytest.raises(Invalid, match="There are no tasks of kind 'unheard_of'"):
        application.engine.tasks.create("unheard_of", "space", "1")


def test_a_message_for_nothing_is_done(product: Product) -> None:
    event = events.queue_event(
        [{"MessageId": "m", "ReceiptHandle": "r", "Body": '{"task_id": "nobody:compute:-:1"}'}], "arn:aws:sqs:x:y:z"
    )
    assert app.compute(event, events.LambdaContext("compute", 900)) == {"batchItemFailures": []}


@pytest.mark.parametrize("broken", ["ticker", "engine", "operations"])
def test_a_part_of_the_tick_that_fails_does_not_take_the_others_along(
    product: Product, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def part(name: str) -> Any:
        def tick(deadline: Deadline) -> Any:
            ran.append(name)
            if name == broken:
                raise Unavailable("dynamodb")
            return 0 if name == "ticker" else {}

        return tick

    for name in ("ticker", "engine", "operations"):
        monkeypatch.setattr(getattr(product.application, name), "tick", part(name))
    with pytest.raises(Unavailable):
        workers.tick(product.application, NoDeadline())
    assert ran == ["ticker", "engine", "operations"]


class Units:
    """Counts what reads of DynamoDB cost when they find nothing: half a unit, a whole one if strongly consistent."""

    def __init__(self, cloud: Cloud) -> None:
        self._events = cloud.clients.dynamodb.client.meta.events
        self.read = 0.0
        self.calls: Counter[str] = Counter()

    def __enter__(self) -> "Units":
        self._events.register("before-parameter-build.dynamodb", self._count)
        return self

    def __exit__(self, *_error: object) -> None:
        self._events.unregister("before-parameter-build.dynamodb", self._count)

    def _count(self, params: dict[str, Any], model: Any, **_event: Any) -> None:
        self.calls[model.name] += 1
        if model.name in ("GetItem", "Query"):
            self.read += 1 if params.get("ConsistentRead") else 0.5


def test_a_minute_in_which_nothing_is_due_reads_little_and_writes_nothing(cloud: Cloud, product: Product) -> None:
    workers.tick(product.application, NoDeadline())  # the first one of an hour looks at the alerts
    product.clock.advance(MINUTE)
    with Units(cloud) as whole:
        workers.tick(product.application, NoDeadline())
    with Units(cloud) as tasks:
        product.application.engine.tick(NoDeadline())
    print(
        f"\nidle tick: {whole.read:g} read units, {tasks.read:g} of them for tasks and schedules; {dict(whole.calls)}"
    )
    assert set(whole.calls) <= {"GetItem", "Query"}
    assert whole.read <= BUDGET
    assert tasks.read <= 5


def test_open_tasks_that_are_not_due_cost_nothing_more(cloud: Cloud, product: Product) -> None:
    for number in range(30):
        product.compute(f"aud_{number}")
    with Units(cloud) as tasks:
        product.application.engine.tick(NoDeadline())
    assert tasks.calls == {"Query": 5}
    assert {task.status for task in product.tasks.open()} == {QUEUED}
