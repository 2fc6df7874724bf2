"""The kinds of source and destination."""

import pytest

from .api import WEBHOOK


def test_sources_to_choose_from(api):
    data = api.get("/catalog/sources", pagination={"count": 50}).data
    slugs = {kind["slug"] for kind in data["sourcesCatalog"]}
    assert slugs == {"javascript", "ios", "android", "node", "python", "go", "java", "ruby", "php", "http-api"}
    assert data["pagination"]["totalEntries"] == 10
    for kind in data["sourcesCatalog"]:
        assert api.get(f"/catalog/sources/{kind['id']}").data["sourceMetadata"] == kind


def test_destinations_to_choose_from(api):
    data = api.get("/catalog/destinations", pagination={"count": 1}).data
    assert data["pagination"]["current"] == "MA=="
    shown = api.get(f"/catalog/destinations/{WEBHOOK.metadata_id}").data["destinationMetadata"]
    assert shown["name"] == WEBHOOK.name
    options = {option["name"]: option for option in shown["options"]}
    assert options["url"]["required"] is True
    assert options["method"]["defaultValue"] == "POST"
    assert "defaultValue" not in options["url"]


@pytest.mark.parametrize("kinds", ["sources", "destinations"])
def test_unknown_kinds(api, kinds):
    assert api.get(f"/catalog/{kinds}/nope").status == 404


def test_the_engage_kind_can_be_read_but_not_chosen(api):
    assert api.get("/catalog/sources/engage").data["sourceMetadata"]["slug"] == "engage"
    reply = api.post("/sources", {"slug": "mine", "enabled": True, "metadataId": "engage"})
    assert (reply.status, reply.fields) == (422, ["metadataId"])
