"""Subscriptions of destinations to actions, as owners make them."""

import pytest

from chalicelib.destinations.facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.webhook import SEND
from chalicelib.workspace.rates import Rates
from chalicelib.workspace.subscriptions import MOST

URL = "https://example.org/in"
ENTERED = 'type = "track" and event = "Audience Entered"'


@pytest.fixture
def destination(api):
    return api.create_destination(url=URL)


@pytest.fixture
def path(destination):
    return f"/destinations/{destination['id']}/subscriptions"


def subscription(**fields):
    return {"name": "Entries", "actionId": SEND.id, "trigger": ENTERED, "enabled": True, **fields}


def create(api, path, **fields):
    return api.post(path, subscription(**fields)).data["destinationSubscription"]


def test_a_subscription_from_its_creation_to_its_end(world, api, destination, path):
    settings = {"url": URL, "data": {"who": {"@path": "$.userId"}}}
    made = create(api, path, settings=settings)
    assert made == {
        "id": made["id"],
        "name": "Entries",
        "actionId": SEND.id,
        "actionSlug": "send",
        "destinationId": destination["id"],
        "enabled": True,
        "trigger": ENTERED,
        "settings": settings,
    }
    one = f"{path}/{made['id']}"
    assert api.get(one).data["subscription"] == made
    assert api.get(path).data["subscriptions"] == [made]
    given = {"name": "Others", "enabled": False, "trigger": "all", "settings": {"url": None, "method": "PUT"}}
    changed = api.patch(one, {"input": given}).data["subscription"]
    assert changed == {**made, **given, "settings": {"data": settings["data"], "method": "PUT"}}
    assert api.patch(one, {"input": {}}).data["subscription"] == changed
    assert api.delete(one).data == {"status": "SUCCESS"}
    assert api.get(path).data["subscriptions"] == []
    assert api.get(one).status == api.patch(one, {"input": {}}).status == api.delete(one).status == 404


def test_it_is_disabled_and_meant_for_all_unless_it_says_otherwise(api, path):
    made = api.post(path, {"name": "X", "actionId": SEND.id}).data["destinationSubscription"]
    assert (made["enabled"], made["trigger"], made["settings"]) == (False, SEND.trigger, {})


def test_what_is_secret_is_sealed_and_never_shown(world, api, destination, path):
    made = create(api, path, settings={"headers": {"Authorization": "Bearer s3cr3t"}, "method": "PUT"})
    one = f"{path}/{made['id']}"
    assert made["settings"] == {"method": "PUT"}
    api.patch(one, {"input": {"settings": {"batch_size": 5}}})
    stored = world.workspaces.destinations.get(api.founded.workspace_id, destination["id"]).subscriptions
    assert "s3cr3t" not in repr(stored[0].settings)
    assert stored[0].secrets.keys() == {"headers"}
    (opened,) = world.directory.destination(destination["id"]).subscriptions
    assert opened.settings == {"headers": {"Authorization": "Bearer s3cr3t"}, "method": "PUT", "batch_size": 5}
    for reply in (api.get(one), api.get(path), api.get("/audit-events")):
        assert "s3cr3t" not in str(reply.body)
    api.patch(one, {"input": {"settings": {"headers": None}}})
    world.directory.refresh()
    (opened,) = world.directory.destination(destination["id"]).subscriptions
    assert opened.settings == {"method": "PUT", "batch_size": 5}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, ["name"]),
        ({"actionId": "other"}, ["actionId"]),
        ({"trigger": "event =="}, ["trigger"]),
        ({"trigger": 'event = "' + "x" * 5_200 + '"'}, ["trigger"]),
        ({"enabled": "yes"}, ["enabled"]),
        ({"settings": []}, ["settings"]),
        ({"settings": {"uri": URL}}, ["settings.uri"]),
        ({"settings": {"url": "ftp://example.org"}}, ["settings.url"]),
        ({"settings": {"batch_size": 9_000, "method": "GET"}}, ["settings.batch_size", "settings.method"]),
        ({"settings": {"data": {"a": {"@if": {"exists": {"@path": "$.a"}}}}}}, ["settings.data.a"]),
        ({"settings": {"data": {"a": {"@path": "a b"}}}}, ["settings.data.a"]),
        ({"settings": {"data": {"a": "x" * 10_000}}}, ["settings"]),
        ({"modelId": "m"}, ["modelId"]),
    ],
)
def test_what_cannot_be(api, path, fields, wrong):
    reply = api.post(path, subscription(**fields))
    assert reply.status == 422
    assert sorted(reply.fields) == wrong
    assert api.get(path).data["subscriptions"] == []
    changes = {name: value for name, value in fields.items() if name not in ("actionId", "modelId", "name")}
    if changes:
        one = f"{path}/{create(api, path)['id']}"
        refused = api.patch(one, {"input": changes})
        assert refused.status == 422
        assert sorted(refused.fields) == [f"input.{field}" for field in wrong]


def test_an_update_is_wrapped(api, path):
    one = f"{path}/{create(api, path)['id']}"
    assert api.patch(one, {"enabled": False}).fields == ["input"]
    assert api.get(one).data["subscription"]["enabled"] is True


def test_a_problem_of_a_trigger_has_its_place(api, path):
    (error,) = api.post(path, subscription(trigger='type = "track" and')).errors
    assert error["data"]["line"] == 1
    assert "^" in error["message"]


def test_a_kind_without_actions_takes_none(api):
    sent = {
        "sourceId": api.founded.engage_source_id,
        "metadataId": FACEBOOK_CUSTOM_AUDIENCES.metadata_id,
        "settings": {},
    }
    made = api.post("/destinations", sent).data["destination"]
    reply = api.post(f"/destinations/{made['id']}/subscriptions", subscription())
    assert (reply.status, reply.fields) == (422, ["actionId"])
    assert reply.errors[0]["data"] == {"code": "not_supported"}


def test_there_is_a_most(api, path, destination, world):
    for number in range(MOST):
        create(api, path, name=f"n{number}")
    assert api.post(path, subscription()).status == 409
    page = api.get(path, pagination={"count": 20}).data
    assert [one["name"] for one in page["subscriptions"]] == [f"n{n}" for n in range(20)]
    assert page["pagination"]["totalEntries"] == MOST


def test_all_of_a_destination_have_a_size(api, path):
    large = {"data": {"a": "x" * 9_900}}
    replies = [api.post(path, subscription(settings=large)).status for _ in range(16)]
    assert replies.count(200) == 14
    assert replies[-2:] == [409, 409]


def test_five_a_minute_may_be_written(world, api, path):
    world.application.rates = Rates(world.records, world.clock, 1_000)
    assert [api.post(path, subscription()).status for _ in range(6)] == [200] * 5 + [429]
    assert api.get(path).status == 200


def test_of_what_there_is_not(world, api, path):
    other = world.api("other")
    one = f"{path}/{create(api, path)['id']}"
    assert other.get(path).status == other.post(path, subscription()).status == 404
    assert other.get(one).status == other.delete(one).status == other.patch(one, {"input": {}}).status == 404
    elsewhere = api.create_destination(url=URL)
    assert api.get(one.replace(path.split("/")[2], elsewhere["id"])).status == 404


def test_what_happens_to_subscriptions_is_in_the_audit_trail(world, api, path):
    one = f"{path}/{create(api, path)['id']}"
    steps = [
        lambda: api.patch(one, {"input": {"name": "Others"}}),
        lambda: api.patch(one, {"input": {"enabled": False}}),
        lambda: api.patch(one, {"input": {}}),
        lambda: api.delete(one),
    ]
    for step in steps:
        world.clock.advance(1)
        step()
    rows = [row["type"] for row in reversed(api.get("/audit-events").data["events"])]
    names = [name for name in rows if name.startswith("Destination Subscription")]
    assert names == [f"Destination Subscription {what}" for what in ("Created", "Modified", "Disabled", "Deleted")]


def test_the_catalogue_shows_actions(api):
    kinds = {kind["slug"]: kind for kind in api.get("/catalog/destinations").data["destinationsCatalog"]}
    (action,) = kinds["actions-webhook"]["actions"]
    assert (action["id"], action["slug"], action["platform"]) == (SEND.id, "send", "CLOUD")
    assert action["defaultTrigger"] == SEND.trigger
    types = {field["fieldKey"]: field["type"] for field in action["fields"]}
    assert types == {
        "url": "STRING",
        "method": "STRING",
        "headers": "OBJECT",
        "data": "OBJECT",
        "enable_batching": "BOOLEAN",
        "batch_size": "INTEGER",
    }
    supported = f"{api.space}/audienceType/USERS/supported-destinations"
    assert list(api.get(supported, actionId=SEND.id).data["destinations"]) == ["actions-webhook"]
    assert api.get(supported, actionId="other").data["destinations"] == {}
