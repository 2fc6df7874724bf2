"""How the task behind something that was ordered is shown with it."""

from typing import Any

from ...tasks.task import CANCELLED, FAILED, SUCCEEDED, Task

_STATUS = {SUCCEEDED: "COMPLETED", FAILED: "FAILED", CANCELLED: "CANCELLED"}


def errand(task: Task) -> dict[str, Any]:
    """`RUNNING` until it is closed, also while it waits. A failure is told in its own words."""
    shown: dict[str, Any] = {"status": _STATUS.get(task.status, "RUNNING"), "taskId": task.task_id}
    if task.status == FAILED and task.error is not None:
        shown["failureReason"] = task.error.message
    return shown
