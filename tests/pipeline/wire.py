"""Killing a process at its calls to AWS."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class Wire:
    """While armed, counts the calls of every AWS client, and kills at one: before it is made or after its answer."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.armed = False
        self.kill_at: tuple[int, str] | None = None
        real: Callable[..., Any] = BaseClient._make_api_call

        def call(client: BaseClient, operation: str, kwargs: dict[str, Any]) -> Any:
            self.calls += self.armed
            self._perhaps_kill("before")
            answer = real(client, operation, kwargs)
            self._perhaps_kill("after")
            return answer

        patch.setattr(BaseClient, "_make_api_call", call)

    def _perhaps_kill(self, phase: str) -> None:
        if self.armed and self.kill_at == (self.calls, phase):
            self.armed = False
            raise Killed
