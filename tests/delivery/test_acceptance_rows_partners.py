"""Partners with rules of their own behind the whole product: Mixpanel, HubSpot and Facebook."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib import bootstrap
from chalicelib.delivery.transport import Response
from chalicelib.destinations.hubspot import HUBSPOT
from chalicelib.destinations.kind import Request
from chalicelib.destinations.mixpanel import MIXPANEL
from tests.acceptance.test_facebook import FacebookWorld
from tests.acceptance.world import identify, track

from .hosts import HOUR, HostedWorld, said

BOUGHT = "event('Bought').count() >= 1"
TRACK_ALONE = {"sendIdentify": False, "sendTrack": True}
COUNTED = ("created", "successfulDelivery", "failedDelivery", "pendingRetry", "retries")


@pytest.fixture
def world() -> Iterator[HostedWorld]:
    yield HostedWorld()
    bootstrap.install(None)


def mixpanel(world: HostedWorld, settings: dict[str, bool]) -> Any:
    """It accepts everything, and hears of those who bought."""
    world.partners["api.mixpanel.com"] = lambda request: Response(200, {}, b"1")
    destination = world.destination(MIXPANEL, projectToken="tok", apiSecret="hush")
    world.connect(world.audience("VIP", BOUGHT), destination, connectionSettings=settings)
    return destination


def join(world: HostedWorld) -> None:
    """Somebody who bought and somebody who did not become one."""
    rules = {"types": {"user_id": {"limit": 2}}}  # else they stay two
    assert world.manage("PUT", f"/spaces/{world.stack.space_id}/identity-rules", rules).status == 200
    world.send(identify("u1", email="one@ex.io"), track("Bought", "u1"))
    world.advance(1)
    world.send(identify("u2", email="two@ex.io"))
    world.advance(1)
    world.asked.clear()
    known = [{"id": "u1", "type": "user_id", "collection": "users", "encoding": "none"}]
    world.send(track("Seen", "u2", context={"externalIds": known}))


def imported(request: Request) -> list[tuple[str, str, Any]]:
    found = [(event["event"], event["properties"]) for event in said(request)]
    return [(name, properties["distinct_id"], properties["vip"]) for name, properties in found]


def test_mixpanel_hears_first_who_is_who_and_then_of_the_identifiers_that_were_gained(world: HostedWorld) -> None:
    destination = mixpanel(world, {**TRACK_ALONE, "sendAlias": True})
    join(world)
    alias, entered = world.asked
    assert alias.url == "https://api.mixpanel.com/track"
    assert said(alias) == {
        "event": "$create_alias",
        "properties": {"distinct_id": "u2", "alias": "u1", "token": "tok"},
    }
    assert entered.url == "https://api.mixpanel.com/import?strict=1"
    # Of u1 with the address of u2, and of u2 with either: all but what was told before.
    assert sorted(imported(entered)) == [("Audience Entered", user, True) for user in ("u1", "u2", "u2")]
    assert world.figures(destination, *COUNTED) == (5, 5, 0, 0, 0)


def test_without_the_alias_only_the_identifiers_that_were_gained_are_told(world: HostedWorld) -> None:
    mixpanel(world, TRACK_ALONE)
    join(world)
    (entered,) = world.asked
    assert sorted(imported(entered)) == [("Audience Entered", user, True) for user in ("u1", "u2", "u2")]


def test_mixpanel_gives_up_the_records_it_names_and_keeps_the_others(world: HostedWorld) -> None:
    destination = mixpanel(world, TRACK_ALONE)
    refusal = {"code": 400, "num_records_imported": 2, "failed_records": [{"index": 1, "message": "too old"}]}
    world.partners["api.mixpanel.com"] = lambda request: Response(400, {}, json.dumps(refusal).encode())
    world.send(*(track("Bought", f"u{n}") for n in range(3)))
    world.advance(5 * HOUR)
    assert len(world.asked) == 1
    assert world.figures(destination, *COUNTED) == (3, 2, 1, 0, 0)
    (letter,) = world.dead_letters(destination)
    assert (letter["code"], letter["payload"]["userId"]) == (
        "400",
        said(world.asked[0])[1]["properties"]["distinct_id"],
    )
    assert "hush" not in str(letter)


def test_of_somebody_mixpanel_has_a_profile(world: HostedWorld) -> None:
    mixpanel(world, {"sendIdentify": True})
    world.send(identify("u1", email="jo@ex.io"), track("Bought", "u1"))
    (request,) = world.asked
    assert request.url == "https://api.mixpanel.com/engage"
    assert said(request) == {"$token": "tok", "$distinct_id": "u1", "$set": {"$email": "jo@ex.io", "vip": True}}


class Crm:
    """HubSpot: it takes the newest token alone, and keeps contacts."""

    def __init__(self) -> None:
        self.valid = "new"
        self.contacts: dict[str, dict[str, Any]] = {}
        self.log: list[tuple[str, str, int]] = []

    def __call__(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        response = self._answer(request, path)
        self.log.append((request.method, path, response.status))
        return response

    def _answer(self, request: Request, path: str) -> Response:
        if path == "/oauth/v1/token":
            return Response(200, {}, json.dumps({"access_token": self.valid}).encode())
        if request.headers["Authorization"] != f"Bearer {self.valid}":
            return Response(401)
        verb = path.removeprefix(f"{CONTACTS}/batch/")
        if verb != path:
            return self._batch(verb, said(request)["inputs"])
        properties = said(request)["properties"]
        if request.method == "PATCH" and properties["email"] not in self.contacts:
            return Response(404)
        self.contacts.setdefault(properties["email"], {}).update(properties)
        return Response(200)

    def _batch(self, verb: str, inputs: list[dict[str, Any]]) -> Response:
        """A contact's id is its address."""
        for one in inputs if verb != "read" else ():
            id = one["id"] if verb == "update" else one["properties"]["email"]
            assert (id in self.contacts) == (verb == "update")
            self.contacts.setdefault(id, {}).update(one["properties"])
        if verb != "read":
            return Response(201, {}, b"{}")
        found = [{"id": one["id"], "properties": {"email": one["id"]}} for one in inputs if one["id"] in self.contacts]
        return Response(207 if len(found) < len(inputs) else 200, {}, json.dumps({"results": found}).encode())


CONTACTS, ONE = "/crm/v3/objects/contacts", "/crm/v3/objects/contacts/jo%40ex.io"


def test_a_token_of_hubspot_is_renewed_within_the_attempt_and_a_contact_made_that_is_not_there(
    world: HostedWorld,
) -> None:
    crm = world.partners["api.hubapi.com"] = Crm()
    tokens = {"accessToken": "old", "refreshToken": "r1", "clientId": "app", "clientSecret": "s3"}
    destination = world.destination(HUBSPOT, hubId="77", **tokens)
    world.connect(world.audience("VIP", BOUGHT), destination, connectionSettings={"sendIdentify": True})
    crm.contacts["jo@ex.io"] = {}
    world.send(identify("u1", email="jo@ex.io"), track("Bought", "u1"))
    assert crm.log == [("PATCH", ONE, 401), ("POST", "/oauth/v1/token", 200), ("PATCH", ONE, 200)]
    assert crm.contacts["jo@ex.io"] == {"email": "jo@ex.io", "vip": True}
    assert world.figures(destination, *COUNTED) == (1, 1, 0, 0, 0)
    assert world.waiting() == 0
    del crm.log[:]
    world.send(identify("u2", email="joe@ex.io"), track("Bought", "u2"))
    assert [(method, status) for method, _, status in crm.log] == [("PATCH", 404), ("POST", 200)]
    assert crm.log[1][1] == CONTACTS
    assert crm.contacts["joe@ex.io"] == {"email": "joe@ex.io", "vip": True}
    assert world.figures(destination, *COUNTED) == (2, 2, 0, 0, 0)


def test_hubspot_is_told_of_many_contacts_together(world: HostedWorld) -> None:
    crm = world.partners["api.hubapi.com"] = Crm()
    destination = world.destination(HUBSPOT, hubId="77", accessToken="new", enableBatching=True)
    world.connect(world.audience("VIP", BOUGHT), destination, connectionSettings={"sendIdentify": True})
    crm.contacts["u1@ex.io"] = {"plan": "pro"}
    people = [(identify(f"u{n}", email=f"u{n}@ex.io"), track("Bought", f"u{n}")) for n in range(3)]
    world.send(*(message for person in people for message in person))
    paths = [path.removeprefix(CONTACTS) for _, path, _ in crm.log]
    assert paths == ["/batch/read", "/batch/update", "/batch/create"]
    assert crm.contacts["u1@ex.io"] == {"plan": "pro", "vip": True}
    assert {email for email, properties in crm.contacts.items() if properties["vip"]} == {
        f"u{n}@ex.io" for n in range(3)
    }
    assert world.figures(destination, *COUNTED) == (3, 3, 0, 0, 0)


def test_a_connection_to_what_an_ordinary_source_feeds_is_refused_and_two_accounts_of_facebook_both_hear() -> None:
    world = FacebookWorld()
    try:
        audience = world.audience("Buyers", BOUGHT)
        foreign = world.facebook("12345", source=world.stack.source_id)
        path = f"{world.audiences}/{audience['id']}/destination-connections"
        reply = world.manage("POST", path, {"destination": {"id": foreign["id"], "type": "destination"}})
        assert reply.status == 409
        assert reply.body["errors"][0]["data"]["code"] == "DESTINATION_LINKED_TO_CONNECTIONS_SOURCE"
        assert world.manage("GET", path).data["connections"] == []
        for account in ("12345", "777"):
            world.connect(audience, world.facebook(account))
        world.send(track("Bought", "u1"))
        world.minutes(65)
        assert list(world.graph.lists.values()) == [{"u1"}, {"u1"}]
        made = [request.url for request in world.graph.requests if request.url.endswith("/customaudiences")]
        assert sorted(made) == [f"https://graph.facebook.com/v24.0/act_{id}/customaudiences" for id in ("12345", "777")]
    finally:
        bootstrap.install(None)
