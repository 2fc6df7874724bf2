"""The emulator process: it comes up, it goes down, and it never stays behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.store.clients import Clients
from infra import resources
from infra.local.emulator import Emulator
from infra.local.failure import CannotStart

ROOT = Path(__file__).parents[2]

PARENT = """
import pathlib, sys, time
from chalicelib.store.clients import Clients
from infra import resources
from infra.local.emulator import Emulator
with Emulator(pathlib.Path(sys.argv[1])) as emulator:
    print(emulator._port, emulator._child.pid, flush=True)
    time.sleep(60)
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_answers_inside_the_block_and_is_gone_after_it(tmp_path: Path) -> None:
    with Emulator(tmp_path / "log") as emulator:
        port = int(emulator.endpoint_url.rpartition(":")[2])
        assert listens(port)
    assert not listens(port)


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with Emulator(tmp_path / "log") as emulator:
        port = int(emulator.endpoint_url.rpartition(":")[2])
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        addresses = {fields[1] for fields in listening if fields[3] == "0A" and fields[1].endswith(f":{port:04X}")}
        assert addresses == {f"0100007F:{port:04X}"}


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=str(port)), Emulator(tmp_path / "log", port):
            pass


def test_a_start_that_fails_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CannotStart, match=str(tmp_path / "log")), Emulator(tmp_path / "log"):
        pass


def test_it_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with parent:
        assert parent.stdout
        port, child = map(int, parent.stdout.readline().split())
        assert listens(port)
        os.kill(parent.pid, signal.SIGKILL)
    try:
        assert eventually(lambda: not listens(port))
    finally:
        if listens(port):
            os.kill(child, signal.SIGKILL)


def test_it_leaves_expired_items_to_their_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed by the machine's clock, they would be missing while the product's clock stands in the past."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with Emulator(tmp_path / "log") as emulator:
        clients = Clients("us-east-1", emulator.endpoint_url)
        settings = resources.create(clients, "muster").settings
        dynamodb = clients.client("dynamodb")
        for table in (settings.timeline_table, settings.workspace_table, settings.work_table):
            setting = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            assert setting["TimeToLiveStatus"] == "DISABLED"
