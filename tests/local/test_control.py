"""The control routes: drain, clock, sinks and the meter."""

import json
from typing import Any

import pytest

from infra.local.control import Control
from infra.local.gateway import Request, Response
from infra.local.meter import Meter
from tests.local.conftest import World

Seen = list[str]


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
def control(world: World, seen: Seen) -> Control:
    def remember(event: dict[str, Any], context: Any) -> None:
        seen.extend(record["body"] for record in event["Records"])

    return Control(world.clock, world.harness(on_queue=remember), Meter())


def ask(control: Control, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    answer = control.handle(Request(method, path, list(headers.items()), raw))
    return answer.status, _body(answer)


def _body(answer: Response) -> Any:
    return json.loads(answer.body)


def test_drain_says_what_ran(world: World, control: Control, seen: Seen) -> None:
    world.send("a", "b")
    status, body = ask(control, "POST", "/_local/drain")
    assert status == 200
    assert body["ran"] == {"work": 2, "tick": 1, "failed": 0, "given_up": 0}
    assert sorted(seen) == ["a", "b"]
    assert ask(control, "POST", "/_local/drain")[1]["ran"]["work"] == 0


def test_drain_that_never_ends_is_reported(world: World, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.harness.MOST_ROUNDS", 3)
    monkeypatch.setattr(world, "_tick", lambda event, context: world.send("again"))
    control = Control(world.clock, world.harness(on_queue=lambda event, context: None), Meter())
    status, body = ask(control, "POST", "/_local/drain")
    assert status == 500
    assert "3 ticks" in body["error"]


def test_the_clock_is_shown_and_moved(world: World, control: Control) -> None:
    assert ask(control, "GET", "/_local/clock")[1]["now"] == "2026-01-01T12:00:00.000Z"
    assert ask(control, "POST", "/_local/clock", {"advance_seconds": 90.5})[1]["now"] == "2026-01-01T12:01:30.500Z"
    assert (
        ask(control, "POST", "/_local/clock", {"now": "2026-02-01T00:00:00Z"})[1]["now"] == "2026-02-01T00:00:00.000Z"
    )
    assert world.ticks[-1] == "2026-02-01T00:00:00Z"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        {},
        {"advance_seconds": -1},
        {"advance_seconds": 1e10},
        {"advance_seconds": 1e300},
        {"now": "2100-01-01"},
        {"now": "2014-12-31"},
        {"now": "yesterday"},
        {"advance_seconds": 1, "now": "2026-01-01"},
        {"forward": 1},
    ],
)
def test_a_senseless_move_is_refused(control: Control, body: Any) -> None:
    status, answer = ask(control, "POST", "/_local/clock", body)
    assert status == 400
    assert "advance_seconds" in answer["error"]
    assert ask(control, "GET", "/_local/clock")[1]["now"] == "2026-01-01T12:00:00.000Z"


def test_a_sink_remembers_what_came(control: Control) -> None:
    assert ask(control, "POST", "/_local/sink/shop", {"event": "Audience Entered"}, X_Signature="abc")[0] == 200
    ask(control, "POST", "/_local/sink/shop", b"no json")
    listing = ask(control, "GET", "/_local/sink/shop?raw=1")[1]
    first, second = listing["requests"]
    assert listing["received"] == 2
    assert first["headers"] == {"X_Signature": "abc"}
    assert first["body"] == {"event": "Audience Entered"}
    assert first["raw"] == '{"event": "Audience Entered"}'
    assert first["time"] == "2026-01-01T12:00:00.000Z"
    assert second["body"] == "no json"
    assert "raw" not in ask(control, "GET", "/_local/sink/shop")[1]["requests"][0]
    assert ask(control, "GET", "/_local/sink/other")[1]["requests"] == []


def test_a_sink_shows_its_latest_requests(control: Control) -> None:
    for number in range(5):
        ask(control, "POST", "/_local/sink/shop", {"number": number})
    listing = ask(control, "GET", "/_local/sink/shop?last=2")[1]
    assert [request["body"]["number"] for request in listing["requests"]] == [3, 4]
    assert listing["received"] == 5
    assert ask(control, "GET", "/_local/sink/shop?last=0")[1]["requests"] == []
    assert ask(control, "GET", "/_local/sink/shop?last=x")[0] == 400


def test_a_sink_answers_by_its_script(control: Control) -> None:
    script = {"responses": [429, {"status": 503, "headers": {"Retry-After": "7"}, "body": {"why": "busy"}}, 200]}
    assert ask(control, "PUT", "/_local/sink/shop", script)[1]["scripted"] == [429, 503, 200]
    assert ask(control, "POST", "/_local/sink/shop")[0] == 429
    busy = control.handle(Request("POST", "/_local/sink/shop", [], b""))
    assert (busy.status, _body(busy)) == (503, {"why": "busy"})
    assert ("Retry-After", "7") in busy.headers
    assert [ask(control, "POST", "/_local/sink/shop")[0] for _ in range(3)] == [200, 200, 200]
    answered = [one["answered"] for one in ask(control, "GET", "/_local/sink/shop")[1]["requests"]]
    assert answered == [429, 503, 200, 200, 200]


def test_an_emptied_sink_forgets_its_script_too(control: Control) -> None:
    ask(control, "PUT", "/_local/sink/shop", {"responses": [500]})
    ask(control, "POST", "/_local/sink/shop")
    ask(control, "PUT", "/_local/sink/shop", {"responses": [500]})
    assert ask(control, "DELETE", "/_local/sink/shop")[1] == {"received": 0, "scripted": [], "requests": []}
    assert ask(control, "POST", "/_local/sink/shop")[0] == 200


@pytest.mark.parametrize("script", [b"", [200], {"responses": ["x"]}, {"responses": [1]}, {"answers": [200]}])
def test_a_senseless_script_is_refused(control: Control, script: Any) -> None:
    assert ask(control, "PUT", "/_local/sink/shop", script)[0] == 400


def test_sink_names_are_percent_decoded(control: Control) -> None:
    ask(control, "POST", "/_local/sink/a%20b", {})
    assert ask(control, "GET", "/_local/sink/a%20b")[1]["received"] == 1


def test_unknown_control_routes_and_methods_are_refused(control: Control) -> None:
    assert ask(control, "GET", "/_local/nothing")[0] == 404
    assert ask(control, "GET", "/_local")[0] == 404
    assert ask(control, "GET", "/_local/drain")[0] == 405
    assert ask(control, "DELETE", "/_local/clock")[0] == 405
    assert ask(control, "PATCH", "/_local/sink/shop")[0] == 405


def test_triggers_can_be_stopped_and_started(world: World, control: Control, seen: Seen) -> None:
    assert ask(control, "GET", "/_local/triggers") == (200, {"running": True})
    assert ask(control, "POST", "/_local/triggers", {"running": False}) == (200, {"running": False})
    world.send("a")
    ask(control, "POST", "/_local/drain")
    assert seen == ["a"]
    assert ask(control, "POST", "/_local/triggers", {"running": "yes"})[0] == 400
    assert ask(control, "GET", "/_local/triggers")[1] == {"running": False}
