"""The parse tree of a definition, made by Lark."""

from functools import cache
from pathlib import Path

from lark import Lark, Token, UnexpectedInput, UnexpectedToken

from .arguments import Branch
from .errors import SYNTAX, QueryError, shown
from .tokens import Tokens
from .vocabulary import BLANK


def tree(text: str) -> Branch:
    """Raises QueryError at the first place that does not fit the grammar."""
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
