"""What a step reads from, kept open between two calls of the step in the same process."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Generic, Protocol, TypeVar


class Positioned(Protocol):
    @property
    def position(self) -> str: ...


R = TypeVar("R", bound=Positioned)


class Held(Generic[R]):
    """At most one reader at a time. Whoever takes it owns it until it is given back: a call that was given up and
    still runs somewhere cannot get in the way of the next one."""

    def __init__(self) -> None:
        self._kept: tuple[str, R, ExitStack] | None = None

    def take(
        self, name: str, position: str, open_at: Callable[[], AbstractContextManager[R]]
    ) -> tuple[R, Callable[[bool], None]]:
        """The reader of this name at this position, and what to call when done: with True to keep it open."""
        kept, self._kept = self._kept, None
        if kept is not None and kept[0] == name and kept[1].position == position:
            _, reader, stack = kept
        else:
            self._kept = kept
            self.close()  # somebody else goes on with it, or nobody
            stack = ExitStack()
            reader = stack.enter_context(open_at())

        def leave(keep: bool) -> None:
            if keep and self._kept is None:
                self._kept = (name, reader, stack)
            else:
                stack.close()

        return reader, leave

    def close(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept[2].close()
