import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.errors import Unavailable
from chalicelib.ids import CountingIds
from chalicelib.instants import to_iso
from chalicelib.pipeline.intake import Reply, packed
from chalicelib.queues import MESSAGE_LIMIT
from chalicelib.tracking.envelope import Accepted, unpack
from tests.tracking.sending import (
    KEY,
    RECEIVED_AT,
    SWITCHED_OFF,
    UNKNOWN_KEY,
    Api,
    FailingQueues,
    FailingRecords,
    basic,
    batch,
    gzipped,
    sized,
    sized_batch,
    track,
)

ACCEPTED = Reply(200, {"success": True}, {})

# What analytics-python puts on the wire, explicit nulls included.
PYTHON_BATCH = {
    "batch": [
        {
            "integrations": {},
            "anonymousId": None,
            "userId": "u1",
            "traits": {"plan": "pro"},
            "timestamp": "2026-03-01T12:29:59.437000+00:00",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "type": "identify",
            "messageId": "6b1f9d1e-6f0e-4c5c-9b52-9d6a4e9fd4a1",
        },
        {
            "integrations": {},
            "anonymousId": None,
            "userId": "u1",
            "properties": {},
            "timestamp": "2026-03-01T12:29:59.438000+00:00",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "category": None,
            "name": None,
            "type": "page",
            "messageId": "0c6d9b39-6e4f-4d0e-9f39-6ec0d7d4c9a2",
        },
    ],
    "sentAt": "2026-03-01T12:30:00.000123+00:00",
    "writeKey": KEY,
}


def is_refusal(reply, status=400):
    """A failure as clients want it: nothing of it can be mistaken for success."""
    body = reply.body
    return reply.status == status and body["success"] is False and body["code"] and body["message"] and body["error"]


def test_a_track_call_with_the_key_in_its_body():
    api = Api()
    assert api.post("track", {"writeKey": KEY, "userId": "u1", "event": "E"}) == ACCEPTED
    [event] = api.stored()
    assert (event.type, event.event, event.user_id, event.source_id) == ("track", "E", "u1", "src")
    assert event.timestamp == event.received_at == RECEIVED_AT
    assert 0 < len(event.message_id) <= 100
    assert api.discarded() == {}


@pytest.mark.parametrize("user", [KEY + ":", KEY])
def test_an_identify_call_with_basic_authorization_only(user):
    api = Api()
    assert api.post("identify", {"userId": "u1", "traits": {"a": 1}}, authorization=basic(user)) == ACCEPTED
    [event] = api.stored()
    assert (event.type, event.traits) == ("identify", {"a": 1})


@pytest.mark.parametrize("body", [track(), track(writeKey=""), track(writeKey=None), track(writeKey=7)])
def test_a_request_without_a_key_is_told(body):
    api = Api()
    reply = api.post("track", body)
    assert is_refusal(reply)
    assert reply.body["code"] == "invalid_write_key"
    assert not api.sent()
    assert api.directory.asked == []


def test_two_different_keys_are_told():
    api = Api()
    reply = api.post("track", track(writeKey=KEY), authorization=basic(UNKNOWN_KEY + ":"))
    assert is_refusal(reply)
    assert reply.body["code"] == "write_key_mismatch"


def test_a_bearer_token_is_refused_although_the_body_has_a_key():
    api = Api()
    reply = api.post("track", track(writeKey=KEY), authorization="Bearer token")
    assert is_refusal(reply)
    assert reply.body["code"] == "unsupported_authorization"
    assert not api.sent()


@pytest.mark.parametrize("key", [UNKNOWN_KEY, "x", "x" * 5_000])
def test_a_key_of_nobody_is_not_told(key):
    api = Api()
    assert api.post("track", track(writeKey=key)) == ACCEPTED
    assert not api.sent()
    assert api.discarded("unknown") == {"project_not_found": 1}


def test_the_messages_of_an_unknown_key_are_counted():
    api = Api()
    api.post("batch", {"writeKey": UNKNOWN_KEY, "batch": [track(), track(), 5]})
    api.post("batch", {"writeKey": UNKNOWN_KEY, "batch": []})
    assert api.discarded("unknown") == {"project_not_found": 4}


def test_a_source_that_is_off_takes_nothing():
    api = Api()
    assert api.post("batch", {"writeKey": SWITCHED_OFF, "batch": [track(), track()]}) == ACCEPTED
    assert not api.sent()
    assert api.discarded("off") == {"source_disabled": 2}


@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group", "alias"])
def test_the_kind_of_call_is_the_type(kind):
    api = Api()
    body = {"userId": "u1", "event": "E", "groupId": "g", "previousId": "p", "type": "track", "writeKey": KEY}
    assert api.post(kind, body) == ACCEPTED
    assert [event.type for event in api.stored()] == [kind]


def test_a_compressed_batch_of_the_python_client():
    api = Api()
    assert api.post("batch", gzipped(PYTHON_BATCH), content_encoding="gzip") == ACCEPTED
    assert [event.event for event in api.stored()] == [None, "Page Viewed"]
    assert [to_iso(event.timestamp) for event in api.stored()] == [
        "2026-03-01T12:29:59.437Z",
        "2026-03-01T12:29:59.438Z",
    ]
    assert api.discarded() == {}


def test_an_import_with_basic_authorization_only():
    api = Api()
    body = {"batch": [track(), track()], "sentAt": "2026-03-01T12:29:59Z"}
    assert api.post("import", body, authorization=basic(KEY + ":")) == ACCEPTED
    assert len(api.stored()) == 2


@pytest.mark.parametrize("kind", ["track", "batch"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps(batch(track(writeKey=KEY))).encode(), {"content_encoding": "gzip"}),
        (b'{"writeKey":', {}),
        (b"", {}),
        (b'["track"]', {}),
        (b'"track"', {}),
        (b"null", {}),
        (b'{"writeKey":"\xff"}', {}),
        (f'{{"writeKey":"{KEY}","batch":[{{"a":NaN}}],"a":NaN}}'.encode(), {}),
    ],
)
def test_bodies_that_cannot_be_read_are_told(kind, body, headers):
    api = Api()
    reply = api.post(kind, body, **headers)
    assert is_refusal(reply)
    assert reply.body["code"] == "malformed_body"
    assert not api.sent()


def test_a_message_is_at_most_32_kilobytes():
    api = Api()
    assert api.post("track", sized(32_000, writeKey=KEY)) == ACCEPTED
    assert api.post("track", sized(32_768, writeKey=KEY)) == ACCEPTED
    assert len(api.stored()) == 2
    for body in (sized(32_769, writeKey=KEY), sized(33_000, writeKey=KEY)):
        assert is_refusal(api.post("track", body))
        assert is_refusal(api.post("track", gzipped(body), content_encoding="gzip"))
    assert len(api.stored()) == 2


def test_a_batch_is_at_most_what_clients_send():
    api = Api()
    assert api.post("batch", sized_batch(508_000, 20)) == ACCEPTED
    assert api.post("batch", gzipped(sized_batch(512_000, 20)), content_encoding="gzip") == ACCEPTED
    assert len(api.stored()) == 40
    for kind in ("batch", "import"):
        reply = api.post(kind, sized_batch(530_000, 20))
        assert is_refusal(reply)
        assert reply.body["code"] == "request_too_large"
    assert len(api.stored()) == 40


def test_one_message_too_large_refuses_its_batch():
    api = Api()
    reply = api.post("batch", batch(track(), json.loads(sized(40_000))))
    assert is_refusal(reply)
    assert reply.body["code"] == "message_too_large"
    assert api.post("batch", batch(track(), json.loads(sized(32_768)))) == ACCEPTED
    assert len(api.stored()) == 2


UNFIT = [
    (
        b'{"type":"track","userId":"u1","event":"E","properties":{"a":' + b"[" * 500 + b"]" * 500 + b"}}",
        "nested_too_deep",
    ),
    (b'{"type":"track","userId":"u1","event":"E","properties":{"a":1e400}}', "number_out_of_range"),
    (b'{"type":"track","userId":"u1","event":"E","properties":{"a":' + b"9" * 400 + b"}}", "number_out_of_range"),
]


def test_a_field_of_the_batch_nested_beyond_reading_is_told():
    api = Api()
    deep = "[" * 5_000 + "]" * 5_000
    reply = api.post("batch", f'{{"writeKey":"{KEY}","batch":[],"a":{deep}}}'.encode())
    assert is_refusal(reply)
    assert reply.body["code"] == "nested_too_deep"


@pytest.mark.parametrize(("message", "code"), UNFIT)
def test_a_message_that_cannot_be_held_is_told_alone_and_discarded_in_a_batch(message, code):
    api = Api()
    reply = api.post("track", message, authorization=basic(KEY + ":"))
    assert is_refusal(reply)
    assert reply.body["code"] == code
    neighbour = json.dumps(track(messageId="good")).encode()
    body = b'{"batch":[%b,%b,%b]}' % (message, neighbour, message)
    assert api.post("batch", body, authorization=basic(KEY + ":")) == ACCEPTED
    assert [event.message_id for event in api.stored()] == ["good"]
    assert api.discarded() == {code: 2}


@pytest.mark.parametrize("message", [b'{"a":NaN}', b'{"a":"\xff"}', b"{"])
def test_a_message_that_is_no_json_makes_the_whole_body_no_json(message):
    api = Api()
    neighbour = json.dumps(track()).encode()
    assert is_refusal(api.post("batch", b'{"batch":[%b,%b]}' % (neighbour, message), authorization=basic(KEY + ":")))
    assert not api.sent()


def test_what_applies_to_every_message_is_no_larger_than_a_message():
    api = Api()
    for name in ("context", "integrations"):
        assert is_refusal(api.post("batch", batch(track(), **{name: {"a": "x" * 33_000}})))
    assert not api.sent()


def test_more_messages_than_a_batch_may_have_are_all_discarded():
    api = Api()
    assert api.post("batch", batch(*[{}] * 2_501)) == ACCEPTED
    assert api.discarded() == {"too_many_elements": 2_501}
    assert not api.sent()
    assert api.post("batch", batch(*[track(messageId="m")] * 2_500)) == ACCEPTED
    assert len(api.stored()) == 2_500


def test_good_messages_of_a_batch_are_stored():
    api = Api()
    assert api.post("batch", batch(track(messageId="good"), {"type": "track", "event": "E"}, track(event=None))) == (
        ACCEPTED
    )
    assert [event.message_id for event in api.stored()] == ["good"]
    assert api.discarded() == {"no_user_anon_id": 1, "event_not_defined": 1}


@pytest.mark.parametrize("body", [{"batch": []}, {}, {"batch": None}, {"batch": {}}, {"batch": "x"}])
def test_a_batch_without_messages_is_counted(body):
    api = Api()
    assert api.post("batch", {"writeKey": KEY, **body}) == ACCEPTED
    assert api.discarded() == {"empty_batch": 1}
    assert not api.sent()


def test_a_batch_of_bad_messages_sends_nothing():
    api = Api()
    assert api.post("batch", batch(track(event=5), 7)) == ACCEPTED
    assert not api.sent()
    assert api.discarded() == {"event_not_string": 1, "message_not_object": 1}


def test_single_faults_are_counted_by_code():
    api = Api()
    for kind, body in [
        ("track", track(userId=42)),
        ("track", track(userId="")),
        ("track", track(event=5)),
        ("track", track(properties="x")),
        ("identify", {"userId": "u1", "traits": []}),
    ]:
        assert api.post(kind, {"writeKey": KEY, **body}) == ACCEPTED
    assert not api.sent()
    assert api.discarded() == {
        "id_not_string": 2,
        "event_not_string": 1,
        "properties_not_object": 1,
        "traits_not_object": 1,
    }


def test_what_the_batch_says_reaches_its_events():
    api = Api()
    body = batch(
        track(context={"ip": "1.2.3.4"}, timestamp="2026-03-01T12:00:00Z", writeKey=KEY, messageId="own"),
        track(),
        context={"device": {"type": "phone"}},
        sentAt="2026-03-01T12:00:10Z",
        messageId="of-the-batch",
    )
    assert api.post("batch", body) == ACCEPTED
    first, second = api.stored()
    assert first.context == {"device": {"type": "phone"}, "ip": "1.2.3.4"}
    assert to_iso(first.timestamp) == "2026-03-01T12:29:50.000Z"
    assert first.message_id == "own"
    assert second.message_id != "of-the-batch"
    assert KEY not in str(api.envelopes()[0].messages)


def test_messages_of_one_request_travel_together():
    api = Api()
    api.post("batch", batch(*[track() for _ in range(100)]))
    api.post("track", track(writeKey=KEY))
    assert [len(envelope.messages) for envelope in api.envelopes()] == [100, 1]
    assert len({envelope.batch_id for envelope in api.envelopes()}) == 2
    assert [message.group for message in api.sent()] == ["spc", "spc"]
    assert {(e.workspace_id, e.space_id, e.source_id) for e in api.envelopes()} == {("wks", "spc", "src")}


def test_odd_values_survive_the_queue():
    api = Api()
    text = rb'{"userId":"u1","event":"cut \ud83d","properties":{"n":123456789012345678901234,"z":"\u0000"}}'
    assert api.post("track", text, authorization=basic(KEY)) == ACCEPTED
    [event] = api.stored()
    assert event.event == "cut �"
    assert event.properties == {"n": 1.2345678901234568e23, "z": "\0"}


def test_nothing_is_acknowledged_that_the_queue_did_not_take():
    api = Api(queues=FailingQueues())
    reply = api.post("batch", batch(track(), track(event=5)))
    assert is_refusal(reply, 503)
    assert 1 <= int(reply.headers["Retry-After"]) <= 300
    assert api.discarded() == {}


def test_a_directory_that_does_not_answer_is_no_unknown_key(monkeypatch):
    def unavailable(write_key):
        raise Unavailable("the table does not answer")

    api = Api()
    monkeypatch.setattr(api.directory, "source_of_write_key", unavailable)
    assert is_refusal(api.post("track", track(writeKey=KEY)), 503)
    assert api.discarded("unknown") == {}


def test_counting_that_fails_does_not_fail_the_request(caplog):
    api = Api(records=FailingRecords)
    assert api.post("batch", batch(track(), track(event=5))) == ACCEPTED
    assert len(api.stored()) == 1
    assert api.post("track", track(writeKey=UNKNOWN_KEY)) == ACCEPTED
    assert "could not be counted" in caplog.text
    assert UNKNOWN_KEY not in caplog.text


def noise(size, seed):
    """Text that does not compress below its information: three quarters of a byte per character."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits + "+/", k=size))


def test_a_full_batch_that_does_not_compress_fits_the_queue():
    api = Api()
    body = batch(*[track(properties={"noise": noise(31_000, seed)}) for seed in range(16)])
    assert 495_000 < len(json.dumps(body)) < 512_000
    assert api.post("batch", body) == ACCEPTED
    assert all(len(message.body) <= MESSAGE_LIMIT for message in api.sent())
    assert len(api.stored()) == 16


@settings(max_examples=25)
@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=12), st.integers(3_000, 9_000))
def test_envelopes_are_halved_until_they_fit(sizes, limit):
    envelope = Accepted(
        batch_id="b",
        workspace_id="w",
        space_id="s",
        source_id="src",
        received_at=1,
        sent_at="2026-03-01T12:00:00Z",
        context={"a": 1},
        messages=[track(messageId=str(n), properties={"noise": noise(size, n)}) for n, size in enumerate(sizes)],
    )
    bodies = packed(envelope, limit, CountingIds(FixedClock(0)))
    parts = [unpack(body) for body in bodies]
    assert all(len(body) <= limit for body in bodies)
    assert [message for part in parts if isinstance(part, Accepted) for message in part.messages] == envelope.messages
    assert len({part.batch_id for part in parts}) == len(parts)
    assert all(isinstance(part, Accepted) and part.context == {"a": 1} and part.sent_at for part in parts)


@given(st.sampled_from(["track", "identify", "batch", "import"]), st.binary(max_size=300))
def test_any_bytes_get_an_answer(kind, body):
    reply = Api().post(kind, body, authorization=basic(KEY + ":"))
    assert reply.status in (200, 400)
    assert json.dumps(reply.body)
