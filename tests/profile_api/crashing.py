"""Ports whose user dies at a chosen call, before it is made or after it is done."""

from typing import Any


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class Fate:
    """Shared by all ports of one process; dies once, at the `at`-th call."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self._at, self._after = at, after
        self.calls = 0

    def befall(self, port: Any) -> Any:
        return _Port(port, self)

    def call(self, method: Any, *args: Any, **more: Any) -> Any:
        self.calls += 1
        if self.calls != self._at:
            return method(*args, **more)
        if self._after:
            method(*args, **more)
        raise Killed


class _Port:
    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *args, **more: self._fate.call(method, *args, **more)
