import hashlib
import hmac
import json

import pytest

from chalicelib.destinations.registry import KINDS
from chalicelib.destinations.webhook import WEBHOOK

URL = {"url": "https://example.org/in?x=1"}


def fields(settings, **kwargs):
    return [problem.field for problem in WEBHOOK.problems(settings, **kwargs)]


def test_the_registry_knows_it_by_its_metadata_id():
    assert KINDS[WEBHOOK.metadata_id] is WEBHOOK
    assert len(bytes.fromhex(WEBHOOK.metadata_id)) == 12


def test_the_signature_of_the_published_vector():
    body = {
        "type": "track",
        "event": "Audience Entered",
        "userId": "u1",
        "properties": {"audience_key": "vip", "vip": True, "ltv": 450.0},
    }
    (call,) = WEBHOOK.requests([body], {**URL, "sharedSecret": "s3cr3t"})
    assert call.request.headers["X-Signature"] == "d6eea45006d3527d8d0890812459a9691c8c07d3"
    assert call.request.body.endswith(b'"ltv":450}}')


def test_the_signature_covers_exactly_the_bytes_sent():
    (call,) = WEBHOOK.requests([{"name": "Zoë", "x": 1e-07}], {**URL, "sharedSecret": "clé"})
    assert call.request.body == '{"name":"Zoë","x":1e-7}'.encode()
    expected = hmac.new("clé".encode(), call.request.body, hashlib.sha1).hexdigest()
    assert call.request.headers["X-Signature"] == expected


def test_without_a_secret_nothing_is_signed():
    (call,) = WEBHOOK.requests([{"a": 1}], {**URL, "sharedSecret": ""})
    assert "X-Signature" not in call.request.headers


def test_one_request_per_payload_with_the_defaults():
    calls = WEBHOOK.requests([{"n": 1}, {"n": 2}], URL)
    assert [call.items for call in calls] == [(0,), (1,)]
    assert [json.loads(call.request.body) for call in calls] == [{"n": 1}, {"n": 2}]
    first = calls[0].request
    assert (first.method, first.url, first.private) == ("POST", URL["url"], False)
    assert first.headers["Content-Type"] == "application/json"


def test_own_headers_replace_ours_whatever_their_case():
    settings = {**URL, "method": "PUT", "headers": {"content-type": "application/x", "Authorization": "Bearer t"}}
    (call,) = WEBHOOK.requests([{}], settings)
    assert call.request.method == "PUT"
    assert call.request.headers == {
        "User-Agent": "Muster",
        "content-type": "application/x",
        "Authorization": "Bearer t",
    }


def test_sound_settings_have_no_problems():
    assert fields(URL) == []
    assert fields({"url": "http://127.0.0.1:8080/x", "allowPrivateAddresses": True, "headers": {"X-A": ""}}) == []
    assert fields({**URL, "sharedSecret": None}) == []


def test_an_unfinished_instance_may_lack_its_url():
    assert fields({}) == ["settings.url"]
    assert fields({"url": ""}) == ["settings.url"]
    assert fields({}, complete=False) == []
    assert fields({"url": "ftp://x"}, complete=False) == ["settings.url"]


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "//example.org/x",
        "ftp://example.org",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user:pw@example.org/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://example.org:0/",
        "http://exa mple.org/",
        "http://example.org/\r\nX: y",
        "http://example.org\\@evil.org/",
        "http://[::1/",
        "http://exämple.org/",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    assert fields({"url": url}) == ["settings.url"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil"},
        {"content-length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"Proxy-Authorization": "x"},
        {"x-signature": "forged"},
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\x00"},
        {"X-A": " a"},
        {"X-A": "é"},
        {"X A": "a"},
        {"": "a"},
        {"X-A": "1", "x-a": "2"},
    ],
)
def test_a_header_that_would_break_the_request_is_refused(headers):
    problems = WEBHOOK.problems({**URL, "headers": headers})
    assert len(problems) == 1
    assert (problems[0].field or "").startswith("settings.headers")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", 5),
        ("method", "GET"),
        ("method", "post"),
        ("headers", ["a"]),
        ("headers", {"X-A": 1}),
        ("allowPrivateAddresses", "true"),
        ("sharedSecret", 1),
        ("colour", "red"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(name, value):
    assert fields({**URL, name: value}) == [f"settings.{name}"]


def test_no_problem_repeats_a_secret():
    problems = WEBHOOK.problems({**URL, "sharedSecret": 12345, "headers": {"Authorization": "Bearer top\n"}})
    assert "12345" not in str(problems)
    assert "top" not in str(problems)


def test_batched_events_are_one_array_signed_by_the_first():
    settings = {**URL, "enableBatching": True, "sharedSecret": "s3cr3t"}
    first = {"type": "track", "event": "Audience Entered", "userId": "u1"}
    first["properties"] = {"audience_key": "vip", "vip": True, "ltv": 450.0}  # type: ignore[assignment]
    (call,) = WEBHOOK.requests([first, {"n": 2}, {"n": 3}], settings)
    assert call.items == (0, 1, 2)
    assert json.loads(call.request.body) == [first, {"n": 2}, {"n": 3}]
    assert call.request.headers["X-Signature"] == "d6eea45006d3527d8d0890812459a9691c8c07d3"
    assert WEBHOOK.requests([], settings) == []


def test_one_batched_event_is_an_array_too():
    (call,) = WEBHOOK.requests([{"n": 1}], {**URL, "enableBatching": True})
    assert call.request.body == b'[{"n":1}]'


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 1),
        ({"batchSize": 50}, 1),
        ({"enableBatching": True}, 1_000),
        ({"enableBatching": True, "batchSize": 4_000}, 4_000),
        ({"enableBatching": True, "batchSize": None}, 1_000),
    ],
)
def test_how_many_go_together(settings, size):
    assert WEBHOOK.size_of_batch({**URL, **settings}) == size


@pytest.mark.parametrize("size", [0, -1, 4_001, "10", 1.5, True])
def test_a_batch_size_that_cannot_be(size):
    assert fields({**URL, "batchSize": size}) == ["settings.batchSize"]


def test_what_is_secret_about_an_instance():
    settings = {**URL, "sharedSecret": "s", "headers": {"Authorization": "Bearer t", "X-A": ""}}
    assert sorted(WEBHOOK.secrets(settings)) == ["Bearer t", "s"]
    assert WEBHOOK.secrets(URL) == []
