"""Cuts the text of a condition into tokens."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from ..query.errors import INVALID, SYNTAX, QueryError, shown

SIGN, VALUE, PATH, END = "sign", "value", "path", "end"

LONGEST_NUMBER = 40  # characters: more are not meant as a number

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<path>(?:[A-Za-z_]|\\.)(?:[A-Za-z0-9_-]|\\.)*(?:\.(?:[A-Za-z0-9_-]|\\.)+)*)
    | (?P<sign>!=|<=|>=|[=<>!(),\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"(?:[^\\.]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IN_TEXT = re.compile(r"\\([\\'\"nrt])")  # any other backslash stays: patterns have their own
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}

# Operators are written small or, as in Segment's own examples, in capitals.
_WORDS = {word: sign for sign in ("and", "or", "not", "in") for word in (sign, sign.upper())}
_VALUES = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """`value` is what a VALUE is, the names of a PATH, or the text of a SIGN; `offset` counts characters from 0."""

    type: str
    value: Any
    offset: int
    text: str


def tokens(text: str) -> Iterator[Token]:
    """With an END behind the last one. Raises QueryError."""
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            _reject(text, place)
        place = match.end()
        if match.lastgroup != "space":
            yield _token(text, match)
    yield Token(END, None, len(text.rstrip()), "the end")


def _token(text: str, match: re.Match[str]) -> Token:
    word, start = match.group(), match.start()
    if match.lastgroup == "text":
        return Token(VALUE, _IN_TEXT.sub(lambda m: _CONTROLS.get(m[1], m[1]), word[1:-1]), start, word)
    if match.lastgroup == "number":
        return Token(VALUE, _number(text, word, start), start, word)
    if match.lastgroup == "sign":
        return Token(SIGN, word, start, word)
    if word in _WORDS:
        return Token(SIGN, _WORDS[word], start, word)
    if word in _VALUES:
        return Token(VALUE, _VALUES[word], start, word)
    names = tuple(_ESCAPED.sub(r"\1", name) for name in _NAME.findall(word))
    return Token(PATH, names, start, word)


def _number(text: str, word: str, start: int) -> int | float:
    number = float(word)
    if len(word) > LONGEST_NUMBER or number in (float("inf"), float("-inf")):
        raise QueryError(INVALID, f"{shown(word)} is no number that an event can hold", text, start)
    return int(word) if word.lstrip("-").isdigit() else number


def _reject(text: str, place: int) -> NoReturn:
    character = text[place]
    if character in "'\"":
        raise QueryError(SYNTAX, "this text has no closing quote", text, place, f"Close it with {character}.")
    if text[place : place + 2] in ("&&", "||"):
        raise QueryError(SYNTAX, "this is not an operator", text, place, "Write and, or, or !( … ).")
    advice = "Put a backslash in front of it if it is part of the name of a field."
    raise QueryError(SYNTAX, f"unexpected character {character!r}", text, place, advice)
