"""Reading the condition of a filter, with the place of what is wrong with it."""

from ..filters.condition import condition
from ..query.errors import QueryError
from .body import Body

FIELD = "if"


def read_condition(body: Body, *, required: bool = False, field: str = FIELD) -> str | None:
    text = body.text(field, required=required, longest=None)
    if text is None:
        return None
    try:
        condition(text)
    except QueryError as error:
        data = {"code": error.code, "offset": error.offset, "line": error.line, "column": error.column}
        body.reject(field, error.report(), data)
    return text
