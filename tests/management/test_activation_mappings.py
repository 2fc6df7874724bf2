"""Mappings of activations, as owners give and change them."""

import pytest
from msgspec.structs import replace

from chalicelib.destinations.facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.webhook import SEND
from chalicelib.workspace.model import DestinationMapping

URL = "https://example.org/in"
ENTERED = {"activationType": "Audience Entered", "activationName": "Welcome", "performResync": False}


@pytest.fixture
def audience(api):
    return f"{api.audiences}/{api.create_audience()['id']}"


def connect(api, audience, destination_id):
    link = {"destination": {"id": destination_id, "type": "destination"}}
    id = api.post(f"{audience}/destination-connections", link).data["connection"]["id"]
    return f"{audience}/destination-connections/{id}"


@pytest.fixture
def connection(api, audience):
    return connect(api, audience, api.create_destination(url=URL)["id"])


def mapped(settings=None, action=SEND.id):
    return {"destinationMapping": {"actionId": action} | ({} if settings is None else {"settings": settings})}


def activate(api, connection, **more):
    return api.post(f"{connection}/activations", ENTERED | more).data["activation"]


def opened(world, made):
    """As the delivery sees it."""
    world.directory.refresh()
    (found,) = world.directory.view(made["spaceId"]).activations[made["connectionId"]]
    return world.directory.mapping(found)


def test_every_answer_shows_the_mapping(api, audience, connection):
    settings = {"url": URL, "method": "PUT", "data": {"who": {"@path": "$.userId"}}}
    made = activate(api, connection, **mapped(settings))
    assert made["destinationMapping"] == {"actionId": SEND.id, "settings": settings}
    path = f"{audience}/activations/{made['id']}"
    assert api.get(path).data["activation"] == made
    assert api.get(f"{audience}/activations").data["activations"] == [made]
    assert api.patch(path, {"displayName": "Hi"}).data["activation"] == made | {"displayName": "Hi"}


def test_settings_may_be_left_out(api, connection):
    assert activate(api, connection, **mapped())["destinationMapping"] == {"actionId": SEND.id, "settings": {}}


@pytest.mark.parametrize("none", [{}, {"destinationMapping": None}])
def test_without_one_none_is_shown(api, connection, none):
    assert "destinationMapping" not in activate(api, connection, **none)


def test_the_actions_there_are_can_be_looked_up(api, connection):
    supported = api.get(f"{api.space}/audienceType/USERS/supported-destinations").data["destinations"]
    ids = [action["id"] for action in supported["actions-webhook"]["actions"]]
    assert ids
    for id in ids:
        assert activate(api, connection, **mapped(action=id))["destinationMapping"]["actionId"] == id


def test_settings_are_changed_one_by_one_and_the_action_stays(api, audience, connection):
    made = activate(api, connection, **mapped({"url": URL, "method": "PUT"}))
    path = f"{audience}/activations/{made['id']}"

    def after(mapping):
        shown = api.patch(path, {"destinationMapping": mapping}).data["activation"]["destinationMapping"]
        assert shown["actionId"] == SEND.id
        return shown["settings"]

    assert after({"actionId": SEND.id, "settings": {"batch_size": 5}}) == {"url": URL, "method": "PUT", "batch_size": 5}
    assert after({"settings": {"method": "PATCH", "batch_size": None}}) == {"url": URL, "method": "PATCH"}
    assert after({"actionId": "unknown", "settings": {"url": None}}) == {"method": "PATCH"}
    assert after({"actionId": "unknown"}) == after({}) == after(None) == {"method": "PATCH"}


def test_one_may_be_given_later_by_a_known_action(api, audience, connection):
    path = f"{audience}/activations/{activate(api, connection)['id']}"
    for ignored in ({}, {"actionId": "unknown", "settings": {"odd": 1}}, {"settings": {"url": URL}}):
        assert "destinationMapping" not in api.patch(path, {"destinationMapping": ignored}).data["activation"]
    shown = api.patch(path, mapped({"url": URL})).data["activation"]["destinationMapping"]
    assert shown == {"actionId": SEND.id, "settings": {"url": URL}}


def test_what_is_secret_is_sealed_and_never_shown(world, api, audience, connection):
    made = activate(api, connection, **mapped({"headers": {"Authorization": "Bearer s3cr3t"}, "method": "PUT"}))
    path = f"{audience}/activations/{made['id']}"
    assert made["destinationMapping"]["settings"] == {"method": "PUT"}
    assert not [key for key, record in world.records._items.items() if b"s3cr3t" in (record.data or b"")]
    more = api.patch(path, {"destinationMapping": {"settings": {"batch_size": 5}}})
    secret = {"headers": {"Authorization": "Bearer s3cr3t"}}
    assert opened(world, made).settings == {**secret, "method": "PUT", "batch_size": 5}
    for reply in (more, api.get(path), api.get(f"{audience}/activations"), api.get("/audit-events")):
        assert "s3cr3t" not in str(reply.body)
    other = {"headers": {"Authorization": "Basic 0ther"}}
    api.patch(path, {"destinationMapping": {"settings": other}})
    assert opened(world, made).settings == {**other, "method": "PUT", "batch_size": 5}
    api.patch(path, {"destinationMapping": {"settings": {"headers": None}}})
    assert opened(world, made) == DestinationMapping(action_id=SEND.id, settings={"method": "PUT", "batch_size": 5})


def test_a_secret_of_one_activation_cannot_be_opened_for_another(world, api, connection):
    made = activate(api, connection, **mapped({"headers": {"Authorization": "Bearer s3cr3t"}}))
    (found,) = world.directory.view(made["spaceId"]).activations[made["connectionId"]]
    with pytest.raises(Exception, match="sealed"):
        world.directory.mapping(replace(found, id="act_other"))


def test_a_secret_is_opened_once_for_a_while(world, api, connection, monkeypatch):
    made = activate(api, connection, **mapped({"headers": {"A": "s3cr3t"}}))
    first, secrets = opened(world, made), world.directory._secrets
    asked, open = list[str](), secrets.open

    def noted(sealed, context):
        asked.append(context)
        return open(sealed, context)

    monkeypatch.setattr(secrets, "open", noted)
    (found,) = world.directory.view(made["spaceId"]).activations[made["connectionId"]]
    assert world.directory.mapping(found) == world.directory.mapping(found) == first
    assert asked == []
    world.clock.advance(60_000)
    assert world.directory.mapping(found) == first
    assert asked == [made["id"]]


@pytest.mark.parametrize(
    ("mapping", "wrong"),
    [
        ("x", [""]),
        ({"settings": []}, [".settings"]),
        ({"settings": {"uri": URL}}, [".settings.uri"]),
        ({"settings": {"url": "ftp://example.org"}}, [".settings.url"]),
        ({"settings": {"batch_size": 9_000, "method": "GET"}}, [".settings.batch_size", ".settings.method"]),
        ({"settings": {"headers": {"Host": "x"}}}, [".settings.headers.Host"]),
        ({"settings": {"data": {"a": {"@path": "a b"}}}}, [".settings.data.a"]),
        ({"settings": {"data": {"a": "x" * 10_000}}}, [".settings"]),
    ],
)
def test_what_cannot_be(api, audience, connection, mapping, wrong):
    fields = [f"destinationMapping{field}" for field in wrong]
    content = mapping if isinstance(mapping, str) else {"actionId": SEND.id, **mapping}
    reply = api.post(f"{connection}/activations", ENTERED | {"destinationMapping": content})
    assert (reply.status, sorted(reply.fields)) == (422, fields)
    assert api.get(f"{audience}/activations").data["activations"] == []
    for begins in (False, True):
        made = activate(api, connection, **(mapped({"method": "PUT"}) if begins else {}))
        path = f"{audience}/activations/{made['id']}"
        refused = api.patch(path, {"destinationMapping": content})
        assert (refused.status, sorted(refused.fields)) == (422, fields)
        assert api.get(path).data["activation"] == made


@pytest.mark.parametrize("mapping", [{}, {"actionId": ""}, {"actionId": "x"}, {"actionId": 1}, {"settings": {}}])
def test_to_begin_with_a_known_action_is_needed(api, connection, mapping):
    reply = api.post(f"{connection}/activations", ENTERED | {"destinationMapping": mapping})
    assert (reply.status, reply.fields) == (422, ["destinationMapping.actionId"])


def test_a_kind_without_actions_takes_none(api, audience):
    sent = {
        "sourceId": api.founded.engage_source_id,
        "metadataId": FACEBOOK_CUSTOM_AUDIENCES.metadata_id,
        "settings": {},
    }
    connection = connect(api, audience, api.post("/destinations", sent).data["destination"]["id"])
    reply = api.post(f"{connection}/activations", ENTERED | mapped())
    assert (reply.status, reply.fields) == (422, ["destinationMapping.actionId"])
    assert reply.errors[0]["data"] == {"code": "not_supported"}
    path = f"{audience}/activations/{activate(api, connection)['id']}"
    assert "destinationMapping" not in api.patch(path, mapped()).data["activation"]


def test_of_two_who_change_it_at_once_neither_is_lost(world, api, audience, connection, monkeypatch):
    made = activate(api, connection, **mapped({"method": "PUT"}))
    path, activations = f"{audience}/activations/{made['id']}", world.workspaces.activations
    given = activations._given

    def meanwhile(*arguments):
        monkeypatch.setattr(activations, "_given", given)
        api.patch(path, {"destinationMapping": {"settings": {"url": URL, "headers": {"A": "b"}}}})
        return given(*arguments)

    monkeypatch.setattr(activations, "_given", meanwhile)
    shown = api.patch(path, {"destinationMapping": {"settings": {"batch_size": 5}}}).data["activation"]
    assert shown["destinationMapping"]["settings"] == {"method": "PUT", "url": URL, "batch_size": 5}
    assert opened(world, made).settings["headers"] == {"A": "b"}
