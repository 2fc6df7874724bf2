"""Which profile each event of a pass belongs to, and the claims that will make it so."""

from collections.abc import Iterable, Sequence

from .. import ids
from ..identity.external_id import ACCOUNTS, USERS, ExternalId, Identifier
from ..identity.extraction import account_identifiers, user_identifiers
from ..identity.resolution import limit_of, resolve, trust
from ..profiles.application import Arrival
from ..profiles.ports import Claim, Identifiers, ProfileKey, Profiles
from ..profiles.profile import Head, Profile
from ..tracking.event import Event

_PREFIX = {USERS: "use_", ACCOUNTS: "acc_"}
_LONGEST_CHAIN = 10  # merges collapse chains; a longer one means a loop


class Assignment:
    """The profiles of one pass over the events of a space, by profile id.

    Filled by `load` and then event by event, in order, by `place`: an event sees the identifiers that the events
    before it brought. Nothing is written before `claims` are carried out, except that a profile id nobody has used
    yet may be frozen into another one.
    """

    def __init__(self, space_id: str, profiles: Profiles, identifiers: Identifiers) -> None:
        self.space_id = space_id
        self.loaded: dict[str, Profile] = {}
        self.arrivals: dict[str, dict[bytes, list[Event]]] = {}
        self.additions: dict[str, list[ExternalId]] = {}
        self.claims: list[Claim] = []
        self._profiles, self._identifiers = profiles, identifiers
        self._owners: dict[Identifier, str] = {}
        self._held: dict[str, set[Identifier]] = {}
        self._canonical: dict[str, str] = {}
        self._found: dict[int, tuple[list[Identifier], list[Identifier]]] = {}  # by the identity of the event

    def load(self, events: Iterable[Event], profile_ids: Iterable[str] = ()) -> None:
        """Read the owners of all identifiers of these events, and their profiles, in batches."""
        for event in events:
            self._found[id(event)] = user_identifiers(event), account_identifiers(event)
        wanted = dict.fromkeys(i for user, account in self._found.values() for i in (*user, *account))
        owners = self._identifiers.owners(self.space_id, wanted) if wanted else {}
        self._load_profiles({*owners.values(), *profile_ids})
        for identifier, profile_id in owners.items():
            owner = self._canonical[profile_id]
            if owner not in self.loaded:  # claimed, but the claimer has not written it yet, or never will
                self._open(
                    Profile(space_id=self.space_id, profile_id=owner, head=Head(collection=identifier.collection))
                )
            if self._is_stale(identifier, owner):
                self._identifiers.release(self.space_id, identifier, profile_id)
            else:
                self._owners[identifier] = owner

    def place(self, event: Event, tag: bytes) -> tuple[str | None, str | None]:
        """The ids of the user profile and of the account profile the event belongs to."""
        user, account = self._found[id(event)]
        return self._place(user, event, tag), self._place(account, event, tag)

    def of(self, profile_id: str) -> list[Arrival]:
        return [Arrival(tag, events) for tag, events in self.arrivals.get(profile_id, {}).items()]

    def _load_profiles(self, profile_ids: set[str]) -> None:
        wanted = profile_ids
        for _ in range(_LONGEST_CHAIN):
            keys = [ProfileKey(self.space_id, profile_id) for profile_id in wanted]
            found = self._profiles.load(keys) if keys else {}
            for profile in found.values():
                self._open(profile)
            wanted = {p.merged_into for p in found.values() if p.merged_into} - self.loaded.keys()
            if not wanted:
                break
        for profile_id in profile_ids:
            self._canonical[profile_id] = self._follow(profile_id)

    def _open(self, profile: Profile) -> None:
        self.loaded[profile.profile_id] = profile
        collection = profile.head.collection
        self._held[profile.profile_id] = {Identifier(collection, e.type, e.value) for e in profile.head.external_ids}

    def _follow(self, profile_id: str) -> str:
        for _ in range(_LONGEST_CHAIN):
            profile = self.loaded.get(profile_id)
            if profile is None or profile.merged_into is None:
                break
            profile_id = profile.merged_into
        return profile_id

    def _is_stale(self, identifier: Identifier, owner: str) -> bool:
        """A claim whose profile meanwhile got too many other ids of the type. Its claimer's write is bound to fail,
        because it decided on an older version; so the claim may be taken back."""
        held = self._held[owner]
        return identifier not in held and (
            sum(1 for i in held if i.type == identifier.type) >= limit_of(identifier.type)
        )

    def _place(self, identifiers: Sequence[Identifier], event: Event, tag: bytes) -> str | None:
        self._join_unborn(identifiers)
        chosen = resolve(identifiers, self._owners, self._held)
        if not chosen.kept:
            return None
        profile_id = chosen.owner or self._create(min(chosen.kept, key=trust), event)
        for identifier in chosen.kept:
            self._attach(identifier, profile_id, event)
        self.arrivals.setdefault(profile_id, {}).setdefault(tag, []).append(event)
        return profile_id

    def _join_unborn(self, identifiers: Sequence[Identifier]) -> None:
        """Two workers that met the same new person at once may each have claimed one identifier for a profile of its
        own. As long as one of these profiles was never written it is frozen into the other: nothing is in it, and
        whoever still means to write it will find it taken and look again."""
        owners = {self._owners[i]: None for i in sorted(identifiers, key=trust) if i in self._owners}
        unborn = [p for p in owners if self.loaded[p].version == 0 and p not in self.arrivals]
        if len(owners) < 2 or not unborn:
            return
        survivor = next((p for p in owners if p not in unborn), min(unborn))
        for profile_id in unborn:
            if profile_id != survivor:
                self._freeze(profile_id, survivor)

    def _freeze(self, profile_id: str, survivor: str) -> None:
        profile = self.loaded[profile_id]
        profile.merged_into = survivor
        self._profiles.save(profile)
        for identifier, owner in self._owners.items():
            if owner == profile_id:
                self._owners[identifier] = survivor

    def _create(self, first: Identifier, event: Event) -> str:
        profile_id = ids.derived(_PREFIX[first.collection], event.received_at, self.space_id, *first)
        if profile_id in self.loaded:  # the id was used and its identifier has since gone elsewhere
            profile_id = ids.derived(_PREFIX[first.collection], event.received_at, event.message_id, *first)
        self._open(Profile(space_id=self.space_id, profile_id=profile_id, head=Head(collection=first.collection)))
        return profile_id

    def _attach(self, identifier: Identifier, profile_id: str, event: Event) -> None:
        if identifier in self._held[profile_id]:
            return
        mapping_id = ids.derived("map_", event.received_at, self.space_id, *identifier)
        self.additions.setdefault(profile_id, []).append(
            ExternalId(
                identifier.type, identifier.value, mapping_id, event.received_at, event.source_id, event.message_id
            )
        )
        self._held[profile_id].add(identifier)
        if identifier not in self._owners:
            self._owners[identifier] = profile_id
            self.claims.append(
                Claim(self.space_id, identifier, profile_id, event.received_at, event.source_id, event.message_id)
            )
