"""`make run` as a process of the test's own, on a free port and in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds; two or three on an idle machine


class Run:
    """One `python -m infra.local`. `home` is where it keeps its files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local"],
            cwd=ROOT,
            env={**os.environ, "MUSTER_LOCAL": str(home), "PORT": "0", "DEMO": "0", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def file(self) -> Path:
        return self.home / "stack.json"

    def wait_until_up(self) -> dict[str, str]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.file.exists():
                found: dict[str, str] = json.loads(self.file.read_text())
                return found
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"the stack did not come up:\n{self.process.communicate()[0]}")

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, float]:
        """Exit code, everything printed, and how long the stopping took in seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output, time.monotonic() - began


@contextmanager
def run(home: Path) -> Iterator[Run]:
    started = Run(home)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
            started.process.communicate(timeout=PATIENCE)
