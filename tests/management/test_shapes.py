"""The official client raises when one of these fields is missing, null or of another type."""

from typing import Any

import pytest

STRING, TRUTH, LIST, OBJECT = str, bool, list, dict

AUDIENCE: dict[str, Any] = {
    "id": STRING,
    "spaceId": STRING,
    "name": STRING,
    "key": STRING,
    "enabled": TRUTH,
    "definition.query": STRING,
    "createdBy": STRING,
    "updatedBy": STRING,
    "createdAt": STRING,
    "updatedAt": STRING,
    "audienceType": {"USERS"},
    "status": STRING,
}
FULL_AUDIENCE = {
    **AUDIENCE,
    "computeCadence.type": {"REALTIME", "BATCH"},
    "options.filterByExternalIds": LIST,
    "options.includeHistoricalData": TRUTH,
    "size.type": {"USERS"},
    "size.count": int,
    "size.uniqueCount": int,
}
OPTION = {"name": STRING, "type": STRING, "required": TRUTH}
SOURCE_METADATA = {
    "id": STRING,
    "name": STRING,
    "slug": STRING,
    "description": STRING,
    "logos.default": STRING,
    "options": LIST,
    "categories": LIST,
    "isCloudEventSource": TRUTH,
    "status": {"PUBLIC"},
}
DESTINATION_METADATA = {
    "id": STRING,
    "name": STRING,
    "description": STRING,
    "slug": STRING,
    "logos.default": STRING,
    "options": LIST,
    "status": {"PUBLIC"},
    "previousNames": LIST,
    "categories": LIST,
    "website": STRING,
    "components": LIST,
    "supportedFeatures": OBJECT,
    "supportedMethods": OBJECT,
    "supportedPlatforms": OBJECT,
    "actions": LIST,
    "presets": LIST,
}
SOURCE = {
    "id": STRING,
    "slug": STRING,
    "workspaceId": STRING,
    "enabled": TRUTH,
    "writeKeys": LIST,
    "labels": LIST,
    "settings": OBJECT,
    **{f"metadata.{name}": type for name, type in SOURCE_METADATA.items()},
}
DESTINATION = {
    "id": STRING,
    "enabled": TRUTH,
    "sourceId": STRING,
    "settings": OBJECT,
    **{f"metadata.{name}": type for name, type in DESTINATION_METADATA.items()},
}
CONNECTION = {
    "id": STRING,
    "sourceId": STRING,
    "enabled": TRUTH,
    "createdAt": STRING,
    "updatedAt": STRING,
    "settings": OBJECT,
    "destinationId": STRING,
    "metadata.id": STRING,
    "metadata.name": STRING,
    "metadata.slug": STRING,
}
ID_SYNC = {"externalId": STRING, "strategy": {"first", "last", "all"}}
SPACE = {"id": STRING, "slug": STRING, "name": STRING}
PAGINATION = {"pagination.current": STRING, "pagination.totalEntries": int}


def at(shown, path):
    for step in path.split("."):
        assert step in shown, f"{path} is missing"
        shown = shown[step]
    return shown


def has(shown, fields, prefix=""):
    """Every field is there and is exactly of its JSON type (true is no number)."""
    for path, type in fields.items():
        value = at(shown, prefix + path)
        if isinstance(type, set):
            assert value in type, path
        else:
            assert value.__class__ is type, path


@pytest.fixture
def audience(api):
    return api.create_audience(description="d")


@pytest.fixture
def path(api, audience):
    return f"{api.audiences}/{audience['id']}"


@pytest.fixture
def destination(api):
    return api.create_destination(url="https://example.com")


def test_audiences(api, audience, path):
    user = api.create_audience("User", f"trait('{audience['key']}') = 'true'")
    has(audience, AUDIENCE)
    has(api.patch(path, {"name": "New"}).data["audience"], AUDIENCE)
    has(api.get(path).data["audience"], FULL_AUDIENCE)
    listed = api.get(api.audiences).data
    has(listed, PAGINATION)
    for shown in listed["audiences"]:
        has(shown, FULL_AUDIENCE)
    consumers = api.get(f"{path}/audience-references").data
    has(consumers, PAGINATION)
    assert [shown["id"] for shown in consumers["audiences"]] == [user["id"]]
    has(consumers["audiences"][0], AUDIENCE)


def test_connections(api, path, destination):
    sent = {"destination": {"id": destination["id"], "type": "destination"}}
    added = api.post(f"{path}/destination-connections", sent).data
    has(added, {"connection.id": STRING, "idSyncConfiguration": LIST, "connectionSettings": OBJECT})
    assert added["idSyncConfiguration"]
    listed = api.get(f"{path}/destination-connections", pagination={"count": 1}).data
    has(listed, PAGINATION)
    has(listed["connections"][0], CONNECTION)
    for item in (*added["idSyncConfiguration"], *listed["connections"][0]["idSyncConfiguration"]):
        has(item, ID_SYNC)
    changed = api.patch(f"{path}/destination-connections/{added['connection']['id']}", {"enabled": True}).data
    has(changed, {"destination.id": STRING, "idSyncConfiguration": LIST, "connectionSettings": OBJECT})
    has(api.get(f"{api.space}/audienceType/USERS/supported-destinations").data, {"destinations": OBJECT})


def test_sources(api):
    created = api.post("/sources", {"slug": "x", "enabled": True, "metadataId": "go"}).data
    has(created, SOURCE, "source.")
    source = f"/sources/{created['source']['id']}"
    has(api.get(source).data, SOURCE, "source.")
    has(api.patch(source, {"enabled": False}).data, SOURCE, "source.")
    has(api.post(f"{source}/writekey").data, SOURCE, "source.")
    listed = api.get("/sources").data
    has(listed, PAGINATION)
    assert len(listed["sources"]) == 3
    for shown in listed["sources"]:
        has(shown, SOURCE)


def test_destinations(api, destination):
    path = f"/destinations/{destination['id']}"
    has(destination, DESTINATION)
    has(api.get(path).data["destination"], DESTINATION)
    has(api.patch(path, {"enabled": False}).data["destination"], DESTINATION)
    for listing in ("/destinations", f"/sources/{api.founded.engage_source_id}/connected-destinations"):
        listed = api.get(listing).data
        has(listed, PAGINATION)
        has(listed["destinations"][0], DESTINATION)


def test_catalogues(api):
    for kinds, listed_as, read_as, fields in (
        ("sources", "sourcesCatalog", "sourceMetadata", SOURCE_METADATA),
        ("destinations", "destinationsCatalog", "destinationMetadata", DESTINATION_METADATA),
    ):
        listed = api.get(f"/catalog/{kinds}").data
        has(listed, PAGINATION)
        assert listed[listed_as]
        for kind in listed[listed_as]:
            has(kind, fields)
            has(api.get(f"/catalog/{kinds}/{kind['id']}").data[read_as], fields)
            for option in kind["options"]:
                has(option, OPTION)


def test_workspace_and_spaces(api):
    has(api.get("/").data["workspace"], SPACE)
    listed = api.get("/spaces").data
    has(listed, PAGINATION)
    has(listed["spaces"][0], SPACE)
    has(api.get(api.space).data["space"], SPACE)


def test_removals(api, path, destination):
    sent = {"destination": {"id": destination["id"], "type": "destination"}}
    connection = api.post(f"{path}/destination-connections", sent).data["connection"]["id"]
    source = api.post("/sources", {"slug": "x", "enabled": True, "metadataId": "go"}).data["source"]
    for removed in (
        f"{path}/destination-connections/{connection}",
        path,
        f"/destinations/{destination['id']}",
        f"/sources/{source['id']}/writekey/{source['writeKeys'][0]}",
        f"/sources/{source['id']}",
    ):
        reply = api.delete(removed)
        assert (reply.status, reply.data) == (200, {"status": "SUCCESS"}), removed


def test_errors(api):
    for reply in (api.post(api.audiences, {}), api.get("/sources/nope"), api.post(api.audiences, b"{")):
        assert set(reply.body) == {"errors"}
        for error in reply.errors:
            has(error, {"type": STRING, "message": STRING})
