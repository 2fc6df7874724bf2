"""Channels as owners set them up: what is wrong is listed, what is secret stays sealed."""

import pytest

from chalicelib.audit.catalogue import FAILURES

TOPIC = "arn:aws:sns:eu-central-1:123456789012:muster-people"
SLACK_URL = "https://hooks.slack.com/services/T0/B0/s3cr3t"

SLACK = {"type": "SLACK", "name": "Team", "settings": {"url": SLACK_URL}}
SNS = {"type": "SNS", "name": "Mail", "settings": {"topicArn": TOPIC}}
WEBHOOK = {"type": "WEBHOOK", "name": "Hook", "settings": {"url": "https://example.org/in", "sharedSecret": "s3cr3t"}}


def create(api, content, **more):
    return api.post("/notification-channels", {**content, **more}).data["channel"]


def test_a_channel_shows_everything_but_its_secrets(world, api):
    for content, shown in ((SLACK, {}), (SNS, SNS["settings"]), (WEBHOOK, {"url": "https://example.org/in"})):
        channel = create(api, content)
        assert channel["settings"] == shown
        assert channel == api.get(f"/notification-channels/{channel['id']}").data["channel"]
        assert (channel["type"], channel["name"], channel["enabled"]) == (content["type"], content["name"], True)
        assert channel["actions"] == list(FAILURES)
        assert channel["spaceId"] is None
    assert len(api.get("/notification-channels").data["channels"]) == 3
    stored = {channel.type: channel for channel in world.operations.channels.every(api.founded.workspace_id)}
    assert {type: set(channel.secrets) for type, channel in stored.items()} == {
        "SLACK": {"url"},
        "SNS": set(),
        "WEBHOOK": {"sharedSecret"},
    }
    assert "s3cr3t" not in repr([channel.settings for channel in stored.values()])


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, ["name", "settings", "type"]),
        ({"type": "PIGEON", "name": " ", "settings": []}, ["name", "settings", "type"]),
        ({**SLACK, "settings": {}}, ["settings.url"]),
        ({**SLACK, "settings": {"url": "http://hooks.slack.com/x"}}, ["settings.url"]),
        ({**SLACK, "settings": {"url": "https://"}}, ["settings.url"]),
        ({**SLACK, "settings": {"url": 7, "room": "x"}}, ["settings.room", "settings.url"]),
        ({**SNS, "settings": {"topicArn": "arn:aws:sns:eu-central-1:123456789012:billing"}}, ["settings.topicArn"]),
        ({**SNS, "settings": {"topicArn": f"{TOPIC}\n"}}, ["settings.topicArn"]),
        ({**SNS, "settings": {"topicArn": "x"}}, ["settings.topicArn"]),
        ({**WEBHOOK, "settings": {"url": "ftp://x", "nothing": 1}}, ["settings.nothing", "settings.url"]),
        ({**WEBHOOK, "settings": {}}, ["settings.url"]),
        ({**SNS, "enabled": "yes", "spaceId": "nowhere"}, ["enabled", "spaceId"]),
        ({**SNS, "actions": ["Audience Run Failed", "Audience Eaten", "x"]}, ["actions.1", "actions.2"]),
        ({**SNS, "actions": "all"}, ["actions"]),
    ],
)
def test_everything_that_is_wrong_is_listed(api, content, fields):
    reply = api.post("/notification-channels", content)
    assert (reply.status, sorted(reply.fields)) == (422, fields)
    assert api.get("/notification-channels").data["channels"] == []


def test_settings_are_merged_and_secrets_survive(world, api):
    channel = create(api, WEBHOOK)
    path = f"/notification-channels/{channel['id']}"
    changed = api.patch(path, {"name": "Other", "settings": {"url": "https://example.org/other"}}).data["channel"]
    assert (changed["name"], changed["settings"]) == ("Other", {"url": "https://example.org/other"})
    stored = world.operations.channels.get(api.founded.workspace_id, channel["id"])
    assert world.operations.channels.settings_of(stored)["sharedSecret"] == "s3cr3t"
    api.patch(path, {"settings": {"sharedSecret": None}})
    stored = world.operations.channels.get(api.founded.workspace_id, channel["id"])
    assert world.operations.channels.settings_of(stored) == {"url": "https://example.org/other"}


def test_a_change_that_is_wrong_changes_nothing(api):
    channel = create(api, WEBHOOK)
    path = f"/notification-channels/{channel['id']}"
    wrong = {"type": "SNS", "settings": {"url": None}, "actions": ["x"], "name": "", "enabled": 1}
    reply = api.patch(path, wrong)
    assert reply.status == 422
    assert sorted(reply.fields) == ["actions.0", "enabled", "name", "settings.url", "type"]
    assert api.get(path).data["channel"] == channel


def test_a_deleted_channel_is_gone(api):
    channel = create(api, SNS)
    path = f"/notification-channels/{channel['id']}"
    assert api.delete(path).data == {"status": "SUCCESS"}
    for reply in (api.get(path), api.patch(path, {}), api.delete(path)):
        assert reply.status == 404


def test_channels_of_another_workspace_are_out_of_sight(world, api):
    path = f"/notification-channels/{create(api, SNS)['id']}"
    stranger = world.api("globex")
    for reply in (stranger.get(path), stranger.patch(path, {"name": "x"}), stranger.delete(path)):
        assert reply.status == 404
    assert stranger.get("/notification-channels").data["channels"] == []
    assert api.post("/notification-channels", {**SNS, "spaceId": stranger.founded.space_id}).fields == ["spaceId"]


def test_there_is_a_most(api):
    for number in range(20):
        create(api, SNS, name=f"Channel {number}")
    assert api.post("/notification-channels", SNS).status == 409


def test_preferences(world, api):
    path = f"{api.space}/failure-notifications"
    assert api.get(path).data == {"failureNotifications": {"notifyTransientFailures": True}}
    assert api.patch(path, {}).fields == ["notifyTransientFailures"]
    assert api.patch(path, {"notifyTransientFailures": 0}).fields == ["notifyTransientFailures"]
    api.patch(path, {"notifyTransientFailures": False})
    assert api.get(path).data == {"failureNotifications": {"notifyTransientFailures": False}}
    assert [row["type"] for row in world.rows(api)] == ["Failure Notifications Modified"]
    stranger = world.api("globex")
    assert stranger.get(path).status == 404
    assert stranger.patch(path, {"notifyTransientFailures": True}).status == 404


def test_changes_of_channels_are_in_the_trail_without_their_settings(world, api):
    channel = create(api, SLACK)
    world.clock.advance(1)
    api.patch(f"/notification-channels/{channel['id']}", {"settings": {"url": SLACK_URL + "2"}})
    world.clock.advance(1)
    api.delete(f"/notification-channels/{channel['id']}")
    rows = world.rows(api)
    assert [row["type"].rpartition(" ")[2] for row in rows] == ["Deleted", "Modified", "Created"]
    assert "hooks.slack" not in repr(rows)
