"""Which steps make no journey, each with the place of the reason."""

from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Unsound
from chalicelib.journeys.model import Settings
from chalicelib.workspace.body import Body
from chalicelib.workspace.journeys.reading import read_steps
from chalicelib.workspace.journeys.soundness import problems

from .carts import ADDED, EVENTS, LOYAL, Carts, cart, entry, send, step

FUNNEL = "event('A').where(event('B').within(parent: 5 days).count() >= 1).count() >= 1"
NESTED = "event('A').where(event('B').within(5 days).count() >= 1).count() >= 1"


def wait(id, **more):
    return step(id, "delay", duration="1d", **more)


def split(*shares):
    return step("r", "random_split", branches=[{"name": f"B{n}", "percent": share} for n, share in enumerate(shares)])


def multi(*queries):
    return step("m", "multi_branch", branches=[{"name": f"B{n}", "query": query} for n, query in enumerate(queries)])


def of(*steps, **settings):
    body = Body({"steps": list(steps)})
    read = read_steps(body)
    assert not body.problems
    assert read is not None
    return problems(Settings(**settings), read)


def fields(*steps, **settings):
    return [problem.field for problem in of(*steps, **settings)]


def test_a_sound_journey_has_no_problems():
    steps = [
        entry(next="w"),
        wait("w", next="t"),
        step("t", "true_false", query=LOYAL, true="r", false="m"),
        {
            **split(99.99, 0.01),
            "branches": [{"name": "A", "percent": 99.99, "next": "d"}, {"name": "B", "percent": 0.01}],
        },
        {**multi(LOYAL, ADDED), "branches": [{"name": n, "query": LOYAL, "next": "d"} for n in "AB"]},
        step("d", "send_to_destination", destinations=[{"destinationId": "x"}, {"destinationId": "y"}]),
    ]
    assert of(*steps) == []
    assert of(*steps, exit_after=1, reentry_after=1) == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], ["steps"]),
        ([wait("w")], ["steps"]),
        ([entry(next="b"), {**entry(), "id": "b"}], ["steps"]),
        ([entry(), {**entry(), "id": "a", "type": "condition"}], ["steps.1.id"]),
        ([entry(next="nowhere")], ["steps.0.next"]),
        (
            [entry(next="t"), step("t", "true_false", query=LOYAL, true="x", false="y")],
            ["steps.1.true", "steps.1.false"],
        ),
        ([entry(next="a")], ["steps.0.next"]),
        ([entry(next="w"), wait("w", next="v"), wait("v", next="w")], ["steps.2.next"]),
        ([entry(), wait("w", next="v"), wait("v", next="w")], ["steps.2.next", "steps.1", "steps.2"]),
        ([entry(), wait("w")], ["steps.1"]),
        ([entry(next="r"), split(50, 49.99)], ["steps.1.branches"]),
        ([entry(next="r"), split(50.001, 49.999)], ["steps.1.branches.0.percent", "steps.1.branches.1.percent"]),
        ([entry(next="r"), split(20, 20, 20, 20, 10, 10)], ["steps.1.branches"]),
        ([entry(next="r"), {**split(), "branches": []}], ["steps.1.branches", "steps.1.branches"]),
        ([entry(next="m"), multi(LOYAL)], ["steps.1.branches"]),
        ([entry(next="m"), multi(*[LOYAL] * 26)], ["steps.1.branches"]),
        ([entry(next="m"), multi(LOYAL, "event('A'")], ["steps.1.branches.1.query"]),
        ([step("a", "entry", query="event('A').count()")], ["steps.0.query"]),
        ([step("a", "entry", query=" AND ".join(["trait('a') = '1'"] * 51))], ["steps.0.query"]),
        ([step("a", "entry", query=FUNNEL)], ["steps.0.query"]),
        ([entry(next="t"), step("t", "true_false", query=FUNNEL)], ["steps.1.query"]),
        ([{**entry(), "name": "x" * 171}], ["steps.0.name"]),
        ([entry(next="d"), send("x", "x")], ["steps.1.destinations.1.destinationId"]),
        ([entry(next="d"), send(*map(str, range(11)))], ["steps.1.destinations"]),
        ([entry(next="d"), step("d", "show_ad")], ["steps.1.destinations"]),
        ([entry(next="w0"), *(wait(f"w{n}", next=f"w{n + 1}") for n in range(99)), wait("w99")], ["steps"]),
    ],
)
def test_what_does_not_fit_together_is_told(steps, expected):
    assert fields(*steps) == expected


def test_a_hundred_steps_are_taken_and_no_more_audiences_than_can_be_made_at_once():
    chain = [wait(f"w{n}", next=f"w{n + 1}") for n in range(98)]
    assert fields(entry(next="w0"), *chain, wait("w98")) == []
    wide = [
        step(
            f"m{n}", "multi_branch", branches=[{"name": f"{b}", "query": LOYAL, "next": f"m{n + 1}"} for b in range(25)]
        )
        for n in range(10)
    ]
    last = step("m10", "condition", query=LOYAL)
    assert fields(entry(next="m0"), *wide, last) == ["steps"]


def test_destinations_are_counted():
    def sending(count):
        return [send(*map(str, range(count)), id=f"s{n}", next=f"s{n + 1}") for n in range(10)]

    assert fields(entry(next="s0"), *sending(10), wait("s10")) == []
    assert fields(entry(next="s0"), *sending(10), send("one", id="s10")) == ["steps"]


def test_conditions_inside_events_are_taken():
    assert of(step("a", "entry", query=NESTED)) == []


def test_nobody_comes_in_again_who_never_leaves():
    assert fields(entry(), reentry_after=1) == ["settings.reentryAfter"]


def test_everything_is_told_at_once():
    found = fields({**entry(next="x"), "query": "nonsense("}, split(10), wait("w"), reentry_after=1)
    assert found == [
        "settings.reentryAfter",
        "steps.0.query",
        "steps.1.branches",
        "steps.0.next",
        "steps.1",
        "steps.2",
    ]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_circles_and_dead_ends_are_found_as_any_other_way_finds_them(ways):
    """Steps are splits, whose branches lead wherever they like."""
    targets = {n: [to for origin, to in ways if origin == n] for n in range(8)}
    ends = step("x", "condition", query=LOYAL)
    steps = [entry(next="0"), ends]
    for n, leads in targets.items():
        branches = [{"name": f"{b}", "query": LOYAL, "next": str(to)} for b, to in enumerate(leads)]
        steps.append(
            step(f"{n}", "multi_branch", branches=[*branches, *[{"name": "e", "query": LOYAL, "next": "x"}] * 2])
        )
    found = of(*steps)
    try:
        list(TopologicalSorter({n: set(leads) for n, leads in targets.items()}).static_order())
        is_circular = False
    except CycleError:
        is_circular = True
    assert any("leads back" in problem.message for problem in found) == is_circular
    seen, waiting = {0}, [0]
    while waiting:
        for to in targets[waiting.pop()]:
            waiting += [] if to in seen else [to]
            seen.add(to)
    cut_off = {problem.field for problem in found if "no way leads" in problem.message}
    assert cut_off == {f"steps.{n + 2}" for n in range(8) if n not in seen}


@pytest.fixture
def acme():
    return Carts()


def refused(acme, *steps, **more):
    with pytest.raises(Unsound) as caught:
        acme.draw(steps=list(steps), **more)
    return [problem.field for problem in caught.value.problems]


def test_destinations_have_to_be_there_and_of_the_right_kind(acme):
    foreign = acme.destination(EVENTS, acme.founded.source_id)
    ad = step("ad", "show_ad", destinations=[{"destinationId": acme.target}])
    assert refused(acme, entry(next="d"), send("none", foreign, next="ad"), ad) == [
        "steps.1.destinations.0.destinationId",
        "steps.1.destinations.1.destinationId",
        "steps.2.destinations.0.destinationId",
    ]
    with pytest.raises(Unsound) as caught:
        acme.draw(steps=[entry(next="d"), send(foreign)])
    assert acme.founded.engage_source_id in caught.value.problems[0].message
    assert caught.value.problems[0].data["code"] == "DESTINATION_LINKED_TO_CONNECTIONS_SOURCE"


def test_lists_take_no_events(acme):
    assert refused(acme, entry(next="d"), send(acme.list)) == ["steps.1.destinations.0"]
    plain = {"destinationId": acme.list}
    ad = step("ad", "show_ad", destinations=[{**plain, "track": True}])
    assert refused(acme, entry(next="ad"), ad) == ["steps.1.destinations.0"]
    acme.draw(
        steps=[
            entry(next="d"),
            step("d", "send_to_destination", destinations=[plain], next="ad"),
            step("ad", "show_ad", destinations=[plain]),
        ]
    )


def test_names_are_held_to_their_length(acme):
    assert refused(acme, entry(), name="x" * 74) == ["name"]
    acme.draw(steps=[entry()], name="x" * 73)


def test_a_journey_cannot_ask_for_its_own_steps(acme):
    drawn = acme.draw()
    for more in ("", "_hidden_entry", "_hidden_entry_joined_at"):
        own = f"trait('{acme.keys_of(drawn)['d']}{more}') = 'true'"
        changed = {"steps": [entry(next="c"), step("c", "condition", query=own)]}
        with pytest.raises(Unsound) as caught:
            acme.journeys.update(acme.space, acme.again(drawn), None, changed, "me")
        (problem,) = caught.value.problems
        assert (problem.field, problem.data) == ("steps.1.query", {"code": "cycle"})
    published = acme.publish(drawn)
    other = f"trait('{acme.keys_of(published)['d']}') = 'true'"
    acme.publish(acme.draw(steps=[step("a", "entry", query=other)]))
    assert len(acme.computations()) == 4


def test_nor_by_way_of_an_audience(acme):
    drawn = acme.draw()
    key = acme.keys_of(drawn)["d"]
    acme.audience("Nudged", f"trait('{key}_hidden_entry') = 'true'")
    asked = [entry(next="c"), step("c", "condition", query="trait('nudged') = 'true'", next="d"), send(acme.target)]
    acme.journeys.update(acme.space, acme.again(drawn), None, {"name": "Cart"}, "me")
    with pytest.raises(Unsound) as caught:
        acme.journeys.update(acme.space, acme.again(drawn), None, {"steps": asked}, "me")
    assert [problem.field for problem in caught.value.problems] == ["steps.1.query"]
    assert cart(acme.target)["steps"][2]["id"] == "c"
