"""Declared: the archive."""

from typing import Annotated

from ...archive.retention import LONGEST
from .operation import Group, Operation
from .shape import Instant, Sent, Shown, about

ARCHIVE = "/spaces/{space_id}/archive"


Days = Annotated[int, about("Left out, events are kept for ever.", ge=1, le=LONGEST)]


class ArchiveFields(Sent, kw_only=True):
    retention_days: Days | None = None


class Archive(Shown, kw_only=True):
    retention_days: Annotated[int | None, about("null for ever.")]
    days: Annotated[int, about("Days of arrival that are compacted.")]
    events: int
    snapshots: Annotated[int, about("Versions of profiles.")]
    bytes: int
    last_compaction_at: Instant | None


class GotArchive(Shown, kw_only=True):
    archive: Archive


GROUPS = (
    Group(
        "Archive",
        "All events and versions of profiles, kept as files.",
        (
            Operation("GET", ARCHIVE, "Get what is kept of a space", GotArchive),
            Operation("PUT", ARCHIVE, "Set for how long events are kept", GotArchive, takes=ArchiveFields),
        ),
    ),
)
