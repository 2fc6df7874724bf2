"""Runs of linked audiences: owners may ask for them, and each says once why nothing can come of it."""

from typing import NoReturn

from ..computations.linked import NO_DATA_GRAPH, REASON
from ..deadline import Deadline
from ..tasks.kind import Kind, StepHopeless, per_computation
from ..tasks.task import Step, Task

LINKED_RUN = "linked"


def linked_runs() -> Kind:
    return Kind(LINKED_RUN, {"prepare": _refuse}, one_at_a_time=per_computation, most_waiting=1)


def _refuse(task: Task, step: Step, deadline: Deadline) -> NoReturn:
    raise StepHopeless(NO_DATA_GRAPH, REASON)
