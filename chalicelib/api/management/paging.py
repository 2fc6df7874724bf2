"""Pages of a list: how they are asked for and what is told about them."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from ...errors import Invalid, Problem

T = TypeVar("T")

MOST = 1_000
DEFAULT = 200

_STALE = Problem('"pagination.cursor" is not a cursor of this list any more', "pagination.cursor")
_NESTED = re.compile(r"([A-Za-z]+)(?:\[([A-Za-z]+)\]|\.([A-Za-z]+))")


def object_parameter(parameters: Mapping[str, str], name: str) -> dict[str, Any] | None:
    """An object among the query parameters, in whichever of three ways a client writes it: `p={"a":1}`, `p[a]=1`
    or `p.a=1`. None when it was not given. Raises Invalid."""
    given: dict[str, Any] = {}
    for parameter, text in parameters.items():
        match = _NESTED.fullmatch(parameter)
        if match and match[1] == name:
            given[match[2] or match[3]] = text
    if name in parameters:
        given.update(_decode(parameters[name], name))
    return given if given or name in parameters else None


def query_of(declared: type[msgspec.Struct], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The declared parameters, objects among them decoded. Raises Invalid."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(declared):
        name = field.encode_name
        value = object_parameter(parameters, name) if _is_object(field.type) else parameters.get(name)
        found |= {} if value is None else {name: value}
    return found


def _is_object(type: Any) -> bool:
    parts = (type, *get_args(type))
    return any(hasattr(part, "__struct_fields__") or get_origin(part) is dict for part in parts)


def _decode(text: str, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(Problem(f'"{name}" must be a JSON object', name)) from error


def page(items: Sequence[T], asked: Mapping[str, Any] | None, most: int = MOST) -> tuple[list[T], dict[str, Any]]:
    """One page of the items and its description. Raises Invalid with every problem of what was asked."""
    asked = asked or {}
    problems: list[Problem] = []
    count = _count(asked.get("count"), most, problems)
    start = _offset(asked.get("cursor"), len(items), problems)
    if problems:
        raise Invalid(*problems)
    end = start + count
    described = {
        "current": _cursor(start),
        "next": _cursor(end) if end < len(items) else None,
        "previous": _cursor(max(0, start - count)) if start else None,
        "totalEntries": len(items),
    }
    return list(items[start:end]), described


def numbered_page(items: Sequence[T], asked: Mapping[str, Any] | None, most: int) -> tuple[list[T], dict[str, Any]]:
    """The same with numbers as cursors: how many go before."""
    asked = asked or {}
    problems: list[Problem] = []
    count, start = _count(asked.get("count"), most, problems), _place(asked.get("cursor"), len(items), problems)
    if problems:
        raise Invalid(*problems)
    end = start + count
    following = {"next": end} if end < len(items) else {}
    return list(items[start:end]), {"current": start, **following, "totalEntries": len(items)}


def _place(given: Any, total: int, problems: list[Problem]) -> int:
    number = 0.0 if given is None else _number(given)
    if number is None or not number.is_integer() or not 0 <= number < max(1, total):
        problems.append(_STALE)
        return 0
    return int(number)


def forward(
    fetch: Callable[[int, str | None], tuple[list[T], str | None]], asked: Mapping[str, Any] | None, most: int = MOST
) -> tuple[list[T], dict[str, Any]]:
    """One page of a list that is only read forwards: `fetch` takes a count and a cursor of its own, which it may
    refuse with Invalid, and gives items and the cursor of the next page."""
    asked = asked or {}
    problems: list[Problem] = []
    count = _count(asked.get("count"), most, problems)
    if problems:
        raise Invalid(*problems)
    given = asked.get("cursor")
    try:
        items, following = fetch(count, None if given in (None, _cursor(0)) else _opened(given))
    except Invalid as error:
        raise Invalid(_STALE) from error
    return items, {"current": given or _cursor(0), "next": None if following is None else _sealed(following)}


def _sealed(cursor: str) -> str:
    return base64.b64encode(cursor.encode()).decode()


def _opened(given: Any) -> str:
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, TypeError, ValueError) as error:
        raise Invalid(_STALE) from error


def _count(given: Any, most: int, problems: list[Problem]) -> int:
    if given is None:
        return min(DEFAULT, most)
    number = _number(given)
    if number is None or not number.is_integer() or not 1 <= number <= most:
        problems.append(Problem(f'"pagination.count" must be a whole number from 1 to {most}', "pagination.count"))
        return most
    return int(number)


def _number(given: Any) -> float | None:
    """Clients send `50`, `50.0` and `"50"`."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        return float(given)
    except (ValueError, OverflowError):
        return None


def _cursor(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode()


def _offset(given: Any, total: int, problems: list[Problem]) -> int:
    """Where the page starts; a cursor that leads past the end is stale."""
    if given is None:
        return 0
    try:
        text = base64.b64decode(given, validate=True).decode("ascii")
        offset = int(text) if text.isdigit() else -1
    except (binascii.Error, TypeError, ValueError):
        offset = -1
    if offset == 0 or 0 < offset < total:
        return offset
    problems.append(_STALE)
    return 0
