"""`make run` from the outside: what it writes, who it lets in, and how it ends."""

import signal
import stat
import threading
import urllib.request
from pathlib import Path

import pytest

from infra.local import session
from tests.local.running import run

KEYS = {"base_url", "space_id", "write_key", "profile_token", "api_token", "source_id", "engage_source_id"}
KEYS |= {"endpoint_url", "work_table"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_comes_up_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    with run(tmp_path) as started:
        description = started.wait_until_up()
        assert description.keys() == KEYS
        assert all(description.values())
        assert stat.S_IMODE(started.file.stat().st_mode) == 0o600
        with urllib.request.urlopen(description["base_url"] + "/_local/clock", timeout=10) as answer:
            assert answer.status == 200
        code, output, seconds = started.stop(number)
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in output
    assert not started.file.exists()


def test_what_a_killed_stack_left_is_not_taken_for_a_running_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "stack.json"
    left.write_text("{}")
    present_at_start: list[bool] = []
    monkeypatch.setenv("MUSTER_LOCAL", str(tmp_path))
    monkeypatch.setattr(session, "_serve", lambda *args, demo: present_at_start.append(left.exists()))
    session.run(threading.Event())
    assert present_at_start == [False]


def test_a_second_stack_is_refused_while_one_runs(tmp_path: Path) -> None:
    with run(tmp_path) as first:
        first.wait_until_up()
        with run(tmp_path) as second:
            output, _ = second.process.communicate(timeout=30)
            assert second.process.returncode == 1
            assert str(first.process.pid) in output
            assert "Traceback" not in output
        assert first.file.exists()


def test_a_stop_while_starting_is_clean_too(tmp_path: Path) -> None:
    with run(tmp_path) as started:
        assert started.process.stdout
        started.process.stdout.readline()
        code, output, seconds = started.stop()
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in output
    assert not started.file.exists()
