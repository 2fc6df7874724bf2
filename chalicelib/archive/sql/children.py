"""The second step of a funnel: whether at least so many events follow a parent in time."""

from collections.abc import Sequence
from typing import NamedTuple

from ...query import filters
from ...query.filters import Bounds
from ...query.memories.rows import MAX_ROWS
from ...query.syntax import Comparison, Condition, Property, Reduced
from ...query.windows import Window
from .admissions import Admission, newer
from .cells import Cells
from .text import all_of, quoted
from .thresholds import NotInSql

# Values that are equal when their JSON is: texts and whole numbers, unless a profile has both.
_TEXT, _WHOLE, _OTHER = 0, 1, 2
_WHOLE_NUMBER = r"-?[1-9][0-9]{0,14}|0"


class Child(NamedTuple):
    """`name` is the relation of all events that may count, `relations` are it and what is made of it. `join` goes after
    the relation of parents `p`, `reached` is asked of its rows; `open` are aggregates over those of one profile, true
    if only the evaluator can tell."""

    name: str
    relations: Sequence[str]
    join: str
    reached: str
    open: Sequence[str]


def child_of(
    name: str, reduced: Reduced, wanted: int, parents: Cells, bounds: Bounds, around: Window, now: int
) -> Child:
    """`wanted` of the child events, from one on. `parents` takes up what is read of the parent, `around` is its window:
    what is older than any parent follows none. Raises NotInSql."""
    found = filters.of(reduced.stream)
    if reduced.reducer != "count" or found.gap is not None or len(found.live) > 1:
        raise NotInSql
    cells = Cells("c")
    keys = _keys(found.live[0], cells, parents) if found.live else None
    admission = Admission(reduced.stream.name, found.static, found.excluded, bounds)
    recent = all_of([admission.recent(found.window, now), newer(around, now)])
    admitted = admission.unnamed(cells)
    candidates = f"{name} as materialized ({_candidates(cells, recent, admitted, keys)})"
    latest = now - found.window.near
    first = f"{name}_first as ({_first(name, wanted, latest, keys, found.below)})"
    crowd = f"{name}_crowd as ({_crowd(name, keys)})"
    matched = "" if keys is None else f" and p.{keys[1]} = {name}_first.key"
    join = (
        f"{'' if _is_latest(wanted, keys, found.below) else 'asof '}left join {name}_first"
        f" on p.profile_id = {name}_first.profile_id{matched}"
        f" and p.timestamp + {found.below.near} <= {name}_first.timestamp"
        f" left join {name}_crowd on p.profile_id = {name}_crowd.profile_id"
    )
    span = found.below.far
    reached = f"{name}_first.last is not null" if span is None else f"{name}_first.last <= p.timestamp + {span}"
    return Child(name, [candidates, first, crowd], join, f"coalesce({reached}, false)", _open(name, keys))


Keys = tuple[str, str]  # the aliases of what has to be equal, of the child and of the parent


def _keys(node: Condition, cells: Cells, parents: Cells) -> Keys:
    """Of `property(...) = property(parent: ...)`, either way round."""
    if not isinstance(node, Comparison) or node.name != "equals":
        raise NotInSql
    sides = [side for side in (node.left, *node.operands) if isinstance(side, Property)]
    mine, theirs = [side for side in sides if not side.parent], [side for side in sides if side.parent]
    if not mine or not theirs:
        raise NotInSql
    own, parent = cells.alias(mine[0]), parents.alias(Property(theirs[0].path))
    if own is None or parent is None:
        raise NotInSql
    return own, parent


def _candidates(cells: Cells, recent: str, admitted: str, keys: Keys | None) -> str:
    key = "" if keys is None else f", {keys[0]} as key"
    columns = ", ".join(["profile_id", "timestamp", "event", "source_id", "received_at", *cells.select()])
    return (
        f"select profile_id, timestamp, admitted{key} from"  # noqa: S608
        f" (select *, {admitted} as admitted from (select {columns} from source where {recent})) where coalesce(admitted, true)"  # noqa: E501
    )


def _is_latest(wanted: int, keys: Keys | None, below: Window) -> bool:
    """Whether the latest of all child events answers for every parent."""
    return wanted == 1 and keys is None and below.far is None


def _first(name: str, wanted: int, latest: int, keys: Keys | None, below: Window) -> str:
    """Each child with `last`, the time of the one that makes the number full when counting starts from it."""
    present = f"from {name} where admitted and timestamp <= {latest}"
    if _is_latest(wanted, keys, below):
        return f"select profile_id, max(timestamp) as timestamp, max(timestamp) as last {present} group by profile_id"  # noqa: RUF100, S608
    partition = "profile_id" if keys is None else "profile_id, key"
    last = "timestamp"
    if wanted > 1:
        last = f"lead(timestamp, {wanted - 1}) over (partition by {partition} order by timestamp)"
    return f"select {partition}, timestamp, {last} as last {present}{'' if keys is None else ' and key is not null'}"


def _crowd(name: str, keys: Keys | None) -> str:
    """What there is of a profile besides the times, to tell whether these are enough. Where no keys are compared only
    of those for whom they are not."""
    if keys is None:
        few = f"count(*) < {MAX_ROWS} and not bool_or(admitted is null)"
        return f"select profile_id from {name} group by profile_id having not ({few})"  # noqa: S608
    kinds = f", min({_kind('key')}) as least, max({_kind('key')}) as greatest"
    return (
        f"select profile_id, count(*) as size, bool_or(admitted is null) as unsure{kinds}"  # noqa: S608
        f" from {name} group by profile_id"
    )


def _open(name: str, keys: Keys | None) -> list[str]:
    crowd = f"{name}_crowd"
    if keys is None:
        return [f"bool_or({crowd}.profile_id is not null)"]
    found = [f"coalesce(any_value({crowd}.unsure), false)", f"coalesce(any_value({crowd}.size), 0) >= {MAX_ROWS}"]
    least, greatest = f"min({crowd}.least)", f"max({crowd}.greatest)"
    kind = _kind(f"p.{keys[1]}")
    mixed = f"least(min({kind}), {least}) <> greatest(max({kind}), {greatest})"
    other = f"greatest(max({kind}), {greatest}) = {_OTHER}"
    return [*found, f"coalesce({all_of([f'{least} is not null', f'({mixed} or {other})'])}, false)"]


def _kind(cell: str) -> str:
    whole = f"regexp_full_match({cell}, {quoted(_WHOLE_NUMBER)})"
    return f"case when starts_with({cell}, '\"') then {_TEXT} when {whole} then {_WHOLE} when {cell} is not null then {_OTHER} end"  # noqa: E501
