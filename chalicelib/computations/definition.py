"""What can be said of a definition before it is computed: whether it is sound and what it refers to."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from .. import query
from ..clock import DAY
from ..errors import Problem
from .computation import AUDIENCE, LINKED, USERS, Computation
from .status import query_of

FIELD = "definition.query"


class Group(NamedTuple):
    """What is decided at once: whoever reads one of these names depends on all of the computations with these ids."""

    names: Collection[str]
    ids: Collection[str]


def check(text: str, kind: str, scope: str) -> list[Problem]:
    """Why this text is no definition of that kind; the first reason only, further ones may follow from it."""
    try:
        definition = query.parse(text, kind=kind, scope=scope)
        if scope != LINKED:  # these are never compiled
            query.compile(definition, received_from=0)
    except query.QueryError as error:
        return [_problem(error)]
    return []


def is_funnel(text: str) -> bool:
    """Of the sound query of an audience of users."""
    return query.is_funnel(query.parse(text, kind=AUDIENCE, scope=USERS))


def keys_read(text: str) -> frozenset[str]:
    """By the sound query of an audience of users."""
    return query.keys_read(query.parse(text, kind=AUDIENCE, scope=USERS))


def check_cycle(computation: Computation, others: Iterable[Computation], groups: Iterable[Group] = ()) -> list[Problem]:
    """Why this computation, whose query is sound, cannot stand beside the others: it would wait for itself."""
    others, groups = list(others), list(groups)
    definition = _parsed(computation, computation.query)
    if definition is None:
        return []
    # What is being taken in counts, and what it has yet to replace.
    for text_of in (query_of, _active):
        try:
            query.check_cycle(_definitions(others, groups, text_of), computation.key, definition)
        except query.QueryError as error:
            return [_problem(error)]
    return []


def depends_on(text: str, others: Iterable[Computation], groups: Iterable[Group]) -> set[str]:
    """Every key that the sound query of an audience of users comes to depend on."""
    others, groups = list(others), list(groups)
    definition = query.parse(text, kind=AUDIENCE, scope=USERS)
    found = set[str]()
    for text_of in (query_of, _active):
        found |= query.depends_on(_definitions(others, groups, text_of), definition)
    return found


def references(computation: Computation) -> frozenset[str]:
    """The keys it reads or is about to; none of a query that is no longer understood, for then it is not computed
    either."""
    found: frozenset[str] = frozenset()
    for text in {computation.query, query_of(computation)}:
        definition = _parsed(computation, text)
        found |= query.keys_read(definition) if definition else frozenset()
    return found


def lookback_of(computation: Computation) -> int | None:
    """How many days before its creation events count; None for all. Without any other word it is the longest window,
    provided that every stream has one."""
    if computation.lookback_days is not None or not computation.history or computation.scope != USERS:
        return computation.lookback_days
    definition = _parsed(computation, query_of(computation))
    windows = query.windows(definition) if definition else []
    longest = [window for window in windows if window is not None]
    return -(-max(longest) // DAY) if longest and len(longest) == len(windows) else None


def _definitions(
    others: Iterable[Computation], groups: Iterable[Group], text_of: Callable[[Computation], str]
) -> dict[str, query.Definition]:
    """By key."""
    parsed = [(other, found) for other in others if (found := _parsed(other, text_of(other)))]
    definitions = {other.key: found for other, found in parsed}
    for group in groups:
        if inside := [found for other, found in parsed if other.id in group.ids]:
            definitions |= dict.fromkeys(group.names, query.together(inside))
    return definitions


def _active(computation: Computation) -> str:
    return computation.query


def _parsed(computation: Computation, text: str) -> query.Definition | None:
    try:
        return query.parse(text, kind=computation.kind, scope=computation.scope)
    except query.QueryError:
        return None


def _problem(error: query.QueryError) -> Problem:
    """The message shows the place, so that it can be read as it is."""
    data = {"code": error.code, "offset": error.offset, "line": error.line, "column": error.column}
    return Problem(error.report(), FIELD, data)
