"""The lines of a file, person after person, in each of its formats."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..computations.computation import DEFAULT_EXTERNAL_IDS
from .cells import cell
from .request import EXTRA_ROWS, FORMATTED, INDEXED_COLUMNS, Choice, type_columns

Row = list[str]

_FIRST = ("key", "value", "external_ids")


class Person(NamedTuple):
    """`ids` are values by type, the oldest first; `value` is that of the trait."""

    profile_id: str
    ids: Mapping[str, Sequence[str]]
    traits: Mapping[str, Any]
    value: Any = None


class Sheet:
    """`widths`: how many values of each type of id somebody has at most."""

    def __init__(self, choice: Choice, widths: Mapping[str, int], *, of_trait: bool) -> None:
        self._choice, self._of_trait = choice, of_trait
        self._types = _ordered(widths) if choice.external_ids is None else choice.external_ids
        single = choice.format == EXTRA_ROWS
        self._columns = type_columns({} if single else widths, self._types)

    @property
    def header(self) -> Row:
        return [cell(name) for name in self._names()]

    def rows(self, person: Person) -> Iterator[Row]:
        if not self._of_trait:
            yield [cell(value) for value in self._of_audience(person)]
            return
        first = [cell(value) for value in (person.profile_id, person.value, person.ids)]
        if self._choice.format == EXTRA_ROWS:
            yield from self._extra(first, person)
        else:
            more = self._indexed(person) if self._choice.format == INDEXED_COLUMNS else ()
            yield first + [cell(value) for value in more]

    def _names(self) -> list[str]:
        ids = [column for _, _, column in self._columns]
        if self._of_trait:
            return [*_FIRST, *(ids if self._choice.format in (INDEXED_COLUMNS, EXTRA_ROWS) else [])]
        if self._choice.format == FORMATTED:
            return _distinct(["key", *(ids if self._choice.with_ids else [])], self._choice.traits or ())
        traits_too = self._choice.traits != []
        return ["key", *["external_ids"] * self._choice.with_ids, *["traits"] * traits_too]

    def _of_audience(self, person: Person) -> Iterator[Any]:
        choice = self._choice
        yield person.profile_id
        if choice.format == FORMATTED:
            yield from self._indexed(person) if choice.with_ids else ()
            yield from (person.traits.get(name) for name in choice.traits or ())
            return
        if choice.with_ids:
            yield {type: person.ids[type] for type in self._types if type in person.ids}
        if choice.traits is None:
            yield person.traits
        elif choice.traits:
            yield {name: person.traits[name] for name in choice.traits if name in person.traits}

    def _indexed(self, person: Person) -> Iterator[str | None]:
        for type, place, _ in self._columns:
            values = person.ids.get(type, ())
            yield values[place] if place < len(values) else None

    def _extra(self, first: Row, person: Person) -> Iterator[Row]:
        longest = max((len(values) for values in person.ids.values()), default=0)
        for place in range(max(1, longest)):
            values = (person.ids.get(type, ()) for type in self._types)
            yield first + [cell(found[place] if place < len(found) else None) for found in values]


def _distinct(names: list[str], traits: Sequence[str]) -> list[str]:
    """A trait that is called like another column says that it is one."""
    for trait in traits:
        name = trait
        while name in names:
            name = f"traits.{name}"
        names = [*names, name]
    return names


def _ordered(widths: Mapping[str, int]) -> list[str]:
    """The types that identify people everywhere come first."""
    known = [type for type in DEFAULT_EXTERNAL_IDS if type in widths]
    return [*known, *sorted(widths.keys() - set(known))]
