"""Kinds of tasks: what their steps do, and what they wait for. Adding a kind is one module that makes one of these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..clock import MINUTE
from ..deadline import Deadline
from ..errors import MusterError
from .task import Lane, Step, Task

# How many tasks of a space may be under way at once, by what they do.
FIRST = "first"  # first computations
EDIT = "edit"
BATCH = "batch"
RESYNC = "resync"
POOLS = {FIRST: 5, EDIT: 5, BATCH: 10, RESYNC: 1}


class Done(NamedTuple):
    """The step is finished. `output_ref` points at its stored result."""

    output_ref: str | None = None


class Cursor(NamedTuple):
    """The step is not finished and goes on from here: a shard, a page, a change number."""

    value: str


class Later(NamedTuple):
    """The step has to wait: it goes on from the cursor at this instant (epoch ms), and nobody waits beside it. At most
    LONGEST_WAIT from now; a step that has to wait longer says so again."""

    value: str
    at: int


LONGEST_WAIT = 15 * MINUTE  # the longest delay of a message


class StepFailed(MusterError):
    """A step's own word for why it failed; its owner reads both, so they quote no personal data and no secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class StepHopeless(StepFailed):
    """It would fail again each time: nothing is tried after it."""


# Works from `step.cursor` on and returns when done, when the deadline is over or when some progress is worth saving.
# It may be run again from the same cursor: its effects are stored under keys that are the same each time.
StepFunction = Callable[[Task, Step, Deadline], Done | Cursor | Later]


@dataclass(frozen=True)
class Kind:
    """`steps` by name, in order.

    `one_at_a_time` says what tasks of this kind exclude each other on: their computation, or their computation and
    destination. At most `most_waiting` of them stand in that line behind the one under way: another one is not made,
    the last one waiting will do. `alone`: as long as one is open, another one is refused.
    """

    name: str
    steps: Mapping[str, StepFunction]
    one_at_a_time: Callable[[str, str | None], str] | None = None
    most_waiting: int | None = None
    alone: bool = False
    pool: str | None = None

    def lanes(self, space_id: str, computation_id: str, destination_id: str | None, pool: str | None) -> list[Lane]:
        """The line of its computation first: nobody who waits there takes up room in the pool of the space."""
        found = []
        if self.one_at_a_time:
            found.append(Lane(self.one_at_a_time(computation_id, destination_id), 1))
        if pool:
            found.append(Lane(f"pool#{space_id}#{pool}", POOLS[pool]))
        return found


def per_computation(computation_id: str, destination_id: str | None = None) -> str:
    return f"computation#{computation_id}"


def per_destination(computation_id: str, destination_id: str | None) -> str:
    return f"sync#{computation_id}#{destination_id or '-'}"
