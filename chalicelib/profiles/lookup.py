"""Finding a profile by what a reader calls it."""

import re

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

    def _profile_id(self, space_id: str, collection: str, name: str) -> str | None:
        type, colon, value = name.partition(":")
        if not colon or type == _SEGMENT_ID:
            profile_id = value if colon else name
            return profile_id if is_profile_id(profile_id) else None
        identifier = Identifier(collection, type, value)
        return self._identifiers.owners(space_id, [identifier]).get(identifier) if type and value else None
