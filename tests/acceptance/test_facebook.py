"""Audiences as custom audiences of Facebook: from the request of an owner to the rows at the partner."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.delivery.transport import Response
from chalicelib.destinations.facebook_custom_audiences import COLUMNS, FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.kind import Request
from tests.acceptance.engines import Engine, InMemory
from tests.acceptance.world import World, identify, track

HOUR = 3_600
ACCOUNTS = {"12345": "lists of 12345", "act_777": "lists of 777"}


class Graph:
    """Facebook, as far as it is needed: lists by id with the external ids on them. `answers` come first."""

    def __init__(self) -> None:
        self.lists: dict[str, set[str]] = {}
        self.names: dict[str, str] = {}
        self.requests: list[Request] = []
        self.answers: list[Response] = []

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        body, path = json.loads(request.body), request.url.removeprefix("https://graph.facebook.com/v24.0/")
        if path.endswith("/customaudiences"):
            id = f"2385{len(self.lists)}"
            self.lists[id], self.names[id] = set(), body["name"]
            return Response(200, {}, json.dumps({"id": id}).encode())
        assert body["payload"]["schema"] == list(COLUMNS)
        members, ids = self.lists[path.removesuffix("/users")], {row[0] for row in body["payload"]["data"]}
        members.symmetric_difference_update(ids & members if request.method == "DELETE" else ids - members)
        return Response(200, {}, json.dumps({"num_received": len(ids), "num_invalid_entries": 0}).encode())

    def rows(self, method: str) -> list[list[str]]:
        bodies = [json.loads(r.body) for r in self.requests if r.method == method and r.url.endswith("/users")]
        return [row for body in bodies for row in body["payload"]["data"]]


class FacebookWorld(World):
    def __init__(self, engine: Engine | None = None) -> None:
        self.graph = Graph()
        super().__init__(engine or InMemory())

    def _partner(self, request: Request) -> Response:
        return self.graph.answer(request) if "facebook" in request.url else super()._partner(request)

    def facebook(self, account: str = "12345", source: str | None = None, **settings: Any) -> Any:
        sent = {
            "sourceId": source or self.stack.engage_source_id,
            "metadataId": FACEBOOK_CUSTOM_AUDIENCES.metadata_id,
            "settings": {"accessToken": "hush", "adAccountId": account, **settings},
        }
        return self.manage("POST", "/destinations", sent).data["destination"]

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.advance(60)


@pytest.fixture
def world() -> Iterator[FacebookWorld]:
    yield FacebookWorld()
    bootstrap.install(None)


QUERY = "event('Bought').within(30 days).count() >= 1"


def test_the_list_is_made_and_filled_with_those_who_are_members_already(world: FacebookWorld) -> None:
    audience = world.audience("Buyers", QUERY)
    world.send(identify("u1", email="Jo@Ex.io "), track("Bought", "u1"), identify("u9", email="no@ex.io"))
    world.connect(audience, world.facebook("act_12345"))
    world.minutes(70)
    (list_id,) = world.graph.lists
    assert world.graph.requests[0].url.endswith("/v24.0/act_12345/customaudiences")
    assert json.loads(world.graph.requests[0].body)["name"] == "Buyers"
    assert world.graph.requests[0].headers["Authorization"] == "Bearer hush"
    assert world.graph.lists[list_id] == {"u1"}
    (row,) = world.graph.rows("POST")
    assert dict(zip(COLUMNS, row, strict=True))["EMAIL"] == sha256(b"jo@ex.io").hexdigest()
    assert len([r for r in world.graph.requests if r.url.endswith("customaudiences")]) == 1


def test_changes_are_collected_for_an_hour_and_only_the_newest_of_each_person_is_sent(world: FacebookWorld) -> None:
    audience = world.audience("Flags", "trait('flag') = 'on'")
    world.connect(audience, world.facebook())
    world.minutes(1)
    for flag in ("on", "off", "on"):
        world.send(identify("u1", flag=flag))
    for flag in ("on", "off"):
        world.send(identify("u2", flag=flag))
    assert world.graph.rows("POST") == []
    world.minutes(65)
    assert [row[0] for row in world.graph.rows("POST")] == ["u1"]
    assert [row[0] for row in world.graph.rows("DELETE")] == ["u2"]
    assert list(world.graph.lists.values()) == [{"u1"}]
    before = len(world.graph.requests)
    world.minutes(130)
    assert len(world.graph.requests) == before
    world.send(identify("u1", flag="off"))
    world.minutes(65)
    assert list(world.graph.lists.values()) == [set()]


def test_two_accounts_of_the_same_partner_both_hear_of_a_member(world: FacebookWorld) -> None:
    audience = world.audience("Buyers", QUERY)
    for account in ACCOUNTS:
        world.connect(audience, world.facebook(account))
    world.send(track("Bought", "u1"))
    world.minutes(65)
    assert list(world.graph.lists.values()) == [{"u1"}, {"u1"}]


def test_a_throttled_flush_is_repeated_and_a_dead_one_goes_with_the_next(world: FacebookWorld) -> None:
    audience = world.audience("Buyers", QUERY)
    world.connect(audience, world.facebook())
    world.minutes(1)
    busy = Response(400, {}, json.dumps({"error": {"code": 17, "type": "OAuthException"}}).encode())
    world.graph.answers = [busy] * 2
    world.send(track("Bought", "u1"))
    world.minutes(70)
    assert list(world.graph.lists.values()) == [{"u1"}]
    world.graph.answers = [busy] * 6  # as often as a task is tried
    world.send(track("Bought", "u2"))
    world.minutes(90)
    assert list(world.graph.lists.values()) == [{"u1"}]
    world.minutes(90)
    assert list(world.graph.lists.values()) == [{"u1", "u2"}]


def test_traits_go_along_hashed_and_rows_without_a_user_id_are_given_up_alone(world: FacebookWorld) -> None:
    audience = world.audience("Buyers", QUERY)
    destination = world.facebook()
    traits = {"mobile": "phone", "first": "firstName", "nothing": "lastName"}
    world.connect(audience, destination, connectionSettings={"traits": traits})
    world.send(identify("u1", mobile="+1 (234) 567-8901", first=" Jo. "), track("Bought", "u1"))
    mail = {"type": "email", "id": "only@ex.io", "collection": "users", "encoding": "none"}
    world.send(track("Bought", anonymousId="a1", context={"externalIds": [mail]}))
    world.minutes(65)
    (row,) = (dict(zip(COLUMNS, row, strict=True)) for row in world.graph.rows("POST"))
    assert row["PHONE"] == "254aa248acb47dd654ca3ea53f48c2c26d641d23d7e2e93a1ec56258df7674c4"
    assert (row["FN"], row["LN"]) == (sha256(b"jo").hexdigest(), "")
    (letter,) = world.dead_letters(destination)
    assert letter["code"] == "PAYLOAD_VALIDATION_FAILED"


def test_a_computed_trait_is_refused(world: FacebookWorld) -> None:
    sent = {"name": "Orders", "definition": {"type": "USERS", "query": "event('Bought').count()"}}
    path = f"/spaces/{world.stack.space_id}/computed-traits"
    trait = world.manage("POST", path, sent).data["computedTrait"]
    target = {"destination": {"id": world.facebook()["id"], "type": "destination"}}
    answer = world.manage("POST", f"{path}/{trait['id']}/destination-connections", target)
    assert answer.status == 409, answer
    assert world.manage("GET", f"{path}/{trait['id']}/destination-connections").data["connections"] == []


def test_a_list_of_a_paused_connection_stays_as_it_is(world: FacebookWorld) -> None:
    audience = world.audience("Buyers", QUERY)
    path = world.connect(audience, world.facebook())
    world.minutes(1)
    world.send(track("Bought", "u1"))
    world.manage("PATCH", path, {"enabled": False})
    world.minutes(65)
    assert list(world.graph.lists.values()) == [set()]
    world.manage("PATCH", path, {"enabled": True})
    assert world.manage("POST", path + "/resync").status == 200
    world.minutes(130)
    assert list(world.graph.lists.values()) == [{"u1"}]


@pytest.mark.parametrize("minutes", [5, 20, 130])  # is not noticed, within one hour of flushes, over several
def test_rows_that_waited_when_it_was_switched_off_go_when_it_is_on_again(world: FacebookWorld, minutes: int) -> None:
    audience = world.audience("Buyers", QUERY)
    world.connect(audience, world.facebook())
    world.minutes(1)
    world.send(track("Bought", "u1"))
    switch = f"{world.audiences}/{audience['id']}"
    world.manage("PATCH", switch, {"enabled": False})
    world.minutes(minutes)
    assert list(world.graph.lists.values()) == [set()]
    world.manage("PATCH", switch, {"enabled": True})
    world.minutes(130)
    assert list(world.graph.lists.values()) == [{"u1"}]
