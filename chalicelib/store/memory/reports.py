"""What tasks report, in memory."""

from ...tasks.task import Failure, Task


class MemoryFailures:
    """`rows` holds one failure per (task id, attempt), in the order of the first report."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], Failure] = {}

    def report(self, task: Task, failure: Failure) -> None:
        self.rows.setdefault((task.task_id, failure.attempt), failure)

    def of(self, task_id: str) -> list[Failure]:
        return [failure for (found, _), failure in self.rows.items() if found == task_id]


class MemoryCompletions:
    """`closed` holds the closed tasks by id, as they were first reported."""

    def __init__(self) -> None:
        self.closed: dict[str, Task] = {}

    def report(self, task: Task) -> None:
        self.closed.setdefault(task.task_id, task)
