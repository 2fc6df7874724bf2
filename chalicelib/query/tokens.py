"""Cuts the text of a definition into tokens."""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from lark.lexer import Lexer, Token

from . import vocabulary
from .errors import INVALID, SYNTAX, UNKNOWN_FUNCTION, QueryError, shown

_TOKEN = re.compile(
    r"""
      (?P<SPACE>[ \t\r\n]+)
    | (?P<STRING>'(?:[^'\\]|\\[\s\S])*')
    | (?P<TIMESTAMP>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)
    | (?P<DATE>[0-9]{4}-[0-9]{2}-[0-9]{2})
    | (?P<NUMBER>-?[0-9]+(?:\.[0-9]+)?)
    | (?P<NAME>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<SYMBOL>==|!=|>=|<=|=|>|<)
    | (?P<MARK>[(){}\[\],.:])
    """,
    re.VERBOSE,
)
_CALL = re.compile(r"[ \t\r\n]*\(")
_MARKS = {
    "(": "_LPAR",
    ")": "_RPAR",
    "{": "_LBRACE",
    "}": "_RBRACE",
    "[": "_LSQB",
    "]": "_RSQB",
    ",": "_COMMA",
    ".": "_DOT",
    ":": "_COLON",
}
_WORDS = {
    "AND": "_AND",
    "OR": "_OR",
    "NOT": "PREFIX",
    "ANY": "PREFIX",
    "ALL": "PREFIX",
    "true": "BOOLEAN",
    "false": "BOOLEAN",
    "as": "_AS",
    "parent": "LABEL",
    "exclude": "LABEL",
}
_NESTING = frozenset({"_LPAR", "_LBRACE", "_LSQB", "_RPAR", "_RBRACE", "_RSQB", "PREFIX", "_AND", "_OR"})
_JUNCTIONS = frozenset({"AND", "OR", "NOT", "ANY", "ALL"})

# Every level costs the parser's callers a few stack frames; people nest less than ten deep.
MAX_NESTING = 64


class Tokens(Lexer):
    """Feeds Lark lazily, so that whichever error stands first in the text is the one reported."""

    def __init__(self, lexer_conf: Any = None) -> None:
        """Lark hands over the terminals of the grammar; they are known here already."""

    def lex(self, data: str, _: Any = None) -> Iterator[Token]:  # type: ignore[override]
        nesting = _Nesting(data)
        position, previous = 0, ""
        while position < len(data):
            match = _TOKEN.match(data, position)
            if match is None:
                _reject(data, position)
            position = match.end()
            if match.lastgroup == "SPACE":
                continue
            token = _token(data, match)
            if token.type == "NAME":
                _check_name(data, token, previous)
            if token.type in _NESTING:
                nesting.see(token)
            yield token
            previous = token.type


def _token(data: str, match: re.Match[str]) -> Token:
    text, start = match.group(), match.start()
    kind = match.lastgroup or ""
    if kind == "MARK":
        kind = _MARKS[text]
    elif kind == "NAME":
        kind = _WORDS.get(text, kind)
    return Token(kind, text, start, end_pos=match.end())


def _check_name(data: str, token: Token, previous: str) -> None:
    """A name calls a function, or it is the unit after a number or the cast after `as`."""
    text, start = str(token), token.start_pos or 0
    called = _CALL.match(data, start + len(text))
    if text.upper() in _JUNCTIONS:
        raise QueryError(SYNTAX, f"{shown(text)} must be written {text.upper()}", data, start)
    if called and text not in vocabulary.FUNCTIONS:
        raise QueryError(UNKNOWN_FUNCTION, f"there is no function {shown(text)}", data, start, _spelling(text))
    if not called and previous not in ("NUMBER", "_AS"):
        advice = "Text stands in single quotes; functions are followed by parentheses."
        raise QueryError(SYNTAX, f"unexpected {shown(text)}", data, start, advice)


def _spelling(text: str) -> str | None:
    if text.lower() in vocabulary.FUNCTIONS:
        return f"Did you mean `{text.lower()}`?"
    renamed = vocabulary.RETIRED.get(text)
    return f"It is called `{renamed}` now." if renamed else None


def _reject(data: str, position: int) -> NoReturn:
    character = data[position]
    if character == "'":
        raise QueryError(SYNTAX, "this text has no closing quote", data, position, "Close it with a single quote.")
    if character in '"\u2018\u2019\u201c\u201d':
        raise QueryError(SYNTAX, "text stands in single quotes", data, position, "Write 'text'.")
    if data[position : position + 2] in ("&&", "||"):
        raise QueryError(SYNTAX, "this is not an operator", data, position, "Write AND, OR or NOT.")
    raise QueryError(SYNTAX, f"unexpected character {character!r}", data, position)


class _Nesting:
    """Counts open brackets and the prefix operators in front of them."""

    def __init__(self, data: str) -> None:
        self._data = data
        self._open = [0]
        self._depth = 0

    def see(self, token: Token) -> None:
        kind = token.type
        if kind in ("_LPAR", "_LBRACE", "_LSQB"):
            self._open.append(0)
            self._deeper(token)
        elif kind == "PREFIX":
            self._open[-1] += 1
            self._deeper(token)
        elif kind in ("_RPAR", "_RBRACE", "_RSQB") and len(self._open) > 1:
            self._depth -= self._open.pop() + 1
        elif kind in ("_AND", "_OR"):
            self._depth -= self._open[-1]
            self._open[-1] = 0

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise QueryError(INVALID, f"nested more than {MAX_NESTING} deep", self._data, token.start_pos or 0)
