"""What tasks promise, where more than tasks takes part: the audit trail and its forwarding, notifications, overview,
deliveries, alerts and the debugger, all of it on the real stores, turned by the harness."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from chalicelib.clock import HOUR, MINUTE, SECOND
from chalicelib.store.clients import Clients
from chalicelib.tasks.task import FAILED, SUCCEEDED, Task
from infra.resources import create
from tests.acceptance.world import World, identify, track
from tests.conftest import Cloud
from tests.tasks.installation import Installation

RUN_FAILED, RUN_COMPLETE, SYNC_FAILED = (
    "Audience Run Failed",
    "Audience Run Complete",
    "Audience Destination Sync Failed",
)
ALWAYS = 99


@pytest.fixture
def whole(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """On tables of its own: a stream tells its reader everything from the beginning."""
    with mock_aws():
        made = Installation(Cloud(clients, create(clients, "muster")), monkeypatch)
        yield made
        made.close()


def run(whole: Installation, *tasks: Task, minutes: int = 30) -> list[Task]:
    """Until they are closed."""
    whole.drain()
    for _ in range(minutes):
        found = [whole.tasks.get(task.task_id) for task in tasks]
        if not any(task.is_open for task in found):
            return found
        whole.minutes(1)
    raise AssertionError("a task goes on for ever")


def test_10_failures_that_are_retried_are_kept_quiet(whole: Installation) -> None:
    audience, hook = whole.audience("Quiet"), whole.webhook("x")
    silence = {"notifyTransientFailures": False}
    assert whole.manage("PATCH", f"/spaces/{whole.stack.space_id}/failure-notifications", silence).status == 200
    whole.forward()
    whole.minutes(3)
    before = len(whole.forwarded())
    whole.failing[hook["id"], "deliver"] = ALWAYS
    whole.connect(audience, hook)
    (task,) = run(whole, whole.sync(audience, hook))
    assert task.status == FAILED
    assert [at for subject, step, at in whole.ran if step == "deliver"] == [0, 30, 90, 210, 450, 930]
    rows = whole.rows(action=SYNC_FAILED)
    assert len(rows) == 6
    assert [row.get("transient") for row in rows] == [True] * 5 + [None]
    whole.minutes(3)
    (forwarded,) = (one for one in whole.forwarded()[before:] if one["type"] == SYNC_FAILED)
    assert (forwarded["type"], forwarded["details"]["hard_failure"]) == (SYNC_FAILED, True)
    notices = whole.manage("GET", "/notifications").data["notifications"]
    assert [(notice["name"], notice["details"]["attempt"]) for notice in notices] == [(SYNC_FAILED, 6)]
    (shown,) = whole.overview(audience)["destinations"]
    assert shown["syncStatus"] == "Failed"


def test_11_a_run_that_fails_twice_and_then_succeeds(whole: Installation) -> None:
    whole.failing["compute", "evaluate"] = 2
    audience = World.audience(whole, "Twice", "event('Bought').count() >= 1")
    seen = [whole.overview(audience)["status"]]
    whole.minutes(6, lambda: seen.append(whole.overview(audience)["status"]))
    assert whole.failing["compute", "evaluate"] == 0
    *under_way, last = dict.fromkeys(seen)
    assert last == "Live"
    assert under_way
    assert set(under_way) <= {"Preparing", "Backfilling", "Computing"}
    rows = [row["type"] for row in whole.rows(actor="__system__")]
    assert rows == [RUN_FAILED, RUN_FAILED, RUN_COMPLETE]


def test_17_one_destination_fails_and_neither_the_other_nor_the_audience_notice(whole: Installation) -> None:
    audience, failing, working = whole.audience("Two"), whole.webhook("x"), whole.webhook("y")
    whole.failing[failing["id"], "deliver"] = ALWAYS
    for hook in (failing, working):
        whole.connect(audience, hook)
    tasks = [whole.sync(audience, hook) for hook in (failing, working)]
    whole.drain()
    assert whole.tasks.get(tasks[1].task_id).status == SUCCEEDED
    assert [task.status for task in run(whole, *tasks)] == [FAILED, SUCCEEDED]
    shown = whole.overview(audience)
    assert shown["status"] == "Live"
    statuses = {target["destinationId"]: target["syncStatus"] for target in shown["destinations"]}
    assert statuses == {failing["id"]: "Failed", working["id"]: "Live"}
    rows = whole.rows(action=SYNC_FAILED)
    assert [row["details"]["destination_id"] for row in rows] == [failing["id"]] * 6


def mixed(whole: Installation, later: int) -> None:
    """A hundred members: 30 for another partner, 60 that are taken, 5 refused for good, 5 for now and, if `later`, so
    again."""
    people = [f"other{n}" if n < 30 else f"user{n}" for n in range(100)]
    for n, user in enumerate(people):
        whole.answers[user] = [400] if 90 <= n < 95 else [429, *[429] * later] if n >= 95 else []
    whole.divert("other", "Braze")
    whole.send(*(track("Bought", user) for user in people))


@pytest.mark.parametrize("later", [0, 60])
def test_18_a_sync_of_a_hundred_members_is_accounted_for(whole: Installation, later: int) -> None:
    audience, hook = whole.audience("Hundred"), whole.webhook("x")
    mixed(whole, later)
    whole.connect(audience, hook)
    ledger = whole.application.ledger
    whole.drain()
    whole._engine.advance(2 * SECOND)  # a page leaves the partner time
    task = whole.tasks.get(whole.sync(audience, hook).task_id)
    assert (task.status, task.attempt) == (SUCCEEDED, 1)
    assert whole.overview(audience)["destinations"][0]["syncStatus"] == "Live"
    counts = ledger.counts(hook["id"])
    assert counts["filtered"] + counts["delivered"] + counts["discarded"] + counts["pending"] == 100
    assert [counts[name] for name in ("filtered", "delivered", "discarded", "pending")] == [30, 60, 5, 5]
    assert whole.waiting() == 5
    if not later:
        whole._engine.advance(HOUR)
        counts = ledger.counts(hook["id"])
        assert [counts.get(name, 0) for name in ("filtered", "delivered", "discarded", "pending")] == [30, 65, 5, 0]
        assert counts["retried"] == 5
    else:
        whole._engine.advance(5 * HOUR)
        counts = ledger.counts(hook["id"])
        assert [counts.get(name, 0) for name in ("filtered", "delivered", "discarded", "pending")] == [30, 60, 10, 0]
        assert len(whole.dead_letters(hook)) == 10
    assert whole.waiting() == 0
    assert len({one["body"]["messageId"] for one in whole.received("x")}) == (60 if later else 65)


def buy(whole: Installation, first: int, last: int) -> None:
    whole.send(*(track("Bought", f"buyer{n}") for n in range(first, last)))


def hours(whole: Installation, count: int) -> None:
    """With the tick that looks at alerts in each."""
    for _ in range(count):
        whole._engine.advance(HOUR)


def test_19_an_audience_that_grows_by_more_than_allowed(whole: Installation) -> None:
    audience = whole.audience("Buyers")
    content = {"type": "AUDIENCE_SIZE_CHANGE", "name": "Size", "threshold": 4, "spaceId": whole.stack.space_id}
    assert whole.manage("POST", "/alerts", content | {"audienceId": audience["id"]}).status == 200
    buy(whole, 0, 100)
    hours(whole, 25)
    assert whole.overview(audience)["size"]["count"] == 100
    buy(whole, 100, 104)
    hours(whole, 2)
    assert whole.notices("alert") == []
    buy(whole, 104, 105)
    hours(whole, 2)
    assert len(whole.notices("alert")) == 1
    hours(whole, 6)
    assert len(whole.notices("alert")) == 1


def test_19_an_audience_that_shrinks_by_more_than_allowed(whole: Installation) -> None:
    audience = whole.audience("Professionals", "trait('plan') = 'pro'")
    content = {"type": "AUDIENCE_SIZE_CHANGE", "name": "Size", "threshold": 4, "spaceId": whole.stack.space_id}
    assert whole.manage("POST", "/alerts", content | {"audienceId": audience["id"]}).status == 200
    whole.send(*(identify(f"user{n}", plan="pro") for n in range(100)))
    hours(whole, 25)
    assert (whole.overview(audience)["size"]["count"], whole.notices("alert")) == (100, [])
    whole.send(*(identify(f"user{n}", plan="free") for n in range(5)))
    hours(whole, 2)
    assert whole.overview(audience)["size"]["count"] == 95
    assert len(whole.notices("alert")) == 1


@pytest.mark.parametrize(("events", "fires"), [(100, False), (91, True)])
def test_19_a_partner_that_takes_less_than_it_should(whole: Installation, events: int, fires: bool) -> None:
    """One failure: of a hundred that is 99.0 %, of ninety-one 98.9 %."""
    audience, hook = whole.audience("Told"), whole.webhook("x")
    whole.connect(audience, hook)
    content = {"type": "SUCCESSFUL_DELIVERY_RATE", "name": "Rate", "threshold": 99, "destinationId": hook["id"]}
    assert whole.manage("POST", "/alerts", content).status == 200
    whole.answers["buyer0"] = [400]
    buy(whole, 0, events)
    counts = whole.application.ledger.counts(hook["id"])
    assert (counts["delivered"], counts["discarded"]) == (events - 1, 1)
    hours(whole, 2)
    assert len(whole.notices("alert")) == fires
    hours(whole, 4)
    assert len(whole.notices("alert")) == fires


def test_20_the_debugger_holds_the_newest_events_of_engage(whole: Installation) -> None:
    audience, hook = whole.audience("Shown", "event('Bought').count() >= 1"), whole.webhook("x")
    whole.connect(audience, hook)
    whole.stop_delivering()  # what is shown is shown before the destination has it
    people = [
        track("Bought", f"buyer{n}", context={"externalIds": [_address(n, m) for m in range(5)]}) for n in range(100)
    ]
    whole.send(track("Bought", "first"))
    whole.clock.advance(MINUTE)
    whole.send(*people)
    page = {"type": "page", "name": "Home", "userId": "first"}
    whole.clock.advance(MINUTE)
    whole.send(page)
    assert whole.undelivered() == 501
    shown = whole.manage("GET", f"/destinations/{hook['id']}/debugger").data["events"]
    assert len(shown) == 500
    assert {event["event"] for event in shown} == {"Audience Entered"}
    assert "first" not in {event["userId"] for event in shown}


def _address(person: int, number: int) -> dict:
    return {"id": f"p{person}-{number}@example.com", "type": "email", "collection": "users", "encoding": "none"}


def test_20_one_modified_audience_is_forwarded_once_and_makes_no_circle(whole: Installation) -> None:
    whole.forward()
    audience = whole.audience("Modified")
    whole.minutes(2)
    before = len(whole.forwarded())
    assert whole.manage("PATCH", f"{whole.audiences}/{audience['id']}", {"name": "Renamed"}).status == 200
    rows = whole.rows()
    whole.minutes(5)
    (event,) = whole.forwarded()[before:]
    assert event["type"] == "Audience Modified"
    assert event["details"]["subject"] == f"tokens/{audience['createdBy']}"
    assert event["details"]["target"] == "Renamed"
    assert whole.rows() == rows
    assert rows[-1]["type"] == "Audience Modified"
