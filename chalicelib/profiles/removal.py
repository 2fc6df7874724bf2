"""Taking one external id away from a person; traits, events and merges stay.

The profile is written first, and that write decides: an identifier that leads to a profile which does not have it
leads nowhere, whoever reads it. Removing the mapping afterwards is tidying, which a repetition completes and which
spares a mapping that another event has made meanwhile.
"""

from ..clock import Clock
from ..errors import NotFound, Unavailable, VersionConflict
from ..identity.external_id import USERS, Identifier
from .lookup import Lookup
from .ports import Claim, Identifiers, Profiles
from .profile import News, Profile

ATTEMPTS = 5  # events of one person seldom come faster than that


class NoSuchIdentifier(NotFound):
    """The profile does not have it."""


class Removal:
    def __init__(self, lookup: Lookup, profiles: Profiles, identifiers: Identifiers, clock: Clock) -> None:
        self._lookup, self._profiles, self._identifiers, self._clock = lookup, profiles, identifiers, clock

    def holder(self, space_id: str, user_id: str) -> Profile:
        """The person with this user id. Raises NotFound, and Unavailable while it is being merged."""
        trail = self._lookup.by_identifier(space_id, Identifier(USERS, "user_id", user_id))
        if not trail or trail[-1].merged_into is not None:
            raise NotFound("Profile was not found.")
        if not self._lookup.is_settled(trail):
            raise Unavailable("the profile is being merged")
        return trail[-1]

    def remove(self, space_id: str, user_id: str, removed: Identifier) -> None:
        """Raises NotFound, NoSuchIdentifier, and Retryable when others keep writing the profile."""
        for _ in range(ATTEMPTS):
            holder = self.holder(space_id, user_id)
            mapping = self._mapping(space_id, removed)
            try:
                self._remove(holder, removed, mapping)
            except VersionConflict:
                continue
            return
        raise VersionConflict("the profile is written by others all the time")

    def _remove(self, holder: Profile, removed: Identifier, mapping: Claim | None) -> None:
        listed = holder.find(removed.type, removed.value)
        leads_here = mapping is not None and mapping.profile_id in holder.ids
        if listed is not None:
            holder.head.external_ids.remove(listed)
            holder.head.news = News(at=self._clock.now())
            self._profiles.save(holder)
        elif mapping is None or not leads_here or _is_pending(mapping, holder):
            raise NoSuchIdentifier("The profile has no such identifier.")
        if mapping is not None and leads_here:
            self._identifiers.release(holder.space_id, removed, mapping.profile_id, mapping.version)

    def _mapping(self, space_id: str, identifier: Identifier) -> Claim | None:
        return self._identifiers.find(space_id, [identifier]).get(identifier)


def _is_pending(mapping: Claim, holder: Profile) -> bool:
    """Whether somebody is about to write the identifier into the profile: then it is not there yet."""
    return mapping.profile_id == holder.profile_id and mapping.version == holder.version
