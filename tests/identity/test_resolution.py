"""Which profile an event belongs to."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.external_id import USERS, Identifier
from chalicelib.identity.resolution import MOST_IDENTIFIERS, limit_of, resolve

U1, U2 = Identifier(USERS, "user_id", "u1"), Identifier(USERS, "user_id", "u2")
A1, A9 = Identifier(USERS, "anonymous_id", "a1"), Identifier(USERS, "anonymous_id", "a9")
E1, E2 = Identifier(USERS, "email", "e1"), Identifier(USERS, "email", "e2")


class Graph:
    """Resolves events one after the other, as the pipeline does, over plain dictionaries."""

    def __init__(self):
        self.owners, self.held = {}, {}

    def send(self, *identifiers):
        """The number of the profile the event went to, None if it named nobody."""
        chosen = resolve(identifiers, self.owners, self.held)
        if not chosen.kept:
            return None
        owner = chosen.owner or f"P{len(self.held) + 1}"
        self.held.setdefault(owner, set()).update(chosen.kept)
        self.owners.update(dict.fromkeys(chosen.kept, owner))
        return owner


def test_a_known_identifier_brings_new_ones_along():
    graph = Graph()
    assert [graph.send(A1), graph.send(U1, A1), graph.send(U1)] == ["P1", "P1", "P1"]


def test_a_second_person_on_the_same_device_gets_a_profile_of_their_own():
    graph = Graph()
    assert [graph.send(U1, A1), graph.send(A1), graph.send(U2, A1), graph.send(A1)] == ["P1", "P1", "P2", "P1"]
    assert graph.held == {"P1": {U1, A1}, "P2": {U2}}


def test_the_least_trusted_go_first_until_it_fits():
    graph = Graph()
    graph.send(U1, E1, A1)
    chosen = resolve([U2, E1, A9], graph.owners, graph.held)
    assert (chosen.owner, chosen.kept, chosen.demoted) == (None, [U2], [A9, E1])


def test_profiles_are_not_joined_by_an_event_that_names_both():
    graph = Graph()
    graph.send(U1, E1)
    graph.send(U2, E2)
    assert graph.send(U1, E2, A9) == "P1"
    assert A9 not in graph.owners
    assert graph.owners[E2] == "P2"


def test_the_sixth_anonymous_id_is_left_out_and_the_event_still_counts():
    graph = Graph()
    devices = [Identifier(USERS, "anonymous_id", f"a{n}") for n in range(1, 8)]
    assert {graph.send(U1, device) for device in devices} == {"P1"}
    assert graph.held["P1"] == {U1, *devices[:5]}
    assert graph.send(devices[5]) == "P2"


def test_a_claim_not_yet_on_its_profile_counts_as_an_addition():
    chosen = resolve([U1, A1], {U1: "P1"}, {"P1": {A9}})
    assert (chosen.owner, chosen.kept) == ("P1", [U1, A1])
    crowded = resolve([U1, A1], {U1: "P1", A1: "P1"}, {"P1": {U2, A1}})
    assert U1 not in crowded.kept


def test_a_full_profile_takes_events_but_no_more_identifiers():
    many = {Identifier(USERS, f"type{n}", "v") for n in range(MOST_IDENTIFIERS - 1)}
    known = next(iter(many))
    chosen = resolve([known, A1, A9], dict.fromkeys(many, "P1"), {"P1": many})
    assert (chosen.owner, chosen.kept) == ("P1", [known, A1])


identifiers = st.lists(st.sampled_from([U1, U2, A1, A9, E1, E2]), min_size=1, max_size=4, unique=True)


@given(st.lists(identifiers, max_size=12))
def test_no_identifier_on_two_profiles_and_no_limit_broken(events):
    graph = Graph()
    for sent in events:
        assert graph.send(*sent) is not None
    placed = [i for held in graph.held.values() for i in held]
    assert len(placed) == len(set(placed))
    for held in graph.held.values():
        for type in ("user_id", "anonymous_id", "email"):
            assert sum(i.type == type for i in held) <= limit_of(type)
