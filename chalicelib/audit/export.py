"""Rows of the audit trail as CSV."""

import csv
import io
from collections.abc import Iterable

import msgspec

from ..instants import to_iso
from .row import Row

COLUMNS = ("id", "timestamp", "type", "actor", "resourceId", "resourceType", "resourceName", "spaceId", "details")

# A spreadsheet takes a cell that begins so for a formula, and names are whatever somebody typed.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(rows: Iterable[Row]) -> str:
    """With a line of column names, as RFC 4180 has it; details are JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_inert(cell) for cell in _cells(row)])
    return text.getvalue()


def _cells(row: Row) -> list[str]:
    details = msgspec.json.encode(row.details).decode() if row.details else ""
    named = (row.resource_id, row.resource_type, row.resource_name)
    return [row.id, to_iso(row.at), row.action, row.actor, *named, row.space_id or "", details]


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
