"""The first workspace of a deployment, founded by HTTP or by hand."""

import json
from types import SimpleNamespace

import pytest
from chalice.test import Client

from app import app
from chalicelib import bootstrap
from chalicelib.workspace.founding import found
from infra import bootstrap as by_hand
from tests.management.api import Api

SECRET = "a-secret-of-this-deployment"


@pytest.fixture
def ask(world):
    world.application.adapters = SimpleNamespace(workspace=world.records, ids=world.ids, clock=world.clock)
    world.application.founding_secret = SECRET
    client = Client(app)

    def ask(content=None, authorization=f"Bearer {SECRET}"):
        headers = {} if authorization is None else {"Authorization": authorization}
        return client.http.post("/bootstrap", headers=headers, body=json.dumps(content or {}).encode())

    return ask


def test_the_first_request_founds_a_workspace(world, ask):
    reply = ask({"slug": "acme", "name": "Acme", "spaceName": "Shop"})
    assert reply.status_code == 200
    told = reply.json_body["data"]
    assert told["isNew"] is True
    api = Api(world, found(world.records, world.ids, world.clock, slug="acme", name="Acme"))
    api.headers["Authorization"] = f"Bearer {told['apiToken']}"
    assert api.get("/").data["workspace"] == {"id": told["workspaceId"], "slug": "acme", "name": "Acme"}
    assert [space["name"] for space in api.get("/spaces").data["spaces"]] == ["Shop"]
    assert world.directory.token(told["profileToken"]).space_id == told["spaceId"]
    assert world.directory.source_of_write_key(told["writeKey"]).id == told["sourceId"]


def test_a_second_request_tells_no_secrets(ask):
    first, second = ask().json_body["data"], ask().json_body["data"]
    ids = {name: first[name] for name in ("workspaceId", "spaceId", "sourceId", "engageSourceId")}
    assert second == {"isNew": False, **ids}


def test_a_secret_founds_one_workspace_alone(world, ask):
    assert ask({"slug": "acme"}).status_code == 200
    assert ask({"slug": "other"}).status_code == 409
    world.application.founding_secret = another = "another-secret-of-this-deployment"
    assert ask({"slug": "other"}, authorization=f"Bearer {another}").status_code == 200


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", SECRET, f"Basic {SECRET}", "Bearer é"])
def test_without_the_secret_nothing_is_founded(world, ask, authorization):
    assert ask(authorization=authorization).status_code == 401
    assert not world.records._items


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer "])
def test_without_a_secret_in_the_settings_there_is_no_such_route(world, ask, authorization):
    world.application.founding_secret = ""
    assert ask(authorization=authorization).status_code == 404
    assert not world.records._items


def test_a_body_that_makes_no_sense(world, ask):
    reply = ask({"slug": 1, "name": "x" * 256})
    assert reply.status_code == 422
    assert [error["field"] for error in reply.json_body["errors"]] == ["slug", "name"]
    assert not world.records._items


def test_by_hand(cloud, capsys):
    stack = cloud.names.settings
    environ = {
        f"MUSTER_{field}".upper(): str(getattr(stack, field))
        for field in stack.__struct_fields__
        if isinstance(getattr(stack, field), str) and getattr(stack, field)
    }

    def run(*arguments):
        assert by_hand.main(["--slug", "acme", *arguments], environ) == 0
        return json.loads(capsys.readouterr().out)

    first, again, more = run(), run(), run("--new-tokens")
    assert first["isNew"]
    assert "apiToken" not in again
    directory = bootstrap.Application(bootstrap.on_aws(stack, clients=cloud.clients)).directory
    for told in (first, more):
        api, profile = directory.token(told["apiToken"]), directory.token(told["profileToken"])
        assert api is not None
        assert profile is not None
        assert (api.workspace_id, profile.space_id) == (first["workspaceId"], first["spaceId"])


def test_by_hand_without_a_deployment(capsys):
    assert by_hand.main([], {}) == 1
    assert "--stack" in capsys.readouterr().out
