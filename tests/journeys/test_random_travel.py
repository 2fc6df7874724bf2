"""Random splits: who draws which branch."""

from collections import Counter

from chalicelib.clock import DAY
from chalicelib.journeys.passage import Passage
from chalicelib.journeys.route import route_of
from chalicelib.journeys.travel import draw

from .drawing import T0, Traveller, drawn, entry, journey_of, random_split, send, standing, version_of

SHARES = (40, 40, 20)


def steps(*shares):
    return (entry("a", "r"), random_split("r", *((share, None) for share in shares)))


def branch_of(passage: Passage) -> str:
    (branch,) = [stop_id for stop_id in passage.joined if stop_id.startswith("r/")]
    return branch


def test_branches_get_their_shares():
    people = [Traveller(drawn(*steps(*SHARES)), f"pro_{number}") for number in range(10_000)]
    for person in people:
        person.lines = {"a": [T0]}

    found = Counter(branch_of(person.at(T0)) for person in people)

    for place, share in enumerate(SHARES):
        assert abs(found[f"r/{place}"] / 100 - share) < 2


def test_a_person_keeps_the_branch_when_replayed_and_when_back():
    route = drawn(*steps(*SHARES), exit_after=DAY, reentry_after=DAY)
    for number in range(100):
        person, double = Traveller(route, f"pro_{number}"), Traveller(route, f"pro_{number}")
        person.lines = double.lines = {"a": [T0]}

        branch = branch_of(person.at(T0))

        assert branch_of(double.at(T0 + 7)) == branch
        assert branch_of(person.until(T0 + 2 * DAY)) == branch
        assert person.here.cycle == 2


def test_a_person_draws_the_same_in_another_version():
    versions = [version_of(steps(*SHARES), number=number) for number in (1, 2)]
    routes = [route_of(journey_of(standing(version.number)), version) for version in versions]
    for number in range(100):
        people = [Traveller(route, f"pro_{number}") for route in routes]
        for person in people:
            person.lines = {"a": [T0]}

        assert len({branch_of(person.at(T0)) for person in people}) == 1


def test_splits_draw_apart_from_each_other():
    people = [f"pro_{number}" for number in range(1_000)]

    both = Counter((draw("jou_1", "l_r", person) < 5_000, draw("jou_1", "l_q", person) < 5_000) for person in people)

    assert all(200 < both[pair] < 300 for pair in ((True, True), (True, False), (False, True), (False, False)))


def test_a_draw_is_that_of_the_published_hash():
    # printf 'jou_1:l_r:pro_1' | sha256sum, a number of 64 hexadecimal digits, modulo ten thousand
    assert draw("jou_1", "l_r", "pro_1") == 1626


def test_a_draw_at_the_end_of_a_share_belongs_to_the_next_branch():
    for share, branch in ((16.26, "r/1"), (16.27, "r/0")):
        person = Traveller(drawn(*steps(share, 100 - share)), "pro_1")
        person.lines = {"a": [T0]}

        assert branch_of(person.at(T0)) == branch


def test_a_branch_with_everybody_takes_everybody_and_one_with_nobody_nobody():
    for number in range(200):
        person = Traveller(drawn(*steps(0, 100)), f"pro_{number}")
        person.lines = {"a": [T0]}

        assert branch_of(person.at(T0)) == "r/1"


def test_whoever_took_a_branch_as_somebody_else_does_not_draw_again():
    route = drawn(entry("a", "r"), random_split("r", (100, "d"), (0, None)), send("d"))
    person = Traveller(route)
    person.lines = {"a": [T0]}
    person.passage = Passage(cycle=1, entered_at=T0, cut=T0, joined={"a": T0, "r/1": T0}, held=["a", "r/1"])

    assert person.at(T0 + DAY).held == ["a", "r/1"]
