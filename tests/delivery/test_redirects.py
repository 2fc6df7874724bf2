import pytest

from chalicelib.delivery.address import system_resolve
from chalicelib.delivery.classification import Deferred, Discarded
from chalicelib.delivery.redirects import follow
from chalicelib.delivery.transport import MockTransport, Response, UrllibTransport
from chalicelib.destinations.kind import Request

from .partner import Partner, always

HEADERS = {"Content-Type": "application/json", "X-Signature": "ab", "Authorization": "Bearer t", "X-Key": "k"}


def request(url="https://a.example/in?x=1", method="POST", **changes):
    return Request(method, url, HEADERS, b"{}", **changes)


def to(location, status=307):
    return Response(status, {"location": location})


def answered(*responses, sent=None):
    """What is sent when the partner answers so, one after the other."""
    queue = list(responses)
    transport = MockTransport(lambda request: queue.pop(0))
    response = follow(transport, sent or request(), 10)
    return response, transport.requests


@pytest.mark.parametrize("status", [307, 308])
def test_the_same_request_goes_to_the_new_place(status):
    response, sent = answered(to("/other#part", status), Response(200), sent=request(private=True))
    assert response.status == 200
    assert sent[1] == request("https://a.example/other", private=True)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_does_not_become_a_get(status):
    response, sent = answered(to("/other", status))
    assert response.status == status
    assert len(sent) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_get_follows(status):
    response, sent = answered(to("/other", status), Response(204), sent=request(method="GET"))
    assert (response.status, sent[1].method) == (204, "GET")


def test_another_origin_does_not_get_the_owners_headers():
    for place in ("https://b.example/in", "https://a.example:444/in"):
        _, sent = answered(to(place), Response(200))
        assert sent[1].headers == {"Content-Type": "application/json", "X-Signature": "ab"}
        assert sent[1].body == b"{}"


def test_five_hops_and_no_more():
    response, sent = answered(*[to(f"/{n}") for n in range(6)])
    assert response.status == 307
    assert len(sent) == 6


@pytest.mark.parametrize(
    "location",
    [
        "",
        "   ",
        "http://a.example/in",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://user:pw@a.example/",
        "https://[::1/",
        "/a b",
        "/ä",
        "/a\r\nb",
    ],
)
def test_where_a_redirect_must_not_lead(location):
    response, sent = answered(to(location))
    assert response.status == 307
    assert len(sent) == 1


def test_the_address_rules_hold_at_every_hop():
    def handler(sent):
        if "private" in sent.url:
            raise Discarded("INVALID_SETTINGS")
        return to("https://private.example/")

    with pytest.raises(Discarded):
        follow(MockTransport(handler), request(), 10)


def test_all_hops_share_the_time():
    times = iter([0.0, 4.0, 11.0])
    queue = [to("/1"), to("/2"), Response(200)]
    transport = MockTransport(lambda request: queue.pop(0))
    with pytest.raises(Deferred) as caught:
        follow(transport, request(), 10, monotonic=lambda: next(times))
    assert caught.value.code == "ETIMEDOUT"
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://metadata.example/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://2852039166/",
    ],
)
def test_no_hop_leads_to_the_credentials_of_the_machine(location):
    """Not even where installation and owner allow private addresses, as here."""

    def resolve(host, port):
        return ["169.254.169.254"] if host == "metadata.example" else system_resolve(host, port)

    answer = f"HTTP/1.1 307 Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    partner = Partner(always(answer))
    try:
        transport = UrllibTransport(allow_private=True, resolve=resolve)
        with pytest.raises(Discarded) as caught:
            follow(transport, Request("POST", f"http://127.0.0.1:{partner.port}/", {}, b"", private=True), 5)
    finally:
        partner.close()
    assert caught.value.code == "INVALID_SETTINGS"
    assert len(partner.heard) == 1


def test_a_public_host_cannot_lead_inside():
    """What the first hop may not reach, no later one may: the owner of the address decides, not its partner."""
    partner = Partner(always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    try:
        transport = UrllibTransport(allow_private=True)
        with pytest.raises(Discarded):
            follow(transport, Request("POST", f"http://127.0.0.1:{partner.port}/", {}, b"", private=False), 5)
    finally:
        partner.close()
    assert partner.heard == []
