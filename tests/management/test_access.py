"""Who gets in, and what every answer looks like."""

import json

import pytest

from chalicelib.workspace.founding import found


def test_a_token_opens_its_workspace(api):
    workspace = api.get("/").data["workspace"]
    assert workspace == {"id": api.founded.workspace_id, "slug": "acme", "name": "Acme"}


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer é"]
)
def test_without_a_valid_token_nothing_is_shown(api, header):
    del api.headers["Authorization"]
    if header is not None:
        api.headers["Authorization"] = header.format(token=api.founded.api_token)
    reply = api.get("/")
    assert reply.status == 401
    assert reply.errors[0]["type"] == "unauthorized"


def test_a_token_of_the_profile_api_does_not_open_this_one(api):
    api.headers["Authorization"] = f"Bearer {api.founded.profile_token}"
    assert api.get("/").status == 401


def test_the_scheme_is_read_in_any_case(api):
    api.headers["Authorization"] = f"bearer {api.founded.api_token}"
    assert api.get("/").status == 200


def test_other_workspaces_are_out_of_sight(world, api):
    other = world.api("other")
    audience = other.create_audience()
    destination = other.create_destination()
    theirs = f"{other.audiences}/{audience['id']}"
    link = {"destination": {"id": destination["id"], "type": "destination"}}
    connection = other.post(f"{theirs}/destination-connections", link).data["connection"]["id"]
    for method, path in [
        ("GET", other.space),
        ("GET", other.audiences),
        ("POST", other.audiences),
        ("GET", theirs),
        ("PATCH", theirs),
        ("DELETE", theirs),
        ("GET", f"{theirs}/audience-references"),
        ("GET", f"{theirs}/destination-connections"),
        ("POST", f"{theirs}/destination-connections"),
        ("PATCH", f"{theirs}/destination-connections/{connection}"),
        ("DELETE", f"{theirs}/destination-connections/{connection}"),
        ("GET", f"{other.space}/audienceType/USERS/supported-destinations"),
        ("GET", f"/sources/{other.founded.source_id}"),
        ("PATCH", f"/sources/{other.founded.source_id}"),
        ("DELETE", f"/sources/{other.founded.source_id}"),
        ("POST", f"/sources/{other.founded.source_id}/writekey"),
        ("DELETE", f"/sources/{other.founded.source_id}/writekey/{other.founded.write_key}"),
        ("GET", f"/sources/{other.founded.source_id}/connected-destinations"),
        ("GET", f"/sources/{other.founded.source_id}/discards"),
        ("GET", f"/destinations/{destination['id']}"),
        ("PATCH", f"/destinations/{destination['id']}"),
        ("DELETE", f"/destinations/{destination['id']}"),
        ("GET", f"/destinations/{destination['id']}/dead-letters"),
    ]:
        reply = api.send(method, path, {} if method in ("POST", "PATCH") else None)
        assert (reply.status, reply.errors[0]["type"]) == (404, "not-found"), (method, path)
    assert other.get(f"{theirs}/destination-connections").data["connections"][0]["id"] == connection


def test_the_audience_of_another_space_is_not_found_under_this_one(world, api):
    other = world.api("other")
    audience = other.create_audience()
    assert api.get(f"{api.audiences}/{audience['id']}").status == 404


def test_a_destination_of_another_workspace_cannot_be_connected(world, api):
    destination = world.api("other").create_destination()
    audience = api.create_audience()
    link = {"destination": {"id": destination["id"], "type": "destination"}}
    assert api.post(f"{api.audiences}/{audience['id']}/destination-connections", link).status == 404


@pytest.mark.parametrize("id", ["%C3%BC", "x" * 256, "%00", "a%2Fb", "%25"])
def test_what_cannot_be_an_id_is_not_found(api, id):
    assert api.get(f"{api.audiences}/{id}").status == 404
    assert api.get(f"/sources/{id}").status == 404


def test_ids_in_the_path_are_decoded_once(api):
    audience_id = api.create_audience()["id"]
    encoded = audience_id.replace("_", "%5F")
    assert api.get(f"{api.audiences}/{encoded}").data["audience"]["id"] == audience_id
    assert api.get(f"{api.audiences}/{encoded.replace('%', '%25')}").status == 404


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"name": "\xff"}', b"[" * 100_000, b"nope"])
def test_a_body_that_is_not_json(api, body):
    reply = api.post(api.audiences, body)
    assert reply.status == 400
    assert reply.errors[0]["type"] == "bad-request"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1"])
def test_a_body_that_is_no_object(api, body):
    reply = api.post(api.audiences, body)
    assert reply.status == 400
    assert "object" in reply.errors[0]["message"]


def nested(levels):
    return {"a": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize("settings", [{"n": 2**64}, {"n": [-(2**63) - 1]}, nested(32)])
def test_what_could_not_be_stored_is_refused(api, settings):
    sent = {"slug": "x", "enabled": True, "metadataId": "go", "settings": settings}
    reply = api.post("/sources", sent)
    assert (reply.status, reply.errors[0]["type"]) == (400, "bad-request")


@pytest.mark.parametrize("settings", [{"n": 2**64 - 1}, {"n": [-(2**63), 1.5, None, True]}, nested(30)])
def test_everything_else_comes_back_as_it_was(api, settings):
    sent = {"slug": "x", "enabled": True, "metadataId": "go", "settings": settings}
    assert api.post("/sources", sent).data["source"]["settings"] == settings


def test_a_body_beyond_all_need(api):
    sent = {"name": "x", "description": "d" * 100_000}
    reply = api.post(api.audiences, sent)
    assert (reply.status, reply.errors[0]["type"]) == (413, "payload-too-large")


@pytest.mark.parametrize(
    "type",
    ["application/json", "application/vnd.segment.v1+json", "application/vnd.segment.v1alpha+json", "text/plain"],
)
def test_any_content_type_is_read(api, type):
    sent = {"slug": "shop", "enabled": True, "metadataId": "python"}
    assert api.send("POST", "/sources", sent, Content_Type=type).status == 201


@pytest.mark.parametrize(
    ("path", "accept", "answered"),
    [
        ("/", None, "application/json"),
        ("/", "*/*", "application/json"),
        ("/", "application/json", "application/json"),
        ("/", "application/vnd.segment.v1+json", "application/vnd.segment.v1+json"),
        ("/", "application/vnd.segment.v1alpha+json", "application/vnd.segment.v1alpha+json"),
        ("/", "application/vnd.segment.beta+json", "application/vnd.segment.v1beta+json"),
        ("/", "application/vnd.segment.v9+json", "application/vnd.segment.v1+json"),
        ("/spaces", "application/vnd.segment.v1+json", "application/vnd.segment.v1alpha+json"),
        ("/spaces", "application/vnd.segment.v1+json, application/vnd.segment.v1alpha+json;q=0.5",
         "application/vnd.segment.v1alpha+json"),
    ],
)  # fmt: skip
def test_the_accept_header_selects_the_media_type(api, path, accept, answered):
    reply = api.send("GET", path, **({"Accept": accept} if accept else {}))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == answered


def test_what_goes_wrong_inside_is_logged_without_its_data(world, api, caplog):
    def fail(*_args):
        raise RuntimeError("jane@example.com")

    world.workspaces.audiences.every = fail
    reply = api.get(api.audiences)
    assert reply.status == 500
    assert reply.errors[0]["type"] == "server-error"
    assert "RuntimeError" in caplog.text
    assert "jane@example.com" not in caplog.text + json.dumps(reply.body)


def test_secrets_are_never_returned(world, api):
    created = api.create_destination(url="https://example.com/hook", sharedSecret="s3cret-value")
    path = f"/destinations/{created['id']}"
    replies = [api.get(path), api.get("/destinations"), api.patch(path, {"name": "Mine"})]
    replies.append(api.get(f"/sources/{api.founded.engage_source_id}/connected-destinations"))
    assert all("s3cret-value" not in json.dumps(reply.body) for reply in replies)
    assert all("sharedSecret" not in reply.data.get("destination", {}).get("settings", {}) for reply in replies)
    stored = b"".join(record.data for record in all_records(world))
    assert b"s3cret-value" not in stored


def test_only_hashes_of_tokens_are_kept(world):
    founded = found(world.records, world.ids, world.clock, slug="x", name="X", api_token="tok-a", profile_token="tok-p")
    stored = b"".join(record.data for record in all_records(world)) + repr(world.records._items.keys()).encode()
    assert founded.api_token == "tok-a"
    assert b"tok-a" not in stored
    assert b"tok-p" not in stored


def all_records(world):
    return world.records.get_many(list(world.records._items)).values()
