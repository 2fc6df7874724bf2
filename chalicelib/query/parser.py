"""From the text of a definition to its meaning, or to the first error in it."""

from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

from .checker import Checker
from .errors import EMPTY, SYNTAX, QueryError, shown
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
    return QueryError(SYNTAX, f"unexpected {shown(str(token))}", text, token.start_pos or 0)


@cache
def _lark() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=Tokens)
