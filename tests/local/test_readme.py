"""The session in the README runs as it stands there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.local.running import ROOT, run

README = ROOT / "README.md"
END = "=== end of block ==="


class Block(NamedTuple):
    """Commands of one block, and what the README says they print ("…" stands for anything)."""

    commands: str
    printed: str | None


def session() -> list[Block]:
    section = README.read_text().partition("## A session\n")[2].partition("\n## ")[0]
    found = re.findall(r"```sh\n(.*?)```\n(?:```text\n(.*?)```\n)?", section, re.DOTALL)
    return [Block(commands, printed or None) for commands, printed in found]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where a newcomer would stand: `.local/stack.json` is that of a running stack."""
    with run(tmp_path / ".local") as started:
        started.wait_until_up()
        yield tmp_path


def test_the_session_runs_and_prints_what_it_says(directory: Path) -> None:
    blocks = session()
    assert len(blocks) == 4
    script = "set -eu\n" + "".join(f"{block.commands}\necho; echo '{END}'\n" for block in blocks)
    done = subprocess.run(["bash", "-c", script], cwd=directory, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    outputs = done.stdout.split(END)
    for block, output in zip(blocks, outputs, strict=False):
        if block.printed:
            assert re.fullmatch(as_pattern(block.printed), output.strip(), re.DOTALL), output


def as_pattern(printed: str) -> str:
    return ".*".join(re.escape(part) for part in printed.strip().split("…"))


def test_the_readme_is_short_and_names_every_control_route() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    for route in ("drain", "clock", "sink/{name}", "triggers", "meter"):
        assert f"/_local/{route}`" in text
