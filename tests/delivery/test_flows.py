"""Deliveries that take several requests, one after the other, and those that share none."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from chalicelib.clock import FixedClock
from chalicelib.delivery.sending import Sender, Target
from chalicelib.delivery.tokens import Tokens
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.destinations.kind import Call, Request
from chalicelib.destinations.registry import KINDS
from chalicelib.destinations.webhook import WEBHOOK
from chalicelib.store.memory import MemoryRecords, MemorySecrets

from .post import answers, delivery, posted
from .test_tokens import KIND, OWNER
from .world import NOW, webhook


def request(path):
    return Request("POST", f"https://crm.example/{path}", {}, b"")


def flow(items, settings):
    """What the partner does not know (404) is made; of a pair, the second alone goes on."""
    places = tuple(range(len(items)))

    def then(status, body):
        if status == 404:
            return [Call(request("make"), places)]
        return [Call(request("more"), places[1:])] if status == 201 else []

    return [Call(request("look"), places, then)]


class Stage:
    """`took` is how many seconds each request takes."""

    def __init__(self, count, *statuses, kind=None, took=0.0):
        self.clock, left, self.took, self.timeouts = FixedClock(NOW), list(statuses), took, list[float]()
        self.transport = MockTransport(lambda request: self._answer(request, left))
        timed = SimpleNamespace(send=self._send)
        records, secrets = MemoryRecords(self.clock), MemorySecrets()
        sender = Sender(
            timed, Tokens(records, secrets, self.transport, self.clock), self.clock, monotonic=self._seconds
        )
        kind = kind or replace(KIND, build=flow)
        self.outcomes = sender.send(Target("d1", kind, OWNER), [{"n": n} for n in range(count)])

    def _seconds(self):
        return self.took * len(self.timeouts)

    def _send(self, request, timeout):
        self.timeouts.append(timeout)
        return self.transport.send(request, timeout)

    def _answer(self, request, left):
        return Response(200, {}, b'{"access_token":"new"}') if "token" in request.url else Response(left.pop(0))

    @property
    def paths(self):
        return [request.url.rpartition("/")[2] for request in self.transport.requests]

    @property
    def codes(self):
        return [outcome.failure.code if outcome.failure else "" for outcome in self.outcomes]


@pytest.mark.parametrize(
    ("statuses", "paths", "codes"),
    [
        ([200], ["look"], ["", ""]),
        ([404, 200], ["look", "make"], ["", ""]),
        ([404, 503], ["look", "make"], ["503", "503"]),
        ([503], ["look"], ["503", "503"]),
        ([201, 400], ["look", "more"], ["", "400"]),
    ],
)
def test_the_last_answer_about_a_payload_counts(statuses, paths, codes):
    stage = Stage(2, *statuses)
    assert (stage.paths, stage.codes) == (paths, codes)


def test_a_token_that_ends_within_a_flow_begins_it_anew_once():
    stage = Stage(1, 404, 401, 404, 200)
    assert (stage.paths, stage.codes) == (["look", "make", "token", "look", "make"], [""])
    stage = Stage(1, 404, 401, 404, 401)
    assert (stage.paths, stage.codes) == (["look", "make", "token", "look", "make"], ["401"])


def test_the_requests_of_a_flow_share_the_time_of_an_attempt():
    stage = Stage(1, 404, 200, took=4.0)
    assert (stage.timeouts, stage.codes) == ([10.0, 6.0], [""])
    stage = Stage(1, 404, 200, took=11.0)
    assert (stage.paths, stage.codes) == (["look"], ["ETIMEDOUT"])


def test_a_kind_that_stumbles_over_an_answer_is_tried_again():
    def build(items, settings):
        return [Call(request("look"), (0,), lambda status, body: json.loads(body))]

    assert Stage(1, 200, kind=replace(KIND, build=build)).codes == ["INTERNAL"]


def test_what_goes_alone_goes_first_and_shares_no_request(monkeypatch):
    kind = replace(WEBHOOK, alone=lambda payload: payload["type"] == "alias")
    monkeypatch.setitem(KINDS, kind.metadata_id, kind)
    types = ["track", "alias", "track", "alias"]
    made = [
        delivery(n, payload={"messageId": f"personas_{n}", "type": type, "userId": "u1"})
        for n, type in enumerate(types)
    ]
    post = posted(answers(200), *made, destinations=[webhook(enableBatching=True)])
    assert post.turn() == set()
    bodies = [json.loads(request.body) for request in post.transport.requests]
    assert [[event["type"] for event in body] for body in bodies] == [["alias"], ["alias"], ["track", "track"]]
