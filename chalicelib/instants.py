"""Between ISO 8601 text and instants (epoch milliseconds, UTC)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

# Any number of fraction digits: Python sends six, mobile clients up to nine. The time may be left out.
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(Z|z|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_iso(text: str) -> int | None:
    """The instant written in `text` to the millisecond, further digits cut; None if it is not ISO 8601.

    A missing offset means UTC, a missing time midnight.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    milliseconds = int((fraction or "0")[:3].ljust(3, "0"))
    return (moment - _EPOCH) // timedelta(milliseconds=1) + milliseconds - _offset(offset)


def _offset(text: str | None) -> int:
    if text is None or text in "Zz":
        return 0
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return (minutes if text[0] == "+" else -minutes) * 60_000


def to_iso(instant: int) -> str:
    """`2026-01-31T12:00:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"  # strftime cuts years below 1000


def to_http_date(instant: int) -> str:
    """RFC 5322 date as HTTP headers carry it."""
    return format_datetime(_EPOCH + timedelta(milliseconds=instant), usegmt=True)
