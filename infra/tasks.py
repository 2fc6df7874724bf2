"""`make tasks`: the open tasks of a running local stack or of an account, or the steps of one task.

python -m infra.tasks            open tasks
python -m infra.tasks TASK_ID    one task, open or closed

Looks at the stack that `.local/stack.json` describes, or at the table MUSTER_WORK_TABLE if that is set.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chalicelib.clock import DAY, MINUTE, SECOND, SystemClock
from chalicelib.errors import MusterError
from chalicelib.instants import to_iso
from chalicelib.store.clients import Clients
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.tasks.book import Book
from chalicelib.tasks.task import FAILED, RUNNING, SUCCEEDED, WAITING_RETRY, Step, Task

from .local.stack import STACK_FILE, keep_to_this_machine

LIMIT = 200
BAR = 12  # characters
WIDEST = 1_000
STYLES = {RUNNING: "cyan", WAITING_RETRY: "yellow", SUCCEEDED: "green", FAILED: "red"}


class NoStack(Exception):
    """There is no table to look at."""


class Place(NamedTuple):
    """`endpoint_url` None: AWS itself."""

    work_table: str
    endpoint_url: str | None
    region: str


def place(environ: Mapping[str, str], home: Path) -> Place:
    """Raises NoStack."""
    region = environ.get("MUSTER_REGION") or environ.get("AWS_REGION") or "us-east-1"
    if table := environ.get("MUSTER_WORK_TABLE"):
        return Place(table, environ.get("MUSTER_ENDPOINT_URL") or None, region)
    try:
        stack = json.loads((home / STACK_FILE).read_text())
    except FileNotFoundError as error:
        raise NoStack("Nothing runs here: `make run` starts it. Or set MUSTER_WORK_TABLE.") from error
    return Place(stack["work_table"], stack["endpoint_url"], region)


def book_at(found: Place) -> Book:
    clients = Clients(found.region, found.endpoint_url)
    return Book(DynamoRecords(clients.dynamodb, found.work_table, SystemClock()))


def list_of(tasks: list[Task]) -> Table:
    columns = "Status", "Execution", "Present step", "Done", "", "Made", "Task"
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for task in tasks:
        step = task.current_step
        table.add_row(
            _status(task),
            _executions(task),
            step.name if step else "",
            _share(task),
            bar(task),
            _instant(task.created_at),
            Text(task.task_id, no_wrap=True),
        )
    return table


def report_on(task: Task) -> Group:
    """Everything about one task."""
    head = Table.grid(padding=(0, 2))
    head.add_row("Task", Text(task.task_id, overflow="fold"))
    head.add_row("Status", _status(task))
    head.add_row("Execution", f"{_executions(task)}{_handed_over(task)}")
    for name in ("created_at", "started_at", "next_attempt_at", "completed_at"):
        if (instant := getattr(task, name)) is not None:
            head.add_row(name.removesuffix("_at").replace("_", " ").capitalize(), _instant(instant))
    if task.error:
        head.add_row("Last error", Text(f"{task.error.code} in execution {task.error.attempt}: {task.error.message}"))
    head.add_row("Done", _share(task))
    head.add_row("", bar(task))
    return Group(head, "", _steps(task))


def bar(task: Task) -> ProgressBar:
    """Steps that are done, of all."""
    return ProgressBar(total=len(task.steps), completed=_done(task), width=BAR)


def _steps(task: Task) -> Table:
    table = Table("", "Step", "Executions", "Begun", "Took", "Cursor", "Last error", box=None, header_style="bold")
    for number, step in enumerate(task.steps, 1):
        mark = "[green]✓" if step.completed_at is not None else "[cyan]▸" if step == task.current_step else ""
        error = step.last_error.code if step.last_error else ""
        begun = "" if step.started_at is None else _on_its_day(step.started_at, task.created_at)
        cursor = Text(step.cursor or "", overflow="ellipsis", no_wrap=True)
        table.add_row(mark, f"{number} {step.name}", str(step.attempts), begun, _took(step), cursor, error)
    return table


def _done(task: Task) -> int:
    return sum(step.completed_at is not None for step in task.steps)


def _share(task: Task) -> str:
    return f"{_done(task)} of {len(task.steps)}"


def _status(task: Task) -> Text:
    return Text(task.status, STYLES.get(task.status, ""))


def _executions(task: Task) -> str:
    return f"{task.attempt} of {task.max_retries + 1}"


def _instant(instant: int) -> str:
    return to_iso(instant)[:-5].replace("T", " ")


def _on_its_day(instant: int, first: int) -> str:
    """The date only when it is another one than that of the task."""
    return _instant(instant)[0 if instant // DAY != first // DAY else 11 :]


def _handed_over(task: Task) -> str:
    count = task.continuations
    return f", handed over {count} time{'s' if count > 1 else ''}" if count else ""


def _took(step: Step) -> str:
    if step.started_at is None or step.completed_at is None:
        return ""
    minutes, rest = divmod(step.completed_at - step.started_at, MINUTE)
    return f"{minutes} min {rest // SECOND} s" if minutes else f"{rest / SECOND:.1f} s"


def show(book: Book, task_id: str | None, console: Console) -> int:
    """The exit code."""
    if task_id is None:
        tasks = book.open(LIMIT)
        if tasks:
            _print_whole(console, list_of(tasks))
        else:
            console.print("No task is open.")
        return 0
    held = book.find(task_id)
    if held is None:
        console.print(f"There is no task {task_id}.", style="red", markup=False)
        return 1
    console.print(report_on(held.task))
    return 0


def _print_whole(console: Console, table: Table) -> None:
    """However narrow the terminal is: the id of a task is there to be copied, and it stands last."""
    needed = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum
    console.width = max(console.width, needed)
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.tasks", description="Open tasks, or the steps of one.")
    parser.add_argument("task_id", nargs="?")
    asked = parser.parse_args()
    try:
        found = place(os.environ, Path(os.environ.get("MUSTER_LOCAL", ".local")))
        if found.endpoint_url:
            keep_to_this_machine()
        return show(book_at(found), asked.task_id, Console())
    except (NoStack, MusterError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
