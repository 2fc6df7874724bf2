"""What others ask of the workspace, and what the workspace asks of others."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..computations.catalogue import Catalogue
from ..computations.computation import Computation
from ..errors import Problem
from ..identity.rules import DEFAULT_RULES, Rules
from .model import Activation, Connection, Destination, DestinationMapping, Source, Space, SpaceFilter, Token

SPACE_PREFIX = "spa_"  # of the long form of a space's id


class SpaceView(NamedTuple):
    """One version of what a space lets in, computes, where it sends it and how it tells people apart. `connections` is
    by computation id, `activations` by connection id; all of them, and all `filters`, the disabled ones included."""

    version: int
    catalogue: Catalogue
    connections: Mapping[str, Sequence[Connection]]
    rules: Rules = DEFAULT_RULES
    activations: Mapping[str, Sequence[Activation]] = {}
    filters: Sequence[SpaceFilter] = ()


class Directory(Protocol):
    """The read side that the hot path uses. Implementation: `workspace.directory`.

    Answers come from a cache that is at most 30 s old, except `view`.
    """

    def source_of_write_key(self, write_key: str) -> Source | None: ...

    def token(self, secret: str) -> Token | None: ...

    def space(self, space_id: str) -> Space | None:
        """Takes the bare id or its `spa_` form."""
        ...

    def view(self, space_id: str) -> SpaceView:
        """Checked against the stored version on every call (one consistent read), so that an event received after
        a computation, connection or filter was created, or a rule changed, never misses it."""
        ...

    def destination(self, destination_id: str, *, fresh: bool = False) -> Destination | None:
        """With its settings complete: secrets opened and put back among `settings`, `secrets` empty. `fresh`: as it is
        now, not as it was known."""
        ...

    def mapping(self, activation: Activation) -> DestinationMapping | None:
        """That of an activation, complete: secrets opened and put back among `settings`, `secrets` empty."""
        ...


class Wish(Protocol):
    """Somebody will look whether a computation wants a run, even if nobody calls `grant`."""

    def grant(self, computation: Computation) -> None:
        """Begin the run at once. To be called when the change is stored and can be seen by every worker."""
        ...


class Runs(Protocol):
    """Takes in what owners define. Implementation: `backfill.wishes`."""

    def wish(self, space_id: str, computation_id: str) -> Wish:
        """To be called before a change is stored that wants a run."""
        ...


class Sizes(Protocol):
    """How many profiles computations hold. Implementation: `delivery.sizes`."""

    def of(self, space_id: str) -> Mapping[str, int]:
        """Members of audiences, holders of traits, by computation id; a computation nobody holds is absent."""
        ...


class Resyncs(Protocol):
    """Sends all members of an audience, or all values of a trait, over one connection once more."""

    def request(self, space_id: str, connection_id: str, by: str) -> None:
        """`by` is the id of the token that asks. Asking again while one is under way changes nothing."""
        ...

    def is_pending(self, connection_id: str) -> bool: ...

    def begin(self, connection: Connection) -> None:
        """The first time, of a connection that is stored in a moment."""
        ...

    def owe(self, computation: Computation) -> None:
        """It is switched on again in a moment. As soon as it has looked at everybody, its connections hear of what they
        were not told."""
        ...


class DestinationOption(Protocol):
    """One setting of a kind of destination."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def secret(self) -> bool: ...
    @property
    def default(self) -> Any: ...


class DestinationField(Protocol):
    """What a mapping sets: a setting of the destination, which `option` names, or if that is blank a body."""

    @property
    def key(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def option(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...


class DestinationAction(Protocol):
    """What a kind of destination can be asked to do with an event."""

    @property
    def id(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def trigger(self) -> str | None: ...
    @property
    def fields(self) -> Sequence[DestinationField]: ...


class DestinationKind(Protocol):
    """What the workspace needs to know of a kind of destination. Implementation: `destinations.kind`."""

    @property
    def metadata_id(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def website(self) -> str: ...
    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def options(self) -> Sequence[DestinationOption]: ...
    @property
    def lists(self) -> bool: ...
    @property
    def actions(self) -> Sequence[DestinationAction]: ...

    def secret_fields(self, action_id: str) -> Collection[str]:
        """Those of the action's mappings that are sealed."""
        ...

    def mapping_problems(self, action_id: str, settings: Mapping[str, Any], own: Mapping[str, Any]) -> list[Problem]:
        """Every broken rule of a mapping, beside settings of the destination's own."""
        ...

    def problems(self, settings: Mapping[str, Any], *, complete: bool = True) -> list[Problem]:
        """Every broken rule. With `complete` false, required settings may be missing."""
        ...
