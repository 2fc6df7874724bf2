"""Sources and write keys."""

import pytest


def create(api, slug="shop", **more):
    return api.post("/sources", {"slug": slug, "enabled": True, "metadataId": "python", **more})


def owner(world, write_key):
    source = world.directory.source_of_write_key(write_key)
    return source and source.id


def test_a_new_source_comes_with_a_write_key_that_works(world, api):
    reply = create(api, name="Shop", settings={"note": "x"})
    assert reply.status == 201
    source = reply.data["source"]
    assert len(source["writeKeys"]) == 1
    assert (source["slug"], source["name"], source["settings"]) == ("shop", "Shop", {"note": "x"})
    shown = api.get(f"/sources/{source['id']}").data
    assert shown == {"source": source, "trackingPlanId": None}
    found = world.directory.source_of_write_key(source["writeKeys"][0])
    assert (found.id, found.space_id) == (source["id"], api.founded.space_id)


def test_write_keys_come_and_go(world, api):
    source = create(api).data["source"]
    old = source["writeKeys"][0]
    assert owner(world, old) == source["id"]
    appended = api.post(f"/sources/{source['id']}/writekey").data["source"]["writeKeys"]
    assert len(appended) == 2
    assert appended[0] == old
    assert owner(world, appended[1]) == source["id"]
    assert api.delete(f"/sources/{source['id']}/writekey/{old}").data == {"status": "SUCCESS"}
    assert api.get(f"/sources/{source['id']}").data["source"]["writeKeys"] == appended[1:]
    assert owner(world, old) is None
    assert owner(world, appended[1]) == source["id"]
    assert api.delete(f"/sources/{source['id']}/writekey/{old}").status == 404


def test_a_write_key_of_another_source_cannot_be_removed_through_this_one(world, api):
    source = create(api).data["source"]
    assert api.delete(f"/sources/{source['id']}/writekey/{api.founded.write_key}").status == 404
    assert owner(world, api.founded.write_key) == api.founded.source_id


def test_a_slug_belongs_to_one_source(api):
    first = create(api).data["source"]
    reply = create(api)
    assert (reply.status, reply.errors[0]["type"]) == (409, "conflict")
    assert api.delete(f"/sources/{first['id']}").status == 200
    assert create(api).status == 201


def test_the_same_slug_in_another_workspace(world, api):
    assert create(api).status == 201
    assert create(world.api("other")).status == 201


def test_everything_wrong_is_listed_at_once(api):
    reply = api.post("/sources", {"slug": "a b", "metadataId": "nope", "name": 3, "settings": []})
    assert reply.status == 422
    assert sorted(reply.fields) == ["enabled", "metadataId", "name", "settings", "slug"]
    assert {error["type"] for error in reply.errors} == {"input-validation"}


@pytest.mark.parametrize("sent", [{}, {"slug": "", "enabled": None, "metadataId": ""}])
def test_required_fields(api, sent):
    assert sorted(api.post("/sources", sent).fields) == ["enabled", "metadataId", "slug"]


def test_no_body_is_an_empty_one(api):
    assert api.post("/sources").status == 422


def test_changing_a_source(world, api):
    source = create(api, settings={"a": 1}).data["source"]
    path = f"/sources/{source['id']}"
    changed = api.patch(path, {"name": "Renamed", "enabled": False, "settings": {"b": 2}}).data["source"]
    assert changed == {**source, "name": "Renamed", "enabled": False, "settings": {"a": 1, "b": 2}}
    assert api.patch(path, {}).data["source"] == changed
    assert world.directory.source_of_write_key(source["writeKeys"][0]).enabled is False


def test_changing_a_slug_frees_the_old_one(api):
    source = create(api).data["source"]
    taken = create(api, "other").data["source"]
    assert api.patch(f"/sources/{source['id']}", {"slug": "other"}).status == 409
    assert api.patch(f"/sources/{source['id']}", {"slug": "new"}).data["source"]["slug"] == "new"
    assert create(api).status == 201
    assert api.patch(f"/sources/{taken['id']}", {"slug": "new"}).status == 409


def test_a_deleted_source_is_gone_with_its_keys_and_destinations(world, api):
    source = create(api).data["source"]
    destination = api.create_destination(source["id"])
    assert api.delete(f"/sources/{source['id']}").data == {"status": "SUCCESS"}
    assert api.get(f"/sources/{source['id']}").status == 404
    assert api.delete(f"/sources/{source['id']}").status == 404
    assert api.get(f"/destinations/{destination['id']}").status == 404
    assert owner(world, source["writeKeys"][0]) is None
    assert source["id"] not in [shown["id"] for shown in api.get("/sources").data["sources"]]


def test_listing_in_the_order_of_creation(world, api):
    made = []
    for slug in ("c", "a", "b"):
        world.clock.advance(1)
        made.append(create(api, slug).data["source"]["id"])
    listed = [source["id"] for source in api.get("/sources").data["sources"]]
    assert listed[-3:] == made
    assert set(listed[:-3]) == {api.founded.engage_source_id, api.founded.source_id}


class TestEngageSource:
    def path(self, api):
        return f"/sources/{api.founded.engage_source_id}"

    def test_is_shown_like_any_other(self, api):
        source = api.get(self.path(api)).data["source"]
        assert source["metadata"]["slug"] == "engage"
        assert source["writeKeys"] == []

    def test_stays(self, api):
        assert api.delete(self.path(api)).status == 409
        assert api.patch(self.path(api), {"slug": "else"}).status == 409
        assert api.patch(self.path(api), {"enabled": False}).status == 409
        assert api.get(self.path(api)).data["source"]["enabled"] is True

    def test_can_be_renamed(self, api):
        assert api.patch(self.path(api), {"name": "Out"}).data["source"]["name"] == "Out"

    def test_receives_nothing(self, api):
        assert api.post(f"{self.path(api)}/writekey").status == 409


def test_discards_by_reason(world, api):
    path = f"/sources/{api.founded.source_id}/discards"
    world.counted.discards[api.founded.source_id] = {"b": 1, "a": 2}
    assert api.get(path).data == {"discards": [{"code": "a", "count": 2}, {"code": "b", "count": 1}]}
    assert api.get("/sources/nope/discards").status == 404
