"""`make tasks`: what it shows of open tasks and of one."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from chalicelib.clock import FixedClock
from chalicelib.store.memory import MemoryRecords
from chalicelib.tasks import machine
from chalicelib.tasks.book import Book, row_of
from chalicelib.tasks.task import Step, Task
from infra.local.stack import STACK_FILE
from infra.tasks import NoStack, Place, place, show
from tests.local.running import ROOT, run

NOON = 1_767_268_800_000
NAMES = ("load", "build", "deliver", "acknowledge", "finalize")


class Shown:
    def __init__(self) -> None:
        self.book = Book(MemoryRecords(FixedClock(NOON)))

    def put(self, task: Task) -> None:
        self.book.agenda.put(row_of(task))
        self.book.create(task)

    def show(self, task_id: str | None = None, width: int = 140) -> tuple[int, str]:
        console = Console(width=width, file=io.StringIO())
        with console.capture() as captured:
            code = show(self.book, task_id, console)
        return code, captured.get()


def half_done(slot: str = "1") -> Task:
    """Two steps of five done, in the second execution, which waits for its retry."""
    task = Task(
        task_id=f"aud:sync:X:{slot}",
        kind="sync",
        space_id="s",
        slot=slot,
        steps=tuple(Step(name=name) for name in NAMES),
        created_at=NOON,
    )
    for now in (NOON, NOON + 60_000):
        task = machine.acquire(task, "w", now)
        task = machine.complete(task, task.current_step.name if task.current_step else "", now + 5_000)
        task = machine.fail(task, "ETIMEDOUT", "[no] answer", now + 6_000)
    return machine.save_cursor(machine.acquire(task, "w", NOON + 200_000), "deliver", "page 4", NOON + 200_000)


def test_nothing_open() -> None:
    assert Shown().show() == (0, "No task is open.\n")


def test_open_tasks_with_their_progress() -> None:
    shown = Shown()
    shown.put(half_done("1"))
    shown.put(half_done("2"))
    code, text = shown.show()
    assert code == 0
    first = next(line for line in text.splitlines() if "aud:sync:X:1" in line)
    assert all(part in first for part in ("running", "3 of 6", "deliver", "2 of 5", "2026-01-01 12:00:00", "━"))
    assert "aud:sync:X:2" in text


@pytest.mark.parametrize("width", [20, 80, 200])
def test_ids_are_shown_whole_in_any_terminal(width: int) -> None:
    shown = Shown()
    slot = "1" * 60
    shown.put(half_done(slot))
    _, text = shown.show(width=width)
    (line,) = [line for line in text.splitlines() if "running" in line]
    assert line.rstrip().endswith(f"aud:sync:X:{slot}")


def test_the_steps_of_one_task() -> None:
    shown = Shown()
    shown.put(half_done())
    code, text = shown.show("aud:sync:X:1")
    assert code == 0
    assert "ETIMEDOUT in execution 2: [no] answer" in text
    rows = {name: line for name in NAMES for line in text.splitlines() if f" {name} " in line and "12:0" in line}
    assert rows.keys() == {"load", "build", "deliver"}
    assert rows["load"].split()[0] == "✓"
    assert rows["deliver"].split()[0] == "▸"
    assert "page 4" in rows["deliver"]
    assert "5 finalize" in text


def test_a_step_of_another_day_has_its_date() -> None:
    shown, task = Shown(), half_done()
    later = replace(
        task, steps=(*task.steps[:2], replace(task.steps[2], started_at=NOON + 86_400_000), *task.steps[3:])
    )
    shown.put(replace(later, continuations=1))
    _, text = shown.show("aud:sync:X:1")
    (load,) = [line for line in text.splitlines() if "1 load" in line]
    (deliver,) = [line for line in text.splitlines() if "3 deliver" in line]
    assert "12:00:00" in load
    assert "2026-01-01" not in load
    assert "2026-01-02 12:00:00" in deliver
    assert "handed over 1 time\n" in "\n".join(line.rstrip() for line in text.splitlines())


def test_an_unknown_task() -> None:
    assert Shown().show("[x]nobody") == (1, "There is no task [x]nobody.\n")


def test_where_it_looks(tmp_path: Path) -> None:
    with pytest.raises(NoStack):
        place({}, tmp_path)
    (tmp_path / STACK_FILE).write_text(json.dumps({"work_table": "t", "endpoint_url": "http://e"}))
    assert place({}, tmp_path) == Place("t", "http://e", "us-east-1")
    environ = {"MUSTER_WORK_TABLE": "other", "AWS_REGION": "eu-west-1"}
    assert place(environ, tmp_path) == Place("other", None, "eu-west-1")


def test_it_finds_the_running_stack(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.tasks"]
    with run(tmp_path) as started:
        started.wait_until_up()
        environ = {"MUSTER_LOCAL": str(tmp_path), "PATH": "", "COLUMNS": "120"}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No task is open.\n", "")
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make run" in done.stderr
