"""Which profile an event belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR
from chalicelib.identity.external_id import USERS, Identifier
from chalicelib.identity.resolution import CLAIMED, NEW, STORED, Person, resolve
from chalicelib.identity.rulebook import rulebook
from chalicelib.identity.rules import DEFAULT_RULES, Rules, TypeRule
from tests.identity.naive import Naive

U1, U2 = Identifier(USERS, "user_id", "u1"), Identifier(USERS, "user_id", "u2")
A1, A9 = Identifier(USERS, "anonymous_id", "a1"), Identifier(USERS, "anonymous_id", "a9")
E1, E2 = Identifier(USERS, "email", "e1"), Identifier(USERS, "email", "e2")
I1 = Identifier(USERS, "ios.id", "i1")


class Graph:
    """Resolves events one after the other over plain dictionaries, as the pipeline does over stored profiles."""

    def __init__(self, rules=DEFAULT_RULES):
        self.book = rulebook(rules)
        self.owners, self.people, self.violations = {}, {}, []

    def send(self, *identifiers, at=0):
        """The number of the profile the event went to."""
        chosen = resolve(identifiers, self.owners, self.people, self.book, at)
        assert chosen.blocked_by is None
        self.violations += chosen.violations
        owner = chosen.owner or self._new()
        for loser in chosen.joined:
            gone = self.people.pop(loser)
            self.people[owner].held |= gone.held
            self.people[owner].merges += gone.weight
        self.people[owner].held |= dict.fromkeys(chosen.fresh, at)
        self.owners |= dict.fromkeys(self.people[owner].held, owner)
        return owner

    def _new(self):
        number = len(self.people) + sum(p.merges for p in self.people.values()) + 1
        self.people[number] = Person((STORED, number, str(number)))
        return number

    def held(self):
        return {number: {*person.held} for number, person in self.people.items()}


def test_a_known_identifier_brings_new_ones_along():
    graph = Graph()
    assert [graph.send(A1), graph.send(U1, A1), graph.send(U1)] == [1, 1, 1]


def test_an_event_that_names_two_profiles_joins_them_into_the_older():
    graph = Graph()
    assert [graph.send(A1), graph.send(U1), graph.send(U1, A1)] == [1, 2, 1]
    assert graph.held() == {1: {A1, U1}}


def test_a_second_person_on_the_same_device_gets_a_profile_of_their_own():
    graph = Graph()
    assert [graph.send(U1, A1), graph.send(A1), graph.send(U2, A1), graph.send(A1)] == [1, 1, 2, 1]
    assert graph.held() == {1: {U1, A1}, 2: {U2}}
    (violation,) = graph.violations
    assert violation == (A1, "values", "user_id")


def test_the_least_trusted_go_first_until_it_fits():
    graph = Graph()
    graph.send(U1, E1, A1)
    assert graph.send(U2, E1, A9) == 2
    assert graph.held() == {1: {U1, E1, A1}, 2: {U2}}
    assert [v.identifier for v in graph.violations] == [A9, E1]


def test_priority_decides_who_goes_and_not_which_type_is_in_excess():
    graph = Graph(Rules(priority=["ios.id", "user_id", "email"]))
    graph.send(U1, I1)
    assert graph.send(U2, I1) == 1
    assert graph.held() == {1: {U1, I1}}


def test_known_people_are_not_joined_by_a_mailbox_they_share():
    graph = Graph()
    graph.send(U1, E1)
    graph.send(U2, E2)
    assert graph.send(U1, E2, A9) == 1
    assert graph.held() == {1: {U1, E1}, 2: {U2, E2}}


def test_the_sixth_anonymous_id_is_left_out_and_the_event_still_counts():
    graph = Graph()
    devices = [Identifier(USERS, "anonymous_id", f"a{n}") for n in range(1, 8)]
    assert {graph.send(U1, device) for device in devices} == {1}
    assert graph.held() == {1: {U1, *devices[:5]}}
    assert graph.send(devices[5]) == 2


def test_a_period_slides():
    graph = Graph(Rules(types={"anonymous_id": TypeRule(limit=1, period="weekly")}))
    graph.send(U1, A1, at=HOUR)
    graph.send(U1, A9, at=7 * DAY)
    assert graph.violations[0].reason == "values in time"
    graph.send(U1, A9, at=7 * DAY + HOUR)
    assert graph.held() == {1: {U1, A1, A9}}


def test_who_is_outside_tighter_rules_goes_on_but_takes_no_more():
    graph = Graph(Rules(types={"email": TypeRule(limit=2)}))
    graph.send(U1, E1)
    graph.send(U1, E2)
    graph.book = rulebook(Rules(types={"email": TypeRule(limit=1)}))
    assert graph.send(U1, E2, E1) == graph.send(E1, E2) == 1
    assert graph.violations == []
    graph.send(U1, Identifier(USERS, "email", "e3"))
    assert [v.identifier.value for v in graph.violations] == ["e3"]
    graph.send(A1)
    assert graph.send(U1, A1) == 1
    assert graph.held()[2] == {A1}


def test_of_several_values_of_the_least_trusted_type_a_new_one_goes_first_then_the_last():
    graph = Graph(Rules(types={"email": TypeRule(limit=1)}))
    graph.send(E2)
    assert graph.send(E1, E2) == 1
    assert graph.held() == {1: {E2}}
    graph.send(E1)
    assert graph.send(E2, E1) == 1
    assert [v.identifier for v in graph.violations] == [E1, E1]


def test_nobody_is_taken_for_somebody_on_hearsay():
    book, people = rulebook(DEFAULT_RULES), {"P1": Person((STORED, 0, "P1"), {A9: 0})}
    assert resolve([U1, A1], {U1: "P1"}, people, book, 0).blocked_by == "P1"
    assert resolve([U1], {U1: "P1"}, people, book, 0).blocked_by == "P1"
    known = resolve([U1, A9], {U1: "P1", A9: "P1"}, people, book, 0)
    assert (known.owner, list(known.fresh), known.blocked_by) == ("P1", [U1], None)


def test_an_id_that_is_merely_claimed_is_nobody_and_can_be_taken_over():
    book, people = rulebook(Rules(mappings_limit=2)), {"N": Person((CLAIMED, 0, "N")), "P": Person((STORED, 0, "P"))}
    assert resolve([A1], {A1: "N"}, people, book, 0).owner == "N"
    people["P"].held = {U1: 0}
    chosen = resolve([U1, A1, E1], {U1: "P", A1: "N", E1: "N"}, people, book, 0)
    assert (chosen.owner, list(chosen.joined), list(chosen.fresh)) == ("P", ["N"], [A1])


def test_who_has_a_past_survives_whoever_was_first():
    people = {name: Person((kind, 0, name)) for name, kind in (("a", NEW), ("b", CLAIMED), ("c", STORED))}
    for number, identifier in ((0, A1), (1, E1), (2, U1)):
        people["abc"[number]].held[identifier] = 0
    chosen = resolve([A1, E1, U1], {A1: "a", E1: "b", U1: "c"}, people, rulebook(DEFAULT_RULES), 0)
    assert (chosen.owner, list(chosen.joined)) == ("c", ["b", "a"])


def test_of_the_same_age_the_lower_id_survives():
    people = {name: Person((STORED, 5, name), {i: 0}) for name, i in (("p2", A1), ("p1", U1))}
    chosen = resolve([A1, U1], {A1: "p2", U1: "p1"}, people, rulebook(DEFAULT_RULES), 0)
    assert (chosen.owner, list(chosen.joined)) == ("p1", ["p2"])


@pytest.mark.parametrize(("limit", "joined"), [(2, True), (1, False)])
def test_merges_are_limited_and_those_of_the_other_count(limit, joined):
    graph = Graph(Rules(merges_limit=limit))
    for one in (A1, E1, I1):
        graph.send(one)
    assert graph.send(E1, I1) == 2
    assert graph.send(A1, E1) == (1 if joined else 2)
    assert [v.reason for v in graph.violations] == ([] if joined else ["merges"])


def test_a_merge_past_the_limit_of_mappings_is_refused_and_additions_stop_there():
    graph = Graph(Rules(mappings_limit=3))
    graph.send(A1, I1)
    graph.send(E1, A9)
    assert graph.send(A1, E1) == 2
    assert graph.held() == {1: {A1, I1}, 2: {E1, A9}}
    assert graph.send(A1, U1, E2) == 1
    assert graph.held()[1] == {A1, I1, U1}
    assert [(v.identifier, v.reason) for v in graph.violations] == [(A1, "mappings"), (E2, "mappings")]


def test_a_merge_that_could_not_be_stored_is_refused():
    people = {n: Person((STORED, 0, n), {i: 0}, size=lambda: 100_000) for n, i in (("p", U1), ("q", A1))}
    chosen = resolve([U1, A1], {U1: "p", A1: "q"}, people, rulebook(DEFAULT_RULES), 0)
    assert (chosen.owner, chosen.violations[0].reason) == ("p", "mappings")


types = st.sampled_from(["user_id", "email", "anonymous_id", "ios.id", "phone"])
pool = st.tuples(types, st.sampled_from(["1", "2", "3"]))
sent = st.lists(pool, min_size=1, max_size=5, unique=True)
rules = st.builds(
    Rules,
    types=st.dictionaries(
        types, st.builds(TypeRule, limit=st.integers(1, 3), period=st.sampled_from(["ever", "daily"])), max_size=4
    ),
    priority=st.lists(types, unique=True, max_size=4),
    mappings_limit=st.sampled_from([4, 6, 1_000]),
    merges_limit=st.sampled_from([0, 1, 3, 100]),
)


@given(rules, st.lists(st.tuples(sent, st.integers(0, 12)), max_size=25))
def test_the_same_as_the_plainest_reading_of_the_rules(rules, events):
    graph, naive, at = Graph(rules), Naive(rules), 0
    for identifiers, hours in events:
        at += hours * HOUR
        number = graph.send(*(Identifier(USERS, *i) for i in identifiers), at=at)
        assert number == naive.send(identifiers, at)
    assert graph.held() == {n: {Identifier(USERS, *i) for i in p.ids} for n, p in naive.live.items()}
    assert [(v.identifier.type, v.identifier.value) for v in graph.violations] == naive.violations
    placed = [i for held in graph.held().values() for i in held]
    assert len(placed) == len(set(placed))
