"""What the filters of one stream come down to."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import printer
from .admission import Test, is_static, test
from .occurrence import Occurrence
from .syntax import And, Condition, ExpiresAfter, Sources, Stream, Where
from .windows import Window, from_now, from_parent


class Bounds(NamedTuple):
    """Events outside are not counted at all: received before, or dated before (epoch ms)."""

    received_from: int | None = None
    timestamp_from: int | None = None


class Filters(NamedTuple):
    """`static` conditions are decided when an event arrives, `live` ones whenever the formula is evaluated."""

    static: tuple[Condition, ...]
    live: tuple[Condition, ...]
    excluded: frozenset[str]
    window: Window
    below: Window
    gap: int | None


def of(stream: Stream) -> Filters:
    conditions = [term for item in stream.filters if isinstance(item, Where) for term in _conjuncts(item.condition)]
    gaps = [item.gap.milliseconds for item in stream.filters if isinstance(item, ExpiresAfter)]
    return Filters(
        static=tuple(term for term in conditions if is_static(term)),
        live=tuple(term for term in conditions if not is_static(term)),
        excluded=frozenset(name for item in stream.filters if isinstance(item, Sources) for name in item.excluded),
        window=from_now(stream.filters),
        below=from_parent(stream.filters),
        gap=min(gaps, default=None),
    )


def _conjuncts(node: Condition) -> Iterator[Condition]:
    if isinstance(node, And):
        for term in node.terms:
            yield from _conjuncts(term)
    else:
        yield node


def admission(filters: Filters, bounds: Bounds) -> Iterable[Test]:
    """The tests an event must pass to be remembered."""
    if bounds.received_from is not None:
        yield _received(bounds.received_from)
    if bounds.timestamp_from is not None:
        yield _dated(bounds.timestamp_from)
    if filters.excluded:
        yield _not_from(filters.excluded)
    for condition in filters.static:
        yield test(condition)


def canonical(event: str, filters: Filters, bounds: Bounds) -> str:
    """The same text for the same admission, however it was written."""
    conditions = sorted({printer.condition(node) for node in filters.static})
    return repr((event, conditions, sorted(filters.excluded), *bounds))


def _received(start: int) -> Test:
    return lambda occurrence: occurrence.received_at >= start


def _dated(start: int) -> Test:
    return lambda occurrence: occurrence.timestamp >= start


def _not_from(excluded: frozenset[str]) -> Test:
    def admitted(occurrence: Occurrence) -> bool:
        return occurrence.source_id not in excluded

    return admitted
