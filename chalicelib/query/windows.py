"""Windows as distances in time: all windows of one stream come down to one range from now and one from the parent."""

from collections.abc import Iterable
from typing import NamedTuple

from .syntax import Between, Filter, Within


class Window(NamedTuple):
    """Ages of the events that are kept, in ms, both ends included. `far` None: however old.

    Relative to now an age counts backwards, relative to a parent event forwards.
    """

    near: int = 0
    far: int | None = None

    @property
    def is_empty(self) -> bool:
        return self.far is not None and self.near > self.far

    def narrowed(self, near: int, far: int) -> "Window":
        return Window(max(self.near, near), far if self.far is None else min(self.far, far))


# A child comes strictly after its parent, so it is at least one millisecond younger.
AFTER_PARENT = Window(near=1)


def from_now(filters: Iterable[Filter]) -> Window:
    return _combined(Window(), filters, parent=False)


def from_parent(filters: Iterable[Filter]) -> Window:
    return _combined(AFTER_PARENT, filters, parent=True)


def _combined(window: Window, filters: Iterable[Filter], parent: bool) -> Window:
    for item in filters:
        if isinstance(item, Within | Between) and item.parent == parent:
            near = item.near.milliseconds if isinstance(item, Between) else 0
            window = window.narrowed(near, item.far.milliseconds)
    return window
