"""Cells of CSV files that spreadsheets take for what they are."""

from typing import Any

import msgspec

# A spreadsheet computes what begins like this, whoever wrote it.
COMPUTED = ("=", "+", "-", "@")

_encoder = msgspec.json.Encoder(order="sorted")


def cell(value: Any) -> str:
    """Text as it is, other values as JSON, nothing for null."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _encoder.encode(value).decode()
    return f"'{text}" if text.startswith(COMPUTED) else text
