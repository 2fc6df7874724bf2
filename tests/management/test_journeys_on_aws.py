"""A journey over the real tables and keys, with everything wired as it is deployed."""

from chalicelib import bootstrap
from chalicelib.workspace.founding import found

from .api import Api
from .test_journeys import cart


def test_a_journey_and_its_next_version_reach_the_workers(cloud):
    application = bootstrap.Application(bootstrap.on_aws(cloud.names.settings, clients=cloud.clients))
    bootstrap.install(application)
    try:
        adapters = application.adapters
        founded = found(adapters.workspace, adapters.ids, adapters.clock, slug="acme", name="Acme")
        api = Api(application, founded)
        target = api.create_destination(url="https://example.com")["id"]
        journeys = f"{api.space}/journeys"
        made = api.post(journeys, cart(target)).data["journey"]
        one = f"{journeys}/{made['id']}"
        assert api.post(f"{one}/publish", {}).data["journey"]["status"] == "publishing"

        directory = bootstrap.Application(bootstrap.on_aws(cloud.names.settings, clients=cloud.clients)).directory
        keys = [step["key"] for step in made["steps"]]
        view = directory.view(founded.space_id)
        assert view.catalogue.by_key.keys() == set(keys)
        (route,) = [itinerary.route for itinerary in view.catalogue.itineraries.values()]
        assert [stop.key for stop in route.stops] == keys

        renewed = api.post(f"{one}/versions", {}).data["journey"]
        api.post(f"{one}/publish", {"previous": "archive"})
        after = [step["key"] for step in api.get(one).data["journey"]["steps"]]
        assert after == [renewed["steps"][0]["key"], keys[1]]
        view = directory.view(founded.space_id)
        assert view.catalogue.by_key.keys() == set(after)
        sent = view.connections[view.catalogue.by_key[keys[1]].computation.id]
        assert [connection.destination_id for connection in sent] == [target]

        assert api.delete(one).data == {"status": "SUCCESS"}
        assert directory.view(founded.space_id).catalogue.by_id == {}
    finally:
        bootstrap.install(None)
