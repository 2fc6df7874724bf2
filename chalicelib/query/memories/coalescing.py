"""The bound on what a window remembers.

Up to 1,024 rows are kept as they came. From then on, each time another 512 have arrived, all but the newest 512 are
merged into one row per hour, dated like the latest event in it: an event may then leave its window up to an hour
late. A profile with more than 10,240 such hours falls back to days.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from ..syntax import UNITS

EXACT_ROWS = 1_024
STEP = 512
HOURLY_ROWS = 10 * EXACT_ROWS


def is_due(size: int) -> bool:
    return size >= EXACT_ROWS and size % STEP == 0


def coalesced(rows: list[list[Any]], merge: Callable[[Sequence[Any]], Any]) -> list[list[Any]]:
    """Time-ordered rows of [timestamp, aggregate] with the older ones merged."""
    span = UNITS["hour"] if len(rows) < HOURLY_ROWS else UNITS["day"]
    groups = (list(group) for _, group in groupby(rows[:-STEP], key=lambda row: row[0] // span))
    return [_merged(group, merge) for group in groups] + rows[-STEP:]


def _merged(group: list[list[Any]], merge: Callable[[Sequence[Any]], Any]) -> list[Any]:
    return group[0] if len(group) == 1 else [group[-1][0], merge([row[1] for row in group])]
