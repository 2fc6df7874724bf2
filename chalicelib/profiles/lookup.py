"""Finding a profile by what a reader calls it."""

import re
from collections.abc import Iterable

from ..identity.external_id import Identifier
from .ports import Identifiers, ProfileKey, Profiles
from .profile import Profile

# As `ids.derived` makes them; nothing else is looked up, because a table's key cannot be of any length.
_PROFILE_ID = re.compile(r"(?:use|acc)_[0-9A-Za-z]{1,64}")
_SEGMENT_ID = "segment_id"
_LONGEST_CHAIN = 10


def is_profile_id(text: str) -> bool:
    return _PROFILE_ID.fullmatch(text) is not None


class Lookup:
    def __init__(self, profiles: Profiles, identifiers: Identifiers) -> None:
        self._profiles, self._identifiers = profiles, identifiers

    def find(self, space_id: str, collection: str, name: str) -> Profile | None:
        """`name` is `type:value` with any external id, a bare profile id, or `segment_id:` and a profile id.

        Compared byte for byte. Ids of a merged-away profile lead to the survivor.
        """
        profile_id = self._profile_id(space_id, collection, name)
        for _ in range(_LONGEST_CHAIN):
            if profile_id is None:
                return None
            key = ProfileKey(space_id, profile_id)
            profile = self._profiles.load([key]).get(key)
            if profile is None or profile.head.collection != collection:
                return None
            if profile.merged_into is None:
                return profile
            profile_id = profile.merged_into
        return None

    def living(self, space_id: str, profile_ids: Iterable[str]) -> dict[str, Profile]:
        """By the ids asked for, the profiles they lead to; an id that leads nowhere is left out."""
        known: dict[str, Profile] = {}
        leads_to = {profile_id: profile_id for profile_id in profile_ids}
        for _ in range(_LONGEST_CHAIN):
            keys = [ProfileKey(space_id, profile_id) for profile_id in {*leads_to.values()} - known.keys()]
            known |= {key.profile_id: profile for key, profile in self._profiles.load(keys).items()} if keys else {}
            followed = {asked: known[at].merged_into or at if at in known else at for asked, at in leads_to.items()}
            if followed == leads_to:
                break
            leads_to = followed
        return {asked: known[at] for asked, at in leads_to.items() if at in known and known[at].merged_into is None}

    def _profile_id(self, space_id: str, collection: str, name: str) -> str | None:
        type, colon, value = name.partition(":")
        if not colon or type == _SEGMENT_ID:
            profile_id = value if colon else name
            return profile_id if is_profile_id(profile_id) else None
        identifier = Identifier(collection, type, value)
        return self._identifiers.owners(space_id, [identifier]).get(identifier) if type and value else None
