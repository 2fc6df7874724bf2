import contextlib
import logging
import ssl
import time

import pytest

from chalicelib.delivery.classification import Deferred, Discarded
from chalicelib.delivery.transport import BODY_LIMIT, MockTransport, Response, UrllibTransport
from chalicelib.destinations.kind import Request

from .partner import OK, Partner, always, certified

HOST = "partner.test"


@contextlib.contextmanager
def partner(script, tls=None, address="127.0.0.1"):
    listening = Partner(script, tls, address)
    try:
        yield listening
    finally:
        listening.close()


def client(*addresses, allow_private=True, **options):
    found = addresses or ("127.0.0.1",)
    return UrllibTransport(allow_private=allow_private, resolve=lambda host, port: list(found), **options)


def request(port, scheme="http", path="/in?x=1", host=HOST, method="POST", private=True, body=b'{"a":1}'):
    return Request(method, f"{scheme}://{host}:{port}{path}", {"X-A": "b"}, body, private)


def failure(transport, sent, timeout=5.0):
    with pytest.raises((Deferred, Discarded)) as caught:
        transport.send(sent, timeout)
    return caught.value


def test_a_request_arrives_as_it_was_built():
    answer = b"HTTP/1.1 201 Created\r\nX-Reply: Yes\r\nContent-Length: 5\r\n\r\nhello"
    with partner(always(answer)) as there:
        response = client().send(request(there.port, method="PATCH"), 5)
        head, _, body = there.heard[0].partition(b"\r\n\r\n")
    assert (response.status, response.headers["x-reply"], response.body) == (201, "Yes", b"hello")
    lines = head.split(b"\r\n")
    assert lines[0] == b"PATCH /in?x=1 HTTP/1.1"
    assert f"Host: {HOST}:{there.port}".encode() in lines
    assert b"X-A: b" in lines
    assert b"Content-Length: 7" in lines
    assert body == b'{"a":1}'


def test_an_address_without_a_path_asks_for_the_root():
    with partner(always(OK)) as there:
        client().send(request(there.port, path=""), 5)
        assert there.heard[0].startswith(b"POST / HTTP/1.1\r\n")


def test_connections_are_kept_open():
    with partner(always(OK)) as there:
        transport = client()
        for _ in range(3):
            assert transport.send(request(there.port), 5).status == 200
        assert (there.connections, len(there.heard)) == (1, 3)


@pytest.mark.parametrize(("installation", "owner"), [(False, True), (True, False), (False, False)])
def test_nothing_leaves_for_a_private_address(installation, owner):
    with partner(always(OK)) as there:
        refused = failure(client(allow_private=installation), request(there.port, private=owner))
        assert (refused.code, there.connections) == ("INVALID_SETTINGS", 0)


def test_what_was_checked_is_what_is_connected_to():
    answers = [["127.0.0.1"], ["203.0.113.9"]]  # a name that changes its mind right after the check
    with partner(always(OK)) as there:
        transport = UrllibTransport(allow_private=True, resolve=lambda host, port: answers.pop(0))
        assert transport.send(request(there.port), 5).status == 200
    assert answers == [["203.0.113.9"]]


def test_the_next_address_is_tried_when_one_does_not_listen():
    with partner(always(OK)) as there:
        assert client("127.0.0.9", "127.0.0.1").send(request(there.port), 5).status == 200
        assert len(there.heard) == 1


def test_nobody_listens():
    with partner(always(OK)) as there:
        port = there.port
    assert failure(client("127.0.0.1", "127.0.0.9"), request(port)).code == "ECONNREFUSED"


def test_a_partner_that_hangs_up_without_an_answer():
    def hang_up(talk):
        talk.hear()

    with partner(hang_up) as there:
        assert failure(client(), request(there.port)).code == "ECONNRESET"
        assert there.connections == 1


def test_a_kept_connection_that_died_says_nothing_about_the_partner():
    def first_dies(talk):
        talk.hear()
        talk.say(OK)
        if talk.number == 0:
            talk.hear()  # takes the second request and is gone
        else:
            talk.hear()

    with partner(first_dies) as there:
        transport = client()
        assert [transport.send(request(there.port), 5).status for _ in range(2)] == [200, 200]
        assert there.connections == 2


def test_a_partner_that_never_answers():
    def listen(talk):
        talk.hear()
        talk.until_released(10)

    with partner(listen) as there:
        began = time.monotonic()
        assert failure(client(), request(there.port), timeout=0.2).code == "ETIMEDOUT"
        assert time.monotonic() - began < 2


def test_a_head_that_drips_does_not_stretch_the_attempt():
    def drip(talk):
        talk.hear()
        talk.say(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not talk.until_released(0.02):
            talk.say(b"x")

    with partner(drip) as there:
        began = time.monotonic()
        assert failure(client(), request(there.port), timeout=0.2).code == "ETIMEDOUT"
        assert time.monotonic() - began < 2


def test_a_body_that_drips_changes_nothing_about_the_answer():
    def drip(talk):
        talk.hear()
        talk.say(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000000\r\n\r\n")
        while not talk.until_released(0.02):
            talk.say(b"x")

    with partner(drip) as there:
        began = time.monotonic()
        response = client().send(request(there.port), 0.2)
        assert time.monotonic() - began < 2
    assert response.status == 503
    assert set(response.body) == set(b"x")


def test_of_a_long_body_only_the_beginning_is_read():
    def pour(talk):
        talk.hear()
        talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            talk.say(b"x" * 65_536)

    with partner(pour) as there:
        assert len(client().send(request(there.port), 5).body) == BODY_LIMIT


def test_a_redirect_is_given_back():
    with partner(always(b"HTTP/1.1 307 There\r\nLocation: http://x.example/\r\nContent-Length: 0\r\n\r\n")) as there:
        response = client().send(request(there.port), 5)
        assert (response.status, response.headers["location"]) == (307, "http://x.example/")
        assert there.connections == 1


def test_something_that_does_not_speak_http():
    with partner(always(b"220 mail.example ESMTP\r\n")) as there:
        assert isinstance(failure(client(), request(there.port)), Deferred)


def test_tls_is_checked_against_the_name_although_the_address_is_pinned(tmp_path):
    server, trusting = certified(tmp_path, HOST)
    seen = []
    server.sni_callback = lambda sock, name, context: seen.append(name)
    with partner(always(OK), server) as there:
        transport = client(ssl_context=trusting)
        for _ in range(2):
            assert transport.send(request(there.port, "https"), 5).status == 200
        assert (seen, there.connections) == ([HOST], 1)


def test_a_certificate_for_another_name(tmp_path):
    server, trusting = certified(tmp_path, "other.test")
    with partner(always(OK), server) as there:
        refused = failure(client(ssl_context=trusting), request(there.port, "https"))
        assert (type(refused), refused.code, there.heard) == (Discarded, "TLS_FAILURE", [])


def test_a_certificate_nobody_vouches_for(tmp_path):
    server, _ = certified(tmp_path, HOST)
    with partner(always(OK), server) as there:
        refused = failure(client(), request(there.port, "https"))
        assert (refused.code, there.heard) == ("TLS_FAILURE", [])
        assert "self" in refused.detail


def test_https_to_a_partner_that_speaks_plain_http():
    def plain(talk):
        talk.say(b"HTTP/1.1 400 Bad\r\n\r\n")

    with partner(plain) as there:
        assert (
            failure(client(ssl_context=ssl.create_default_context()), request(there.port, "https")).code
            == "TLS_FAILURE"
        )


def test_a_handshake_that_never_comes():
    def silence(talk):
        talk.until_released(10)

    with partner(silence) as there:
        began = time.monotonic()
        assert failure(client(), request(there.port, "https"), timeout=0.2).code == "ETIMEDOUT"
        assert time.monotonic() - began < 2


def test_addresses_are_not_logged(caplog):
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)
    with partner(always(OK)) as there:
        client().send(request(there.port, path="/in?token=secret"), 5)
    assert "secret" not in caplog.text


def test_the_mock_asks_its_function():
    transport = MockTransport(lambda request: Response(204))
    sent = request(1)
    assert transport.send(sent, 5) == Response(204)
    assert transport.requests == [sent]
