"""The AWS emulator as a child process on loopback, which never outlives this one."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from .failure import CannotStart

HOST = "127.0.0.1"
HEALTH = "/_ministack/health"
START_SECONDS = 30.0  # it takes less than one on an idle machine
STOP_SECONDS = 1.0


class Emulator:
    """`with Emulator(log) as emulator:` – `endpoint_url` answers inside the block."""

    def __init__(self, log: Path, port: int | None = None) -> None:
        self._log = log
        self._port = port or free_port()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> "Emulator":
        if _listens(self._port):
            raise CannotStart(f"Port {self._port}, meant for the AWS emulator, is taken")
        with self._log.open("wb") as log:
            self._child = _start(log, self._port)
        try:
            self._wait_until_healthy(self._child)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _wait_until_healthy(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise CannotStart(f"The AWS emulator ended with code {child.returncode}; see {self._log}")
            if _is_healthy(self.endpoint_url):
                return
            time.sleep(0.05)
        raise CannotStart(f"The AWS emulator did not answer within {START_SECONDS:.0f} s; see {self._log}")

    def stop(self) -> None:
        """Ends it and everything it started."""
        child, self._child = self._child, None
        if child is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(child.pid, number)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        _signal_group(child.pid, signal.SIGKILL)
        if child.stdin:
            child.stdin.close()


def _start(log: IO[bytes], port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        # Nobody writes to it: its end tells the child that we are gone, even when we were killed.
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=_environment(port),
        cwd=Path(__file__).resolve().parents[2],
        # Ctrl-C in the terminal is for us; we stop the emulator when nobody needs it any more.
        start_new_session=True,
    )


def _environment(port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # The port also names what the emulator leaves in the temporary directory; IOT_MTLS and SFTP would listen on
    # ports of their own.
    return {
        **kept,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # Those of the stack: links are signed with them, and checked.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + HEALTH, timeout=1) as answer:  # noqa: S310 - the address is our own
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end_with_parent() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """The child: the emulator, and a thread that ends it when the parent's end of the pipe closes."""
    from ministack.app import main as serve

    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
