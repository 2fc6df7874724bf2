"""`make run`: the whole product on this machine until Ctrl-C."""

import os
import signal
import sys
import threading

from .failure import CannotStart


class Stopped(BaseException):
    """Ctrl-C, a polite kill or a terminal that was closed."""


ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

stopping = threading.Event()


def main() -> int:
    for number in ENDS:
        # nohup asks to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        print("Starting the AWS emulator, the triggers and the HTTP server ...", flush=True)
        # Takes a second, in which Ctrl-C must work as well as later.
        from . import session

        session.run(stopping)
    except Stopped:
        pass
    except CannotStart as error:
        print(error)
        return 1
    print("Stopped.")
    return 0


def _stop(*_signal: object) -> None:
    # Once is enough: what follows is the stopping, which must not be stopped.
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    # The exception ends whatever is going on; should it strike where exceptions are swallowed, the event is left.
    stopping.set()
    raise Stopped


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # An HTTP worker that still waits for somebody's answer must not hold up the end.
    os._exit(code)
