"""How much one profile may hold. What does not fit is left out: too large to be stored, it could never change again."""

from collections.abc import Sequence

import msgspec

from ..identity.external_id import ExternalId
from ..identity.rules import MOST_BYTES
from .profile import Profile, Trait

# Bytes before compression. People have a hundredth of it; both together leave the stored head below its limit,
# whatever somebody who knows a write key sends.
TRAITS = 100_000
EXTERNAL_IDS = MOST_BYTES

_encoder = msgspec.msgpack.Encoder()


def _size(value: object) -> int:
    return len(_encoder.encode(value))


def size_of(held: Profile | ExternalId) -> int:
    """What an external id takes, or all those of a profile."""
    return _size(held.head.external_ids if isinstance(held, Profile) else held)


def without_excess(traits: dict[str, Trait], before: dict[str, Trait | None]) -> list[str]:
    """Take back new traits, the last ones first, until the rest has room.

    `before` is what the changed keys held until now; those that stay changed are returned.
    """
    kept = list(before)
    excess = _size(traits) - TRAITS
    for key in reversed(before):
        if excess <= 0:
            break
        old = before[key]
        gain = _size({key: traits[key]}) - (_size({key: old}) if old else 0)
        if gain > 0:
            excess -= gain
            kept.remove(key)
            _restore(traits, key, old)
    return kept


def _restore(traits: dict[str, Trait], key: str, old: Trait | None) -> None:
    if old is None:
        del traits[key]
    else:
        traits[key] = old


def fitting(held: Sequence[ExternalId], fresh: Sequence[ExternalId]) -> list[ExternalId]:
    """Those of `fresh` that there is room for beside the ones held."""
    room = EXTERNAL_IDS - _size(held)
    chosen = []
    for external_id in fresh:
        room -= _size(external_id)
        if room >= 0:
            chosen.append(external_id)
    return chosen
