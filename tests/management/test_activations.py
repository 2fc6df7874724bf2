"""Activations of audiences."""

import pytest

from chalicelib.workspace.ports import Resyncs

ENTERED = {"activationType": "Audience Entered", "activationName": "Welcome", "performResync": False}


class Asked(Resyncs):
    def __init__(self):
        self.connections = []

    def request(self, space_id, connection_id, by):
        self.connections.append(connection_id)

    def begin(self, connection):
        self.connections.append(connection.id)

    def is_pending(self, connection_id):
        return connection_id in self.connections

    def owe(self, computation):
        raise AssertionError("nothing is switched on again here")


@pytest.fixture
def audience(api):
    return f"{api.audiences}/{api.create_audience()['id']}"


@pytest.fixture
def connection(api, audience):
    link = {"destination": {"id": api.create_destination()["id"], "type": "destination"}}
    id = api.post(f"{audience}/destination-connections", link).data["connection"]["id"]
    return f"{audience}/destination-connections/{id}"


def activate(api, connection, **more):
    return api.post(f"{connection}/activations", ENTERED | more).data["activation"]


def test_an_activation_of_a_connection(api, audience, connection):
    made = activate(api, connection)
    assert made["id"].startswith("act_")
    assert made["connectionId"] == connection.rpartition("/")[2]
    assert made["audienceId"] == audience.rpartition("/")[2]
    assert (made["workspaceId"], made["spaceId"]) == (api.founded.workspace_id, api.founded.space_id)
    assert (made["enabled"], made["performResync"], made["displayName"]) == (True, False, None)
    assert made["personalization"] == {"profile": {"properties": []}}
    assert api.get(f"{audience}/activations/{made['id']}").data["activation"] == made
    assert api.get(f"{audience}/activations").data == {"activations": [made]}
    assert api.get(f"{audience}/activations", pagination={"count": 1}).data["pagination"]["totalEntries"] == 1


def test_traits_that_go_along(api, connection):
    profile = {"properties": ["plan", "plan", "city"], "mapping": {"city": "town"}}
    made = activate(api, connection, personalization={"profile": profile})
    assert made["personalization"]["profile"] == {"properties": ["plan", "city"], "mapping": {"city": "town"}}


def test_what_can_be_changed(api, audience, connection):
    profile = {"properties": ["plan"], "mapping": {}}
    made = activate(api, connection, displayName="Hi", personalization={"profile": profile})
    path = f"{audience}/activations/{made['id']}"
    changed = api.patch(
        path,
        {
            "activationName": "",
            "enabled": False,
            "activationType": "Audience Exited",
            "destinationMapping": {"actionId": "x"},
        },
    ).data["activation"]
    assert changed == made | {"enabled": False}
    changed = api.patch(path, {"activationName": "Bye", "displayName": None, "personalization": {}}).data["activation"]
    assert (changed["activationName"], changed["displayName"]) == ("Bye", None)
    assert changed["personalization"]["profile"]["properties"] == ["plan"]
    changed = api.patch(path, {"personalization": {"profile": {}}}).data["activation"]
    assert changed["personalization"] == {"profile": {"properties": []}}
    assert api.get(path).data["activation"] == changed


def test_a_connection_stays_while_it_has_activations(api, audience, connection):
    made = activate(api, connection)
    assert api.delete(connection).status == 409
    assert api.delete(f"{audience}/activations/{made['id']}").data == {"status": "SUCCESS"}
    assert api.get(f"{audience}/activations/{made['id']}").status == 404
    assert api.delete(connection).status == 200


def test_they_go_with_the_audience(world, api, audience, connection):
    activate(api, connection)
    assert api.delete(audience).status == 200
    assert not [key for key in world.records._items if key.sort.startswith("activation#")]


def test_they_go_with_the_destination(api, audience, connection):
    activate(api, connection)
    (shown,) = api.get(f"{audience}/destination-connections").data["connections"]
    assert api.delete(f"/destinations/{shown['destinationId']}").status == 200
    assert api.get(f"{audience}/activations").data["activations"] == []


def test_resync_without_anybody_to_do_it(api, audience, connection):
    reply = api.post(f"{connection}/activations", ENTERED | {"performResync": True})
    assert (reply.status, reply.fields) == (422, ["performResync"])
    path = f"{audience}/activations/{activate(api, connection)['id']}"
    assert api.patch(path, {"performResync": True}).fields == ["performResync"]


def test_resync_is_asked_for(world, api, audience, connection):
    world.workspaces.activations._resyncs = asked = Asked()
    made = activate(api, connection)
    assert (asked.connections, made["performResync"]) == ([], False)
    changed = api.patch(f"{audience}/activations/{made['id']}", {"performResync": True}).data["activation"]
    assert (asked.connections, changed["performResync"]) == ([made["connectionId"]], True)


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["activationName", "activationType", "performResync"]),
        (ENTERED | {"activationType": "Audience Left"}, ["activationType"]),
        (ENTERED | {"activationType": "Entity Added"}, ["activationType"]),
        (ENTERED | {"destinationMapping": {}}, ["destinationMapping.actionId"]),
        (ENTERED | {"destinationMapping": {"actionId": "x"}}, ["destinationMapping.actionId"]),
        (ENTERED | {"personalization": {"profile": {"properties": "plan"}}}, ["personalization.profile.properties"]),
        (ENTERED | {"personalization": {"profile": {"mapping": {"a": 1}}}}, ["personalization.profile.mapping"]),
    ],
)
def test_an_activation_that_makes_no_sense(api, connection, sent, fields):
    reply = api.post(f"{connection}/activations", sent)
    assert (reply.status, reply.fields) == (422, fields)


def test_entities_of_an_audience_of_users(api, connection):
    entities = [{"relationshipSlug": "r", "properties": []}]
    reply = api.post(f"{connection}/activations", ENTERED | {"personalization": {"entities": entities}})
    assert (reply.status, reply.errors[0]["type"]) == (400, "bad-request")


def test_an_activation_is_found_under_its_audience_alone(api, audience, connection):
    made = activate(api, connection)
    other = f"{api.audiences}/{api.create_audience()['id']}"
    for method in ("GET", "PATCH", "DELETE"):
        assert api.send(method, f"{other}/activations/{made['id']}", {}).status == 404
    assert api.get(f"{audience}/activations/{made['id']}").status == 200
