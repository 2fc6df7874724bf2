"""A partner on loopback that follows a script, down to the bytes."""

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Script = Callable[["Talk"], None]


class Talk:
    """One connection as the partner sees it. `number` counts connections from 0."""

    def __init__(self, partner: "Partner", sock: socket.socket, number: int) -> None:
        self.partner, self.sock, self.number = partner, sock, number
        self._buffer = b""

    def hear(self) -> bytes | None:
        """The next request, whole; None when the client has hung up."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"ength:" in line), 0)
        while len(rest) < length:
            if not self._more():
                return None
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[length:]
        heard = head + b"\r\n\r\n" + rest[:length]
        self.partner.heard.append(heard)
        return heard

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def until_released(self, seconds: float) -> bool:
        """Wait for the end of the test, at most so long; whether it came."""
        return self.partner.released.wait(seconds)

    def _more(self) -> bool:
        data = self.sock.recv(65_536)
        self._buffer += data
        return bool(data)


class Partner:
    """Listens until `close`; `heard` lists requests, `connections` counts."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self._script, self._tls = script, tls
        self.heard: list[bytes] = []
        self.connections = 0
        self._sockets: list[socket.socket] = []
        self.released = threading.Event()
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self.released.set()
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):  # hung up already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(sock, self.connections), daemon=True)
            self.connections += 1
            self._sockets.append(sock)
            self._threads.append(thread)
            thread.start()

    def _talk(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(5)
        with contextlib.suppress(OSError), sock:  # the client hung up, which is what some tests want
            if self._tls:
                with self._tls.wrap_socket(sock, server_side=True) as secure:
                    self._sockets.append(secure)
                    self._script(Talk(self, secure, number))
            else:
                self._script(Talk(self, sock, number))


def always(answer: bytes) -> Script:
    def script(talk: Talk) -> None:
        while talk.hear() is not None:
            talk.say(answer)

    return script


def certified(directory, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a self-signed certificate for `name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "partner.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
