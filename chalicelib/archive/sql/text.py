"""Texts, numbers and paths as SQL."""

import re
from decimal import Decimal

from ...query.syntax import EACH, Path
from ...query.values import Number, text

UNDECIDED = "null::boolean"  # SQL cannot tell: whoever asks has to ask the evaluator

# Up to here a number is the same whether it is compared as decimal or as double, whatever it is compared with: decimals
# of 15 digits are told apart by doubles, and no double reads as a decimal nearer to another of them.
_DIGITS = 15

_PLAIN_KEY = re.compile(r'[^"\\*\x00-\x1f\ud800-\udfff]+')
_PLAIN_TEXT = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')
_SPEAKABLE = re.compile(r"[^\x00\ud800-\udfff]*")


def quoted(value: str) -> str:
    """A string literal. The value must be `speakable`."""
    return "'" + value.replace("'", "''") + "'"


def speakable(value: str) -> bool:
    """Whether SQL can hold the text."""
    return _SPEAKABLE.fullmatch(value) is not None


def json_string(value: str) -> str | None:
    """The text as JSON has it, as a string literal; None where something in it would have to be escaped."""
    return quoted(f'"{value}"') if _PLAIN_TEXT.fullmatch(value) else None


def json_path(path: Path) -> str | None:
    """A string literal; None for a path that SQL would not follow as the evaluator does."""
    if EACH in path or not all(map(_PLAIN_KEY.fullmatch, path)):
        return None
    return quoted("$" + "".join(f'."{step}"' for step in path))


def double(value: Number) -> str | None:
    """A number that compares as a double like the number itself; None if there is no such."""
    digits = text(value)
    if len(digits.strip("-0.").replace(".", "")) > _DIGITS or abs(Decimal(value)) >= 10**_DIGITS or len(digits) > 32:
        return None
    return f"{digits}e0"


def any_of(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({' or '.join(terms)})" if terms else "false"


def all_of(terms: list[str]) -> str:
    terms = [term for term in terms if term != "true"]
    return terms[0] if len(terms) == 1 else f"({' and '.join(terms)})" if terms else "true"
