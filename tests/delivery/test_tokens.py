"""Partners that want OAuth: one refresh for all workers, and the same request again at once."""

import json
from dataclasses import replace

import msgspec
import pytest

from chalicelib.clock import FixedClock
from chalicelib.delivery.sending import Sender, Target
from chalicelib.delivery.tokens import LEASE, BeingRenewed, Tokens
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.destinations.kind import STRING, Call, DestinationKind, Limits, Option, Renewal, Request
from chalicelib.store.memory import MemoryRecords, MemorySecrets

from .post import answers, delivery, posted
from .world import NOW

OWNER = {"accessToken": "old", "refreshToken": "r1"}


def _read(body):
    return {"accessToken": msgspec.json.decode(body)["access_token"]}


def _build(items, settings):
    headers = {"Authorization": "Bearer " + settings["accessToken"]}
    return [
        Call(Request("POST", "https://crm.example/in", headers, b"%d" % place), (place,))
        for place, _ in enumerate(items)
    ]


KIND = DestinationKind(
    metadata_id="c" * 24,
    slug="test-crm",
    name="CRM",
    description="",
    website="",
    categories=(),
    options=(Option("accessToken", STRING, "", secret=True), Option("refreshToken", STRING, "", secret=True)),
    build=_build,
    limits=Limits(batch=10),
    renewal=Renewal(
        request=lambda settings: Request("POST", "https://crm.example/token", {}, settings["refreshToken"].encode()),
        settings=_read,
    ),
)


class Crm:
    """Takes the newest token only."""

    def __init__(self, refreshing=200):
        self.clock = FixedClock(NOW)
        self.valid, self.refreshing, self.refreshes, self.given = "new1", refreshing, 0, []
        self.transport = MockTransport(self._answer)
        self.records, self.secrets = MemoryRecords(self.clock), MemorySecrets()

    def _answer(self, request):
        if request.url.endswith("/token"):
            self.refreshes += 1
            self.valid = f"new{self.refreshes}"
            return Response(self.refreshing, {}, json.dumps({"access_token": self.valid}).encode())
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.given.append(token)
        return Response(200 if token == self.valid else 401)

    def tokens(self):
        return Tokens(self.records, self.secrets, self.transport, self.clock)

    def send(self, count=1, settings=None):
        sender = Sender(self.transport, self.tokens(), self.clock)
        return sender.send(Target("d1", KIND, settings or OWNER), [{"n": n} for n in range(count)])


def test_one_refresh_and_the_same_again_at_once():
    crm = Crm()
    (outcome,) = crm.send()
    assert outcome.failure is None
    assert (crm.refreshes, crm.given) == (1, ["old", "new1"])
    (outcome,) = crm.send()
    assert (crm.refreshes, crm.given[-1]) == (1, "new1")


def test_several_calls_of_one_batch_refresh_once():
    crm = Crm()
    assert [outcome.failure for outcome in crm.send(3)] == [None] * 3
    assert crm.refreshes == 1


def test_a_worker_that_was_behind_uses_what_another_got():
    crm = Crm()
    behind = crm.tokens()
    used = behind.settings("d1", KIND, OWNER)
    crm.send()
    assert behind.renew("d1", KIND, OWNER, used) == {**OWNER, "accessToken": "new1"}
    assert crm.refreshes == 1


def test_while_one_refreshes_the_others_wait_and_the_wait_ends_with_it():
    crm = Crm()
    tokens = crm.tokens()
    tokens._lease("d1", OWNER, None)
    with pytest.raises(BeingRenewed):
        crm.tokens().renew("d1", KIND, OWNER, OWNER)
    (outcome,) = crm.send()
    assert (outcome.requests, crm.refreshes) == (0, 0)
    crm.clock.advance(LEASE)  # whoever held it died
    (outcome,) = crm.send()
    assert outcome.failure is None


@pytest.mark.parametrize("refreshing", [400, 401, 500])
def test_without_a_new_token_it_is_refused_for_good(refreshing):
    crm = Crm(refreshing)
    crm.valid = "other"
    (outcome,) = crm.send()
    assert outcome.failure is not None
    assert outcome.failure.code == "401"
    assert crm.given == ["old"]


def test_an_answer_that_makes_no_sense_is_no_token():
    crm = Crm()
    assert KIND.renewal is not None
    kind = replace(KIND, renewal=KIND.renewal._replace(settings=lambda body: {"accessToken": json.loads(b"<")}))
    (outcome,) = Sender(crm.transport, crm.tokens(), crm.clock).send(Target("d1", kind, OWNER), [{}])
    assert outcome.failure is not None
    assert outcome.failure.code == "401"


def test_a_fresh_token_that_is_refused_too_is_not_refreshed_again():
    crm = Crm()
    crm.transport = MockTransport(
        lambda r: Response(200, {}, b'{"access_token":"x"}') if "token" in r.url else Response(401)
    )
    (outcome,) = crm.send()
    assert outcome.failure is not None
    assert [r.url.rpartition("/")[2] for r in crm.transport.requests] == ["in", "token", "in"]


def test_what_was_refreshed_is_sealed_and_ends_with_the_owners_settings():
    crm = Crm()
    crm.send()
    stored = b"".join(record.data for record in crm.records.page("token#d1").records)
    assert b"new1" not in stored
    assert b"old" not in stored
    crm.valid = "given"
    (outcome,) = crm.send(settings={"accessToken": "given", "refreshToken": "r2"})
    assert outcome.failure is None
    assert crm.refreshes == 1


def test_no_kind_without_oauth_reads_anything():
    post = posted(answers(401), delivery())
    post.play()
    assert len(post.asked_at) == 1
    assert post.records.page("token#d1").records == []


def test_a_refresh_is_no_retry(monkeypatch):
    from msgspec.structs import replace as struct_replace

    from chalicelib.destinations.registry import KINDS

    from .world import webhook

    monkeypatch.setitem(KINDS, KIND.metadata_id, KIND)
    crm = Crm()
    destination = struct_replace(webhook(), metadata_id=KIND.metadata_id, settings=OWNER)
    payload = {"messageId": "personas_1", "type": "identify"}
    post = posted(crm._answer, delivery(payload=payload), destinations=[destination])
    assert post.turn() == set()
    assert post.ledger.counts("d1") == {"delivered": 1}
    assert crm.refreshes == 1
