"""What tasks tell others, and what they ask of them."""

from typing import Protocol

from .task import Failure, Task


class Failures(Protocol):
    """Hears of every failed execution, also of those that a retry repairs."""

    def report(self, task: Task, failure: Failure) -> None:
        """Called at least once per failed execution: (`task.task_id`, `failure.attempt`) names it, and a second call
        for the same one changes nothing. The failure was stored with the task before, so no report is premature.
        Should it raise, it is called again later, at the latest when the task is closed and then until it does not."""
        ...


class Completions(Protocol):
    """Hears of every task that is closed."""

    def report(self, task: Task) -> None:
        """Called at least once per closed task, whatever the end: `task.status` is SUCCEEDED, FAILED (its failures were
        reported before) or CANCELLED. `task.task_id` names it, and a second call for the same one changes nothing."""
        ...


class Purpose(Protocol):
    """Knows whether the thing a task works for still wants it."""

    def holds(self, task: Task) -> bool:
        """False once the computation is deleted or disabled: the task is cancelled then, which is no failure."""
        ...
