"""The routes under /_local: they belong to the local stack alone and are served beside the app, never by it."""

import threading
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qs, unquote

import msgspec

from chalicelib import instants
from chalicelib.clock import SECOND, MovableClock

from .effort import Stopping
from .gateway import Request, Response, json_response
from .harness import STOPS, Harness, StillBusy
from .meter import Meter
from .sink import MOST_REQUESTS, Script, Sink

PREFIX = "/_local"

# The ids of the product count seconds from 2014 on, in 32 bits.
EARLIEST, LATEST = 1_420_070_400_000, 4_102_444_800_000  # 2015, 2100


class ClockMove(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one of the first two. `stops` bounds how often the move stops on the way for edges."""

    advance_seconds: float | None = None
    now: str | None = None
    stops: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = STOPS


class Triggers(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the triggers turn by themselves, or only when drained."""

    running: bool


class Control:
    """Drain, clock, triggers, sinks and figures of a running stack."""

    def __init__(self, clock: MovableClock, harness: Harness, meter: Meter) -> None:
        self._clock, self._harness, self._meter = clock, harness, meter
        self._sinks: dict[str, Sink] = {}
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        """Answers end with a line feed: these routes are asked by people, in terminals."""
        response = self._handle(request)
        return response._replace(body=response.body + b"\n")

    def _handle(self, request: Request) -> Response:
        match request.path.removeprefix(PREFIX).strip("/").split("/"):
            case ["drain"]:
                return _by_method(request, {"POST": self._drain})
            case ["clock"]:
                return _by_method(request, {"GET": self._show_clock, "POST": self._move_clock})
            case ["triggers"]:
                return _by_method(request, {"GET": self._show_triggers, "POST": self._switch_triggers})
            case ["meter"]:
                return _by_method(request, {"GET": self._show_meter, "DELETE": self._reset_meter})
            case ["sink", name]:
                return self._at_sink(request, self._sink(unquote(name)))
            case _:
                return _error(404, "drain, clock, triggers, meter and sink/{name} are here")

    def _drain(self, _request: Request) -> Response:
        return self._run(self._harness.drain)

    def _run(self, work: Callable[[], dict[str, int]]) -> Response:
        try:
            ran = work()
        except StillBusy as busy:
            return _error(500, str(busy))
        except Stopping:
            return _error(503, "the stack is stopping")
        return json_response(200, {"ran": ran, **self._time()})

    def _time(self) -> dict[str, Any]:
        next_retry = self._harness.held.next_due()
        return {
            "now": instants.to_iso(self._clock.now()),
            "waiting_for_retry": self._harness.held.count(),
            "next_retry": None if next_retry is None else instants.to_iso(next_retry),
        }

    def _show_clock(self, _request: Request) -> Response:
        return json_response(200, self._time())

    def _move_clock(self, request: Request) -> Response:
        try:
            move = msgspec.json.decode(request.body, type=ClockMove)
            instant = self._target(move)
        except (msgspec.DecodeError, ValueError) as error:
            return _error(400, f'send {{"advance_seconds": n}} or {{"now": "2026-01-31T12:00:00Z"}}: {error}')
        return self._run(lambda: self._harness.advance_to(instant, move.stops))

    def _target(self, move: ClockMove) -> int:
        match move:
            case ClockMove(advance_seconds=float(seconds), now=None):
                instant: int | None = self._after(seconds)
            case ClockMove(advance_seconds=None, now=str(text)):
                instant = instants.parse_iso(text)
            case _:
                raise ValueError("exactly one of the two is needed")
        if instant is None:
            raise ValueError("now is not ISO 8601")
        if not EARLIEST <= instant < LATEST:
            raise ValueError("the clock goes from 2015 to 2100")
        return instant

    def _after(self, seconds: float) -> int:
        if seconds < 0:
            raise ValueError("advance_seconds is not negative")
        return self._clock.now() + int(seconds * SECOND)

    def _show_triggers(self, _request: Request) -> Response:
        return json_response(200, {"running": self._harness.by_itself})

    def _switch_triggers(self, request: Request) -> Response:
        try:
            self._harness.by_itself = msgspec.json.decode(request.body, type=Triggers).running
        except msgspec.DecodeError as error:
            return _error(400, f'send {{"running": true}} or {{"running": false}}: {error}')
        return self._show_triggers(request)

    def _show_meter(self, _request: Request) -> Response:
        return json_response(200, self._meter.figures())

    def _reset_meter(self, _request: Request) -> Response:
        self._meter.reset()
        return json_response(200, self._meter.figures())

    def _sink(self, name: str) -> Sink:
        with self._lock:
            return self._sinks.setdefault(name, Sink(self._clock))

    def _at_sink(self, request: Request, sink: Sink) -> Response:
        match request.method:
            case "POST":
                answer = sink.receive(dict(request.headers), request.body)
                body = {"received": True} if answer.body is None else answer.body
                return json_response(answer.status, body, list(answer.headers.items()))
            case "GET":
                return _listing(sink, request.query)
            case "PUT":
                return _script(sink, request.body)
            case "DELETE":
                sink.empty()
                return json_response(200, sink.listing())
            case _:
                return _wrong_method("POST, GET, PUT, DELETE")


def _listing(sink: Sink, query: str) -> Response:
    """`last=n` shows the latest n; `raw=1` adds the exact bodies, which signatures are made of."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    last = asked.get("last", str(MOST_REQUESTS))
    if not last.isdecimal():
        return _error(400, "last is how many of the latest requests to show")
    listing = sink.listing(int(last))
    if asked.get("raw") != "1":
        listing["requests"] = [_without_raw(request) for request in listing["requests"]]
    return json_response(200, listing)


def _without_raw(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "raw"}


def _script(sink: Sink, body: bytes) -> Response:
    try:
        sink.script(msgspec.json.decode(body, type=Script))
    except msgspec.DecodeError as error:
        return _error(400, f'send {{"responses": [429, 503, 200]}}: {error}')
    return json_response(200, sink.listing())


def _by_method(request: Request, handlers: dict[str, Callable[[Request], Response]]) -> Response:
    handler = handlers.get(request.method)
    return handler(request) if handler else _wrong_method(", ".join(handlers))


def _wrong_method(allowed: str) -> Response:
    return json_response(405, {"error": f"possible here: {allowed}"}, [("Allow", allowed)])


def _error(status: int, message: str) -> Response:
    return json_response(status, {"error": message})
