"""Workers that run at the same time and yet in an order that a test decides: one at a time, from one call of a port
to the next. Any of them may die before or after any call."""

import threading
from collections.abc import Callable
from typing import Any

from tests.pipeline.wire import Killed


class Worker:
    def __init__(self, baton: "Baton", task: Callable[[], Any]) -> None:
        self._baton, self._task = baton, task
        self.go = threading.Semaphore(0)
        self.result: Any = None
        self.error: BaseException | None = None
        self.killed = self.done = False
        self.dies_after = False
        self.next = ""  # the call it is about to make
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.go.acquire()
            if not self.killed:
                self.result = self._task()
        except Killed:
            self.killed = True
        except BaseException as error:
            self.error = error
        self.done = True
        self._baton.turn.release()

    def call(self, name: str, call: Callable[[], Any]) -> Any:
        """Wait for the turn, make the call, and perhaps die of it."""
        self.next = name
        self._baton.turn.release()
        self.go.acquire()
        if self.killed:
            raise Killed
        answer = call()
        if self.dies_after:
            raise Killed
        return answer


class Baton:
    """`choose(workers)` picks who makes the next call; `fate(worker)` says whether that worker dies of it: "before",
    "after" or None."""

    def __init__(self, choose: Callable[[list[Worker]], Worker], fate: Callable[[Worker], str | None]) -> None:
        self._choose, self._fate = choose, fate
        self.turn = threading.Semaphore(0)
        self.calls = self.switches = self.deaths = 0
        self._workers: dict[int, Worker] = {}

    def run(self, *tasks: Callable[[], Any]) -> list[Worker]:
        """All tasks at once, to their ends; raises what any of them raised."""
        workers = [Worker(self, task) for task in tasks]
        self._workers = {worker.thread.ident or 0: worker for worker in workers}
        last: Worker | None = None
        while alive := [worker for worker in workers if not worker.done]:
            worker = self._choose(alive)
            self.switches += last is not None and worker is not last
            self._turn(worker)
            last = worker
        self._workers = {}
        for worker in workers:
            if worker.error is not None:
                raise worker.error
        return workers

    def _turn(self, worker: Worker) -> None:
        fate = self._fate(worker)
        if fate:
            self.deaths += 1
            worker.killed, worker.dies_after = fate == "before", fate == "after"
        self.calls += 1
        worker.go.release()
        self.turn.acquire()

    def around(self, port: Any) -> Any:
        return _Stepped(port, self)

    def call(self, name: str, call: Callable[[], Any]) -> Any:
        worker = self._workers.get(threading.get_ident())
        return call() if worker is None else worker.call(name, call)


class _Stepped:
    """A port whose every call waits for its turn; other threads than the workers pass freely."""

    def __init__(self, port: Any, baton: Baton) -> None:
        self._port, self._baton = port, baton

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._baton.call(name, lambda: found(*args, **kwargs))
