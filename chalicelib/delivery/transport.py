"""HTTP to the outside: the port, a client that connects only to checked addresses, and a mock for tests."""

import errno
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError, ReadTimeoutError
from urllib3.exceptions import SSLError as PoolSSLError
from urllib3.response import BaseHTTPResponse

from ..destinations.kind import Request
from . import classification as codes
from .address import AddressGuard, Resolve, system_resolve
from .classification import Undelivered, no_answer

BODY_LIMIT = 64 * 1024  # an answer is looked at, never stored: more than this tells nothing
ADDRESSES = 3  # how many addresses of one host an attempt tries to connect to

_BY_ERRNO = {
    errno.ECONNREFUSED: codes.ECONNREFUSED,
    errno.ECONNRESET: codes.ECONNRESET,
    errno.EPIPE: codes.ECONNRESET,
    errno.ECONNABORTED: codes.ECONNABORTED,
    errno.EHOSTUNREACH: codes.EHOSTUNREACH,
    errno.ENETUNREACH: codes.EHOSTUNREACH,
    errno.ETIMEDOUT: codes.ETIMEDOUT,
}


class Response(NamedTuple):
    """Header names are lower case; of the body at most `BODY_LIMIT` bytes, as they came."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Transport(Protocol):
    def send(self, request: Request, timeout: float) -> Response:
        """One request and its answer, redirects not followed, within `timeout` seconds. Raises Undelivered."""
        ...


class MockTransport:
    """Asks a function instead of the network; `requests` lists what was asked."""

    def __init__(self, handler: Callable[[Request], Response]) -> None:
        self._handler = handler
        self.requests: list[Request] = []

    def send(self, request: Request, timeout: float) -> Response:
        self.requests.append(request)
        return self._handler(request)


class UrllibTransport:
    """Keeps connections open, per address that was checked. Name and certificate stay those of the host.

    `allow_private` is the installation's switch for private addresses.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = system_resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        logging.getLogger("urllib3").setLevel(logging.INFO)  # at DEBUG it writes addresses, which may hold secrets
        self._guard = AddressGuard(allow_private, resolve)
        self._ssl_context = ssl_context
        self._pools = PoolManager(num_pools=100, maxsize=10)
        self._pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def send(self, request: Request, timeout: float) -> Response:
        until = time.monotonic() + timeout
        target = urlsplit(request.url)
        port = target.port or (443 if target.scheme == "https" else 80)
        host = target.hostname or ""
        addresses = self._guard.addresses(host, port, private=request.private, timeout=timeout)[:ADDRESSES]
        failures: list[Undelivered] = []
        for tried, address in enumerate(addresses):
            pool = self._pool(target, address, port)
            try:
                return _send_through(pool, target, request, until, len(addresses) - tried)
            except ConnectTimeoutError as error:  # NewConnectionError is one
                failures.append(_failure(error))
        raise failures[0]

    def _pool(self, target: SplitResult, address: str, port: int) -> HTTPConnectionPool:
        if target.scheme != "https":
            return self._pools.connection_from_host(address, port, "http")
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        secure: dict[str, Any] = {"server_hostname": target.hostname, "ssl_context": self._ssl_context}
        return self._pools.connection_from_host(address, port, "https", secure)


def _send_through(
    pool: HTTPConnectionPool, target: SplitResult, request: Request, until: float, shares: int
) -> Response:
    """Connecting may take one of `shares` parts of the time. Failing to connect raises urllib3's error: nothing was
    sent, and another address may be tried."""
    while True:
        with _Watch(until) as watch:
            try:
                return _exchange(pool, target, request, watch, shares)
            except ConnectTimeoutError:
                raise
            except Exception as error:
                failure = no_answer(codes.ETIMEDOUT) if watch.expired else _failure(error)
        # A connection kept open may have died while nobody looked; that says nothing about the partner.
        if failure.code != codes.ECONNRESET or watch.connected:
            raise failure


def _exchange(
    pool: HTTPConnectionPool, target: SplitResult, request: Request, watch: "_Watch", shares: int
) -> Response:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    seconds = watch.remaining()
    response = pool.urlopen(
        request.method,
        path,
        body=request.body,
        headers={"Host": target.netloc, **request.headers},
        retries=False,
        redirect=False,
        assert_same_host=False,
        timeout=Timeout(connect=seconds / shares, read=seconds),
        preload_content=False,
        decode_content=False,
    )
    if watch.expired:
        raise no_answer(codes.ETIMEDOUT)  # what was cut off looks like an answer with few headers
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status, headers, _body(response))


def _body(response: BaseHTTPResponse) -> bytes:
    """The beginning of the body. The answer stands in the status: a body that breaks off changes nothing."""
    read = b""
    try:
        while len(read) < BODY_LIMIT:
            chunk = response.read1(BODY_LIMIT - len(read))
            if not chunk:
                response.release_conn()
                return read
            read += chunk
    except (HTTPError, OSError, ValueError):
        pass
    response.close()
    return read


def _failure(error: Exception) -> Undelivered:
    if isinstance(error, NewConnectionError):
        return no_answer(_BY_ERRNO.get(getattr(error.__cause__, "errno", None) or 0, codes.EHOSTUNREACH))
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return no_answer(codes.ETIMEDOUT)
    if isinstance(error, PoolSSLError):
        return _secure_failure(error.args[0] if error.args else error)
    if isinstance(error, ProtocolError):
        return no_answer(codes.ECONNRESET)
    if isinstance(error, OSError):
        return no_answer(_BY_ERRNO.get(error.errno or 0, codes.ECONNRESET))
    return no_answer(codes.INTERNAL, type(error).__name__)


def _secure_failure(error: object) -> Undelivered:
    """A peer that hung up is a broken connection; any other trouble with TLS does not pass by itself."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return no_answer(codes.ECONNRESET)
    return no_answer(codes.TLS_FAILURE, getattr(error, "verify_message", None) or getattr(error, "reason", None) or "")


class _Watch:
    """Ends an attempt at its time, however slowly bytes drip in: a socket's timeout only bounds the gap between
    two of them. `connected` tells whether a connection was made for this attempt."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._timer = threading.Timer(max(0.0, self.remaining()), self._expire)
        self._timer.daemon = True
        self._connection: HTTPConnection | None = None
        self.expired = False
        self.connected = False

    def remaining(self) -> float:
        """Seconds; never zero, which sockets take for something else."""
        return max(0.001, self._until - time.monotonic())

    def __enter__(self) -> "_Watch":
        _active.watch = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _active.watch = None

    def cover(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def _expire(self) -> None:
        self.expired = True
        sock = self._connection.sock if self._connection else None
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not the TLS way: that would wait for the peer
            except OSError:
                return  # it ended by itself in the same moment


class _Active(threading.local):
    """The watch of the attempt that runs in this thread."""

    watch: _Watch | None = None


_active = _Active()


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        _cover(self, connecting=True)
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        _cover(self, connecting=False)
        super().request(*args, **kwargs)


class _SecureConnection(_PlainConnection, HTTPSConnection):
    """Watched like a plain one, since its TLS handshake is part of `connect`."""


def _cover(connection: HTTPConnection, *, connecting: bool) -> None:
    if _active.watch is not None:
        _active.watch.cover(connection)
        _active.watch.connected |= connecting


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
