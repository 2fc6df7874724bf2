"""Notices on their way: who is told of what, through which channel, and what becomes of trouble on the way."""

import json
import logging

import pytest

from chalicelib.clock import DAY, HOUR, MINUTE, SECOND
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.delivery.classification import no_answer
from chalicelib.delivery.transport import Response
from chalicelib.errors import NotFound, Unavailable
from chalicelib.notifications.outbox import ATTEMPTS, DELAYS, Outbox
from tests.workspace.crashing import CrashingRecords, Killed

from .test_channels import SLACK, SLACK_URL, SNS, TOPIC, WEBHOOK, create

SYNC = "Audience Destination Sync Failed"


@pytest.fixture
def audience(api):
    return api.create_audience("VIP <!channel> & co")["id"]


def fail(world, api, audience, slot="1", times=1):
    """A sync that fails so often, told of by the next tick."""
    world.failing["X", "deliver"] = times
    return world.play(world.task("sync", api, audience, "X", slot=slot))


def outbox(world):
    return world.records.page("outbox").records


def sent(world):
    return [json.loads(request.body) for request in world.transport.requests]


def test_a_failure_is_told_through_every_kind_of_channel(world, api, audience):
    for content in (SLACK, SNS, WEBHOOK):
        create(api, content)
    fail(world, api, audience)
    assert (world.transport.requests, world.topics.published) == ([], [])
    world.tick()
    slack, hook = sorted(world.transport.requests, key=lambda request: request.url, reverse=True)
    assert (slack.url, slack.method) == (SLACK_URL, "POST")
    assert json.loads(slack.body) == {
        "text": "Audience Destination Sync Failed: VIP &lt;!channel&gt; &amp; co to destination X "
        "(PARTNER_DOWN, attempt 1 of 6; it will be tried again)"
    }
    assert "X-Signature" in hook.headers
    told = json.loads(hook.body)
    assert (told["name"], told["kind"], told["spaceId"]) == (SYNC, "audit", api.founded.space_id)
    assert told["details"]["error_code"] == "PARTNER_DOWN"
    (letter,) = world.topics.published
    assert (letter.topic_arn, letter.subject) == (TOPIC, f"Muster: {SYNC}")
    assert "error_message: the partner does not answer" in letter.text
    assert outbox(world) == []


def test_a_channel_hears_of_what_it_asked_for(world, api, audience):
    create(api, WEBHOOK, actions=["Source Created"])
    create(api, SNS)
    api.post("/sources", {"slug": "one", "enabled": True, "metadataId": "http-api"})
    fail(world, api, audience)
    world.tick()
    assert [told["name"] for told in sent(world)] == ["Source Created"]
    assert [letter.subject for letter in world.topics.published] == [f"Muster: {SYNC}"]


def test_a_channel_of_one_space_hears_of_no_other(world, api):
    create(api, WEBHOOK, spaceId=api.founded.space_id, actions=["Audience Created", "Source Created", "Alert Created"])
    create(api, SNS, enabled=False)
    api.create_audience("Of the space")
    api.create_destination()
    world.tick()
    assert [told["name"] for told in sent(world)] == ["Audience Created"]
    assert world.topics.published == []


def test_the_list_in_the_app_has_failures_and_nothing_else(world, api, audience):
    fail(world, api, audience)
    api.post("/sources", {"slug": "one", "enabled": True, "metadataId": "http-api"})
    world.tick()
    (notice,) = api.get("/notifications").data["notifications"]
    assert notice["name"] == SYNC
    assert api.get("/notifications", spaceId=api.founded.space_id).data["notifications"] == [notice]
    assert api.get("/notifications", spaceId="another").data["notifications"] == []
    assert world.api("globex").get("/notifications").data["notifications"] == []
    world.clock.advance(31 * DAY)
    assert api.get("/notifications").data["notifications"] == []


def test_the_list_comes_in_pages_newest_first(world, api, audience):
    for slot in range(3):
        fail(world, api, audience, slot=str(slot))
    world.tick()
    whole = api.get("/notifications").data["notifications"]
    assert [n["timestamp"] for n in whole] == sorted((n["timestamp"] for n in whole), reverse=True)
    first = api.get("/notifications", pagination={"count": 2}).data
    second = api.get("/notifications", pagination={"count": 2, "cursor": first["pagination"]["next"]}).data
    assert first["notifications"] + second["notifications"] == whole
    assert second["pagination"]["next"] is None
    assert api.get("/notifications", pagination={"count": 0}).fields == ["pagination.count"]
    assert api.get("/notifications", pagination={"cursor": "%%"}).fields == ["pagination.cursor"]
    assert api.get("/notifications", spaceId="x" * 300).fields == ["spaceId"]


def test_trouble_is_tried_again_so_often_and_no_more(world, api, audience, caplog):
    create(api, SLACK)
    create(api, SNS)
    world.answer = lambda request: Response(503)
    fail(world, api, audience)
    start = world.clock.now()
    asked = []
    for minute in range(3 * 60):
        world.clock.move_to(start + minute * MINUTE)
        before = len(world.transport.requests)
        world.tick()
        asked += [minute] * (len(world.transport.requests) - before)
    assert asked == [0, 1, 6, 21, 81]
    assert len(asked) == ATTEMPTS == len(DELAYS) + 1
    assert len(world.topics.published) == 1
    assert outbox(world) == []
    assert "is given up" in caplog.text
    assert "hooks.slack" not in caplog.text


def test_a_refusal_is_not_tried_again(world, api, audience, caplog):
    create(api, SLACK)
    world.answer = lambda request: Response(404)
    fail(world, api, audience)
    world.tick()
    world.clock.advance(HOUR)
    world.tick()
    assert len(world.transport.requests) == 1
    assert outbox(world) == []
    assert "404" in caplog.text


def test_a_channel_that_is_down_holds_up_only_itself(world, api, audience):
    create(api, SLACK)
    create(api, WEBHOOK)

    def answer(request):
        if "slack" in request.url:
            raise no_answer("ETIMEDOUT")
        return Response(200)

    world.answer = answer
    for slot in range(4):
        fail(world, api, audience, slot=str(slot))
    world.tick()
    asked = [request.url for request in world.transport.requests]
    assert sum("slack" in url for url in asked) == 1
    assert sum("example.org" in url for url in asked) == 4
    world.answer = lambda request: Response(200)
    world.clock.advance(MINUTE)
    world.tick()
    assert sum("slack" in request.url for request in world.transport.requests) == 5
    assert sum("example.org" in request.url for request in world.transport.requests) == 4
    assert outbox(world) == []


def test_a_topic_that_is_not_ours_is_given_up_and_one_that_is_busy_is_not(world, api, audience, monkeypatch):
    create(api, SNS)
    for error, left in ((NotFound("gone"), 0), (Unavailable("busy"), 1)):

        def publish(topic_arn, subject, text, error=error):
            raise error

        monkeypatch.setattr(world.topics, "publish", publish)
        fail(world, api, audience, slot=str(left))
        world.tick()
        assert len(outbox(world)) == left


def test_a_channel_deleted_meanwhile_is_not_waited_for(world, api, audience):
    channel = create(api, SLACK)
    world.answer = lambda request: Response(500)
    fail(world, api, audience)
    world.tick()
    api.delete(f"/notification-channels/{channel['id']}")
    world.clock.advance(MINUTE)
    world.tick()
    assert len(world.transport.requests) == 1
    assert outbox(world) == []


def test_what_does_not_fit_into_the_time_is_told_by_a_later_tick(world, api, audience):
    create(api, WEBHOOK)

    def slow(request):
        world.clock.advance(5 * SECOND)
        return Response(200)

    world.answer = slow
    for slot in range(4):
        fail(world, api, audience, slot=str(slot))
    world.operations.dispatcher.dispatch(ClockDeadline(world.clock, world.clock.now() + 15 * SECOND))
    assert 0 < len(sent(world)) < 4
    world.clock.advance(MINUTE)
    world.tick()
    ids = [told["id"] for told in sent(world)]
    assert len(ids) == len(set(ids)) == 4


def test_two_ticks_at_once_tell_nobody_twice(world, api):
    api.create_audience()
    (due,) = world.operations.dispatcher.outbox.due()
    first, second = (Outbox(world.records, world.clock).claim(*due) for _ in range(2))
    assert first is not None
    assert second is None


def test_posting_again_tells_nobody_twice(world, api, audience):
    create(api, WEBHOOK)
    task = fail(world, api, audience)
    for _ in range(3):
        world.tick()
        world.operations.failures.report(task, task.attempts[0].failure)
        world.clock.advance(HOUR)
    world.tick()
    assert len(sent(world)) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_tick_that_dies_leaves_the_notice_to_the_next_one(world, api, audience, after):
    create(api, WEBHOOK)
    fail(world, api, audience)
    killed = 0
    for calls in range(10):
        crashing = CrashingRecords(world.records, calls, after=after)
        dispatcher = world.operations.dispatcher
        dispatcher.outbox, kept = Outbox(crashing, world.clock), dispatcher.outbox
        try:
            dispatcher.dispatch(NoDeadline())
        except Killed:
            killed += 1
        dispatcher.outbox = kept
        world.clock.advance(HOUR + MINUTE)
        if not outbox(world):
            break
    assert killed
    assert outbox(world) == []
    assert {told["name"] for told in sent(world)} == {SYNC}
    assert len(api.get("/notifications").data["notifications"]) == 1


def test_the_request_that_causes_a_notice_sends_nothing_itself(world, api):
    create(api, WEBHOOK, actions=["Audience Created"])
    world.answer = lambda request: pytest.fail("a request waited for a channel")
    api.create_audience()


def test_what_breaks_in_a_channel_is_named_in_the_log_without_its_data(world, api, audience, caplog):
    create(api, SLACK)

    def answer(request):
        raise RuntimeError(f"cannot ask {request.url}")

    world.answer = answer
    fail(world, api, audience)
    with caplog.at_level(logging.DEBUG):
        world.tick()
    assert "takes no notice" in caplog.text
    assert "hooks.slack" not in caplog.text


def test_private_addresses_stay_the_installations_choice(world, api, audience):
    create(api, WEBHOOK)
    create(api, WEBHOOK, settings={"url": "http://localhost:9/x", "allowPrivateAddresses": True})
    fail(world, api, audience)
    world.tick()
    assert sorted(request.private for request in world.transport.requests) == [False, True]
