"""A second evaluator of definitions: slow, direct, over the full list of events.

It shares the parser with the product and nothing else: no streams, no closures, own coercions, exact fractions.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from chalicelib.query import Definition
from chalicelib.query import syntax as s

from .timeline import Occurrence

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000
DAY = 24 * HOUR
UNIT = {"second": 1_000, "minute": 60_000, "hour": HOUR, "day": DAY}


class User:
    def __init__(self, events: Sequence[Occurrence], traits: Mapping[str, Any]) -> None:
        self.events, self.traits = list(events), dict(traits)


def user_value(definition: Definition, user: User, now: int) -> Any:
    return _Oracle(now, [user], {}).result(definition, user)


def account_value(definition: Definition, traits: Mapping[str, Any], users: Sequence[User], now: int) -> Any:
    return _Oracle(now, list(users), dict(traits)).account_result(definition)


class _Scope:
    """`around` holds the enclosing events, outermost first; `users` those whose events are looked at."""

    def __init__(self, users: list[User], traits: dict[str, Any] | None, around: tuple[Any, ...] = ()) -> None:
        self.users, self.traits, self.around = users, traits, around

    def inside(self, event: Any) -> "_Scope":
        return _Scope(self.users, self.traits, (*self.around, event))


class _Oracle:
    def __init__(self, now: int, users: list[User], account: dict[str, Any]) -> None:
        self.now, self.users, self.account = now, users, account

    def result(self, definition: Definition, user: User) -> Any:
        scope = _Scope([user], user.traits)
        if isinstance(definition.body, s.Reduced):
            return _json(self.reduce(definition.body, scope))
        return self.holds(definition.body, scope)

    def account_result(self, definition: Definition) -> Any:
        if isinstance(definition.body, s.Reduced):
            return _json(self.reduce(definition.body, _Scope(self.users, None)))
        return self.account_holds(definition.body)

    def account_holds(self, node: Any) -> bool:
        if isinstance(node, s.And):
            return all(self.account_holds(term) for term in node.terms)
        if isinstance(node, s.Or):
            return any(self.account_holds(term) for term in node.terms)
        if isinstance(node, s.Not):
            return not self.account_holds(node.term)
        if isinstance(node, s.Quantified):
            answers = [self.holds(node.term, _Scope([user], user.traits)) for user in self.users]
            return bool(answers) and all(answers) if node.every else any(answers)
        if any(isinstance(part, s.Reduced) for part in (node.left, *node.operands)):
            return any(self.holds(node, _Scope([user], user.traits)) for user in self.users)
        return self.holds(node, _Scope([], self.account))

    def holds(self, node: Any, scope: _Scope) -> bool:
        if isinstance(node, s.And):
            return all(self.holds(term, scope) for term in node.terms)
        if isinstance(node, s.Or):
            return any(self.holds(term, scope) for term in node.terms)
        if isinstance(node, s.Not):
            return not self.holds(node.term, scope)
        return self.compare(node, scope)

    def compare(self, node: s.Comparison, scope: _Scope) -> bool:
        entries = self.entries(node.left, scope)
        if node.name == "absent":
            return not entries
        if node.name == "exists":
            return bool(entries)
        if node.duration is not None:
            return any(self.near_now(node.name, entry, node.duration) for entry in entries)
        others = [other for operand in node.operands for other in self.entries(operand, scope)]
        if node.name == "omits":
            return not any(_text(b) in _text(a) for a in entries for b in others)
        if node.name == "none_of":
            return any(not any(_equal(a, b) for b in others) for a in entries)
        return any(_pair(node.name, a, b) for a in entries for b in others)

    def near_now(self, name: str, value: Any, duration: s.Duration) -> bool:
        moment, now, span = _time(value), self.now, duration.count * UNIT[duration.unit]
        if moment is None:
            return False
        if duration.unit == "day" and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip()):
            moment, now, span = moment // DAY, now // DAY, duration.count
        return {
            "within_last": now - span <= moment <= now,
            "within_next": now <= moment <= now + span,
            "before_last": moment <= now - span,
            "after_next": moment >= now + span,
        }[name]

    def entries(self, node: Any, scope: _Scope) -> list[Any]:
        """The non-null values of an operand."""
        if isinstance(node, s.Literal):
            return [Fraction(node.value) if isinstance(node.value, Decimal) else node.value]
        if isinstance(node, s.Moment):
            return [node]
        if isinstance(node, s.Reduced):
            value = self.reduce(node, scope)
            return [] if value is None else [value]
        return [entry for entry in self.raw(node, scope) if entry is not None]

    def raw(self, node: Any, scope: _Scope) -> list[Any]:
        if isinstance(node, s.Trait):
            traits = scope.traits if scope.traits is not None else self.performer(scope.around[-1]).traits
            return _walk(traits, list(node.path))
        if isinstance(node, s.Context):
            return _walk(scope.around[-1].context, list(node.path))
        event = scope.around[-2 if node.parent else -1]
        found = _walk(event.properties, list(node.path))
        if node.path == ("timestamp",) and found == [None]:
            return [_stamp(event.timestamp)]
        return found

    def performer(self, event: Occurrence) -> User:
        return next(user for user in self.users if any(event is other for other in user.events))

    def stream(self, node: s.Stream, scope: _Scope) -> list[Occurrence]:
        found = [e for user in scope.users for e in user.events if e.event == node.name and e.timestamp <= self.now]
        found.sort(key=lambda e: (e.timestamp, e.received_at, e.message_id))
        if scope.around:
            found = [e for e in found if e.timestamp > scope.around[-1].timestamp]
        for item in node.filters:
            if not isinstance(item, s.ExpiresAfter):
                found = [e for e in found if self.admits(item, e, scope)]
        for item in node.filters:
            if isinstance(item, s.ExpiresAfter):
                found = _session(found, item.gap.count * UNIT[item.gap.unit])
        return found

    def admits(self, item: Any, event: Occurrence, scope: _Scope) -> bool:
        if isinstance(item, s.Where):
            return self.holds(item.condition, scope.inside(event))
        if isinstance(item, s.Sources):
            return event.source_id not in item.excluded
        far = item.far.count * UNIT[item.far.unit]
        near = item.near.count * UNIT[item.near.unit] if isinstance(item, s.Between) else 0
        age = event.timestamp - scope.around[-1].timestamp if item.parent else self.now - event.timestamp
        return bool(near <= age <= far)

    def reduce(self, node: s.Reduced, scope: _Scope) -> Any:
        events = self.stream(node.stream, scope)
        if node.reference is None:
            return Fraction(len(events))
        per_event = [self.raw(node.reference, scope.inside(event)) for event in events]
        if node.reducer == "mode" and node.cast == "array" and "$" in node.reference.path:
            per_event = [[_text([e for e in entries if e is not None])] for entries in per_event if any_value(entries)]
        values = [entry for entries in per_event for entry in entries if entry is not None]
        return self.reduced(node, values)

    def reduced(self, node: s.Reduced, values: list[Any]) -> Any:
        if node.reducer == "unique":
            distinct = sorted({_text(value) for value in values})
            return Fraction(len(distinct)) if node.counted else distinct
        if node.reducer == "mode":
            return _mode([_text(value) for value in values], node.frequency or 2)
        if node.reducer in ("first", "last"):
            return None if not values else _flat(values[0 if node.reducer == "first" else -1])
        if node.cast == "string":
            texts = [_text(value) for value in values]
            return (min if node.reducer == "min" else max)(texts, default=None)
        numbers = [size for size in map(_number, values) if size is not None]
        if not numbers:
            return None
        total = sum(numbers, Fraction(0))
        return {"sum": total, "avg": total / len(numbers), "min": min(numbers), "max": max(numbers)}[node.reducer]


def any_value(entries: list[Any]) -> bool:
    return any(entry is not None for entry in entries)


def _walk(value: Any, path: list[str]) -> list[Any]:
    if not path:
        return [value]
    step, *rest = path
    if step == "$":
        return [found for item in (value if isinstance(value, list) else [value]) for found in _walk(item, rest)]
    if isinstance(value, dict) and step in value:
        return _walk(value[step], rest)
    return [None]


def _session(events: list[Occurrence], gap: int) -> list[Occurrence]:
    kept: list[Occurrence] = []
    for event in reversed(events):
        if kept and kept[0].timestamp - event.timestamp > gap:
            break
        kept.insert(0, event)
    return kept


def _mode(texts: list[str], least: int) -> str | None:
    ranked = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
    return ranked[0][0] if ranked and ranked[0][1] >= least else None


def _pair(name: str, a: Any, b: Any) -> bool:
    if name in ("equals", "one_of"):
        return _equal(a, b)
    if name == "differs":
        return not _equal(a, b)
    if name in ("contains", "starts_with", "ends_with"):
        x, y = _text(a), _text(b)
        return {"contains": y in x, "starts_with": x.startswith(y), "ends_with": x.endswith(y)}[name]
    if name in ("before_date", "after_date"):
        t, u = _time(a), _time(b)
        return t is not None and u is not None and (t < u if name == "before_date" else t > u)
    return _ordered(name, a, b)


def _ordered(name: str, a: Any, b: Any) -> bool:
    x: Any = _number(a)
    y: Any = _number(b)
    if x is None or y is None:
        x, y = _time(a), _time(b)
    if x is None or y is None:
        return False
    return bool({"greater_than": x > y, "at_least": x >= y, "less_than": x < y, "at_most": x <= y}[name])


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, s.Moment) or isinstance(b, s.Moment):
        return _time(a) is not None and _time(a) == _time(b)
    if _is_number(a) or _is_number(b):
        return _number(a) is not None and _number(a) == _number(b)
    return _text(a) == _text(b)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def _number(value: Any) -> Fraction | None:
    if isinstance(value, str):
        trimmed = value.strip()
        return Fraction(trimmed) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", trimmed) else None
    if not _is_number(value):
        return None
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _time(value: Any) -> int | None:
    if isinstance(value, s.Moment):
        return value.instant
    if not isinstance(value, str):
        return None
    text = value.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T00:00:00Z"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(milliseconds=1)


def _stamp(instant: int) -> str:
    text = (EPOCH + timedelta(milliseconds=instant)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").replace(".000Z", "Z")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, s.Moment):
        return value.text
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if _is_number(value):
        return _digits(value)
    if isinstance(value, list):
        return "[" + ",".join(_quoted(item) for item in value) + "]"
    return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_quoted(value[k])}" for k in sorted(value)) + "}"


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _text(value)


def _digits(value: Any) -> str:
    size = _number(value)
    assert size is not None
    with localcontext() as context:
        context.prec = 400
        text = f"{Decimal(size.numerator) / Decimal(size.denominator):.40f}"
    return text.rstrip("0").rstrip(".").replace("-0", "0") if size == 0 else text.rstrip("0").rstrip(".")


def _flat(value: Any) -> Any:
    return _text(value) if isinstance(value, list | dict) else value


def _json(value: Any) -> Any:
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value
