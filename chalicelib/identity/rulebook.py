"""The rules of a space in the form in which every event asks them."""

import re
from collections.abc import Callable
from typing import NamedTuple

from .external_id import Identifier
from .rules import BUILT_IN, E164, LOWER, NONE, WINDOWS, Rules, TypeRule

Rank = tuple[int, str]

_FORMATTING = re.compile(r"[\s().\-/]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_REMEMBERED = 64  # spaces that one worker serves at a time


class Ruling(NamedTuple):
    """What holds for one type. `window` in ms, None for ever."""

    limit: int
    window: int | None
    normalise: Callable[[str], str]
    blocked_values: frozenset[str]
    blocked_patterns: tuple[re.Pattern[str], ...]

    def blocks(self, value: str) -> bool:
        return value in self.blocked_values or any(pattern.search(value) for pattern in self.blocked_patterns)


class Rulebook:
    """Rules made ready once; see `rulebook`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.places = {type: place for place, type in enumerate(rules.priority)}
        self.custom = tuple((spelling, name) for name in rules.custom for spelling in _spellings(name))
        self._known = BUILT_IN | set(rules.types) | set(rules.custom) | set(rules.priority)
        self._other = _ruling(rules.of(""))
        self._rulings = {type: _ruling(rules.of(type)) for type in self._known}

    def of(self, type: str) -> Ruling:
        return self._rulings.get(type, self._other)

    def accepts(self, type: str) -> bool:
        """Whether identifiers of this type are taken from `context.externalIds`."""
        return self.rules.auto_add or type in self._known

    def rank(self, type: str) -> Rank:
        """Sort key, the most trusted type first."""
        return self.places.get(type, len(self.places)), type

    def trust(self, identifier: Identifier) -> Rank:
        return self.rank(identifier.type)


_books: dict[int, Rulebook] = {}


def rulebook(rules: Rules) -> Rulebook:
    """The same book for the same object: compiling it for every batch would cost more than reading it."""
    book = _books.get(id(rules))
    if book is None or book.rules is not rules:
        if len(_books) >= _REMEMBERED:
            _books.clear()
        book = _books[id(rules)] = Rulebook(rules)
    return book


def _spellings(name: str) -> tuple[str, ...]:
    """`app_id` is also found as `appId`."""
    first, *others = name.split("_")
    camel = first + "".join(part[:1].upper() + part[1:] for part in others)
    return (name,) if camel == name else (name, camel)


def _ruling(rule: TypeRule) -> Ruling:
    return Ruling(
        limit=rule.limit or 0,
        window=WINDOWS[rule.period],
        normalise=_NORMALISERS[rule.normalise or NONE],
        blocked_values=frozenset(rule.blocked_values),
        blocked_patterns=tuple(re.compile(pattern) for pattern in rule.blocked_patterns),
    )


def _as_sent(value: str) -> str:
    return value


def _as_e164(value: str) -> str:
    """`+1 (555) 010-0199` → `+15550100199`. Without a country nobody knows whose number it is: left as it was sent."""
    bare = _FORMATTING.sub("", value)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    return bare if _E164.fullmatch(bare) else value


_NORMALISERS: dict[str, Callable[[str], str]] = {NONE: _as_sent, LOWER: str.lower, E164: _as_e164}
