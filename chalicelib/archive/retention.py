"""How long a space keeps events, and what it keeps: what owners see of the archive."""

from typing import NamedTuple

from msgspec.structs import replace

from ..errors import VersionConflict
from ..profiles.ports import Archive
from .manifest import load, swap

ATTEMPTS = 5  # against a compaction that swaps at the same moment
LONGEST = 36_500  # days


class Figures(NamedTuple):
    """Of what is compacted. Bytes are those of events and profiles together; `compacted_at` is epoch ms."""

    retention_days: int | None
    days: int
    rows: int
    bytes: int
    profile_rows: int
    compacted_at: int | None


def keep(archive: Archive, space_id: str, days: int | None) -> None:
    """From the next compaction on; None keeps events for ever. Raises VersionConflict."""
    for _ in range(ATTEMPTS):
        held = load(archive, space_id)
        try:
            swap(archive, space_id, held, replace(held.manifest, retention_days=days))
        except VersionConflict:
            continue
        return
    raise VersionConflict("the archive is being changed by others")


def figures(archive: Archive, space_id: str) -> Figures:
    manifest = load(archive, space_id).manifest
    events, profiles = manifest.events.files, manifest.profiles.files
    base = (manifest.base,) if manifest.base else ()
    return Figures(
        retention_days=manifest.retention_days,
        days=len({file.day for file in events}),
        rows=sum(file.rows for file in events),
        bytes=sum(file.size for file in (*events, *profiles, *base)),
        profile_rows=sum(file.rows for file in profiles),
        compacted_at=manifest.compacted_at,
    )
