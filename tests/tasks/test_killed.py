"""Workers in processes of their own, killed for real, on one store that outlives them."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chalicelib.clock import SECOND
from chalicelib.deadline import NoDeadline
from chalicelib.settings import Settings
from chalicelib.store.clients import Clients
from chalicelib.tasks.task import RUNNING, SUCCEEDED, Task
from infra import resources
from infra.local.emulator import Emulator
from tests.tasks.sync import PROFILES, STEPS
from tests.tasks.victim import Orders, Process
from tests.tasks.world import NOON

ROOT = Path(__file__).parents[2]
LOST = 121 * SECOND  # after the last sign of life


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        with Emulator(tmp_path_factory.mktemp("emulator") / "log") as emulator:
            yield resources.create(Clients("us-east-1", emulator.endpoint_url), "muster").settings


class Scene:
    """One task; `process` is the test's own, in which ticks are fired and failures reported."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.file = directory / "sends"
        self.file.touch()
        self._orders = Orders(settings=settings, now=NOON, task_id="", sends=str(self.file))
        self.process = Process(self._orders)
        name = directory.name
        task = self.process.engine.tasks.create("sync", "space", "1", computation_id=name, destination_id="X")
        self._orders.task_id = task.task_id

    def start(self, **points: str) -> subprocess.Popen[str]:
        orders = msgspec.structs.replace(self._orders, now=self.process.clock.now(), **points)
        return subprocess.Popen(
            [sys.executable, "-m", "tests.tasks.victim", msgspec.json.encode(orders).decode()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **points: str) -> int:
        with self.start(**points) as worker:
            return worker.wait(60)

    def kill_and_go_on(self, point: str) -> None:
        """A worker that dies at the point, and another one after its lease has run out."""
        assert self.run(kill_at=point) == -signal.SIGKILL
        assert self.task.status == RUNNING
        self.process.clock.advance(LOST)
        assert self.process.engine.tick(NoDeadline())["called"] == 1
        self.process.work()

    @property
    def task(self) -> Task:
        return self.process.engine.tasks.get(self._orders.task_id)

    @property
    def sends(self) -> list[str]:
        return self.file.read_text().split()

    @property
    def ends(self) -> dict[str, int]:
        """How often each step came to its end."""
        points = Path(str(self.file) + ".points").read_text().splitlines()
        return Counter(point.removeprefix("end of ") for point in points if point.startswith("end of"))

    def rows(self) -> list[tuple[str, bool]]:
        found = self.process.failures.of(self._orders.task_id)
        return [(failure.code, failure.will_retry) for failure in found]


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Scene:
    return Scene(settings, tmp_path)


@pytest.mark.parametrize("k", range(1, 5))
def test_2_killed_right_after_a_step(scene: Scene, k: int) -> None:
    scene.kill_and_go_on(f"done {STEPS[k - 1]}")
    assert (scene.task.status, scene.task.attempt) == (SUCCEEDED, 2)
    assert scene.ends == dict.fromkeys(STEPS, 1)
    assert scene.rows() == [("WORKER_LOST", True)]
    assert scene.task.attempts[0].failure is not None
    assert scene.task.attempts[0].failure.step == STEPS[k]
    assert len(scene.sends) == PROFILES


def test_3_killed_between_two_sends(scene: Scene) -> None:
    scene.kill_and_go_on("before send 5")
    assert (scene.task.status, scene.task.attempt) == (SUCCEEDED, 2)
    assert len(scene.sends) == len(set(scene.sends)) == PROFILES
    assert scene.rows() == [("WORKER_LOST", True)]


def test_4_killed_between_a_send_and_its_cursor(scene: Scene) -> None:
    scene.kill_and_go_on("after send 5")
    assert (scene.task.status, scene.task.attempt) == (SUCCEEDED, 2)
    assert Counter(scene.sends)[scene.sends[4]] == 2
    assert (len(scene.sends), len(set(scene.sends))) == (PROFILES + 1, PROFILES)


def test_5_killed_between_the_effects_and_the_completion_of_the_last_step(scene: Scene) -> None:
    scene.kill_and_go_on("end of finalize")
    assert (scene.task.status, scene.task.attempt) == (SUCCEEDED, 2)
    assert scene.ends == {**dict.fromkeys(STEPS, 1), "finalize": 2}
    assert scene.process.steps.read(scene.task, "counters") == [PROFILES]


def test_12_a_worker_that_wakes_up_after_another_one_took_over(scene: Scene) -> None:
    with scene.start(stall_at=f"after send {PROFILES}") as stalled:
        assert stalled.stdout is not None
        assert stalled.stdin is not None
        assert stalled.stdout.readline() == "stalled\n"
        scene.process.clock.advance(LOST)
        scene.process.work()
        by_other = scene.task
        assert (by_other.status, by_other.attempt, by_other.lease_seq) == (SUCCEEDED, 2, 2)
        stalled.stdin.write("go on\n")
        stalled.stdin.flush()
        assert stalled.wait(60) == 0
    assert scene.task == by_other
    assert (len(scene.sends), len(set(scene.sends))) == (PROFILES + 1, PROFILES)
    assert scene.rows() == [("WORKER_LOST", True)]


def test_6_two_workers_called_at_once(scene: Scene) -> None:
    """Processes that really run at the same time: one of them gets the lease."""
    workers = [scene.start() for _ in range(2)]
    for worker in workers:
        with worker:
            assert worker.wait(60) == 0
    assert (scene.task.status, scene.task.attempt, scene.task.lease_seq) == (SUCCEEDED, 1, 1)
    assert len(scene.sends) == PROFILES
