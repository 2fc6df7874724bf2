"""A kind of task as the real ones will be: a range of changes is turned into messages and sent to one destination.

Every step stores its effects under keys that are the same each time.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress

from chalicelib.deadline import Deadline
from chalicelib.errors import Conflict
from chalicelib.records import Key, Records
from chalicelib.tasks.kind import Cursor, Done, Kind, per_destination
from chalicelib.tasks.task import Step, Task

STEPS = ["load", "build", "deliver", "acknowledge", "finalize"]
PROFILES = 10

# Called at a named point of a step, with the task: where tests kill, stall or look.
Hook = Callable[[str, Task], None]
# Takes the destination and the message id.
Send = Callable[[str, str], None]


class SyncSteps:
    """`load` freezes the range, `build` writes the page, `deliver` sends it, the last two set counters and status."""

    def __init__(self, work: Records, send: Send, hook: Hook) -> None:
        self._work, self._send, self._hook = work, send, hook

    def kind(self, name: str = "sync", pool: str | None = None) -> Kind:
        steps = {step: getattr(self, step) for step in STEPS}
        return Kind(name, steps, one_at_a_time=per_destination, pool=pool)

    def load(self, task: Task, step: Step, deadline: Deadline) -> Done:
        self._hook("load", task)
        with suppress(Conflict):  # made by an earlier run of this step
            self._work.create(_key(task, "range"), json.dumps([0, PROFILES]).encode())
        return self._done("load", task, "range")

    def build(self, task: Task, step: Step, deadline: Deadline) -> Done:
        self._hook("build", task)
        first, last = self.read(task, "range")
        self._work.put(_key(task, "page"), json.dumps([_message_id(task, n) for n in range(first, last)]).encode())
        return self._done("build", task, "page")

    def deliver(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        page = self.read(task, task.steps[1].output_ref or "")
        sent = int(step.cursor or 0)
        if sent == len(page):
            return self._done("deliver", task, None)
        self._hook(f"before send {sent + 1}", task)
        self._send(task.destination_id or "", page[sent])
        self._hook(f"after send {sent + 1}", task)
        return Cursor(str(sent + 1))

    def acknowledge(self, task: Task, step: Step, deadline: Deadline) -> Done:
        self._hook("acknowledge", task)
        self._work.put(_key(task, "counters"), json.dumps([len(self.read(task, "page"))]).encode())
        return self._done("acknowledge", task, None)

    def finalize(self, task: Task, step: Step, deadline: Deadline) -> Done:
        self._hook("finalize", task)
        self._work.put(_key(task, "status"), json.dumps(["delivered"]).encode())
        return self._done("finalize", task, None)

    def read(self, task: Task, name: str) -> list:
        record = self._work.get(_key(task, name))
        assert record is not None, f"{name} of {task.task_id} was never stored"
        found: list = json.loads(record.data)
        return found

    def _done(self, name: str, task: Task, output_ref: str | None) -> Done:
        self._hook(f"end of {name}", task)
        return Done(output_ref)


def _key(task: Task, name: str) -> Key:
    return Key(f"output#{task.task_id}", name)


def _message_id(task: Task, number: int) -> str:
    return hashlib.sha256(f"{task.task_id}#{number}".encode()).hexdigest()[:16]
