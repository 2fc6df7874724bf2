"""Glob patterns over whole texts: `*`, `?`, `[a-z]`, `[^a-z]`, and a backslash in front of what is meant literally.

Between two stars every part of a pattern stands for one character of the text, so that a match takes at most as many
steps as text and pattern have characters, multiplied.
"""

import re
from collections.abc import Callable
from typing import NamedTuple


class _Chunk(NamedTuple):
    """What stands between two stars; `length` in characters of a text."""

    pattern: re.Pattern[str]
    length: int


def glob(pattern: str) -> Callable[[str], bool]:
    """Whether a text is as the pattern says. Raises ValueError for a pattern that makes no sense."""
    first, *others = _chunks(pattern)
    if not others:
        return lambda text: len(text) == first.length and first.pattern.match(text) is not None
    *middle, last = others

    def matches(text: str) -> bool:
        if not first.pattern.match(text):
            return False
        place = first.length
        for chunk in middle:
            found = chunk.pattern.search(text, place)
            if found is None:
                return False
            place = found.end()
        end = len(text) - last.length
        return place <= end and last.pattern.match(text, end) is not None

    return matches


def _chunks(pattern: str) -> list[_Chunk]:
    parts: list[list[str]] = [[]]
    place = 0
    while place < len(pattern):
        character = pattern[place]
        if character == "*":
            parts.append([])
            place += 1
            continue
        if character == "[":
            part, place = _class(pattern, place + 1)
        elif character == "?":
            part, place = ".", place + 1
        else:
            literal, place = _character(pattern, place)
            part = re.escape(literal)
        parts[-1].append(part)
    return [_Chunk(re.compile("".join(part), re.DOTALL), len(part)) for part in parts]


def _class(pattern: str, place: int) -> tuple[str, int]:
    """The characters up to the closing bracket, and the place behind it."""
    negated = pattern[place : place + 1] == "^"
    place += negated
    ranges: list[str] = []
    while pattern[place : place + 1] != "]":
        if pattern[place : place + 1] == "-":
            raise ValueError("a range has no beginning")
        low, place = _character(pattern, place)
        high = low
        if pattern[place : place + 1] == "-":
            if pattern[place + 1 : place + 2] == "]":
                raise ValueError("a range has no end")
            high, place = _character(pattern, place + 1)
        if low > high:
            raise ValueError(f"the range {low}-{high} is the wrong way round")
        ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if not ranges:
        raise ValueError("brackets hold no character")
    return f"[{'^' if negated else ''}{''.join(ranges)}]", place + 1


def _character(pattern: str, place: int) -> tuple[str, int]:
    """One character that stands for itself, and the place behind it."""
    place += pattern[place : place + 1] == "\\"
    if place >= len(pattern):
        raise ValueError("it ends where something must follow")
    return pattern[place], place + 1
