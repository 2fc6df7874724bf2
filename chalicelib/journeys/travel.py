"""Moving one person on through one version of a journey: a pure step from one instant to a later one."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from .passage import Passage
from .route import Route


class Conditions(Protocol):
    """Whether the query of a stop holds now, and the next instant at which time alone can change that (None: never)."""

    def __call__(self, stop_id: str, cut: int) -> tuple[bool, int | None]: ...


class Travelled(NamedTuple):
    """`due`: the next instant at which time alone moves the person, None if never."""

    passage: Passage | None
    due: int | None


def travel(
    route: Route,
    passage: Passage | None,
    others: Mapping[str, Passage],
    profile_id: str,
    eligible: bool,
    conditions: Conditions,
    now: int,
) -> Travelled:
    """`others` are the person's passages through all versions by id; `eligible`: has an id that lets it in.
    Doing it again at the same instant, on what it made, changes nothing."""
    raise NotImplementedError


def meet(route: Route, passage: Passage | None, holds_at_cut: bool) -> Passage | None:
    """The first time that a person is looked at since the route's cut; `holds_at_cut`: whether the entry condition held
    then. Bars those for whom it did."""
    raise NotImplementedError
