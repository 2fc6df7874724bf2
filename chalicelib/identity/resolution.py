"""Which profile an event belongs to, given who owns its identifiers.

Profiles are never merged here: an event whose identifiers belong to several profiles goes to the owner of its most
trusted identifier, and the less trusted ones are left where they are.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from .external_id import Identifier

# How many values of one type a profile may have. One person has one user id; two would be two people on one device.
USER_ID_LIMIT = 1
DEFAULT_LIMIT = 5
MOST_IDENTIFIERS = 1_000  # on one profile; events still resolve when it is reached

_MOST_TRUSTED = ("user_id", "email")


class Resolution(NamedTuple):
    """`owner` is None when a new profile is to be made. `kept` are the identifiers that count for this event."""

    owner: str | None
    kept: Sequence[Identifier]
    demoted: Sequence[Identifier]


def limit_of(type: str) -> int:
    return USER_ID_LIMIT if type == "user_id" else DEFAULT_LIMIT


def trust(identifier: Identifier) -> tuple[int, str]:
    """Sort key: the most trusted type first, then by name."""
    if identifier.type in _MOST_TRUSTED:
        return _MOST_TRUSTED.index(identifier.type), ""
    return len(_MOST_TRUSTED), identifier.type


def resolve(
    identifiers: Sequence[Identifier],
    owners: Mapping[Identifier, str],
    held: Mapping[str, Collection[Identifier]],
) -> Resolution:
    """`owners` says which profile has an identifier, `held` lists what each of these profiles has.

    While the identifiers together break a limit or lead to more than one profile, the least trusted is put aside.
    """
    kept = list(identifiers)
    demoted: list[Identifier] = []
    while not _fits(kept, owners, held):
        least = _least_trusted(kept, owners)
        kept.remove(least)
        demoted.append(least)
    owner = next((owners[i] for i in kept if i in owners), None)
    if owner is not None:
        room = MOST_IDENTIFIERS - len(held[owner])
        fresh = [i for i in kept if i not in owners]
        kept = [i for i in kept if i in owners or fresh.index(i) < room]
    return Resolution(owner, kept, demoted)


def _fits(
    kept: Sequence[Identifier], owners: Mapping[Identifier, str], held: Mapping[str, Collection[Identifier]]
) -> bool:
    profiles = {owners[i] for i in kept if i in owners}
    if len(profiles) > 1:
        return False
    present = set(held[profiles.pop()]) if profiles else set()
    added = set(kept) - present
    return all(sum(1 for i in present | added if i.type == type) <= limit_of(type) for type in {i.type for i in added})


def _least_trusted(kept: Sequence[Identifier], owners: Mapping[Identifier, str]) -> Identifier:
    """Among several values of the least trusted type an unowned one goes first, then the one extracted last."""
    worst = max(trust(i) for i in kept)
    candidates = [i for i in kept if trust(i) == worst]
    return next((i for i in reversed(candidates) if i not in owners), candidates[-1])
