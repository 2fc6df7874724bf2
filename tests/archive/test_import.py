"""What starting a function costs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_functions_start_without_the_database() -> None:
    """It costs a third of a start, and only tasks scan history."""
    asked = "import sys, app; print([name for name in sys.modules if 'duckdb' in name])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
