"""What is read of a journey's body, and everything that is wrong with its form."""

import pytest

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.errors import Invalid, Unsound
from chalicelib.journeys.model import Settings, Side, Step, Target
from chalicelib.workspace.body import Body
from chalicelib.workspace.journeys.durations import duration_text, read_duration
from chalicelib.workspace.journeys.reading import read_settings, read_steps

from .carts import ADDED, LOYAL, Carts, cart, entry, send, step


def read(*steps):
    body = Body({"steps": list(steps)})
    found = read_steps(body)
    body.done()
    return found


def side(query=None, name="", share=None, next=None):
    return Side(name=name, key="", computation_id="", query=query, share=share, next=next)


def test_every_type_of_step_is_read():
    branches = [{"name": "Mail", "query": LOYAL, "next": "d"}, {"name": " Web ", "query": ADDED}]
    shares = [{"name": "A", "percent": 80, "next": "d"}, {"name": "Control", "percent": 20.0}]
    found = read(
        entry(next="w"),
        step("w", "delay", duration="2d", next="c"),
        step("c", "condition", query=LOYAL, next=""),
        step("t", "true_false", name="VIP", query=LOYAL, true="r"),
        step("m", "multi_branch", branches=branches),
        step("r", "random_split", branches=shares),
        send("dst_1", next="ad"),
        step("ad", "show_ad", name="Retarget", destinations=[{"destinationId": "dst_2"}], removeAfter="3d"),
    )
    goal = Target(destination_id="dst_1", connection_id="", settings={"sendTrack": True, "sendIdentify": False})
    list_ = Target(destination_id="dst_2", connection_id="")
    assert found == [
        Step(id="a", type="entry", name="Abandoned", lineage="", sides=[side(ADDED, next="w")]),
        Step(id="w", type="delay", name="delay", lineage="", wait=2 * DAY, next="c"),
        Step(id="c", type="condition", name="condition", lineage="", sides=[side(LOYAL)]),
        Step(
            id="t",
            type="true_false",
            name="VIP",
            lineage="",
            sides=[side(LOYAL, "true", next="r"), side(LOYAL, "false")],
        ),
        Step(
            id="m",
            type="multi_branch",
            name="multi_branch",
            lineage="",
            sides=[side(LOYAL, "Mail", next="d"), side(ADDED, "Web")],
        ),
        Step(
            id="r",
            type="random_split",
            name="random_split",
            lineage="",
            sides=[side(None, "A", 80, "d"), side(None, "Control", 20.0)],
        ),
        Step(id="d", type="send_to_destination", name="Nudge", lineage="", sides=[side(next="ad")], targets=[goal]),
        Step(
            id="ad", type="show_ad", name="Retarget", lineage="", sides=[side()], targets=[list_], remove_after=3 * DAY
        ),
    ]


def test_how_a_step_sends_is_read_as_a_connection_takes_it():
    sync = [{"externalId": "email", "strategy": "first", "mapTo": "mail"}]
    names = {"enterEventName": "In", "exitEventName": "Out"}
    sent = {"destinationId": "dst_1", "identify": True, "idSyncConfiguration": sync, **names}
    (found,) = read(step("d", "send_to_destination", destinations=[sent]))
    target = Target(destination_id="dst_1", connection_id="", settings={"sendIdentify": True, **names}, id_sync=sync)
    assert found.targets == [target]


def test_settings_have_defaults():
    body = Body({"settings": {}})
    assert read_settings(body) == Settings()
    assert read_settings(Body({})) is None
    given = {"useHistoricalData": True, "includeAnonymous": True, "exitAfter": "7d", "reentryAfter": "2w"}
    body = Body({"settings": given})
    assert read_settings(body) == Settings(history=True, anonymous=True, exit_after=7 * DAY, reentry_after=14 * DAY)
    assert not body.problems


@pytest.mark.parametrize(
    ("text", "ms"), [("1m", MINUTE), ("90m", 90 * MINUTE), ("36h", 36 * HOUR), ("7d", 7 * DAY), ("2w", 14 * DAY)]
)
def test_durations_are_read_and_said_exactly(text, ms):
    body = Body({"it": text})
    assert read_duration(body, "it") == ms
    assert not body.problems
    assert read_duration(Body({"it": duration_text(ms)}), "it") == ms


@pytest.mark.parametrize("text", ["0d", "1", "d", "-1d", "1.5d", "1s", "1D", " 1d", "1d ", "", "١d", "1000000000d"])
def test_what_is_no_duration_is_refused(text):
    body = Body({"it": text})
    assert read_duration(body, "it") is None
    assert [problem.field for problem in body.problems] == ["it"]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"exitAfter": "12h"}, "settings.exitAfter"),
        ({"exitAfter": "1w"}, "settings.exitAfter"),
        ({"reentryAfter": "30m"}, "settings.reentryAfter"),
        ({"exitAfter": 7}, "settings.exitAfter"),
        ({"useHistoricalData": "yes"}, "settings.useHistoricalData"),
        ({"includeAnonymous": 1}, "settings.includeAnonymous"),
    ],
)
def test_malformed_settings_are_refused(settings, field):
    body = Body({"settings": settings})
    read_settings(body)
    assert [problem.field for problem in body.problems] == [field]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ("x", ["steps.0"]),
        ({}, ["steps.0.type", "steps.0.id"]),
        (step("a", "jump"), ["steps.0.type"]),
        (step("a", "set_trait"), ["steps.0.type"]),
        (step("a", "entry_event"), ["steps.0.type"]),
        (step("a/0", "entry", query=ADDED), ["steps.0.id"]),
        (step("a" * 65, "entry", query=ADDED), ["steps.0.id"]),
        (step(7, "entry", query=ADDED), ["steps.0.id"]),
        (step("a", "entry", name=7, query=ADDED), ["steps.0.name"]),
        (step("a", "entry"), ["steps.0.query"]),
        (step("a", "condition", query=" "), ["steps.0.query"]),
        (step("a", "entry", query=ADDED, next=3), ["steps.0.next"]),
        (step("a", "delay"), ["steps.0.duration"]),
        (step("a", "delay", duration="soon"), ["steps.0.duration"]),
        (step("a", "true_false", true="x"), ["steps.0.query"]),
        (step("a", "multi_branch"), ["steps.0.branches"]),
        (step("a", "multi_branch", branches=[{"name": "A"}]), ["steps.0.branches.0.query"]),
        (step("a", "multi_branch", branches=[{"query": LOYAL}]), ["steps.0.branches.0.name"]),
        (step("a", "random_split", branches=[{"name": "A"}]), ["steps.0.branches.0.percent"]),
        (step("a", "random_split", branches=[{"name": "A", "percent": 101}]), ["steps.0.branches.0.percent"]),
        (step("a", "random_split", branches=[{"name": "A", "percent": -1}]), ["steps.0.branches.0.percent"]),
        (step("a", "send_to_destination", destinations={}), ["steps.0.destinations"]),
        (step("a", "send_to_destination", destinations=[{}]), ["steps.0.destinations.0.destinationId"]),
        (step("a", "show_ad", removeAfter="3"), ["steps.0.removeAfter"]),
    ],
)
def test_malformed_steps_are_refused(given, fields):
    body = Body({"steps": [given]})
    read_steps(body)
    assert sorted(problem.field or "" for problem in body.problems) == sorted(fields)


def test_what_is_malformed_is_told_before_what_does_not_fit():
    acme = Carts()
    with pytest.raises(Invalid) as caught:
        acme.draw(name=" ", kind="EVENT", settings=3, steps=[step("a", "delay", duration="1"), step("b", "x")])
    assert not isinstance(caught.value, Unsound)
    fields = ["kind", "name", "settings", "steps.0.duration", "steps.1.type"]
    assert sorted(problem.field or "" for problem in caught.value.problems) == fields
    with pytest.raises(Invalid) as caught:
        acme.journeys.create(acme.space, {"name": "Cart"}, "me")
    assert [problem.field for problem in caught.value.problems] == ["steps"]


def test_journeys_of_single_events_are_refused_in_plain_words():
    acme = Carts()
    with pytest.raises(Invalid) as caught:
        acme.draw(**cart(acme.target, kind="EVENT"))
    (problem,) = caught.value.problems
    assert (problem.field, problem.data) == ("kind", {"code": "not_supported"})
    assert "not supported" in problem.message
