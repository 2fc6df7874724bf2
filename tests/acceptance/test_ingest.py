"""The tracking API from the outside: what is taken, what becomes of it, and what a sender is told."""

import gzip
import json
from typing import Any

import pytest
from segment.analytics.client import Client

from chalicelib.instants import parse_iso
from tests.acceptance.installation import Muster, Source, assert_accepted, assert_refused, basic, unique

KINDS = ("identify", "track", "page", "screen", "group", "alias")
PATHS = [f"/v1/{name}" for kind in (*KINDS, "batch") for name in (kind, kind[0])] + ["/v1/import", "/v1/m"]
ORIGIN = "https://a.test"


def track(user: str, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": "E", **fields}


def sized(size: int, user: str, **fields: Any) -> bytes:
    """A track call of exactly `size` bytes."""
    bare = len(json.dumps(track(user, properties={"filler": ""}, **fields)))
    return json.dumps(track(user, properties={"filler": "x" * (size - bare)}, **fields)).encode()


def sized_batch(size: int, user: str) -> bytes:
    """A batch of exactly `size` bytes, whose elements are below 32 KB."""
    head, tail, full = b'{"batch":[', b"]}", 30_000
    count = (size - len(head) - len(tail)) // (full + 1)
    elements = [sized(full, user) for _ in range(count - 1)]
    rest = size - len(head) - len(tail) - sum(len(e) + 1 for e in elements)
    middle = rest // 2
    return head + b",".join([*elements, sized(middle, user), sized(rest - middle - 1, user)]) + tail


def test_a_track_call_with_its_key_in_the_body(muster: Muster, source: Source, user: str) -> None:
    body = {"writeKey": source.write_key, "userId": user, "event": "E"}
    assert_accepted(source.post("/v1/track", body, Authorization=None))
    [row] = source.stored()
    assert (row["type"], row["event"], row["userId"]) == ("track", "E", user)
    assert row["messageId"]
    assert row["timestamp"] == row["receivedAt"]
    assert "writeKey" not in row
    metadata = muster.profile(f"user_id:{user}", "metadata").json["metadata"]
    assert (metadata["last_message_id"], metadata["last_source_id"]) == (row["messageId"], source.id)


@pytest.mark.parametrize("end", [":", "", ":anything"])
def test_an_identify_call_with_its_key_in_the_header(muster: Muster, source: Source, user: str, end: str) -> None:
    credentials = basic(source.write_key + end)
    assert_accepted(source.post("/v1/identify", {"userId": user, "traits": {"a": 1}}, Authorization=credentials))
    assert len(source.stored()) == 1
    assert muster.traits(f"user_id:{user}") == {"a": 1}


@pytest.mark.parametrize("key", [{}, {"writeKey": ""}, {"writeKey": None}, {"writeKey": "  "}, {"writeKey": 5}])
@pytest.mark.parametrize("authorization", [None, "", "Basic Og==", "Basic"])
def test_a_request_without_a_key_is_told(source: Source, key: dict[str, Any], authorization: str | None) -> None:
    assert_refused(source.post("/v1/track", track("u", **key), Authorization=authorization))
    assert_refused(source.post("/v1/batch", {"batch": [track("u")], **key}, Authorization=authorization))


def test_a_key_of_nobody_is_not_told_and_stores_nothing(muster: Muster, source: Source, user: str) -> None:
    before = len(muster.landed())
    for key in ("x" * 32, "x", "x" * 5_000, "ключ", "\0", unique("key")):
        assert_accepted(source.post("/v1/track", track(user, writeKey=key), Authorization=None))
    muster.drain()
    assert len(muster.landed()) == before
    assert muster.segment_id(f"user_id:{user}") is None


def test_a_call_of_a_browser(source: Source, user: str) -> None:
    answer = source.post("/v1/t", {"userId": user, "event": "E"}, Content_Type="text/plain", Origin=ORIGIN)
    assert_accepted(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert [row["type"] for row in source.stored()] == ["track"]


@pytest.mark.parametrize("path", [*PATHS, "/v1/import/", "/v1/t/"])
def test_a_preflight_needs_no_key(muster: Muster, path: str) -> None:
    asked = {
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "authorization,content-type,x-retry-count,x-own",
    }
    answer = muster.ask("OPTIONS", path, Origin=ORIGIN, **asked)
    assert 200 <= answer.status < 300
    allowed = [name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")]
    assert {"authorization", "content-type", "x-retry-count", "x-own"} <= set(allowed)
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert int(answer.headers["Access-Control-Max-Age"]) >= 600
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("kind", KINDS)
def test_short_and_long_paths_store_the_same(source: Source, user: str, kind: str) -> None:
    body = {"userId": user, "event": "E", "groupId": "g", "previousId": "p", "type": "track"}
    for path in (f"/v1/{kind}", f"/v1/{kind[0]}", f"/v1/{kind}/"):
        assert_accepted(source.post(path, body))
    assert [row["type"] for row in source.stored()] == [kind] * 3


PYTHON_LIBRARY = {"library": {"name": "analytics-python", "version": "2.4.0"}}


def test_a_compressed_batch_as_python_sends_it(source: Source, user: str) -> None:
    common: dict[str, Any] = {"integrations": {}, "anonymousId": None, "userId": user, "context": PYTHON_LIBRARY}
    page = {**common, "type": "page", "properties": {}, "category": None, "name": None}
    elements: list[dict[str, Any]] = [
        {**common, "type": "identify", "traits": {"plan": "pro"}, "timestamp": "2026-03-01T11:59:59.437000+00:00"},
        {**page, "timestamp": "2026-03-01T11:59:59.438000+00:00"},
        {**page, "type": "screen", "timestamp": "2026-03-01T11:59:59.439000+00:00"},
    ]
    sent = [{**one, "messageId": unique("m")} for one in elements]
    body = {"batch": sent, "sentAt": "2026-03-01T12:00:00.000123+00:00", "writeKey": source.write_key}
    packed = gzip.compress(json.dumps(body).encode())
    for _ in range(2):
        assert_accepted(source.post("/v1/batch", packed, Content_Encoding="gzip", Content_Type="application/json"))
    assert [row["messageId"] for row in source.stored()[:3]] == [one["messageId"] for one in sent]
    assert source.discarded() == {}


def test_an_import_with_a_slash_at_the_end(muster: Muster, source: Source, user: str) -> None:
    body = {"batch": [track(user), track(user)], "sentAt": "2026-03-01T12:00:00Z"}
    assert_accepted(source.post("/v1/import/", body))
    assert len(source.stored()) == 2


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_bodies_that_cannot_be_read_are_told(source: Source, path: str) -> None:
    good = json.dumps({"batch": [track("u")], **track("u")}).encode()
    packed = gzip.compress(good)
    for body in (good, b"", packed[:-1], packed + b"x"):
        assert_refused(source.post(path, body, Content_Encoding="gzip"))
    for body in (b"", b" ", b"{", b"[]", b"null", b'"x"', b"1", good + b"x", b"\xef\xbb\xbf" + good, good[:-1], packed):
        assert_refused(source.post(path, body))
    for value in (b'"\xff"', b"NaN", b"01", b"'x'"):
        assert_refused(source.post(path, b'{"userId":%b,"event":"E","batch":[{"userId":%b}]}' % (value, value)))
    assert_refused(source.post(path, good, Content_Encoding="br"))
    assert source.stored() == []


def test_a_call_has_at_most_32_kilobytes(source: Source, user: str) -> None:
    for size in (32_000, 32_768):
        assert_accepted(source.post("/v1/track", sized(size, user)))
    for size in (32_769, 33_000, 600_000, 2_000_000):
        assert_refused(source.post("/v1/track", sized(size, user)))
    for size in (32_769, 2_000_000):
        assert_refused(source.post("/v1/track", gzip.compress(sized(size, user)), Content_Encoding="gzip"))
    assert len(source.stored()) == 2


def test_a_batch_has_at_most_500_kilobytes(source: Source, user: str) -> None:
    """What SDKs send at most is 512,000 bytes of messages and an envelope around them."""
    fitting = [508_000, 512_000 + 8_192]
    for size in fitting:
        body = sized_batch(size, user)
        assert len(body) == size
        assert_accepted(source.post("/v1/batch", body))
    for size in (512_000 + 8_193, 530_000, 3_000_000):
        assert_refused(source.post("/v1/batch", sized_batch(size, user)))
        assert_refused(source.post("/v1/batch", gzip.compress(sized_batch(size, user)), Content_Encoding="gzip"))
    assert len(source.stored()) == sum(len(json.loads(sized_batch(size, user))["batch"]) for size in fitting)


def test_an_element_beyond_32_kilobytes_refuses_its_batch(source: Source, user: str) -> None:
    assert_refused(source.post("/v1/batch", {"batch": [track(user), json.loads(sized(40_000, user))]}))
    assert_refused(source.post("/v1/batch", b'{"batch":[%b]}' % sized(32_769, user)))
    assert_accepted(source.post("/v1/batch", b'{"batch":[%b]}' % sized(32_768, user)))
    assert len(source.stored()) == 1


def test_a_batch_has_at_most_2500_elements(source: Source, user: str) -> None:
    source.send(*[track(user)] * 2_501)
    assert source.stored() == []
    assert source.discarded() == {"too_many_elements": 2_501}
    source.send(*[track(user, messageId="one")] * 2_500)
    assert len(source.stored()) == 2_500


def test_bad_elements_do_not_cost_the_good_one(source: Source, user: str) -> None:
    source.send(track(user, messageId="good"), {"type": "track", "event": "E"}, {"type": "track", "userId": user})
    assert [row["messageId"] for row in source.stored()] == ["good"]
    assert source.discarded() == {"no_user_anon_id": 1, "event_not_defined": 1}
    source.send()
    assert source.discarded()["empty_batch"] == 1


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("track", {"userId": 42}, "id_not_string"),
    ("track", {"userId": ""}, "id_not_string"),
    ("track", {"anonymousId": ""}, "id_not_string"),
    ("track", {"event": 5}, "event_not_string"),
    ("track", {"event": ""}, "event_not_defined"),
    ("track", {"properties": "x"}, "properties_not_object"),
    ("identify", {"traits": []}, "traits_not_object"),
    ("page", {"name": ""}, "name_not_string"),
    ("screen", {"category": 5}, "category_not_string"),
    ("group", {"groupId": ""}, "group_id_required"),
    ("group", {"groupId": "g" * 501}, "group_id_too_long"),
    ("track", {"context": {"groupId": ""}}, "context_group_id_empty"),
    ("track", {"properties": {str(n): n for n in range(301)}}, "too_many_properties"),
    ("identify", {"traits": {str(n): n for n in range(301)}}, "too_many_traits"),
    ("alias", {"previousId": None}, "previous_id_required"),
    ("track", {"messageId": "m" * 101}, "message_id_too_long"),
    ("track", {"context": {"device": {"advertisingId": 5}}}, "device_advertisingid_should_be_string"),
    ("track", {"event": "Segment Consent Preference Updated"}, "consent_categorypreferences_should_exist"),
]


@pytest.mark.parametrize(("kind", "fault", "code"), FAULTS)
def test_a_fault_is_counted_and_changes_nothing(
    muster: Muster, source: Source, user: str, kind: str, fault: dict[str, Any], code: str
) -> None:
    good = {"userId": user, "event": "E", "groupId": "g", "previousId": "p"}
    assert_accepted(source.post(f"/v1/{kind}", {**good, **fault}))
    assert source.stored() == []
    assert source.discarded() == {code: 1}
    assert muster.segment_id(f"user_id:{user}") is None
    assert muster.segment_id(f"group_id:{'g' * 501}") is None


def test_pages_and_screens_are_events_with_a_name(source: Source, user: str) -> None:
    assert_accepted(source.post("/v1/page", {"userId": user, "name": "Home"}))
    assert_accepted(source.post("/v1/screen", {"userId": user, "name": "S"}))
    page, screen = source.stored()
    assert (page["event"], page["properties"]) == ("Page Viewed", {"page_name": "Home"})
    assert (screen["event"], screen["properties"]) == ("Screen Viewed", {"screen_name": "S"})


def test_a_message_counts_once_on_whatever_way_it_comes_again(muster: Muster, source: Source, user: str) -> None:
    def plan(value: str) -> dict[str, Any]:
        return {"type": "identify", "userId": user, "messageId": once, "traits": {"plan": value}}

    once = unique("m")
    assert_accepted(source.post("/v1/identify", plan("first")))
    muster.drain()
    muster.pass_time(3_600)
    source.send(plan("second"))
    source.send(plan("third"), plan("fourth"))
    muster.drain()
    assert muster.traits(f"user_id:{user}") == {"plan": "first"}
    longest = "m" * 88 + unique("end")
    assert len(longest) == 100
    source.send({"type": "identify", "userId": user, "messageId": longest, "traits": {"plan": "100"}})
    source.send({"type": "identify", "userId": user, "messageId": longest + "x", "traits": {"plan": "101"}})
    muster.drain()
    assert muster.traits(f"user_id:{user}") == {"plan": "100"}


def test_a_clock_that_is_wrong_is_set_right(muster: Muster, source: Source, user: str) -> None:
    muster.set_clock("2026-03-02T12:30:00Z")
    source.send(track(user, timestamp="2026-03-02T12:00:00Z"), sentAt="2026-03-02T12:00:10Z")
    [row] = source.stored()
    assert parse_iso(row["receivedAt"]) - parse_iso(row["timestamp"]) == 10_000  # type: ignore[operator]
    assert row["receivedAt"].startswith("2026-03-02T12:30:0")
    assert row["originalTimestamp"] == "2026-03-02T12:00:00.000Z"
    assert row["sentAt"] == "2026-03-02T12:00:10.000Z"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z"),
        ("2020-01-01T01:00:00.123456+01:00", "2020-01-01T00:00:00.123Z"),
        ("2020-01-01T00:00:00.757Z", "2020-01-01T00:00:00.757Z"),
        ("2020-01-01T00:00:00.123456789Z", "2020-01-01T00:00:00.123Z"),
        ("2015-2-02T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (1577836800000, None),
        (None, None),
    ],
)
def test_history_keeps_its_time(source: Source, user: str, sent: Any, stored: str | None) -> None:
    source.send(track(user, timestamp=sent))
    [row] = source.stored()
    assert row["timestamp"] == (stored or row["receivedAt"])


def test_traits_are_set_emptied_and_removed(muster: Muster, source: Source, user: str) -> None:
    for traits in ({"plan": "pro", "city": "X"}, {"plan": None}, {"city": ""}):
        assert_accepted(source.post("/v1/identify", {"userId": user, "traits": traits}))
        muster.drain()
    assert muster.traits(f"user_id:{user}") == {"city": ""}


def test_traits_in_the_context_name_a_person_but_describe_nobody(muster: Muster, source: Source, user: str) -> None:
    email = f"{user}@b.c"
    assert_accepted(source.post("/v1/track", track(user, context={"traits": {"email": email, "plan": "x"}})))
    anonymous = {"anonymousId": unique("a"), "event": "E", "context": {"traits": {"email": email}}}
    assert_accepted(source.post("/v1/track", anonymous))
    muster.drain()
    assert muster.traits(f"email:{email}") == muster.traits(f"user_id:{user}") == {}
    names = [f"user_id:{user}", f"email:{email}", f"anonymous_id:{anonymous['anonymousId']}"]
    assert len({muster.segment_id(name) for name in names}) == 1


def test_external_ids_count_when_they_are_complete(muster: Muster, source: Source, user: str) -> None:
    phone, other = unique("+1555"), unique("+1666")
    complete = {"id": phone, "type": "phone", "collection": "users", "encoding": "none"}
    lacking = {"id": other, "type": "phone", "collection": "users"}
    assert_accepted(source.post("/v1/track", track(user, context={"externalIds": [lacking, complete]})))
    assert len(source.stored()) == 1
    assert muster.segment_id(f"phone:{phone}") == muster.segment_id(f"user_id:{user}") is not None
    assert muster.segment_id(f"phone:{other}") is None


def test_what_a_batch_says_holds_for_its_elements(source: Source, user: str) -> None:
    source.send(
        track(user, context={"ip": "1.2.3.4"}),
        track(user, integrations={"All": False}),
        context={"device": {"type": "phone"}, "ip": "0.0.0.0"},
        integrations={"All": True, "Salesforce": False},
        messageId="of-the-envelope",
        timestamp="2001-01-01T00:00:00Z",
    )
    first, second = source.stored()
    assert first["context"] == {"device": {"type": "phone"}, "ip": "1.2.3.4"}
    assert second["integrations"] == {"All": False, "Salesforce": False}
    assert "of-the-envelope" not in {first["messageId"], second["messageId"]}
    assert first["timestamp"] == first["receivedAt"]


def test_an_alias_merges_nobody(muster: Muster, source: Source, user: str) -> None:
    new = unique("new")
    source.send(track(user), track(new))
    assert_accepted(source.post("/v1/alias", {"userId": new, "previousId": user}))
    assert [row["type"] for row in source.stored()] == ["track", "track", "alias"]
    old_profile, new_profile = muster.segment_id(f"user_id:{user}"), muster.segment_id(f"user_id:{new}")
    assert old_profile
    assert new_profile
    assert old_profile != new_profile


def test_a_group_describes_its_account(muster: Muster, source: Source, user: str) -> None:
    group = unique("g")
    source.send({"type": "group", "userId": user, "groupId": group, "traits": {"plan": "ent"}})
    source.send({"type": "group", "userId": user, "groupId": 4711, "traits": {"plan": "number"}})
    muster.drain()
    assert muster.traits(f"group_id:{group}", "accounts") == {"plan": "ent"}
    assert muster.traits("group_id:4711", "accounts") == {"plan": "number"}
    assert muster.traits(f"user_id:{user}") == {}


def assert_readable_by_browsers(headers: Any, origin: str | None) -> None:
    assert headers["Access-Control-Allow-Origin"] == (origin or "*")
    assert headers["Access-Control-Allow-Credentials"] == ("true" if origin else None)
    assert {"Retry-After", "X-RateLimit-Reset"} <= set(headers["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.parametrize("origin", [ORIGIN, "null", None])
def test_a_browser_may_read_every_answer(muster: Muster, source: Source, origin: str | None) -> None:
    asked = [
        ("POST", "/v1/t", json.dumps(track("u")).encode(), 200),
        ("POST", "/v1/m", b'{"series":[]}', 200),
        ("POST", "/v1/t", b"{", 400),
        ("POST", "/v1/t", b"x" * 33_000, 400),
        ("POST", "/v1/b", b"x" * 600_000, 400),
        ("POST", "/v1/b", b"x" * 2_000_000, 400),
        ("GET", "/v1/t", None, 405),
        ("DELETE", "/v1/b/", None, 405),
        ("POST", "/v1/nothing", b"{}", 404),
        ("GET", "/v1", None, 404),
    ]
    for method, path, body, status in asked:
        key = basic(source.write_key + ":")
        answer = muster.ask(method, path, body, Origin=origin, Authorization=key, Content_Type="text/plain")
        assert answer.status == status, (method, path, answer)
        assert_readable_by_browsers(answer.headers, origin)
        if status != 200:
            assert_refused(answer, status)


def test_the_metrics_of_browsers_are_forgotten(source: Source) -> None:
    for body in (b'{"series":[{"type":"Counter"}]}', b"no json"):
        assert_accepted(source.post("/v1/m", body, Content_Type="text/plain", Authorization=None))
    assert source.stored() == []


def test_chunks_without_a_length_arrive(source: Source, user: str) -> None:
    """Mobile SDKs compress while they send."""
    body = json.dumps({"batch": [track(user)], "writeKey": source.write_key}).encode()
    packed = gzip.compress(body)
    for content, encoding in ((body, None), (packed, "gzip")):
        chunks = [content[start : start + 7] for start in range(0, len(content), 7)]
        answer = source.post(
            "/v1/b", iter(chunks), Transfer_Encoding="chunked", Content_Encoding=encoding, Authorization=None
        )
        assert_accepted(answer)
    assert len(source.stored()) == 2


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8", "x", None]
)
def test_the_content_type_says_nothing(source: Source, user: str, content_type: str | None) -> None:
    body = json.dumps(track(user, properties={"city": "Zürich"}), ensure_ascii=False).encode()
    assert_accepted(source.post("/v1/t", body, Content_Type=content_type, X_Retry_Count="2"))
    [row] = source.stored()
    assert row["properties"] == {"city": "Zürich"}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_the_python_sdk_over_http(muster: Muster, source: Source, user: str, compressed: bool, at_once: bool) -> None:
    """Posting over a real connection to the local server, with nothing changed but the host."""
    failures: list[Exception] = []
    client = Client(
        source.write_key,
        host=muster.base_url,
        gzip=compressed,
        sync_mode=at_once,
        max_retries=0,
        on_error=lambda error, batch: failures.append(error),
    )
    group = unique("g")
    client.identify(user, {"plan": "pro", "visits": 3})
    client.track(user, "Order Completed", {"revenue": 120.5})
    client.page(user, None, "Home")
    client.screen(user, "Shop", "Cart")
    client.group(user, group, {"industry": "Books"})
    client.alias(user, unique("new"))
    client.flush()
    if not at_once:
        client.join()
    assert failures == []
    rows = source.stored()
    assert sorted(row["type"] for row in rows) == sorted(KINDS)
    assert source.discarded() == {}
    assert muster.traits(f"user_id:{user}") == {"plan": "pro", "visits": 3}
    assert muster.traits(f"group_id:{group}", "accounts") == {"industry": "Books"}
    bought = next(row for row in rows if row["type"] == "track")
    assert (bought["event"], bought["properties"]) == ("Order Completed", {"revenue": 120.5})
    assert bought["context"]["library"]["name"] == "analytics-python"


def test_browser_and_mobile_sdks_are_told_where_to_send(muster: Muster) -> None:
    source = muster.source()
    path = f"/v1/projects/{source.write_key}/settings"
    answer = muster.ask("GET", path, Origin=ORIGIN, Host="collect.example.com")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "max-age" in answer.headers["Cache-Control"]
    told = answer.json
    assert told["integrations"]["Segment.io"]["apiKey"] == source.write_key
    assert told["integrations"]["Segment.io"]["apiHost"] == "collect.example.com/v1"
    assert told["metrics"] == {"sampleRate": 0}
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    assert muster.ask("OPTIONS", path, **asked).status == 200


@pytest.mark.parametrize("write_key", ["unknown", "x" * 500, "%E2%82%AC"])
def test_an_unknown_key_has_no_settings_and_a_page_may_read_that(muster: Muster, write_key: str) -> None:
    answer = muster.ask("GET", f"/v1/projects/{write_key}/settings", Origin=ORIGIN)
    assert answer.status == 404
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.json["success"] is False
