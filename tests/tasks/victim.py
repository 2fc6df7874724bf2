"""A worker process of its own, which can be killed for real at a named point: `python -m tests.tasks.victim`.

What to do comes as JSON in the first argument. Sends are appended to a file; a worker that stalls says so and waits
for a line.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.clock import FixedClock
from chalicelib.deadline import ClockDeadline
from chalicelib.ids import RandomIds
from chalicelib.settings import Settings
from chalicelib.store.clients import Clients
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemoryCompletions, MemoryFailures
from chalicelib.store.sqs import SqsQueues
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.pace import Threaded
from chalicelib.tasks.task import Task
from tests.tasks.sync import SyncSteps
from tests.tasks.world import INVOCATION, AnyPurpose, Watched, steps_completed


class Orders(msgspec.Struct):
    """`now` is what the clock says all the time; `sends` is the file that stands for the destination."""

    settings: Settings
    now: int
    task_id: str
    sends: str
    kill_at: str | None = None
    stall_at: str | None = None


class Process:
    """One engine on the shared store. `failures` are those that this process reported."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self.clock = FixedClock(orders.now)
        clients = Clients("us-east-1", orders.settings.endpoint_url)
        self.records = DynamoRecords(clients.dynamodb, orders.settings.work_table, self.clock)
        self.failures = MemoryFailures()
        self.steps = SyncSteps(self.records, self._send, self._hook)
        self.engine = Engine(
            Watched(self.records, self._told),
            SqsQueues(clients.sqs, orders.settings),
            {"sync": self.steps.kind()},
            AnyPurpose(),
            self.failures,
            MemoryCompletions(),
            Threaded(),
            self.clock,
            RandomIds(self.clock),
            jitter=lambda: 1.0,
        )

    def work(self) -> None:
        self.engine.worker.run(self._orders.task_id, ClockDeadline(self.clock, self.clock.now() + INVOCATION))

    def _send(self, destination: str, message_id: str) -> None:
        with Path(self._orders.sends).open("a") as file:
            file.write(message_id + "\n")

    def _told(self, when: str, operation: str, what: Any) -> None:
        for step in steps_completed(when, what):
            self._hook(f"done {step}", None)

    def _hook(self, point: str, task: Task | None) -> None:
        with Path(self._orders.sends + ".points").open("a") as file:
            file.write(point + "\n")
        if point == self._orders.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == self._orders.stall_at:
            print("stalled", flush=True)
            sys.stdin.readline()


if __name__ == "__main__":
    Process(msgspec.json.decode(sys.argv[1], type=Orders)).work()
