"""Finding a profile by what a reader calls it."""

import re
from collections.abc import Callable, Iterable

from ..identity.external_id import Identifier
from ..identity.rules import MOST_MERGES
from .merging import Redirects, fold, is_blank, whole
from .ports import Identifiers, ProfileKey, Profiles
from .profile import SUPPRESSED, Profile

# As `ids.derived` makes them; nothing else is looked up, because a table's key cannot be of any length.
_PROFILE_ID = re.compile(r"(?:use|acc)_[0-9A-Za-z]{1,64}")
_SEGMENT_ID = "segment_id"
_LONGEST_CHAIN = MOST_MERGES + 10  # merges of a profile are limited; some ids were never more than claimed


def is_profile_id(text: str) -> bool:
    return _PROFILE_ID.fullmatch(text) is not None


def set_aside(identifier: Identifier) -> Identifier:
    """Under which name it is kept where a suppressed identifier led to: no event can name this collection."""
    return identifier._replace(collection=SUPPRESSED)


def _nobody_cares(space_id: str, profile_id: str) -> None:
    pass


def is_whole(trail: list[Profile]) -> bool:
    """Whether the last of these took in all before it; if not, a merge is under way."""
    return all(profile.profile_id in trail[-1].ids or is_blank(profile) for profile in trail[:-1])


class Lookup:
    """`unfinished` is told of a profile that leads to a merge somebody left half done, or is in the middle of."""

    def __init__(
        self,
        profiles: Profiles,
        identifiers: Identifiers,
        unfinished: Callable[[str, str], None] = _nobody_cares,
    ) -> None:
        self._profiles, self._identifiers, self._unfinished = profiles, identifiers, unfinished

    def find(self, space_id: str, collection: str, name: str) -> Profile | None:
        """`name` is `type:value` with any external id, a bare profile id, or `segment_id:` and a profile id.

        Compared byte for byte. Ids of a merged-away profile lead to the survivor, who is shown complete even while
        the merge is under way.
        """
        type, colon, value = name.partition(":")
        if not colon or type == _SEGMENT_ID:
            trail = self._of_id(space_id, value if colon else name)
        else:
            trail = self.by_identifier(space_id, Identifier(collection, type, value)) if type and value else []
        if trail and not self.is_settled(trail):
            self._unfinished(space_id, trail[0].profile_id)
        found = self.whole(trail)
        return found if found and found.head.collection == collection else None

    def whole(self, trail: list[Profile]) -> Profile | None:
        """The profile that a trail ends at, with everybody it has yet to take in; None when the trail ends nowhere. For
        readers: the profile may be changed."""
        living = whole(trail)
        if living is not None and living.head.expecting:
            living, expected = self._expected(trail, living)
            for frozen in expected:
                fold(living, frozen, None)
        return living

    def is_settled(self, trail: list[Profile]) -> bool:
        """Whether no merge into the last of these is under way."""
        return is_whole(trail) and not (trail[-1].head.expecting and self._expected(trail, trail[-1])[1])

    def by_identifier(self, space_id: str, identifier: Identifier) -> list[Profile]:
        """The trail of the profile that has the identifier; empty when none has."""
        owner = self.owner(space_id, identifier)
        trail = self.trail(space_id, owner) if owner else []
        if not trail:
            return []
        # A mapping can outlive the removal of its identifier, or be the claim of a worker that died.
        holders = trail[-1:] if is_whole(trail) else trail
        return trail if any(p.find(identifier.type, identifier.value) for p in holders) else []

    def owner(self, space_id: str, identifier: Identifier) -> str | None:
        """The id that the identifier is mapped to, or was before it was suppressed."""
        owner = self._identifiers.owners(space_id, [identifier]).get(identifier)
        if owner != SUPPRESSED:
            return owner
        aside = set_aside(identifier)
        return self._identifiers.owners(space_id, [aside]).get(aside)

    def trail(self, space_id: str, profile_id: str) -> list[Profile]:
        """The profile and those it was merged into, up to the one that lives, or to where the trail ends."""
        trail: list[Profile] = []
        following: str | None = profile_id
        while following is not None and len(trail) < _LONGEST_CHAIN:
            key = ProfileKey(space_id, following)
            profile = self._profiles.load([key]).get(key)
            if profile is None:
                break
            trail.append(profile)
            following = profile.merged_into
        return trail

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

    def _expected(self, trail: list[Profile], living: Profile) -> tuple[Profile, list[Profile]]:
        """The living profile read once more, and whom it expects and has not taken in."""
        redirects = Redirects(self._profiles, living.space_id)
        redirects.load([*(profile.profile_id for profile in trail), *living.head.expecting])
        now = redirects.known.get(living.profile_id)
        if now is None or now.merged_into is not None:
            return living, []  # it changes at this very moment
        ours = [p for p in redirects.waiting() if redirects.end(p.profile_id) == now.profile_id]
        return now, [p for p in ours if not redirects.is_refused(p)]

    def _of_id(self, space_id: str, profile_id: str) -> list[Profile]:
        return self.trail(space_id, profile_id) if is_profile_id(profile_id) else []
