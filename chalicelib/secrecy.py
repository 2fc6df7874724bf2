"""Secrets at rest. Implementations: `store.memory` (tests), `store.kms`."""

from typing import Protocol


class Secrets(Protocol):
    def seal(self, plain: str, context: str) -> str:
        """Encrypt; `context` (an id) is bound to the result and needed to open it."""
        ...

    def open(self, sealed: str, context: str) -> str:
        """Raises Malformed when the text was not sealed with this context."""
        ...
