"""User ids whose owners must not be tracked: their events are thrown away before anybody looks at them.

The mapping of such a user id leads to SUPPRESSED, which costs those who resolve events no further read. Where it led
before is kept under a name that no event can have, for readers and for the day it is lifted.
"""

import msgspec

from ..errors import VersionConflict
from ..identity.external_id import Identifier
from .lookup import Lookup, set_aside
from .ports import Claim, Identifiers
from .profile import SUPPRESSED

ATTEMPTS = 5  # against workers that map the same user id at this moment


class Suppression:
    """Every step may be repeated."""

    def __init__(self, identifiers: Identifiers, lookup: Lookup) -> None:
        self._identifiers, self._lookup = identifiers, lookup

    def suppress(self, space_id: str, user_id: Identifier, at: int) -> None:
        """`at` in epoch ms. Raises Retryable."""
        for _ in range(ATTEMPTS):
            mapping = self._mapping(space_id, user_id)
            if mapping is None:
                mark = Claim(space_id, user_id, SUPPRESSED, at, "", "")
                if self._identifiers.claim(mark) == SUPPRESSED:
                    return
            elif mapping.profile_id == SUPPRESSED:
                return
            elif self._set_aside(mapping):
                self._identifiers.move(mapping, SUPPRESSED, 0)
        raise VersionConflict("a user id is mapped anew all the time")

    def lift(self, space_id: str, user_id: Identifier) -> None:
        """Let the user id lead to the person it led to before, if that person still has it. Raises Retryable."""
        mapping, aside = self._mapping(space_id, user_id), self._mapping(space_id, set_aside(user_id))
        if mapping is not None and mapping.profile_id == SUPPRESSED:
            trail = self._lookup.by_identifier(space_id, user_id)
            if trail and trail[-1].merged_into is None:
                self._identifiers.move(mapping, trail[-1].profile_id, trail[-1].version)
            else:
                self._identifiers.release(space_id, user_id, SUPPRESSED)
        if aside is not None:
            self._identifiers.release(space_id, aside.identifier, aside.profile_id)

    def _set_aside(self, mapping: Claim) -> bool:
        """False when something else stands there: the trace of a suppression that was broken off, now removed."""
        aside = msgspec.structs.replace(mapping, identifier=set_aside(mapping.identifier))
        present = self._identifiers.claim(aside)
        if present != mapping.profile_id:
            self._identifiers.release(mapping.space_id, aside.identifier, present)
        return present == mapping.profile_id

    def _mapping(self, space_id: str, identifier: Identifier) -> Claim | None:
        return self._identifiers.find(space_id, [identifier]).get(identifier)
