"""Three people become one, and the worker dies at any of its calls: redelivery and later events make the same person.

All calls of the ports are tried in memory, with every kind of later event and with a reader; all calls to AWS over the
real tables.
"""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.clock import MINUTE
from chalicelib.profiles.links import RecordedLinks
from chalicelib.profiles.lookup import Lookup
from chalicelib.profiles.profile import Profile
from chalicelib.profiles.recent import hash_of
from chalicelib.queues import Received
from chalicelib.store.dynamodb import DynamoIdentifiers, DynamoProfiles, DynamoRecords, DynamoTimeline
from chalicelib.store.s3 import S3Archive
from tests.conftest import Cloud
from tests.pipeline.baton import Baton, Worker
from tests.pipeline.crowd import TYPES, Crowd, call
from tests.pipeline.invariants import check
from tests.pipeline.shop import audience, identify
from tests.pipeline.test_interleavings import Space
from tests.pipeline.wire import Killed, Wire

BEFORE: list[dict[str, str]] = [{"a": "a1"}, {"e": "e1"}, {"u": "u1"}]
JOINING = {"u": "u1", "e": "e1", "a": "a1", "i": "i1"}
# `a1` is only the survivor's, the others are of those who go into it. READ: somebody looks at the survivor instead.
READ = {"read": "anonymous_id:a1"}
LATER: list[dict[str, str]] = [{}, {"a": "a1"}, {"e": "e1"}, {"u": "u1"}, {"u": "u1", "e": "e1"}, READ]
FREQUENT = audience("frequent", "event('Seen').count() >= 3", external_ids=["user_id"])

VISIT = "visit"

_spaces = itertools.count(1)


class Death:
    """Kills the only worker at one of its calls."""

    def __init__(self, place: int, fate: str) -> None:
        self.place, self.kind, self.calls = place, fate, 0

    def fate(self, worker: Worker) -> str | None:
        self.calls += 1
        # The first turn only starts the worker.
        return self.kind if self.calls == self.place + 1 else None


def killed_in_memory(place: int, fate: str, later: dict[str, str]) -> Space | None:
    """None when there are not that many calls."""
    death = Death(place, fate)
    space = Space(Crowd().directory.view("s").rules, lambda workers: workers[0], death.fate)
    for ids in BEFORE:
        space.crowd.resolve(space.message(ids))
    joining = space.message(JOINING)
    left = space.work([joining])
    if space.baton.deaths == 0:
        return None
    assert left == [joining]
    frozen = [p for p in map(space.crowd.stored, space.crowd.ids()) if p.merged_into]
    if later == READ:
        look(space.crowd, READ["read"], frozen)
    elif later:
        space.crowd.resolve(space.message(later))
    for profile in frozen if concerns(later, frozen) else []:
        assert_whole(space.crowd, profile)
    space.crowd.resolve(joining)
    return space


def concerns(then: dict[str, str] | None, frozen: list[Profile]) -> bool:
    """Whether it is about the survivor, or about somebody who was frozen; not about whom nothing was done to yet."""
    if not then or then == READ:
        return then == READ
    return "a" in then or any(profile.find(TYPES[letter], then[letter]) for profile in frozen for letter in then)


def look(crowd: Crowd, name: str, frozen: list[Profile]) -> None:
    """Whoever reads is shown everybody, and what he is reminded of is done by the pipeline."""
    reminded: list[str] = []
    reader = Lookup(crowd.profiles, crowd.identifiers, lambda _, profile_id: reminded.append(profile_id))
    shown = reader.find(crowd.space_id, "users", name)
    assert shown is not None
    assert {profile.profile_id for profile in frozen} <= set(shown.ids)
    if reminded:
        assert crowd.resolve(crowd.due("reminder", *reminded)) == set()


def assert_whole(crowd: Crowd, frozen: Profile) -> None:
    """All that the event had begun is done."""
    living = crowd.profile("user_id:u1")
    assert frozen.profile_id in crowd.stored(living.profile_id).ids
    assert {e.value for e in crowd.stored(living.profile_id).head.external_ids} == {"a1", "e1", "u1", "i1"}


@pytest.mark.parametrize("later", LATER, ids=lambda later: "+".join(later.values()) or "redelivery")
def test_killed_at_every_call_of_a_port(later):
    places = 0
    for place in itertools.count(1):
        spaces = [killed_in_memory(place, fate, later) for fate in ("before", "after")]
        if None in spaces:
            break
        places += 1
        for space in spaces:
            assert space is not None
            (person,) = check(space.crowd, space.sent, space.rules)
            assert person[0] == {("anonymous_id", "a1"), ("email", "e1"), ("user_id", "u1"), ("ios.id", "i1")}
            assert len(space.crowd.profile("email:e1").head.merges) == 2
            space.end(serial=True)
    assert places == 11


def test_a_reader_sees_one_whole_person_from_the_first_freeze_on():
    """At every call: whoever asks by an id of a frozen profile is shown everybody, complete."""
    for place in range(1, 40):
        space = Space(Crowd().directory.view("s").rules, lambda workers: workers[0], Death(place, "after").fate)
        crowd = space.crowd
        for number, ids in enumerate(BEFORE):
            crowd.resolve(space.message(ids))
            crowd.send({**call(ids), "type": "identify", "traits": {f"k{number}": number, "last": number}})
        made = crowd.ids()
        space.work([space.message(JOINING)])
        for name, profile_id in zip(("anonymous_id:a1", "email:e1", "user_id:u1"), made, strict=True):
            stored = crowd.stored(profile_id)
            for shown in (crowd.profile(name), crowd.profile(profile_id)):
                if stored.merged_into is not None:
                    assert shown.profile_id == made[0]
                    assert shown.find(*name.split(":"))
                    assert shown.trait_values()["last"] >= stored.trait_values()["last"]
                    assert profile_id in shown.ids


@pytest.fixture
def wire(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def on_aws(cloud: Cloud) -> Crowd:
    """A space of its own in the tables of the module."""
    settings, dynamodb = cloud.names.settings, cloud.clients.dynamodb
    crowd = Crowd(FREQUENT, space_id=f"merges{next(_spaces)}")
    crowd.profiles = DynamoProfiles(dynamodb, settings.profiles_table, settings.work_table)
    crowd.identifiers = DynamoIdentifiers(dynamodb, settings.identifiers_table)
    crowd.timeline = DynamoTimeline(dynamodb, settings.timeline_table, crowd.clock)
    crowd.archive = S3Archive(cloud.clients.s3, settings.archive_bucket)
    crowd.work = DynamoRecords(dynamodb, settings.work_table, crowd.clock)
    crowd.links = RecordedLinks(crowd.work)
    crowd.log = type(crowd.log)(crowd.work, crowd.clock)
    crowd.lookup = Lookup(crowd.profiles, crowd.identifiers)
    return crowd


LATER_ON_AWS = {
    "redelivery": None,
    "an event of those who go": {"u": "u1"},
    "an event of the survivor": {"a": "a1"},
    "a reader": READ,
}


def messages(crowd: Crowd) -> tuple[Received, Received]:
    """The one that joins three people who exist, and a later one."""
    for number, ids in enumerate(BEFORE):
        crowd.clock.advance(MINUTE)
        group = {**call(ids), "type": "group", "groupId": "g1"}
        crowd.send(call(ids), identify("", {"n": number}) | call(ids) | {"type": "identify"}, group)
    crowd.clock.advance(MINUTE)
    crowd.made = [crowd.profile(name).profile_id for name in ("anonymous_id:a1", "email:e1", "user_id:u1")]
    joining = crowd.message("joining", call(JOINING), call({"e": "e1"}))
    crowd.clock.advance(MINUTE)
    return joining, crowd.message("later", call({"u": "u1"}), call({"e": "e1"}))


def run(crowd: Crowd, wire: Wire, kill_at: tuple[int, str] | None, then: dict[str, str] | None) -> int:
    """The calls that the joining event takes. Whatever comes `then`, it finds the merge half done and completes it."""
    joining, later = messages(crowd)
    wire.calls, wire.kill_at, wire.armed = 0, kill_at, True
    try:
        assert crowd.resolve(joining) == set()
    except Killed:
        frozen = [p for p in map(crowd.stored, crowd.made) if p.merged_into]
        if then == READ:
            look(crowd, READ["read"], frozen)
        elif then:
            crowd.send(identify("", {}) | call(then) | {"type": "identify", "messageId": VISIT})
        for profile in frozen if concerns(then, frozen) else []:
            assert_whole(crowd, profile)
        assert crowd.resolve(joining) == set()
    calls, wire.armed = wire.calls, False
    assert crowd.resolve(later) == set()
    return calls


def state(crowd: Crowd) -> dict[str, Any]:
    """Everything that is kept of the person, whatever way it was read, without what carries the name of the space."""
    found = [crowd.profile(name) for name in ("anonymous_id:a1", "email:e1", "user_id:u1", "ios.id:i1")]
    assert all(profile == found[0] for profile in found)
    profile = found[0]
    times: Callable[[Any], list[tuple[str, int]]] = lambda made: sorted((e.value, e.created_at) for e in made)  # noqa: E731
    return {
        "traits": profile.trait_values(),
        "external_ids": times(profile.head.external_ids),
        "streams": profile.streams,
        "counted": sorted(
            h
            for c in profile.head.recent
            for h in (c.hashes[n : n + 8] for n in range(0, len(c.hashes), 8))
            if h != hash_of(VISIT)
        ),
        "first": profile.head.first,
        "last": profile.head.last,
        "merges": sorted((m.at, m.message_id) for m in profile.head.merges),
        "links": [link.at for link in profile.head.links],
        "events": sorted(set(crowd.events(profile))),
    }


@pytest.mark.parametrize("then", LATER_ON_AWS)
def test_killed_at_every_call_to_aws(cloud: Cloud, wire: Wire, then: str) -> None:
    undisturbed = on_aws(cloud)
    calls = run(undisturbed, wire, None, None)
    expected = state(undisturbed)
    assert expected["traits"] == {"n": 2, "seen": 7, "frequent": True}
    assert len(expected["merges"]) == 2
    assert calls == 9  # two reads, a note, landing, a claim, two freezes, a save and the timeline
    for place in range(1, calls + 1):
        for phase in ("before", "after"):
            crowd = on_aws(cloud)
            run(crowd, wire, (place, phase), LATER_ON_AWS[then])
            assert state(crowd) == expected, f"killed {phase} call {place} of {calls}"
    print(f"\n{2 * calls} crash points of a three-way merge and then {then}: every final state equal")


def test_the_baton_counts_what_it_kills():
    death = Death(1, "before")
    baton = Baton(lambda workers: workers[0], death.fate)
    (worker,) = baton.run(lambda: baton.call("first", lambda: 1))
    assert worker.killed
    assert baton.deaths == 1
