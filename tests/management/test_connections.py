"""Connections between audiences and destinations."""

import re

import pytest

DEFAULT_SYNC = [{"externalId": "email", "strategy": "all"}, {"externalId": "user_id", "strategy": "all"}]


@pytest.fixture
def audience(api):
    return f"{api.audiences}/{api.create_audience()['id']}"


@pytest.fixture
def path(audience):
    return f"{audience}/destination-connections"


@pytest.fixture
def destination(api):
    return api.create_destination(url="https://example.com/hook", sharedSecret="hush")


def link(destination, **more):
    return {"destination": {"id": destination["id"], "type": "destination"}, **more}


def connections(world, api):
    return [c for found in world.directory.view(api.founded.space_id).connections.values() for c in found]


def test_a_new_connection(world, api, path, destination):
    before = world.directory.view(api.founded.space_id).version
    data = api.post(path, link(destination)).data
    assert re.fullmatch(r"ii_[0-9A-Za-z]{27}", data["connection"]["id"])
    assert data["idSyncConfiguration"] == DEFAULT_SYNC
    assert data["connectionSettings"] == {}
    view = world.directory.view(api.founded.space_id)
    assert view.version > before
    assert [c.id for c in connections(world, api)] == [data["connection"]["id"]]


def test_listing(api, path, destination):
    settings = {"sendTrack": True, "enterEventName": "In", "own": {"a": 1}}
    sync = [{"externalId": "email", "strategy": "all", "mapTo": "Email__c"}]
    added = api.post(path, link(destination, idSyncConfiguration=sync, connectionSettings=settings)).data
    assert (added["idSyncConfiguration"], added["connectionSettings"]) == (sync, settings)
    data = api.get(path).data
    assert "pagination" not in data
    assert data["connections"] == [
        {
            "id": added["connection"]["id"],
            "destinationId": destination["id"],
            "sourceId": api.founded.engage_source_id,
            "name": destination["name"],
            "enabled": True,
            "settings": {"url": "https://example.com/hook"},
            "metadata": {name: destination["metadata"][name] for name in ("id", "name", "slug")},
            "createdAt": "2026-03-01T12:00:00.000Z",
            "updatedAt": "2026-03-01T12:00:00.000Z",
            "idSyncConfiguration": sync,
            "connectionSettings": settings,
        }
    ]
    asked = api.get(path, pagination={"count": 1}).data
    assert asked["pagination"]["totalEntries"] == 1


def test_a_destination_on_another_source_is_refused_with_the_remedy(world, api, path):
    foreign = api.create_destination(api.founded.source_id)
    reply = api.post(path, link(foreign))
    assert reply.status == 409
    assert reply.errors[0]["data"]["code"] == "DESTINATION_LINKED_TO_CONNECTIONS_SOURCE"
    assert api.founded.engage_source_id in reply.errors[0]["message"]
    assert connections(world, api) == []


def test_a_destination_is_connected_once(api, path, destination):
    first = api.post(path, link(destination)).data["connection"]["id"]
    assert api.post(path, link(destination)).status == 409
    assert api.delete(f"{path}/{first}").status == 200
    assert api.post(path, link(destination)).status == 200


def test_two_audiences_share_a_destination(world, api, path, destination):
    other = api.create_audience("Other")
    assert api.post(path, link(destination)).status == 200
    assert api.post(f"{api.audiences}/{other['id']}/destination-connections", link(destination)).status == 200
    assert len(world.directory.view(api.founded.space_id).connections) == 2


def test_unknown_destinations_and_audiences(api, path, destination):
    assert api.post(path, link({"id": "nope"})).status == 404
    assert api.post(f"{api.audiences}/aud_nope/destination-connections", link(destination)).status == 404


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["destination"]),
        ({"destination": {}}, ["destination.id", "destination.type"]),
        ({"destination": {"id": "x", "type": "warehouse"}}, ["destination.type"]),
        ({"destination": {"id": "x", "type": "DESTINATION"}}, ["destination.type"]),
        ({"destination": "x"}, ["destination"]),
    ],
)
def test_wrong_targets(api, path, sent, fields):
    reply = api.post(path, sent)
    assert (reply.status, sorted(reply.fields)) == (422, fields)


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"idSyncConfiguration": {}}, ["idSyncConfiguration"]),
        (
            {"idSyncConfiguration": [{"externalId": f"id{n}", "strategy": "all"} for n in range(6)]},
            ["idSyncConfiguration"],
        ),
        ({"idSyncConfiguration": [{}]}, ["idSyncConfiguration.0.externalId", "idSyncConfiguration.0.strategy"]),
        ({"idSyncConfiguration": [None]}, ["idSyncConfiguration.0"]),
        (
            {"idSyncConfiguration": [*DEFAULT_SYNC, {"externalId": "email", "strategy": "best", "mapTo": 1}]},
            ["idSyncConfiguration.2.mapTo", "idSyncConfiguration.2.strategy"],
        ),
        ({"connectionSettings": []}, ["connectionSettings"]),
        (
            {"connectionSettings": {"sendTrack": "yes", "sendIdentify": 1, "enterEventName": "", "exitEventName": 3}},
            [f"connectionSettings.{name}" for name in ("enterEventName", "exitEventName", "sendIdentify", "sendTrack")],
        ),
        (
            {"connectionSettings": {"sendMobileIds": "yes", "fanout": "per-identifier", "computeEventName": ""}},
            [f"connectionSettings.{name}" for name in ("computeEventName", "fanout", "sendMobileIds")],
        ),
    ],
)
def test_wrong_configurations_are_refused_on_both_ways(world, api, path, destination, more, fields):
    reply = api.post(path, link(destination, **more))
    assert (reply.status, sorted(reply.fields)) == (422, fields)
    added = api.post(path, link(destination)).data["connection"]["id"]
    reply = api.patch(f"{path}/{added}", more)
    assert (reply.status, sorted(reply.fields)) == (422, fields)


@pytest.fixture
def connection(api, path, destination):
    sent = link(destination, connectionSettings={"sendTrack": True})
    return f"{path}/{api.post(path, sent).data['connection']['id']}"


def test_what_is_given_replaces_what_was_there(world, api, path, connection, destination):
    sync = [{"externalId": "phone", "strategy": "first"}]
    changed = api.patch(connection, {"idSyncConfiguration": sync}).data
    assert changed == {
        "destination": {"id": destination["id"]},
        "idSyncConfiguration": sync,
        "connectionSettings": {"sendTrack": True},
    }
    changed = api.patch(connection, {"connectionSettings": {"sendIdentify": False}}).data
    assert changed["connectionSettings"] == {"sendIdentify": False}
    assert changed["idSyncConfiguration"] == sync
    stored = connections(world, api)[0]
    assert (stored.id_sync[0].external_id, stored.settings) == ("phone", {"sendIdentify": False})


def test_empty_leaves_it_as_it_is(api, connection):
    changed = api.patch(connection, {"idSyncConfiguration": [], "connectionSettings": {}}).data
    assert changed["idSyncConfiguration"] == DEFAULT_SYNC
    assert changed["connectionSettings"] == {"sendTrack": True}


@pytest.mark.parametrize("sent", [{}, {"idSyncConfiguration": None}, {"what": 1}])
def test_nothing_to_change_is_a_bad_request(api, connection, sent):
    reply = api.patch(connection, sent)
    assert (reply.status, reply.errors[0]["type"]) == (400, "bad-request")


def test_pausing(world, api, path, connection):
    assert api.patch(connection, {"enabled": False}).status == 200
    assert api.get(path).data["connections"][0]["enabled"] is False
    assert connections(world, api)[0].enabled is False
    assert api.patch(connection, {"enabled": True}).status == 200
    assert connections(world, api)[0].enabled is True


def test_the_id_of_the_destination_will_do(world, api, path, connection, destination):
    assert api.patch(f"{path}/{destination['id']}", {"enabled": False}).data["destination"]["id"] == destination["id"]
    assert api.delete(f"{path}/{destination['id']}").data == {"status": "SUCCESS"}
    assert connections(world, api) == []
    assert api.delete(f"{path}/{destination['id']}").status == 404


def test_removing(world, api, path, connection):
    assert api.delete(connection).data == {"status": "SUCCESS"}
    assert api.get(path).data["connections"] == []
    assert connections(world, api) == []
    assert api.delete(connection).status == 404
    assert api.patch(connection, {"enabled": True}).status == 404


def test_the_connection_of_another_audience_is_not_found_here(world, api, connection):
    other = api.create_audience("Other")["id"]
    id = connection.rpartition("/")[2]
    assert api.delete(f"{api.audiences}/{other}/destination-connections/{id}").status == 404
    assert len(connections(world, api)) == 1


def test_they_go_with_the_audience(world, api, audience, connection, destination):
    before = world.directory.view(api.founded.space_id).version
    assert api.delete(audience).status == 200
    assert connections(world, api) == []
    assert world.directory.view(api.founded.space_id).version > before
    assert api.get(f"/destinations/{destination['id']}").status == 200


def test_they_go_with_the_destination(world, api, path, connection, destination):
    assert api.delete(f"/destinations/{destination['id']}").status == 200
    assert connections(world, api) == []
    assert api.get(path).data["connections"] == []


class TestSupportedDestinations:
    def ask(self, api, type="USERS", **parameters):
        return api.get(f"{api.space}/audienceType/{type}/supported-destinations", **parameters)

    def test_users(self, api):
        found = self.ask(api).data["destinations"]
        assert isinstance(found, dict)
        assert found["actions-webhook"]["id"]

    def test_by_slug(self, api):
        assert list(self.ask(api, slug="actions-webhook").data["destinations"]) == ["actions-webhook"]
        assert self.ask(api, slug="nope").data["destinations"] == {}

    def test_by_an_action_nobody_has(self, api):
        assert self.ask(api, actionId="nope").data["destinations"] == {}

    @pytest.mark.parametrize("type", ["ACCOUNTS", "LINKED"])
    def test_every_type_of_audience_can_be_connected_to_the_same(self, api, type):
        assert self.ask(api, type).data == self.ask(api).data

    @pytest.mark.parametrize("type", ["users", "x"])
    def test_unknown_types(self, api, type):
        reply = self.ask(api, type)
        assert (reply.status, reply.fields) == (422, ["audienceType"])

    def test_unknown_spaces(self, api):
        assert api.get("/spaces/nope/audienceType/USERS/supported-destinations").status == 404


def test_a_computed_trait_is_connected_in_the_same_way(world, api):
    sent = {"name": "Orders", "definition": {"query": "event('Order Completed').count()", "type": "USERS"}}
    trait = api.post(f"{api.space}/computed-traits", sent).data["computedTrait"]
    destination = api.create_destination(url="https://example.com")
    path = f"{api.space}/computed-traits/{trait['id']}/destination-connections"
    added = api.post(path, link(destination, connectionSettings={"sendTrack": True})).data["connection"]
    assert [c.computation_id for c in connections(world, api)] == [trait["id"]]
    assert [c["id"] for c in api.get(path).data["connections"]] == [added["id"]]
    assert api.patch(f"{path}/{added['id']}", {"enabled": False}).status == 200
    assert api.delete(f"{path}/{added['id']}").data == {"status": "SUCCESS"}
    assert api.get(path).data["connections"] == []


def test_a_connection_is_found_only_under_what_it_belongs_to(api, audience, destination):
    sent = {"name": "Orders", "definition": {"query": "event('Order Completed').count()", "type": "USERS"}}
    trait = api.post(f"{api.space}/computed-traits", sent).data["computedTrait"]
    connection = api.post(f"{audience}/destination-connections", link(destination)).data["connection"]["id"]
    path = f"{api.space}/computed-traits/{trait['id']}/destination-connections"
    assert api.delete(f"{path}/{connection}").status == 404
    assert api.post(f"{api.audiences}/{trait['id']}/destination-connections", link(destination)).status == 404


def test_at_most_three_identifiers_go_out_with_every_value(api, audience, destination):
    sync = [{"externalId": f"id{n}", "strategy": "all"} for n in range(4)]
    reply = api.post(f"{audience}/destination-connections", link(destination, idSyncConfiguration=sync))
    assert (reply.status, reply.fields) == (422, ["idSyncConfiguration"])
    sync[3]["strategy"] = "last"
    assert api.post(f"{audience}/destination-connections", link(destination, idSyncConfiguration=sync)).status == 200
