"""What must hold of a space when all messages are done, however it came about."""

from collections import Counter
from itertools import permutations
from typing import Any

from chalicelib.delivery.sizes import Sizes
from chalicelib.identity.external_id import USERS, Identifier
from chalicelib.identity.rules import Rules
from chalicelib.profiles.links_view import LinksView
from chalicelib.profiles.profile import DELETED, Profile
from chalicelib.profiles.recent import hash_of
from tests.identity.naive import Id, Naive
from tests.pipeline.crowd import Crowd

Sent = dict[str, list[Id]]  # by message id, the identifiers of the event
Partition = frozenset[tuple[frozenset[Id], frozenset[str]]]  # identifiers and events of each person


def check(crowd: Crowd, sent: Sent, rules: Rules) -> Partition:
    """The people, after everything that must hold of them was seen to hold."""
    stored = {profile_id: crowd.stored(profile_id) for profile_id in crowd.ids()}
    live = {i: p for i, p in stored.items() if p.merged_into is None and p.head.collection == USERS}
    _nothing_is_half_done(stored)
    _identifiers_lead_home(crowd, live, stored)
    _limits_hold(live, rules)
    people = _each_event_counts_once(crowd, live, sent)
    _links_agree(crowd, stored)
    _sizes_are_exact(crowd, live)
    return people


def explained_by(sent: Sent, rules: Rules, people: Partition, order: list[str]) -> bool:
    """Whether some order of the events, `order` first of all, makes exactly these people."""
    if _one_after_the_other(sent, rules, order) == people:
        return True
    return any(_one_after_the_other(sent, rules, list(other)) == people for other in permutations(order))


def order_of(crowd: Crowd, sent: Sent) -> list[str]:
    """The events in the order in which they were first counted."""
    names = {hash_of(message_id): message_id for message_id in sent}
    order: dict[str, None] = {}
    for change in crowd.profiles.changes:
        for digest in _digests(change.new):
            if digest in names:
                order.setdefault(names[digest])
    return list(order)


def _one_after_the_other(sent: Sent, rules: Rules, order: list[str]) -> Partition:
    naive = Naive(rules)
    for message_id in order:
        naive.send(list(sent[message_id]), event=message_id)
    return frozenset((frozenset(p.ids), frozenset(p.events)) for p in naive.live.values())


def _digests(head: Any) -> list[bytes]:
    return [c.hashes[n : n + 8] for c in head.recent for n in range(0, len(c.hashes), 8)] if head else []


def _nothing_is_half_done(stored: dict[str, Profile]) -> None:
    for profile in stored.values():
        if profile.merged_into == DELETED:
            assert profile.head.first is None, "out of use and not empty"
            continue
        end, passed = profile, set()
        while end.merged_into is not None:
            assert end.profile_id not in passed, "a circle of merges"
            passed.add(end.profile_id)
            end = stored[end.merged_into]
        assert profile.profile_id in end.ids, "frozen but not taken in"
        assert profile.head.first is not None, "stored without an event"
        assert len(end.ids) == len(set(end.ids)), "taken in twice"
        assert (profile.head.merging is not None) == (profile.merged_into is not None)


def _identifiers_lead_home(crowd: Crowd, live: dict[str, Profile], stored: dict[str, Profile]) -> None:
    placed: dict[Identifier, str] = {}
    for profile in live.values():
        for e in profile.head.external_ids:
            identifier = Identifier(profile.head.collection, e.type, e.value)
            assert placed.setdefault(identifier, profile.profile_id) == profile.profile_id, "on two people"
    owners = crowd.identifiers.owners(crowd.space_id, placed)
    for identifier, profile_id in placed.items():
        assert identifier in owners, f"{identifier} is listed and leads nowhere"
        end = owners[identifier]
        while stored[end].merged_into is not None:
            end = str(stored[end].merged_into)
        assert end == profile_id, f"{identifier} leads to somebody else"


def _limits_hold(live: dict[str, Profile], rules: Rules) -> None:
    for profile in live.values():
        counts = Counter(e.type for e in profile.head.external_ids)
        assert all(count <= (rules.of(type).limit or 0) for type, count in counts.items()), counts
        assert len(profile.head.merges) <= rules.merges_limit


def _each_event_counts_once(crowd: Crowd, live: dict[str, Profile], sent: Sent) -> Partition:
    names = {hash_of(message_id): message_id for message_id in sent}
    counted: Counter[str] = Counter()
    once: Counter[bytes] = Counter()  # of all messages, also those that are no `Seen`
    people = set()
    for profile in live.values():
        digests = _digests(profile.head)
        once.update(digests)
        events = [names[digest] for digest in digests if digest in names]
        counted.update(events)
        assert profile.trait_values().get("seen", 0) == len(events), "a stream counted otherwise"
        assert set(crowd.events(profile)) == set(events), "the timeline shows otherwise"
        ids = frozenset((e.type, e.value) for e in profile.head.external_ids)
        people.add((ids, frozenset(events)))
    assert set(once.values()) <= {1}, "a message on two people"
    accepted = Counter(list(sent))
    assert counted == accepted, f"lost {accepted - counted}, doubled {counted - accepted}"
    return frozenset(people)


def _links_agree(crowd: Crowd, stored: dict[str, Profile]) -> None:
    """Each person is shown once with each of their accounts, and nowhere else."""
    view = LinksView(crowd.links, crowd.lookup)
    told: Counter[tuple[str, str]] = Counter()
    for account in (p for p in stored.values() if p.head.collection != USERS and p.merged_into is None):
        told.update((account.profile_id, user.profile_id) for user in view.page(account, 100, None).items)
    lists = Counter(
        {
            (end_of(stored, link.account_id), profile.profile_id)
            for profile in stored.values()
            if profile.merged_into is None
            for link in profile.head.links
        }
    )
    assert told == lists, "accounts and people disagree"


def end_of(stored: dict[str, Profile], profile_id: str) -> str:
    while (profile := stored.get(profile_id)) is not None and profile.merged_into is not None:
        profile_id = profile.merged_into
    return profile_id


def _sizes_are_exact(crowd: Crowd, live: dict[str, Profile]) -> None:
    sizes = Sizes(crowd.work)
    changes = crowd.profiles.changes
    for start in range(0, len(changes), 3):  # in overlapping batches, as after a failure
        assert sizes.apply(changes[max(0, start - 2) : start + 3]) == set()
    truth = Counter(o.computation_id for p in live.values() for o in p.head.outcomes.values() if o.is_held)
    assert sizes.of(crowd.space_id) == dict(truth)
