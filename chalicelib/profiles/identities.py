"""What a change did to the identifiers of a profile: the difference of two versions, told apart from what a merge only
brought along."""

from collections.abc import Iterator

from ..identity.external_id import ExternalId
from .profile import Head, Merge


def fresh(old: Head | None, new: Head) -> list[ExternalId]:
    """Those that nobody had before; the ones of profiles taken in are not among them."""
    if new.news is None or not new.news.added:
        return []
    before = _names(old)
    return [e for e in new.external_ids[-new.news.added :] if (e.type, e.value) not in before]


def lost(old: Head | None, new: Head) -> list[ExternalId]:
    now = _names(new)
    return [e for e in old.external_ids if (e.type, e.value) not in now] if old else []


def taken_in(old: Head | None, new: Head) -> Iterator[tuple[Merge, list[str]]]:
    """Each merge that this change completed, with the ids that lead elsewhere by it: the profile's, and those of all
    who were merged into it before."""
    known = {merge.profile_id for merge in old.merges} if old else set()
    behind: list[str] = []
    for merge in new.merges:
        if merge.profile_id not in known:
            behind.append(merge.profile_id)
            if merge.trigger is not None:
                yield merge, behind[::-1]
                behind = []


def _names(head: Head | None) -> set[tuple[str, str]]:
    return {(e.type, e.value) for e in head.external_ids} if head else set()
