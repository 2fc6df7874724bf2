"""People who travel and turn out to be one: what changes are taken to mean is what happened to either of them."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR
from chalicelib.delivery.progress import ENTERED, JOINED, facts
from chalicelib.identity.external_id import ExternalId
from chalicelib.journeys.passage import Passage
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.merging import freeze
from chalicelib.profiles.profile import Head, Merge
from tests.journeys.drawing import T0, condition, delay, entry, multi_branch, send
from tests.profiles.test_travelling import BOUGHT, VIP, Person, town

V = "jov_1"
STEPS = (entry("a", "m"), multi_branch("m", "d", "w"), delay("w", DAY, "c"), condition("c"), send("d"))
QUERIES = {"a": BOUGHT, "m": VIP, "c": "trait('rich') = 'yes'"}


def copy(head: Head) -> Head:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(head), type=Head)


def passage(head: Head | None) -> Passage:
    return head.journeys.get(V, Passage()) if head else Passage()


class Crowd:
    """Of people whose changes are told, beside what really happened."""

    def __init__(self, **settings):
        self.town = town(*STEPS, queries=QUERIES, **settings)
        self.people = [Person(f"use_{n}", [ExternalId("user_id", f"u{n}", "", T0, "", "")]) for n in range(4)]
        self.told: Counter = Counter()
        self.true: Counter = Counter()

    def until(self, now):
        """Time passes, and everybody is looked at when it is due."""
        for person in self.people:
            while person.profile.due_at is not None and person.profile.due_at <= now:
                self._does(person, person.does, person.profile.due_at)

    def act(self, name, person, now):
        if name == "buy":
            self._does(person, person.buys, now)
        elif name == "merge":
            others = [one for one in self.people if one is not person and one.profile.version]
            if others and person.profile.version:
                self._merge(person, others[0], now)
        else:
            trait, value = name.split()
            self._does(person, person.becomes, now, **{trait: value})

    def _merge(self, survivor, loser, now):
        freeze(loser.profile, Merge(survivor.profile.profile_id, now, "m", "src"))
        before = passage(loser.profile.head)
        self._does(survivor, survivor.does, now, others=[before], frozen=[loser.profile])
        self.people.remove(loser)

    def _does(self, person, act, now, others=(), **more):
        before = copy(person.profile.head) if person.profile.version else None
        if not act(self.town, now, **more):
            return
        new, profile = person.profile.head, person.profile
        change = ProfileChange("r", "s", profile.profile_id, profile.version, None, before, new)
        self.told.update((fact.kind, fact.stop_id) for fact in facts(change))
        self.true.update(happened([passage(before), *others], passage(new)))


def happened(before, after):
    """To people who are one afterwards: what none of them had. Whoever is due is looked at in time here, so that nobody
    leaves and comes again at once."""
    known = {(stop, at) for one in before for stop, at in one.joined.items()}
    yield from ((JOINED, stop) for stop, at in after.joined.items() if (stop, at) not in known)
    entered = after.entered_at is not None and after.entered_at not in [one.entered_at for one in before]
    if entered:
        yield (ENTERED, "")
    current = [one for one in before if one.is_inside] or [one for one in before if one.cycle]
    if after.outcome is not None and (entered or after.outcome not in [one.outcome for one in current]):
        yield (after.outcome, "")


NAMES = ["buy", "buy", "vip yes", "vip no", "rich yes", "rich no", "merge"]
ACTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 3), st.integers(1, 40)),
    min_size=6,
    max_size=25,
)
LEAVING = {"exit_after": 2 * DAY}
SETTINGS = [{}, LEAVING, {**LEAVING, "reentry_after": HOUR}]


@settings(max_examples=150, deadline=None)
@given(ACTS, st.sampled_from(SETTINGS))
def test_what_changes_mean_is_what_happened(acts, some):
    """Of each act who does it, and how many hours after the one before."""
    crowd, now = Crowd(**some), T0
    for name, number, hours in acts:
        now += hours * HOUR
        crowd.until(now)
        crowd.act(name, crowd.people[number % len(crowd.people)], now)
    assert crowd.told == crowd.true
