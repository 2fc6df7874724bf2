"""One write of a profile, as the stream of changes tells it."""

from typing import NamedTuple

from .profile import Head


class ProfileChange(NamedTuple):
    """`old` is None for a new profile, `new` for a deleted one. `version` is the version written (of the old item
    when deleted). `record_id` identifies the change: the same change redelivered has the same id."""

    record_id: str
    space_id: str
    profile_id: str
    version: int
    merged_into: str | None
    old: Head | None
    new: Head | None
