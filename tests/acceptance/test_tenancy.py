"""Who has a token of one workspace or space neither reads nor changes anything of another, on any route."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from chalicelib.alerts.alert import SIZE_CHANGE
from chalicelib.api import contract
from chalicelib.api.contract.operation import MANAGEMENT, PROFILES, TRACKING, Operation
from chalicelib.records import Key
from chalicelib.store.memory import MemoryRecords
from infra.local.gateway import Request
from tests.acceptance.world import World

NOT_OF_A_TENANT = {"metadata_id", "audience_type"}
BOUGHT = "event('Bought').count() >= 1"


def operations(access):
    return [one for group in contract.groups() for one in group.operations if one.access == access]


def basic(secret):
    return "Basic " + b64encode(f"{secret}:".encode()).decode()


class Neighbour:
    """Another workspace with one of everything. `ids` are by variable of a path."""

    def __init__(self, world: World) -> None:
        self._world, self.founded = world, world.found("neighbour")
        self.space = f"/spaces/{self.founded.space_id}"
        self.ids = {
            "space_id": self.founded.space_id,
            "source_id": self.founded.source_id,
            "write_key": self.founded.write_key,
            "label_key": "secret-team",
            "label_value": "secret-name",
            "identifier": "user_id:secret-person",
            "event_name": "Bought",
            "property_name": "secret-property",
            "trait_key": "secret_buyers",
            "collection": "users",
            "metadata_id": "javascript",
            "audience_type": "USERS",
        }
        self._send()
        self._computations()
        self._destination()
        self._journey()
        self._rest()

    def ask(self, method, path, content=None):
        return self._world.manage(method, path, content, by=self.founded).data

    def _send(self):
        told = {"secret-property": "secret-value"}
        message = {"userId": "secret-person", "event": "Bought", "type": "track", "properties": told}
        key = basic(self.founded.write_key)
        assert self._world.ask("POST", "/v1/batch", {"batch": [message]}, Authorization=key).status == 200
        self._world.drain()
        listed = self._world.ask(
            "GET",
            f"/v1{self.space}/collections/users/profiles",
            Authorization=basic(self.founded.profile_token),
        )
        self.ids["profile_id"] = listed.body["data"][0]["segment_id"]

    def _computations(self):
        made = {"name": "Secret Buyers", "audienceType": "USERS", "definition": {"query": BOUGHT}}
        self.ids["audience_id"] = self.ask("POST", f"{self.space}/audiences", made)["audience"]["id"]
        accounts = {"name": "Firms", "audienceType": "ACCOUNTS", "definition": {"query": "trait('plan') = 'pro'"}}
        of_accounts = self.ask("POST", f"{self.space}/audiences", accounts)["audience"]["id"]
        schedules = self.ask("GET", f"{self.space}/audiences/{of_accounts}/schedules")["audienceSchedules"]
        self.ids["schedule_id"] = schedules[0]["id"]
        trait = {"name": "Secret Count", "definition": {"query": "event('Bought').count()", "type": "USERS"}}
        self.ids["trait_id"] = self.ask("POST", f"{self.space}/computed-traits", trait)["computedTrait"]["id"]
        preview = {"audienceType": "USERS", "definition": {"query": BOUGHT}}
        shown = self.ask("POST", f"{self.space}/audiences/previews", preview)["audiencePreview"]
        self.ids["preview_id"] = shown["id"]
        self._world.drain()
        runs = self.ask("GET", f"{self.space}/audiences/{self.ids['audience_id']}/runs")["runs"]
        self.ids["task_id"] = runs[0]["taskId"]

    def _destination(self):
        kinds = self.ask("GET", "/catalog/destinations")["destinationsCatalog"]
        sent = {"sourceId": self.founded.engage_source_id, "metadataId": kinds[0]["id"], "settings": {}}
        self.ids["destination_id"] = self.ask("POST", "/destinations", sent)["destination"]["id"]
        link = {"destination": {"id": self.ids["destination_id"], "type": "destination"}}
        audience = f"{self.space}/audiences/{self.ids['audience_id']}"
        connection = self.ask("POST", f"{audience}/destination-connections", link)["connection"]["id"]
        self.ids["connection_id"] = connection
        activation = {"activationName": "Hi", "activationType": "Audience Entered", "performResync": False}
        path = f"{audience}/destination-connections/{connection}/activations"
        self.ids["activation_id"] = self.ask("POST", path, activation)["activation"]["id"]

    def _journey(self):
        bought = {"id": "in", "type": "entry", "name": "Secret Entry", "query": BOUGHT, "next": "out"}
        sent = {
            "id": "out",
            "type": "send_to_destination",
            "destinations": [{"destinationId": self.ids["destination_id"]}],
        }
        drawn = {"name": "Secret Journey", "steps": [bought, sent]}
        journeys = f"{self.space}/journeys"
        self.ids["journey_id"] = self.ask("POST", journeys, drawn)["journey"]["id"]
        self.ask("POST", f"{journeys}/{self.ids['journey_id']}/publish", {})
        self.ask("POST", f"{journeys}/{self.ids['journey_id']}/versions", {})
        self._world.drain()

    def _rest(self):
        self.ask("POST", "/labels", {"label": {"key": "secret-team", "value": "secret-name"}})
        token = {"name": "Secret", "scope": "read"}
        self.ids["token_id"] = self.ask("POST", "/tokens", token)["token"]["id"]
        channel = {"type": "WEBHOOK", "name": "Secret", "settings": {"url": "https://example.com/hook"}}
        self.ids["channel_id"] = self.ask("POST", "/notification-channels", channel)["channel"]["id"]
        alert = {
            "type": SIZE_CHANGE,
            "name": "Secret",
            "threshold": 5,
            "spaceId": self.founded.space_id,
            "audienceId": self.ids["audience_id"],
        }
        self.ids["alert_id"] = self.ask("POST", "/alerts", alert)["alert"]["id"]
        suppressed = {"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["secret-other"]}
        self.ids["regulate_id"] = self.ask("POST", "/regulations", suppressed)["regulateId"]
        dropped = {"integrationId": self.founded.space_id, "name": "Secret Filter", "if": "type = 'secret-type'"}
        self.ids["filter_id"] = self.ask("POST", "/filters", dropped)["filter"]["id"]

    def moment(self, seconds):
        return self._world.now(seconds)

    @property
    def secrets(self):
        """What must never be seen by anybody else."""
        known = set(self.ids.values()) - {"users", "javascript", "USERS", "Bought"}
        return {
            *known,
            "secret-person",
            "secret-value",
            "secret-type",
            "Secret Buyers",
            "Secret Journey",
            self.founded.workspace_id,
            self.founded.engage_source_id,
        }

    def snapshot(self):
        """Everything that is kept of it, but for what counts and passes."""
        adapters = self._world.application.adapters
        found: dict[Key, bytes] = {}
        for records in (adapters.workspace, adapters.work):
            assert isinstance(records, MemoryRecords)
            keys = [key for key in records._items if any(secret in str(key) for secret in self.secrets)]
            found |= {key: record.data for key, record in records.get_many(keys).items()}
        traits = self._world.ask(
            "GET",
            f"/v1{self.space}/collections/users/profiles/user_id:secret-person/traits",
            Authorization=basic(self.founded.profile_token),
        )
        return found, traits.body


def path_of(operation: Operation, ids):
    path = operation.path
    for name in operation.variables:
        path = path.replace(f"{{{name}}}", quote(ids.get(name, f"no-{name}"), safe=""))
    return path


@pytest.fixture
def neighbour(world):
    return Neighbour(world)


BODIES = {
    "POST /filters": lambda n: {"integrationId": n.founded.space_id, "name": "X", "if": "all"},
    "POST /tokens": lambda n: {"name": "X", "kind": "profile", "spaceId": n.founded.space_id},
    "POST /destinations": lambda n: {
        "sourceId": n.founded.engage_source_id,
        "metadataId": "actions-webhook",
        "settings": {},
    },
    "POST /alerts": lambda n: {
        "type": SIZE_CHANGE,
        "name": "X",
        "threshold": 5,
        "spaceId": n.founded.space_id,
        "audienceId": n.ids["audience_id"],
    },
    "POST /notification-channels": lambda n: {
        "type": "WEBHOOK",
        "name": "X",
        "settings": {"url": "https://example.com"},
        "spaceId": n.founded.space_id,
    },
    "POST /destinations/{destination_id}/replays": lambda n: {"from": n.moment(-60), "to": n.moment(0)},
    "POST /destinations/{destination_id}/dead-letters/redrive": lambda n: {"all": True},
    "PUT /audit-forwarding": lambda n: {"enabled": True, "sourceId": n.founded.source_id},
}


def body_of(operation, neighbour):
    made = BODIES.get(f"{operation.method} {operation.path}")
    return made(neighbour) if made else {} if operation.method in ("POST", "PATCH", "PUT") else None


def test_no_token_of_a_workspace_reaches_another(world, neighbour):
    before = neighbour.snapshot()
    asked = 0
    for operation in operations(MANAGEMENT):
        path, sent = path_of(operation, neighbour.ids), body_of(operation, neighbour)
        answer = world._gateway.handle(_request(operation, path, sent, f"Bearer {world.stack.api_token}"))
        asked += 1
        if set(operation.variables) - NOT_OF_A_TENANT:
            assert answer.status == 404, (operation.method, path, answer.status, answer.body)
        if operation.path != "/echo":
            seen = [secret for secret in neighbour.secrets - set(_given(path, sent)) if secret.encode() in answer.body]
            assert not seen, (operation.method, path, seen)
        if f"{operation.method} {operation.path}" in BODIES:
            assert answer.status in (404, 422), (operation.method, path, answer.status, answer.body)
    assert asked == len(contract.management()) - 3  # those that need no token
    assert neighbour.snapshot() == before


def test_ids_of_another_workspace_lead_nowhere_under_a_space_of_ones_own(world, neighbour):
    """The space in the path is one's own, and everything behind it is not."""
    mine = world.audience("Mine", BOUGHT)["id"]
    before = neighbour.snapshot()
    for operation in operations(MANAGEMENT):
        variables = operation.variables
        if "space_id" not in variables or not set(variables) - {"space_id", *NOT_OF_A_TENANT}:
            continue
        inner = {"audience_id": mine} if len(variables) > 2 and "audience_id" in variables else {}
        for ids in ({}, inner):
            path = path_of(operation, {**neighbour.ids, "space_id": world.stack.space_id, **ids})
            answer = world._gateway.handle(
                _request(operation, path, body_of(operation, neighbour), f"Bearer {world.stack.api_token}")
            )
            # An audience of users has no schedules, whosever they are.
            expected = 422 if ids and "schedule_id" in variables else 404
            assert answer.status == expected, (operation.method, path, answer.status, answer.body)
    assert neighbour.snapshot() == before


def test_no_token_of_a_space_reads_another(world, neighbour):
    for operation in operations(PROFILES):
        path = path_of(operation, neighbour.ids)
        sent = {"delete_external_ids": [{"type": "email", "id": "a@example.com"}]} if operation.takes else None
        for secret in (world.stack.profile_token, world.stack.api_token, world.stack.write_key, ""):
            answer = world._gateway.handle(_request(operation, path, sent, basic(secret)))
            assert answer.status == 401, (operation.method, path, answer.status)
            assert b"secret-person" not in answer.body


@pytest.mark.parametrize("kind", ["profile_token", "write_key"])
def test_only_tokens_of_the_management_api_open_it(world, kind):
    secret = getattr(world.stack, kind)
    for operation in operations(MANAGEMENT):
        path = path_of(operation, {"space_id": world.stack.space_id})
        for authorization in (f"Bearer {secret}", basic(secret), basic(world.stack.api_token)):
            answer = world._gateway.handle(_request(operation, path, None, authorization))
            assert answer.status == 401, (operation.method, path, answer.status)


def test_what_one_sends_in_reaches_only_ones_own_space(world, neighbour):
    before = neighbour.snapshot()
    for operation in operations(TRACKING):
        message = {
            "userId": "secret-person",
            "event": "Bought",
            "type": "track",
            "groupId": "g",
            "previousId": "p",
            "context": {"spaceId": neighbour.founded.space_id},
        }
        sent = (
            {"batch": [message]} if "batch" in operation.path or operation.path in ("/v1/b", "/v1/import") else message
        )
        answer = world._gateway.handle(_request(operation, operation.path, sent, basic(world.stack.write_key)))
        assert answer.status == 200, operation.path
    world.drain()
    assert neighbour.snapshot()[1] == before[1]


def _request(operation, path, content, authorization):
    body = b"" if content is None else json.dumps(content).encode()
    headers = [("Authorization", authorization), ("Content-Type", "application/json")]
    return Request(operation.method, path, headers, body)


def _given(path, content):
    """What somebody sends they may be told."""
    sent = path + json.dumps(content)
    return [part for part in sent.replace('"', "/").replace("?", "/").split("/") if part]
