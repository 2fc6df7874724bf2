"""What can be said of a definition before it is computed: whether it is sound and what it refers to."""

from collections.abc import Iterable

from .. import query
from ..errors import Problem
from .catalogue import compile_computation
from .computation import Computation

FIELD = "definition.query"


def check(text: str, kind: str, scope: str) -> list[Problem]:
    """Why this text is no definition of that kind; the first reason only, further ones may follow from it."""
    try:
        query.compile(query.parse(text, kind=kind, scope=scope), received_from=0)
    except query.QueryError as error:
        return [_problem(error)]
    return []


def check_cycle(computation: Computation, others: Iterable[Computation]) -> list[Problem]:
    """Why this computation, whose query is sound, cannot stand beside the others: it would wait for itself."""
    existing = {other.key: definition for other in others if (definition := _parsed(other))}
    definition = _parsed(computation)
    try:
        if definition is not None:
            query.check_cycle(existing, computation.key, definition)
    except query.QueryError as error:
        return [_problem(error)]
    return []


def references(computation: Computation) -> frozenset[str]:
    """The keys it reads; none when its query no longer compiles, for then it is not computed either."""
    try:
        return compile_computation(computation).plan.references
    except query.QueryError:
        return frozenset()


def _parsed(computation: Computation) -> query.Definition | None:
    try:
        return query.parse(computation.query, kind=computation.kind, scope=computation.scope)
    except query.QueryError:
        return None


def _problem(error: query.QueryError) -> Problem:
    """The message shows the place, so that it can be read as it is."""
    data = {"code": error.code, "offset": error.offset, "line": error.line, "column": error.column}
    return Problem(error.report(), FIELD, data)
