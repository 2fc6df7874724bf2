"""The same over the real tables and keys, with everything wired as it is deployed."""

import pytest

from chalicelib import bootstrap
from chalicelib.delivery.message import Delivery
from chalicelib.workspace.founding import found

from .api import WEBHOOK, Api


@pytest.fixture
def application(cloud):
    application = bootstrap.Application(bootstrap.on_aws(cloud.names.settings, clients=cloud.clients))
    bootstrap.install(application)
    yield application
    bootstrap.install(None)


def _delivery(destination_id):
    return Delivery(
        message_id="m",
        connection_id="c",
        computation_id="a",
        space_id="s",
        destination_id=destination_id,
        created_at=0,
        payload={"event": "Audience Entered"},
    )


def test_from_nothing_to_a_connected_audience(application, cloud):
    adapters = application.adapters
    founded = found(adapters.workspace, adapters.ids, adapters.clock, slug="acme", name="Acme")
    api = Api(application, founded)
    audience = api.create_audience()
    again = api.create_audience()
    assert (audience["key"], again["key"][:11]) == ("big_buyers", "big_buyers_")
    destination = api.create_destination(url="https://example.com", sharedSecret="hush")
    path = f"{api.audiences}/{audience['id']}"
    sent = {"destination": {"id": destination["id"], "type": "destination"}}
    connection = api.post(f"{path}/destination-connections", sent).data["connection"]["id"]
    assert api.patch(path, {"name": "Renamed"}).data["audience"]["name"] == "Renamed"
    assert "size" not in api.get(path).data["audience"]  # nothing is computed here
    assert len(api.get(api.audiences).data["audiences"]) == 2
    assert api.get(f"/sources/{founded.source_id}/discards").data == {"discards": []}
    assert api.get(f"/destinations/{destination['id']}/dead-letters").data == {"deadLetters": []}
    application.debugger.note([_delivery(destination["id"])])
    shown = f"/destinations/{destination['id']}/debugger"
    assert api.get(shown, search="entered").data == {"events": [{"event": "Audience Entered"}]}
    assert api.get(shown, search="exited").data == {"events": []}
    assert api.get("/destinations/nope/debugger").status == 404

    worker = bootstrap.Application(bootstrap.on_aws(cloud.names.settings, clients=cloud.clients)).directory
    view = worker.view(founded.space_id)
    assert view.catalogue.by_key["big_buyers"].computation.name == "Renamed"
    assert [c.id for c in view.connections[audience["id"]]] == [connection]
    mapping = {"headers": {"Authorization": "Bearer " + "x" * 3_000}}
    mapped = {"name": "A", "actionId": WEBHOOK.actions[0].id, "trigger": "all", "settings": mapping}
    made = api.post(f"/destinations/{destination['id']}/subscriptions", mapped).data["destinationSubscription"]
    assert made["settings"] == {}
    opened, source = worker.destination(destination["id"]), worker.source_of_write_key(founded.write_key)
    assert opened is not None
    assert opened.settings["sharedSecret"] == "hush"
    assert [one.settings for one in opened.subscriptions] == [mapping]
    assert source is not None
    assert source.id == founded.source_id

    assert api.delete(path).status == 200
    assert audience["id"] not in worker.view(founded.space_id).catalogue.by_id
    assert api.get(path).status == 404
