"""One cell against the constants of a comparison.

`cell` is the text of a JSON value, NULL for none. Every result is true, false or NULL: what SQL cannot decide exactly
as the comparators of the evaluator do is left to them. Ordinary numbers, texts, booleans and dates are decided.
"""

from collections.abc import Sequence
from typing import Any

from ...query.comparators import DAY
from ...query.syntax import Duration, Moment
from ...query.values import instant, is_number, number, text
from .cells import size
from .text import UNDECIDED, any_of, double, json_string, quoted, speakable

_SQL_OF = {"greater_than": ">", "at_least": ">=", "less_than": "<", "at_most": "<="}
_DATED = {"before_date": "<", "after_date": ">"}
_ON_TEXT = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}

# Texts of digits that are the same number as double and as decimal; and those that are no number for sure: some
# character cannot be in one. An escape may stand for anything, and what is not ASCII for white space.
_NUMERIC = r'"-?[0-9]{1,9}(?:\.[0-9]{1,6})?"'
_NOT_NUMERIC = r'"[^\\]*[!#-,/:-\[\]-~][^\\]*"|"[^0-9\\]*"'
# Nothing around these can be trimmed, so that they are read as they stand or not at all.
_TRIMMED = r'"[!#-\[\]-~](?:[ !#-\[\]-~]*[!#-\[\]-~])?"|""'
_LIKE_NUMBER, _LIKE_DATE = r'"-?[0-9]+(?:\.[0-9]+)?"', r'"[0-9]{4}-[0-9]{2}-[0-9]{2}.*'
# Years that SQL and Python both know, and only times that exist.
_DAY = r'"(?:[1-9][0-9]{3}|0[1-9][0-9]{2})-[0-9]{2}-[0-9]{2}'
_TIME = r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3})?Z"
_DATE, _INSTANT = f'{_DAY}"', f'{_DAY}{_TIME}"'
_NO_DATE = r'"[^-\\]*"|"[^\\]*[A-SU-Ya-su-y_/@!#-)=?][^\\]*"'
# Numbers whose JSON is their text, and those where it is but for the fraction.
_PLAIN_NUMBER = r"-?[1-9][0-9]{0,17}|0|-?(?:0|[1-9][0-9]{0,8})\.[0-9]{0,5}[1-9]"
_WHOLE_NUMBER = r"(?:-?[1-9][0-9]{0,14}|0)\.0"


def compared(cell: str, name: str, operands: Sequence[Any]) -> str:
    """`name` is no negated comparator and does not look from the present; any of several operands will do."""
    if name == "exists":
        return f"{cell} is not null"
    if name in ("equals", "one_of"):
        return any_of([_equal(cell, other) for other in operands])
    if name in ("differs", "none_of"):
        return f"({cell} is not null and not {any_of([_equal(cell, other) for other in operands])})"
    return any_of([_single(cell, name, other) for other in operands])


def _single(cell: str, name: str, other: Any) -> str:
    if name in _ON_TEXT:
        return _on_text(cell, _ON_TEXT[name], text(other))
    if name in _DATED:
        return _dated(cell, _DATED[name], instant(other))
    limit = number(other)
    return _dated(cell, _SQL_OF[name], instant(other)) if limit is None else _sized(cell, _SQL_OF[name], double(limit))


def _equal(cell: str, other: Any) -> str:
    if isinstance(other, Moment):
        return _dated(cell, "=", other.instant)
    if is_number(other):
        return _sized(cell, "=", double(other))
    if isinstance(other, bool):
        return f"coalesce({cell} in ({quoted(text(other))}, {json_string(text(other))}), false)"
    return _equal_text(cell, other)


def _equal_text(cell: str, wanted: str) -> str:
    """A text equals texts exactly, numbers as a number, and anything else by its text."""
    if not speakable(wanted):
        return UNDECIDED
    exact, amount = json_string(wanted), number(wanted)
    same = (
        f"coalesce({cell} = {exact}, false)"
        if exact is not None
        else _is_text(cell, f"{_text(cell)} = {quoted(wanted)}")
    )
    if amount is not None:
        return f"case when starts_with({cell}, '\"') then {same} else {_sized(cell, '=', double(amount))} end"
    if wanted in ("true", "false"):
        return f"coalesce({cell} in ({quoted(wanted)}, {exact}), false)"
    if wanted[:1] in ("[", "{"):
        return f"case when starts_with({cell}, {quoted(wanted[0])}) then {UNDECIDED} else {same} end"
    return same


def _sized(cell: str, symbol: str, wanted: str | None) -> str:
    """Against a number; texts are read as one where that can be done exactly."""
    if wanted is None:
        return UNDECIDED
    return (
        f"case when {cell} is null then false"
        f" when isfinite({size(cell)}) then {size(cell)} {symbol} {wanted}"
        f" when regexp_full_match({cell}, {quoted(_NUMERIC)}) then {_content(cell)}::double {symbol} {wanted}"
        f" when {no_number(cell)} then false end"
    )


def _dated(cell: str, symbol: str, wanted: int | None) -> str:
    """Against an instant; None is none, and nothing compares with it."""
    if wanted is None:
        return "false"
    return _on_time(cell, f"{_instant(cell)} {symbol} {wanted}", f"{_instant(cell)} {symbol} {wanted}")


def relative(cell: str, name: str, duration: Duration, now: int) -> str:
    """A comparator that looks from the present: days are compared with whole days, instants with instants."""
    moment = _near(_instant(cell), name, now, duration.milliseconds)
    if duration.unit != "day":
        return _on_time(cell, moment, moment)
    return _on_time(cell, _near(f"({_instant(cell)} // {DAY})", name, now // DAY, duration.count), moment)


def _near(value: str, name: str, now: int, span: int) -> str:
    return {
        "within_last": f"{value} between {now - span} and {now}",
        "within_next": f"{value} between {now} and {now + span}",
        "before_last": f"{value} <= {now - span}",
        "after_next": f"{value} >= {now + span}",
    }[name]


def _on_time(cell: str, of_day: str, of_instant: str) -> str:
    """What is asked of a date and of a time; a date that does not exist is none."""
    return (
        f"case when {cell} is null or not starts_with({cell}, '\"') then false"
        f" when regexp_full_match({cell}, {quoted(_DATE)}) then coalesce({of_day}, false)"
        f" when regexp_full_match({cell}, {quoted(_INSTANT)}) then coalesce({of_instant}, false)"
        f" when {_unlike(cell, _NO_DATE, _LIKE_DATE)} then false end"
    )


def no_number(cell: str) -> str:
    """Whether the value is there and cannot be read as a number for sure."""
    return f"({cell}[1] in ('t', 'f', '[', '{{') or {_unlike(cell, _NOT_NUMERIC, _LIKE_NUMBER)})"


def _unlike(cell: str, hopeless: str, like: str) -> str:
    """Whether the text is neither a number nor a date for sure."""
    trimmed = f"regexp_full_match({cell}, {quoted(_TRIMMED)}) and not regexp_full_match({cell}, {quoted(like)})"
    return f"regexp_full_match({cell}, {quoted(hopeless)}) or ({trimmed})"


def _instant(cell: str) -> str:
    return f"epoch_ms(try_cast({_content(cell)} as timestamp))"


def _on_text(cell: str, function: str, wanted: str) -> str:
    if not speakable(wanted):
        return UNDECIDED
    if not wanted:
        return f"{cell} is not null"
    wanted = quoted(wanted)
    return f"case when {cell} is null then false else {function}({text_of(cell)}, {wanted}) end"


def both_texts(left: str, right: str) -> str:
    """Whether two cells are equal, where neither of them needs to be read as anything but a text."""
    texts = f"starts_with({left}, '\"') and starts_with({right}, '\"')"
    return f"case when {left} is null or {right} is null then false when {texts} then {left} = {right} end"


def _is_text(cell: str, condition: str) -> str:
    return f"case when starts_with({cell}, '\"') then {condition} else false end"


def _content(cell: str) -> str:
    """What stands between the quotes, where nothing is escaped."""
    return f"{cell}[2:-2]"


def text_of(cell: str) -> str:
    """How a value that is there reads as text; NULL when SQL cannot tell."""
    return (
        f"case when starts_with({cell}, '\"') then {_text(cell)}"
        f" when {cell} in ('true', 'false') or regexp_full_match({cell}, {quoted(_PLAIN_NUMBER)}) then {cell}"
        f" when regexp_full_match({cell}, {quoted(_WHOLE_NUMBER)}) then {cell}[:-3] end"
    )


def _text(cell: str) -> str:
    return f"if(contains({cell}, '\\'), json_extract_string({cell}, '$'), {_content(cell)})"
