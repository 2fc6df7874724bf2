"""Who is in a space."""

from typing import Any

from ... import bootstrap
from ...profiles.lookup import is_profile_id
from ...profiles.pages import FIRST_PAGE, not_a_cursor, slice_of
from .reading import Reading

LIMIT = (10, 100)  # default and most per page


def profiles(reading: Reading) -> dict[str, Any]:
    """The newest first: whoever comes while the pages are read stands before them."""
    limit, start = reading.limit(*LIMIT), _start(reading.start)
    stored = bootstrap.current().adapters.profiles
    found = stored.newest(reading.space.id, reading.collection, limit + 1, start)
    slice = slice_of(found, 0, limit, str)
    return {"data": [{"segment_id": id} for id in slice.items], "cursor": reading.cursor(slice, limit)}


def _start(token: str) -> str:
    """The id of the first profile to show."""
    if token in FIRST_PAGE:
        return ""
    if not is_profile_id(token):
        raise not_a_cursor()
    return token
