"""A task and its steps as they are stored. Times are epoch ms."""

from typing import Any, NamedTuple

import msgspec

QUEUED = "queued"  # made, and never run
RUNNING = "running"  # a worker holds the lease
YIELDED = "yielded"  # handed over by a worker whose time was over
WAITING_RETRY = "waiting_retry"  # an execution failed, the next begins at `next_attempt_at`
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"

OPEN = frozenset({QUEUED, RUNNING, YIELDED, WAITING_RETRY})

MAX_RETRIES = 5  # after the first execution, so at most six in all


class Lane(msgspec.Struct, frozen=True, array_like=True):
    """A line in which tasks wait for their turn: `width` of them may be under way at once."""

    name: str
    width: int


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an execution failed. `message` never quotes personal data or secrets; `step` is None before the first."""

    code: str
    message: str
    step: str | None
    attempt: int
    at: int
    will_retry: bool

    @property
    def hard_failure(self) -> bool:
        """Nothing is tried after it: the owner has to know."""
        return not self.will_retry


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a task, from its first lease to success, failure or cancellation; yielding does not end it.

    `reported`: whether its failure is known to have reached whoever listens.
    """

    attempt: int
    started_at: int
    ended_at: int | None = None
    result: str | None = None  # SUCCEEDED, FAILED or CANCELLED once it has ended
    failure: Failure | None = None
    reported: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Done if and only if `completed_at` is set, which happens once and is never undone.

    `attempts` counts how often it was begun by a new execution. `cursor` is where a run inside the step goes on;
    `output_ref` points at its stored result, which later steps read.
    """

    name: str
    started_at: int | None = None
    completed_at: int | None = None
    attempts: int = 0
    last_error: Failure | None = None
    cursor: str | None = None
    output_ref: str | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`slot` is what makes it this task and no other: a scheduled minute, a change sequence or a request id.

    `computation_version` and `input` (the kind's own parameters, small) are frozen when the task is made.
    `lanes` are what it queues for, in this order; once `admitted` it keeps its places in them until it is closed.
    `lease_seq` grows with every acquisition and fences off earlier owners. `message_at` is when its last message for a
    worker is visible. `look_at` is under which instant it stands on the agenda of open tasks: it may lie before the
    instant at which something has to be done, never after.
    """

    task_id: str
    kind: str
    space_id: str
    slot: str
    steps: tuple[Step, ...]
    created_at: int
    computation_id: str = ""
    computation_version: int = 0
    destination_id: str | None = None
    run_id: str | None = None
    input: dict[str, Any] = msgspec.field(default_factory=dict)
    lanes: tuple[Lane, ...] = ()
    status: str = QUEUED
    attempt: int = 0  # executions begun
    max_retries: int = MAX_RETRIES
    continuations: int = 0
    lease_owner: str | None = None
    lease_seq: int = 0
    lease_expires_at: int | None = None
    admitted: bool = False
    message_at: int = 0
    look_at: int = 0
    next_attempt_at: int | None = None
    deadline_at: int | None = None
    error: Failure | None = None
    attempts: tuple[Execution, ...] = ()
    started_at: int | None = None
    completed_at: int | None = None  # when it was closed, however it ended

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def current_step(self) -> Step | None:
        """The first step that is not done."""
        return next((step for step in self.steps if step.completed_at is None), None)

    def step(self, name: str) -> Step:
        """One that it has."""
        return next(step for step in self.steps if step.name == name)


_decoder = msgspec.msgpack.Decoder(Task)


def encode(task: Task) -> bytes:
    return msgspec.msgpack.encode(task)


def decode(data: bytes) -> Task:
    return _decoder.decode(data)


def task_id_of(kind: str, subject: str, destination_id: str | None, slot: str) -> str:
    """The same for the same work, so that making it twice makes one. `subject` is a computation's or space's id."""
    return f"{subject}:{kind}:{destination_id or '-'}:{slot}"


class Parts(NamedTuple):
    """What a task's id is made of."""

    subject: str
    kind: str
    destination_id: str | None
    slot: str


def parts_of(task_id: str) -> Parts:
    subject, kind, destination_id, slot = task_id.split(":", 3)
    return Parts(subject, kind, None if destination_id == "-" else destination_id, slot)
