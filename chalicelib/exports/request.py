"""What an owner may choose of an export, and the columns it comes to."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..workspace.body import Body

UNFORMATTED = "UNFORMATTED"  # ids and traits as JSON
FORMATTED = "FORMATTED"  # audiences: a column for each type of id and each trait, further values in further columns
INDEXED_COLUMNS = "INDEXED_COLUMNS"  # traits: the same for ids, beside the JSON
EXTRA_ROWS = "EXTRA_ROWS"  # traits: further values in further rows

OF_AUDIENCES = (UNFORMATTED, FORMATTED)
OF_TRAITS = (UNFORMATTED, INDEXED_COLUMNS, EXTRA_ROWS)

MOST_TRAITS = 200  # columns or keys chosen by name


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """`external_ids`: types in the order of their columns, None for all there are. `with_ids`: whether there are any.
    `traits`: names, None for all of each person."""

    format: str = UNFORMATTED
    with_ids: bool = True
    external_ids: list[str] | None = None
    traits: list[str] | None = msgspec.field(default_factory=list)


def of_audience(content: Mapping[str, Any]) -> Choice:
    """Raises Invalid."""
    body = Body(content)
    format = body.choice("format", OF_AUDIENCES) or UNFORMATTED
    ids, traits = _listed(body, "externalIds", whole=True), _listed(body, "traits", whole=False)
    if traits is None and format == FORMATTED:
        body.reject("traits", "name the traits that get a column each")
    body.done()
    return Choice(format=format, with_ids=ids != [], external_ids=ids, traits=traits)


def of_trait(content: Mapping[str, Any]) -> Choice:
    """Its files always say all ids. Raises Invalid."""
    body = Body(content)
    format = body.choice("format", OF_TRAITS) or UNFORMATTED
    for name in ("externalIds", "traits"):
        if body.has(name):
            body.reject(name, "exports of traits have no choice of columns")
    body.done()
    return Choice(format=format)


def _listed(body: Body, name: str, *, whole: bool) -> list[str] | None:
    """What was named; None for everything, which is asked for with true."""
    given = body.content.get(name)
    if given is None:
        given = whole
    if isinstance(given, bool):
        return None if given else []
    found = body.texts(name) or []
    if len(found) > MOST_TRAITS:
        body.reject(name, f'"{name}" may name at most {MOST_TRAITS}')
    return found


def type_columns(widths: Mapping[str, int], order: Sequence[str]) -> list[tuple[str, int, str]]:
    """(type, place, column) of each value in its order: `email`, `email_1`, `email_2`."""
    return [
        (type, place, type if place == 0 else f"{type}_{place}")
        for type in order
        for place in range(max(1, widths.get(type, 0)))
    ]
