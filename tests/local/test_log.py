"""What breaks in a local stack can be read afterwards, and only there."""

import subprocess
import sys
from pathlib import Path

from tests.local.running import ROOT

BREAKAGE = """
import logging, pathlib, sys
from infra.local import session, stack
session._log_to(pathlib.Path(sys.argv[1]))
entry_points = stack._entry_points()
entry_points.app.log.error("a request broke")
logging.getLogger("chalicelib.pipeline").warning("a message broke")
logging.getLogger("infra.local.harness").error("a trigger broke")
"""


def test_the_log_is_in_the_file_and_not_on_the_screen(tmp_path: Path) -> None:
    file = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", BREAKAGE, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == done.stderr == ""
    assert done.returncode == 0
    logged = file.read_text()
    for text in ("a request broke", "a message broke", "a trigger broke"):
        assert logged.count(text) == 1
