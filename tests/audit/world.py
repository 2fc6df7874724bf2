"""The management API with tasks behind it: steps that fail when told to, on a clock that stands still."""

from collections.abc import Callable

from chalicelib.clock import Clock
from chalicelib.deadline import NoDeadline
from chalicelib.overview.changes import RunChanges
from chalicelib.overview.service import Overviews
from chalicelib.queues import COMPUTE, INGEST
from chalicelib.records import Records
from chalicelib.store.memory import MemoryRecords
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Done, Kind, StepFailed, per_computation, per_destination
from chalicelib.tasks.pace import Ended
from chalicelib.tasks.purpose import ComputationsPurpose
from chalicelib.tracking.envelope import Accepted, unpack
from chalicelib.workspace.model import API_TOKEN, Token
from chalicelib.workspace.storage import Storage
from chalicelib.workspace.tokens import keep
from tests.management.api import Api, World

SYNC_STEPS = ("load", "build", "deliver", "acknowledge", "finalize")
RUN_STEPS = ("prepare", "settle", "scan", "apply", "switch", "wait", "evaluate", "finalize")
BATCH_STEPS = ("prepare", "evaluate", "finalize")


class Inline:
    """Steps take no time, so nothing beats beside them."""

    def run(self, call, beat):
        beat()
        try:
            return Ended(call())
        except Exception as error:
            return Ended(error=error)

    def pause(self, milliseconds):
        raise AssertionError("no step comes back where it was")


class OperatedWorld(World):
    """`failing` maps (destination or computation id, step) to how often it fails; `ran` lists the steps that ran."""

    def __init__(self, records: Callable[[Clock], Records] = MemoryRecords) -> None:
        super().__init__(records)
        self.failing: dict[tuple[str, str], int] = {}
        self.ran: list[tuple[str, str]] = []
        self.changes = RunChanges(self.records, self.clock)
        self.engine = Engine(
            work=self.records,
            queues=self.queues,
            kinds={
                "sync": Kind("sync", self._steps(SYNC_STEPS), one_at_a_time=per_destination),
                "compute": Kind("compute", self._steps(RUN_STEPS), one_at_a_time=per_computation),
                "batch": Kind("batch", self._steps(BATCH_STEPS), one_at_a_time=per_computation),
                "edit": Kind("edit", self._steps(RUN_STEPS), one_at_a_time=per_computation),
            },
            purpose=ComputationsPurpose(self.records),
            failures=self.operations.failures,
            completions=self.operations.completions,
            pace=Inline(),
            clock=self.clock,
            ids=self.ids,
            jitter=lambda: 1.0,
        )
        self.application.overviews = Overviews(
            self.workspaces, self.engine.tasks, self.changes, self.ledger, self.clock
        )

    def task(self, kind, api, computation_id, destination_id=None, slot="1", **more):
        return self.engine.tasks.create(
            kind, api.founded.space_id, slot, computation_id=computation_id, destination_id=destination_id, **more
        )

    def turn(self, task):
        """One execution, at the time it is due."""
        task = self.engine.tasks.get(task.task_id)
        if task.next_attempt_at is not None:
            self.clock.move_to(task.next_attempt_at)
        self.engine.worker.run(task.task_id, NoDeadline())
        return self.engine.tasks.get(task.task_id)

    def play(self, task):
        """Until the task is closed."""
        for _ in range(10):
            if not task.is_open:
                return task
            task = self.turn(task)
        raise AssertionError("the task goes on for ever")

    def tick(self):
        self.operations.tick(NoDeadline())

    def forward(self, api):
        """Switch forwarding on, into a source made for it; what that itself leaves is out of the way."""
        made = {"slug": "audit", "enabled": True, "metadataId": "http-api"}
        source = api.post("/sources", made).data["source"]
        assert api.send("PUT", "/audit-forwarding", {"enabled": True, "sourceId": source["id"]}).status == 200
        self.tick()
        self.forwarded()
        return source

    def forwarded(self):
        """The messages that went into the ingest queue; each is taken once."""
        envelopes = [unpack(message.body) for message in self.queues.take(INGEST)]
        return [message for e in envelopes if isinstance(e, Accepted) for message in e.messages]

    def called(self):
        return self.queues.take(COMPUTE)

    def rows(self, api, **filters):
        return api.get("/audit-events", **filters).data["events"]

    def second_token(self, api):
        """Another token of the same workspace."""
        token = Token(id="token2", kind=API_TOKEN, workspace_id=api.founded.workspace_id, space_id=None, created_at=0)
        keep(Storage(self.records, self.clock), "second-secret", token)
        other = Api(self, api.founded)
        other.headers = {"Authorization": "Bearer second-secret"}
        return other

    def everything(self) -> str:
        """All that is stored, as text to search for what must not be there."""
        assert isinstance(self.records, MemoryRecords)
        return repr([(key, item.data) for key, item in self.records._items.items()])

    def _steps(self, names):
        return {name: self._step(name) for name in names}

    def _step(self, name):
        def run(task, step, deadline):
            subject = task.destination_id or task.computation_id
            self.ran.append((subject, name))
            if self.failing.get((subject, name), 0) > 0:
                self.failing[subject, name] -= 1
                raise StepFailed("PARTNER_DOWN", "the partner does not answer")
            if name == "finalize" and task.run_id:
                self.changes.put(task.run_id, 3, 1)
            return Done()

        return run
