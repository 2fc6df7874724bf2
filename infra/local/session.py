"""One session of `make run`: alone in its directory, with a demo unless DEMO=0, until it is told to stop."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from chalicelib.clock import HOUR, SystemClock

from . import shop, stack
from .failure import CannotStart
from .shop import SINK

DEFAULT_PORT = 8787
LOG_FILE = "muster.log"
LOCK_FILE = "lock"

console = Console()


def run(stopping: threading.Event) -> None:
    """Returns when `stopping` is set. Raises CannotStart."""
    home = Path(os.environ.get("MUSTER_LOCAL", ".local"))
    home.mkdir(parents=True, exist_ok=True)
    port = _port()
    with _alone(home):
        # Left by a stack that was killed: others wait for it to appear.
        (home / stack.STACK_FILE).unlink(missing_ok=True)
        _log_to(home / LOG_FILE)
        _serve(home, port, stopping, demo=os.environ.get("DEMO", "1") != "0")


def _port() -> int:
    wanted = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not wanted.isdecimal() or int(wanted) > 65_535:
        raise CannotStart(f"PORT={wanted} is not a port: take a number up to 65535, or 0 for any free one.")
    return int(wanted)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two stacks would write the same stack file."""
    with (home / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CannotStart(
                f"Muster is running here already (process {lock.read().strip()}): stop it with Ctrl-C there first."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _log_to(file: Path) -> None:
    logging.basicConfig(
        filename=file, filemode="w", level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )


def _serve(home: Path, port: int, stopping: threading.Event, *, demo: bool) -> None:
    # The demo's two days end now.
    starts_at = SystemClock().now() - shop.HOURS * HOUR if demo else None
    with stack.running(home, port, starts_at) as running:
        console.print(f"Muster listens on [bold]{running.description['base_url']}[/] (tokens in {running.file})\n")
        if demo:
            _run_demo(running.file)
        console.print(_next_steps(running.description, demo=demo), highlight=False, soft_wrap=True)
        console.print("[dim]Ctrl-C stops everything.[/]")
        stopping.wait()


def _run_demo(stack_file: Path) -> None:
    """In a process of its own: it is a customer, and its CPU is not ours."""
    child = subprocess.Popen([sys.executable, "-m", "infra.local.demo", str(stack_file)], start_new_session=True)
    try:
        code = child.wait()
    finally:
        _end(child)
    if code:
        console.print(f"[red]The demo ended with code {code}; the stack is still up.[/]\n")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Asked politely first: it has a progress bar to take off the screen."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(1)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _next_steps(description: dict[str, str], *, demo: bool) -> str:
    """`someone` puts something into the cart; with the demo's audiences, three hours empty it again."""
    url, space = description["base_url"], description["space_id"]
    person = f"{url}/v1/spaces/{space}/collections/users/profiles/user_id:someone"
    steps = [
        "somebody puts something into the cart",
        f"curl -s {url}/v1/track -u {description['write_key']}: -d "
        """'{"userId":"someone","event":"Product Added","properties":{"price":39}}'""",
        "wait until everything is worked off",
        f"curl -s -X POST {url}/_local/drain",
        "what is known about that person: traits, and audiences as traits",
        f"curl -s {person}/traits -u {description['profile_token']}:",
        "audiences, with their sizes",
        f"curl -s {url}/spaces/{space}/audiences -H 'Authorization: Bearer {description['api_token']}'",
    ]
    if demo:
        steps += [
            "three hours pass: now ask for the traits again",
            f"""curl -s {url}/_local/clock -d '{{"advance_seconds": 10801}}'""",
            "what the webhook received last",
            f"curl -s '{url}/_local/sink/{SINK}?last=2'",
        ]
    lines = (f"  {step}\n" if step.startswith("curl") else f"  # {step}" for step in steps)
    return "Try it:\n\n" + "\n".join(lines)
