"""What a definition reads, who depends on whom, and how often it is computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .errors import CYCLE, QueryError
from .syntax import (
    And,
    Between,
    Comparison,
    Condition,
    Definition,
    Not,
    Operand,
    Or,
    Property,
    Quantified,
    Reduced,
    Stream,
    Trait,
    Where,
    Within,
)
from .vocabulary import USERS
from .windows import from_now

REALTIME = "REALTIME"
BATCH = "BATCH"


def cadence(definition: Definition) -> str:
    """REALTIME or BATCH: whatever speaks of one user is kept up to date at once."""
    return REALTIME if definition.scope == USERS else BATCH


def traits_read(definition: Definition) -> list[Trait]:
    """Every `trait()` in the definition, in reading order."""
    return [node for node in parts(definition.body) if isinstance(node, Trait)]


def streams_read(definition: Definition) -> list[Stream]:
    return [node.stream for node in parts(definition.body) if isinstance(node, Reduced)]


def windows(definition: Definition) -> list[int | None]:
    """Of each stream of events, how old its events may be in ms; None where they may have any age."""
    return [from_now(stream.filters).far for stream in streams_read(definition)]


def keys_read(definition: Definition) -> frozenset[str]:
    """The keys of computations that the definition refers to, if there are such computations."""
    return frozenset(node.path[0] for node in _key_like(definition))


def is_funnel(definition: Definition) -> bool:
    """Whether it looks from one event to another, as `parent:` says."""
    filters = (item for stream in streams_read(definition) for item in stream.filters)
    relative = (item for item in filters if isinstance(item, Within | Between))
    properties = (node for node in parts(definition.body) if isinstance(node, Property))
    return any(item.parent for item in relative) or any(node.parent for node in properties)


def together(definitions: Sequence[Definition]) -> Definition:
    """One that reads what all of them read; they are at least one."""
    conditions = tuple(d.body for d in definitions if not isinstance(d.body, Reduced))
    return replace(definitions[0], body=And(conditions))


def _key_like(definition: Definition) -> list[Trait]:
    return [node for node in traits_read(definition) if len(node.path) == 1]


def check_cycle(existing: Mapping[str, Definition], key: str, definition: Definition) -> None:
    """Raises QueryError `cycle` when `definition`, saved under `key`, would come to depend on itself."""
    for node in _key_like(definition):
        if key in _reachable(existing, node.path[0]):
            message = f"`{node.path[0]}` depends on `{key}`, which is being defined here"
            raise QueryError(CYCLE, message, definition.text, node.offset)


def depends_on(existing: Mapping[str, Definition], definition: Definition) -> set[str]:
    """Every key that it reads, or that these read."""
    return {key for start in keys_read(definition) for key in _reachable(existing, start)}


def _reachable(existing: Mapping[str, Definition], start: str) -> set[str]:
    """Every key that `start` depends on, itself included."""
    seen, waiting = {start}, [start]
    while waiting:
        found = waiting.pop()
        if found in existing:
            new = keys_read(existing[found]) - seen
            seen |= new
            waiting.extend(new)
    return seen


def parts(node: Condition | Operand) -> Iterator[Operand]:
    """All scalars and literals of a condition or value, in reading order."""
    if isinstance(node, Comparison):
        for operand in (node.left, *node.operands):
            yield from parts(operand)
    elif isinstance(node, And | Or):
        for term in node.terms:
            yield from parts(term)
    elif isinstance(node, Reduced):
        yield from _of_stream(node)
    elif isinstance(node, Not | Quantified):
        yield from parts(node.term)
    else:
        yield node


def _of_stream(node: Reduced) -> Iterator[Operand]:
    yield node
    for item in node.stream.filters:
        if isinstance(item, Where):
            yield from parts(item.condition)
    if node.reference is not None:
        yield node.reference
