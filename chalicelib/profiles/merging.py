"""Merging profiles without transactions.

The survivor is told first whom to expect: an event that names only the survivor could not know otherwise that
somebody waits. Then the profile that goes is frozen: one conditional write that names the profile it goes into and
the identifiers by which an event joined the two. From then on it does not change. Folding it, listing it, adding the
new identifiers of the event and counting the event are then one conditional write of the survivor.

    L live ──freeze──► L frozen, S does not list it ──fold──► S lists L
                          │
                          └─refuse──► S has L's version among `refused` ──unfreeze──► L live, one version on

Whoever meets a frozen profile that the end of its chain does not list completes the merge: the identifiers of its
event are resolved once more, on what the profiles have become, and what follows is done on behalf of that event.
If they no longer join the two, the profile is let go. A refusal is written to S before. Whoever still means to fold
that version of L decided on an older version of S, so its write fails; whoever loads S later sees the refusal. So L
is never both folded and live.

Redirects cannot go round in circles: a profile goes only into one that is older, by (created at, id), and neither
ever changes. A profile that was never stored goes into nobody: events placed on it in one pass just move along.
"""

from collections.abc import Iterable, Sequence

from ..computations.catalogue import Catalogue
from ..errors import VersionConflict
from ..identity.external_id import ExternalId
from ..journeys.passage import united as united_passages
from . import consent, membership, room
from .filling import united
from .ports import ProfileKey, Profiles
from .profile import DELETED, MOST_LINKS, Head, Link, Merge, Profile, Trait, Trigger


def expect(survivor: Profile, losers: Iterable[Profile]) -> bool:
    """Note who is about to be frozen for it; False when that is noted already. To be saved before any of them is."""
    head, expected = survivor.head, {loser.profile_id: loser.version for loser in losers}
    if expected.items() <= head.expecting.items():
        return False
    head.expecting = {**head.expecting, **expected}
    return True


def freeze(loser: Profile, merge: Merge) -> None:
    """`merge` names the survivor. To be saved before anything is folded."""
    loser.merged_into, loser.head.merging = merge.profile_id, merge


def unfreeze(loser: Profile) -> None:
    loser.merged_into = loser.head.merging = None


def is_blank(profile: Profile) -> bool:
    """An id that once was taken out of use in favour of another before anything was stored under it: there is nothing
    to fold."""
    return profile.head.first is None and not profile.head.external_ids


def fold(survivor: Profile, loser: Profile, catalogue: Catalogue | None) -> None:
    """Take a frozen profile in. Without a catalogue, for readers, the survivor's streams stay as they are.

    Outcomes stand until they are evaluated again: per computation the newest.
    """
    kept, gone = survivor.head, loser.head
    _fold_times(kept, gone)
    kept.external_ids = _united(kept.external_ids, gone.external_ids)
    _fold_traits(kept, gone)
    for key, outcome in gone.outcomes.items():
        known = kept.outcomes.get(key)
        if known is None or known.changed_at < outcome.changed_at:
            kept.outcomes[key] = outcome
    membership.fold(kept, gone)
    consent.fold(kept, gone)
    kept.recent = sorted([*kept.recent, *gone.recent], key=lambda counted: counted.at)
    kept.links = united_links(kept.links, gone.links)
    kept.refused = {**gone.refused, **kept.refused}
    kept.refused.pop(loser.profile_id, None)
    kept.merges = [*kept.merges, *(without_members(m) for m in gone.merges), _taken(loser)]
    kept.expecting = {**gone.expecting, **kept.expecting}
    for profile_id in survivor.ids:
        kept.expecting.pop(profile_id, None)
    kept.fills = united(kept.fills, gone.fills)
    for version_id, passage in gone.journeys.items():
        known_passage = kept.journeys.get(version_id)
        kept.journeys[version_id] = passage if known_passage is None else united_passages(known_passage, passage)
    kept.met = max(kept.met, gone.met)
    if catalogue is not None:
        _uncover(kept, catalogue)
        _fold_streams(survivor, loser, catalogue)


def without_members(merge: Merge) -> Merge:
    if not merge.members and merge.trigger is None:
        return merge
    return Merge(merge.profile_id, merge.at, merge.message_id, merge.source_id)


def united_links(kept: list[Link], gone: list[Link]) -> list[Link]:
    """By account one, the survivor's, in order of creation; the first ones when there are too many."""
    known = {link.account_id for link in kept}
    united = [*kept, *(link for link in gone if link.account_id not in known)]
    return sorted(united, key=lambda link: link.at)[:MOST_LINKS]


def _taken(loser: Profile) -> Merge:
    merging = loser.head.merging or Merge(loser.profile_id, loser.head.updated_at, "", "")
    members = [key for key, outcome in loser.head.outcomes.items() if outcome.is_held]
    trigger = merging.trigger or Trigger("", "", 0)
    journeys = dict(loser.head.journeys)
    return Merge(loser.profile_id, merging.at, merging.message_id, merging.source_id, members, [], trigger, journeys)


def _fold_times(kept: Head, gone: Head) -> None:
    if kept.first is None:  # a survivor that was frozen for before it was stored itself
        kept.first, kept.created_at = gone.first, gone.created_at
    if gone.last is not None and (kept.last is None or kept.last.at < gone.last.at):
        kept.last = gone.last
    kept.updated_at = max(kept.updated_at, gone.updated_at)


def _united(kept: list[ExternalId], gone: list[ExternalId]) -> list[ExternalId]:
    """Of an identifier on both sides the earlier sighting stays."""
    found: dict[tuple[str, str], ExternalId] = {}
    for external_id in sorted([*kept, *gone], key=lambda e: e.created_at):
        found.setdefault((external_id.type, external_id.value), external_id)
    return list(found.values())


def _uncover(head: Head, catalogue: Catalogue) -> None:
    """What a deleted computation left behind counts as a value of its time: a later trait takes its place."""
    for key in [key for key in head.outcomes if not catalogue.is_computed(key)]:
        trait = head.traits.get(key)
        if trait is not None and trait.updated_at >= head.outcomes[key].changed_at:
            del head.outcomes[key]


def _fold_traits(kept: Head, gone: Head) -> None:
    """Per key the latest value; a removal is a value."""
    before: dict[str, Trait | None] = {}
    for key, trait in gone.traits.items():
        known = kept.traits.get(key)
        if known is None or known.updated_at < trait.updated_at:
            before[key] = known
            kept.traits[key] = trait
    room.without_excess(kept.traits, before)


def _fold_streams(survivor: Profile, loser: Profile, catalogue: Catalogue) -> None:
    for key, state in loser.streams.items():
        stream, known = catalogue.streams.get(key), survivor.streams.get(key)
        if stream is not None:
            survivor.streams[key] = state if known is None else stream.merge(known, state)
        elif loser.head.catalogue >= catalogue.version:  # otherwise it belonged to a computation that is gone
            if known is not None:
                raise VersionConflict("whoever wrote these profiles knew the space better")
            survivor.streams[key] = state


def whole(trail: Sequence[Profile]) -> Profile | None:
    """The profile that a trail of merges ends at, with whom it has yet to take in; None when it ends nowhere.

    What can no longer be taken in is its own again, or about to be. For readers: the profiles are changed.
    """
    if not trail or trail[-1].merged_into is not None:
        return None
    living = trail[-1]
    for place in reversed(range(len(trail) - 1)):
        frozen = trail[place]
        if any(passed.head.refused.get(frozen.profile_id) == frozen.version for passed in trail[place + 1 :]):
            return whole([*trail[:place], _released(frozen)])
        if frozen.profile_id not in living.ids and not is_blank(frozen):
            fold(living, frozen, None)
    return living


def _released(profile: Profile) -> Profile:
    unfreeze(profile)
    return profile


class Redirects:
    """Profiles of a space by id, with everything that merges made of them."""

    def __init__(self, profiles: Profiles, space_id: str) -> None:
        self._profiles, self._space_id = profiles, space_id
        self.known: dict[str, Profile] = {}

    def load(self, profile_ids: Iterable[str]) -> None:
        """These profiles, all that they lead to, and whom any of those expects. One batch read per link of the longest
        chain."""
        wanted = set(profile_ids) - self.known.keys()
        while wanted:
            found = self._profiles.load([ProfileKey(self._space_id, profile_id) for profile_id in sorted(wanted)])
            self.known |= {key.profile_id: profile for key, profile in found.items()}
            leads_to = {p.merged_into for p in found.values() if p.merged_into not in (None, DELETED)}
            leads_to.update(profile_id for p in found.values() for profile_id in p.head.expecting)
            wanted = {profile_id for profile_id in leads_to if profile_id is not None} - self.known.keys() - wanted

    def path(self, profile_id: str) -> list[str]:
        """The ids passed from this one on; the last may be of a profile that was never stored, or DELETED."""
        path = [profile_id]
        while path[-1] in self.known:
            leads_to = self.known[path[-1]].merged_into
            if leads_to is None:
                break
            path.append(leads_to)
        return path

    def end(self, profile_id: str) -> str:
        return self.path(profile_id)[-1]

    def waiting(self) -> list[Profile]:
        """Frozen profiles that the end of their chain has yet to take in, those nearest to it first, because they may
        bring others along."""
        frozen = [(len(path := self.path(p.profile_id)), path, p) for p in self.known.values() if p.merged_into]
        waiting: list[Profile] = []
        taken: dict[str, set[str]] = {}
        for _, path, profile in sorted(frozen, key=lambda f: (f[0], f[2].profile_id)):
            end = path[-1]
            if end == DELETED or is_blank(profile):
                continue
            if end not in taken:
                taken[end] = set(self.known[end].ids) if end in self.known else {end}
            if profile.profile_id not in taken[end]:
                waiting.append(profile)
                taken[end].update(profile.ids)
        return waiting

    def forget_outdated(self, waiting: Iterable[Profile]) -> None:
        """Strike off the lists of the expected who is neither among those waiting nor as it was when it was noted: it
        can no longer be frozen by whoever noted it."""
        ids = {frozen.profile_id for frozen in waiting}
        for profile in self.known.values():
            for profile_id, version in [*profile.head.expecting.items()]:
                other = self.known.get(profile_id)
                is_as_noted = other is not None and other.merged_into is None and other.version == version
                if profile_id not in ids and not is_as_noted:
                    del profile.head.expecting[profile_id]

    def abandoned(self) -> list[Profile]:
        """Frozen profiles whose survivor was deleted without knowing of them."""
        return [
            profile
            for profile in self.known.values()
            if profile.merged_into not in (None, DELETED)
            and (path := self.path(profile.profile_id))[-1] == DELETED
            and profile.profile_id not in self.known[path[-2]].ids
        ]

    def is_refused(self, profile: Profile) -> bool:
        """Whether somebody on its way took the decision to let this frozen profile go again."""
        return any(
            self.known[passed].head.refused.get(profile.profile_id) == profile.version
            for passed in self.path(profile.profile_id)[1:]
            if passed in self.known
        )
