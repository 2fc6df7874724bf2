"""The read side of the workspace that the hot path uses. Implementation: `workspace.directory`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ..computations.catalogue import Catalogue
from .model import Connection, Destination, Source, Space, Token


class SpaceView(NamedTuple):
    """One version of what a space computes and where it sends it. `connections` is by computation id, all of them,
    the disabled ones included."""

    version: int
    catalogue: Catalogue
    connections: Mapping[str, Sequence[Connection]]


class Directory(Protocol):
    """Answers come from a cache that is at most 30 s old, except `view`."""

    def source_of_write_key(self, write_key: str) -> Source | None: ...

    def token(self, secret: str) -> Token | None: ...

    def space(self, space_id: str) -> Space | None:
        """Takes the bare id or its `spa_` form."""
        ...

    def view(self, space_id: str) -> SpaceView:
        """Checked against the stored version on every call (one consistent read), so that an event received after
        a computation or connection was created never misses it."""
        ...

    def destination(self, destination_id: str) -> Destination | None:
        """With its settings complete: secrets opened and put back among `settings`, `secrets` empty."""
        ...
