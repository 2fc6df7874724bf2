"""Tokens: issued, listed and revoked, and what each may do."""

import pytest

from tests.management.test_access import all_records


def issue(api, scope="read", **more):
    return api.post("/tokens", {"name": "Reports", "scope": scope, **more}).data["token"]


def as_token(api, token):
    api.headers["Authorization"] = f"Bearer {token['secret']}"
    return api


def test_a_token_is_shown_once(world, api):
    made = issue(api)
    listed = api.get("/tokens").data["tokens"]
    assert sorted(token["name"] for token in listed) == ["First", "First", "Reports"]
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert shown in listed
    assert api.get(f"/tokens/{made['id']}").data["token"] == shown
    stored = b"".join(record.data for record in all_records(world)) + repr(world.records._items.keys()).encode()
    assert made["secret"].encode() not in stored


def test_what_is_read_with_a_reading_token_stays_as_it_is(api):
    audience = api.create_audience()
    source = api.founded.source_id
    as_token(api, issue(api))
    assert api.get(f"{api.audiences}/{audience['id']}").status == 200
    for method, path in [
        ("POST", api.audiences),
        ("PATCH", f"{api.audiences}/{audience['id']}"),
        ("DELETE", f"{api.audiences}/{audience['id']}"),
        ("POST", f"/sources/{source}/writekey"),
        ("PUT", f"{api.space}/identity-rules"),
        ("POST", "/tokens"),
    ]:
        reply = api.send(method, path, {"name": "X"})
        assert (reply.status, reply.errors[0]["type"]) == (403, "forbidden"), path
    assert api.get(f"{api.audiences}/{audience['id']}").data["audience"]["name"] == "Big Buyers"


def test_a_reading_token_sees_no_write_keys(api):
    path = f"/sources/{api.founded.source_id}"
    assert api.get(path).data["source"]["writeKeys"] == [api.founded.write_key]
    as_token(api, issue(api))
    assert api.get(path).data["source"]["writeKeys"] == []
    assert all(source["writeKeys"] == [] for source in api.get("/sources").data["sources"])


def test_a_writing_token_changes_everything_but_tokens(api):
    token = issue(api, "write")
    as_token(api, token)
    assert api.create_audience()["createdBy"] == token["id"]
    assert api.post("/tokens", {"name": "X", "scope": "admin"}).status == 403
    assert api.delete(f"/tokens/{token['id']}").status == 403


def test_a_revoked_token_opens_nothing(api):
    mine = dict(api.headers)
    token = issue(api)
    assert as_token(api, token).get("/").status == 200
    api.headers = mine
    assert api.delete(f"/tokens/{token['id']}").data == {"status": "SUCCESS"}
    assert api.delete(f"/tokens/{token['id']}").status == 404
    assert as_token(api, token).get("/").status == 401


def test_a_token_of_the_profile_api_is_of_one_space(world, api):
    space_id = api.founded.space_id
    token = api.post("/tokens", {"name": "App", "kind": "profile", "spaceId": f"spa_{space_id}"}).data["token"]
    assert (token["kind"], token["spaceId"]) == ("profile", space_id)
    assert world.directory.token(token["secret"]).space_id == space_id
    assert as_token(api, token).get("/").status == 401


def test_the_last_token_that_issues_others_stays(api):
    (admin,) = [t for t in api.get("/tokens").data["tokens"] if t["kind"] == "api"]
    assert api.delete(f"/tokens/{admin['id']}").status == 409
    issue(api, "admin")
    assert api.delete(f"/tokens/{admin['id']}").status == 200


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["name", "scope"]),
        ({"name": "X", "scope": "all"}, ["scope"]),
        ({"name": "X", "kind": "other", "scope": "read"}, ["kind"]),
        ({"name": "X", "kind": "profile"}, ["spaceId"]),
        ({"name": "X", "kind": "profile", "spaceId": "s", "scope": "read"}, ["scope"]),
        ({"name": "X", "scope": "read", "spaceId": "s"}, ["spaceId"]),
    ],
)
def test_a_token_that_makes_no_sense(api, sent, fields):
    reply = api.post("/tokens", sent)
    assert (reply.status, reply.fields) == (422, fields)


def test_the_space_of_another_workspace(world, api):
    theirs = world.api("other").founded.space_id
    assert api.post("/tokens", {"name": "X", "kind": "profile", "spaceId": theirs}).status == 404


def test_issuing_and_revoking_stand_in_the_audit_trail(api):
    token = issue(api, "write")
    api.delete(f"/tokens/{token['id']}")
    events = api.get("/audit-events").data["events"]
    assert {(event["type"], event["resourceId"]) for event in events} == {
        ("Token Deleted", token["id"]),
        ("Token Created", token["id"]),
    }
    assert token["secret"] not in str(events)
