"""Which identifiers a merge made the same person, for partners that have to be told."""

from collections.abc import Iterator
from typing import NamedTuple

from ..identity.external_id import USERS, ExternalId
from ..profiles.identities import fresh
from ..profiles.profile import Head
from .rows import ANONYMOUS_ID, USER_ID


class Alias(NamedTuple):
    """`previous` is the same person as the user id from now on (epoch ms)."""

    previous: str
    user_id: str
    at: int


def aliases(old: Head | None, new: Head) -> Iterator[Alias]:
    """One per user id of those taken in; of somebody without one, per anonymous id. A survivor without a user id of
    its own has no name under which partners could join the two."""
    own = sorted((e for e in old.external_ids if e.type == USER_ID), key=lambda e: e.created_at) if old else []
    if not own or new.collection != USERS:
        return
    brought = _brought(old, new)
    losing = [e for e in brought if e.type == USER_ID] or [e for e in brought if e.type == ANONYMOUS_ID]
    for external_id in losing:
        yield Alias(external_id.value, own[0].value, new.updated_at)


def _brought(old: Head | None, new: Head) -> list[ExternalId]:
    """What came with those who were taken in, and not with the event that joined them."""
    known = {(e.type, e.value) for e in [*(old.external_ids if old else []), *fresh(old, new)]}
    return [e for e in new.external_ids if (e.type, e.value) not in known]
