"""Durations as owners write them: `36h`."""

import re

from ...clock import DAY, HOUR, MINUTE
from ..body import Body

UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"([0-9]{1,9})([mhdw])")


def read_duration(body: Body, name: str, units: str = "mhdw", *, required: bool = False) -> int | None:
    """In ms; at least one of its unit."""
    text = body.text(name, required=required)
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None or match[2] not in units or not int(match[1]):
        body.reject(name, f'"{body.path}{name}" must be a whole number above 0 followed by {_listed(units)}')
        return None
    return int(match[1]) * UNITS[match[2]]


def duration_text(ms: int) -> str:
    """In the largest unit up to days that says it exactly: whatever takes a duration takes days."""
    unit = next(unit for unit in "dhm" if ms % UNITS[unit] == 0)
    return f"{ms // UNITS[unit]}{unit}"


def _listed(units: str) -> str:
    *others, last = list(units)
    return f"{', '.join(others)} or {last}" if others else last
