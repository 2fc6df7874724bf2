"""The HTTP server on loopback: the control routes and, beside them, the app behind its gateway."""

import logging
import socket
import threading
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from .control import PREFIX, Control
from .failure import CannotStart
from .gateway import Gateway, Headers, Request, Response, json_response, refusal

HOST = "127.0.0.1"

# The largest request the product takes is 500 KB; 1 MB on top lets the product itself name what is wrong with a
# larger one.
MOST_BODY = 512_000 + 1_048_576

# Ten SDKs at once are more than a laptop shows.
THREADS = 10

STOP_SECONDS = 2

_log = logging.getLogger(__name__)


class _Connection(HTTPConnection):
    # Outside proxy mode cheroot refuses `//spaces/…`, which a base URL with a slash at its end leads to.
    RequestHandlerClass = partial(HTTPRequest, proxy_mode=True)


class _Server(wsgi.Server):
    """cheroot prints its troubles to the terminal; they belong in the log."""

    ConnectionClass = _Connection
    shutdown_timeout = 1

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        _log.log(level, "%s", msg, exc_info=traceback)


class LocalServer:
    """Bound at once, so that the port is known (0 picks a free one); serves from `start` to `stop`."""

    def __init__(self, port: int) -> None:
        self._server = _Server((HOST, port), self._respond, numthreads=THREADS)
        self._gateway: Gateway | None = None
        self._control: Control | None = None
        _refuse_taken(port)
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self._server.bind_addr[1]}"

    def start(self, gateway: Gateway, control: Control) -> None:
        self._gateway, self._control = gateway, control
        self._thread.start()

    def stop(self) -> None:
        """May be called again. Requests under way get a second to finish."""
        # cheroot waits for its workers without end, and a partner's slow answer must not keep the user waiting.
        stopper = threading.Thread(target=self._server.stop, daemon=True)
        stopper.start()
        stopper.join(STOP_SECONDS)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS - 1)

    def _respond(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = self._answer(environ)
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        if response.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers.pop()
        start_response(f"{response.status} {_phrase(response.status)}", headers)
        return [response.body]

    def _answer(self, environ: dict[str, Any]) -> Response:
        request = Request(environ["REQUEST_METHOD"], _target(environ), _headers(environ), b"", environ["REMOTE_ADDR"])
        try:
            body = environ["wsgi.input"].read(MOST_BODY + 1)
        except ValueError:  # broken chunks: nobody knows where a next request on this connection would begin
            return refusal(request, 400, "The body is not chunked as HTTP has it.", [("Connection", "close")])
        if len(body) > MOST_BODY:
            _read_to_end(environ["wsgi.input"])
            return refusal(request, 413, f"The body is larger than {MOST_BODY} bytes.")
        request = request._replace(body=body)
        try:
            return self._handle(request)
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return refusal(request, 500, "Something broke here.")

    def _handle(self, request: Request) -> Response:
        if self._control is None or self._gateway is None:
            return json_response(503, {"error": "the stack is still starting"})
        if request.path == PREFIX or request.path.startswith(PREFIX + "/"):
            return self._control.handle(request)
        return self._gateway.handle(request)


def _refuse_taken(port: int) -> None:
    """Ask before cheroot does: it forgets to close a socket that it could not bind."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CannotStart(f"Port {port} is in use. Choose another one: make run PORT=8788") from error


def _target(environ: dict[str, Any]) -> str:
    target: str = environ["REQUEST_URI"]
    # A proxy asks with the whole URL.
    if not target.startswith("/") and "://" in target:
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target


def _headers(environ: dict[str, Any]) -> Headers:
    found = [(name[5:].replace("_", "-").title(), value) for name, value in environ.items() if name.startswith("HTTP_")]
    found += [
        (name.replace("_", "-").title(), environ[name])
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        if environ.get(name)
    ]
    return found


def _read_to_end(stream: Any) -> None:
    """A client still sending sees a reset instead of the answer; beyond ten times the limit it may."""
    for _ in range(10):
        if not stream.read(MOST_BODY):
            return


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
