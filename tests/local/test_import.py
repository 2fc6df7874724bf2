"""`make import`: a file of events into a running stack."""

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from infra.import_events import CannotImport, inflated_size, show
from infra.local.client import Client
from tests.local.running import ROOT, run


def imported(home: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "infra.import_events", *arguments],
        cwd=ROOT,
        env={**os.environ, "MUSTER_LOCAL": str(home), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def lines(*rows: object) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def test_a_file_once_and_again(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson.gz"
    bought = {"type": "track", "event": "Bought", "userId": "u1", "timestamp": "2020-01-01T00:00:00Z"}
    known = {"type": "identify", "userId": "u1", "traits": {"plan": "pro"}}
    file.write_bytes(gzip.compress(lines(bought, "{broken", known)))
    with run(tmp_path / "home") as stack:
        stack.wait_until_up()
        code, output = imported(stack.home, str(file))
        assert code == 0, output
        assert "2 of 3 lines were taken, 1 were not." in output
        assert "malformed_body" in output
        client = Client.of_file(stack.file)
        client.local("POST", "drain")
        assert client.profile("user_id:u1", "traits")["traits"] == {"plan": "pro"}
        code, output = imported(stack.home, str(file))
        assert (code, "imported before" in output) == (0, True)
        code, output = imported(stack.home, str(file), "--source", "src_unknown")
        assert (code, "no source with this id" in output) == (1, True)


def test_without_a_stack(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"{}")
    code, output = imported(tmp_path, str(file))
    assert (code, output.strip()) == (1, "Nothing runs here: `make run` starts it.")


@pytest.mark.parametrize("content", [b"abc\ndef", gzip.compress(b"abc\ndef", mtime=0)], ids=["plain", "packed"])
def test_the_size_is_that_of_the_lines(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "events"
    file.write_bytes(content)
    assert inflated_size(file) == 7


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CannotImport, match="cannot be read"):
        inflated_size(tmp_path / "nothing")
    (tmp_path / "half").write_bytes(gzip.compress(b"abc\n" * 1_000)[:-5])
    with pytest.raises(CannotImport, match="cannot be read"):
        inflated_size(tmp_path / "half")


def test_what_failed_says_why() -> None:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        show({"status": "FAILED", "failureReason": "The file [is] gone."}, console)
    assert captured.get() == "The import is failed. The file [is] gone.\n"
