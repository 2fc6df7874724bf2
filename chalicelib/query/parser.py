"""From the text of a definition to its meaning, or to the first error in it."""

from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

from .checker import Checker
from .errors import EMPTY, SYNTAX, QueryError
from .syntax import Definition
from .tokens import Tokens
from .vocabulary import ACCOUNTS, AUDIENCE, LINKED, TRAIT, USERS

BLANK = " \t\r\n"


def parse(text: str, *, kind: str, scope: str) -> Definition:
    """Read a definition. `kind`: `audience` or `trait`; `scope`: USERS, ACCOUNTS or LINKED. Raises QueryError."""
    if kind not in (AUDIENCE, TRAIT) or scope not in (USERS, ACCOUNTS, LINKED):
        raise ValueError(f"no such kind or scope: {kind}, {scope}")
    if not text.strip(BLANK):
        raise QueryError(EMPTY, "the definition is empty", text, 0)
    return Checker(text, kind, scope).definition(_tree(text))


def _tree(text: str) -> Tree[Token]:
    try:
        return _lark().parse(text)
    except UnexpectedToken as error:
        raise _unexpected(text, error.token) from None
    except UnexpectedInput as error:
        raise QueryError(SYNTAX, "this cannot be read", text, error.pos_in_stream or 0) from None


def _unexpected(text: str, token: Token) -> QueryError:
    if token.type == "$END":
        return QueryError(SYNTAX, "the definition ends too early", text, len(text.rstrip(BLANK)))
    advice = None
    if token.upper() in ("AND", "OR", "NOT", "ANY", "ALL"):
        advice = f"Write {token.upper()} in capitals, between two conditions."
    elif token.type == "NAME":
        advice = "Text stands in single quotes; functions are followed by parentheses."
    return QueryError(SYNTAX, f"unexpected `{str(token)[:40]}`", text, token.start_pos or 0, advice)


@cache
def _lark() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=Tokens)
