"""Records that are cut off in the middle of what somebody does with them."""

from typing import Any

WRITES = ("create", "replace", "put", "delete", "add")


class Killed(BaseException):
    """No `except Exception` survives a kill either."""


class CrashingRecords:
    """Carries out `calls` writes and dies at the next one, before it or after it."""

    def __init__(self, records: Any, calls: int, *, after: bool = False) -> None:
        self._records, self._left, self._after = records, calls, after
        self.killed = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._records, name)
        if name not in WRITES:
            return call

        def counted(*args: Any, **more: Any) -> Any:
            if self._left == 0:
                self.killed = True
                if self._after:
                    call(*args, **more)
                raise Killed
            self._left -= 1
            return call(*args, **more)

        return counted
