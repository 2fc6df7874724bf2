import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from chalicelib.destinations.mixpanel import MIXPANEL, RESERVED
from chalicelib.destinations.multi_status import Reply
from chalicelib.destinations.registry import KINDS

SETTINGS = {"projectToken": "tok"}
AT = {"messageId": "m-1", "timestamp": "2027-01-15T08:00:00.123Z"}
TRACK = {"type": "track", "event": "Audience Entered", **AT}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Muster"}


def only(item, **settings):
    (call,) = MIXPANEL.requests([item], {**SETTINGS, **settings})
    assert call.items == (0,)
    return call


def form(request):
    (name,) = parse_qs(request.body.decode(), strict_parsing=True).items()
    assert name[0] == "data"
    assert (request.method, request.headers) == ("POST", FORM)
    return request.url, json.loads(name[1][0])


def test_it_can_be_chosen_and_takes_aliases():
    assert KINDS[MIXPANEL.metadata_id] is MIXPANEL
    assert "alias" in MIXPANEL.types
    assert not MIXPANEL.lists


def test_events_go_in_one_import():
    events: list[dict[str, Any]] = [
        {**TRACK, "userId": "u1", "properties": {"audience_key": "vip", "vip": True}},
        {**TRACK, "anonymousId": "a1", "messageId": "m-2"},
        {**TRACK, "messageId": "m-3"},
    ]
    (call,) = MIXPANEL.requests(events, {**SETTINGS, "sourceName": "Engage"})
    assert (call.items, call.then) == ((0, 1, 2), None)
    assert (call.request.method, call.request.url) == ("POST", "https://api.mixpanel.com/import?strict=1")
    assert call.request.headers == {
        "Content-Type": "application/json",
        "User-Agent": "Muster",
        "Authorization": "Basic dG9rOg==",
    }
    source = {"segment_source_name": "Engage"}
    assert json.loads(call.request.body) == [
        {
            "event": "Audience Entered",
            "properties": {
                "time": 1_800_000_000_123,
                "distinct_id": "u1",
                "$user_id": "u1",
                "$insert_id": "m-1",
                **source,
                "audience_key": "vip",
                "vip": True,
            },
        },
        {
            "event": "Audience Entered",
            "properties": {
                "time": 1_800_000_000_123,
                "distinct_id": "a1",
                "$device_id": "a1",
                "$insert_id": "m-2",
                **source,
            },
        },
        {
            "event": "Audience Entered",
            "properties": {"time": 1_800_000_000_123, "distinct_id": "", "$insert_id": "m-3", **source},
        },
    ]


def test_no_property_of_an_event_stands_for_what_is_reserved():
    (event,) = json.loads(only({**TRACK, "userId": "u1", "properties": dict.fromkeys(RESERVED, "x")}).request.body)
    assert "x" not in event["properties"].values()
    assert event["properties"].keys() == {"time", "distinct_id", "$user_id", "$insert_id"}


def test_an_insert_id_is_short_and_plain_and_the_same_for_the_same_message():
    def insert_id(message_id):
        (event,) = json.loads(only({**TRACK, "messageId": message_id}).request.body)
        return event["properties"]["$insert_id"]

    first, second = insert_id("personas_" + "a" * 40), insert_id("personas_" + "b" * 40)
    assert len(first) == 36
    assert first.isalnum()
    assert first == insert_id("personas_" + "a" * 40) != second
    assert insert_id("a" * 36) == "a" * 36


@pytest.mark.parametrize(
    ("settings", "url", "user"),
    [
        ({"apiSecret": "hush"}, "https://api.mixpanel.com/import?strict=1", "aHVzaDo="),
        ({"apiRegion": "EU"}, "https://api-eu.mixpanel.com/import?strict=1", "dG9rOg=="),
        ({"apiRegion": "IN", "strictMode": False}, "https://api-in.mixpanel.com/import?strict=0", "dG9rOg=="),
    ],
)
def test_the_owner_chooses_region_secret_and_strictness(settings, url, user):
    request = only(TRACK, **settings).request
    assert (request.url, request.headers["Authorization"]) == (url, f"Basic {user}")


def test_a_person_is_a_profile():
    traits = {"email": "jo@ex.io", "phone": "1", "name": "Jo", "created": "2020", "vip": True}
    call = only({"type": "identify", "userId": "u1", "traits": traits, "context": {"ip": "8.8.8.8"}, **AT})
    assert call.then is None
    assert form(call.request) == (
        "https://api.mixpanel.com/engage",
        {
            "$token": "tok",
            "$distinct_id": "u1",
            "$ip": "8.8.8.8",
            "$set": {"$email": "jo@ex.io", "$phone": "1", "$name": "Jo", "$created": "2020", "vip": True},
        },
    )


def test_somebody_without_a_user_id_is_a_profile_too():
    call = only({"type": "identify", "anonymousId": "a1", "traits": {"vip": True}, **AT})
    assert form(call.request)[1] == {"$token": "tok", "$distinct_id": "a1", "$set": {"vip": True}}


def test_who_has_both_ids_is_joined_first():
    call = only(
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"vip": True}, **AT}, apiRegion="EU"
    )
    assert form(call.request) == (
        "https://api-eu.mixpanel.com/track",
        {"event": "$identify", "properties": {"$identified_id": "u1", "$anon_id": "a1", "token": "tok"}},
    )
    assert call.then is not None
    (onward,) = call.then(200, b"1")
    assert onward.items == (0,)
    assert form(onward.request)[0] == "https://api-eu.mixpanel.com/engage"
    assert [list(call.then(*answer)) for answer in ((503, b""), (400, b""), (200, b"0"))] == [[], [], []]


def test_an_account_is_a_group():
    call = only({"type": "group", "groupId": "acme", "traits": {"at_risk": True}, **AT})
    assert form(call.request) == (
        "https://api.mixpanel.com/groups",
        {"$token": "tok", "$group_key": "$group_id", "$group_id": "acme", "$set": {"at_risk": True}},
    )


def test_an_alias_names_who_is_who():
    call = only({"type": "alias", "previousId": "u2", "userId": "u1", **AT})
    assert form(call.request) == (
        "https://api.mixpanel.com/track",
        {"event": "$create_alias", "properties": {"distinct_id": "u2", "alias": "u1", "token": "tok"}},
    )


def test_events_share_a_request_and_nothing_else_does():
    group = {"type": "group", "groupId": "acme", **AT}
    items = [{**TRACK, "userId": "u1"}, group, {**TRACK, "userId": "u2"}, group]
    assert [call.items for call in MIXPANEL.requests(items, SETTINGS)] == [(0, 2), (1,), (3,)]
    assert [MIXPANEL.alone(item) for item in items] == [False, True, False, True]
    assert MIXPANEL.size_of_batch(SETTINGS) == 1_000
    assert MIXPANEL.size_of_batch({**SETTINGS, "batchSize": 7}) == 7


def strict(*records):
    return json.dumps({"code": 400, "num_records_imported": 9, "failed_records": list(records)}).encode()


def test_of_a_strict_import_only_the_named_records_are_refused():
    body = strict({"index": 1, "insert_id": "m", "field": "properties.time", "message": "too old"}, {"index": 3})
    assert MIXPANEL.replies(400, body, 4) == [Reply(200), Reply(400, "too old"), Reply(200), Reply(400)]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no", b"[]", b"{}", b'{"failed_records": 3}', b'{"failed_records": [3]}', b"\xff", b"[" * 100_000),
        *(strict(), strict({"index": 4}), strict({"index": -1}), strict({"index": "1"}), strict({})),
        strict({"index": True}),
    ],
)
def test_a_refusal_that_names_nobody_is_of_all(body):
    assert MIXPANEL.replies(400, body, 4) is None


def test_a_success_that_is_none():
    assert MIXPANEL.replies(200, b" 0\n", 1) == [Reply(400)]
    assert MIXPANEL.replies(200, b"1", 1) is MIXPANEL.replies(503, b"0", 1) is None
    assert MIXPANEL.replies(200, b'{"code": 200, "num_records_imported": 2, "status": "OK"}', 2) is None
    assert MIXPANEL.replies(207, b"[200, 400]", 2) == [Reply(200), Reply(400)]


@pytest.mark.parametrize(
    "event",
    [{"type": "identify"}, {"type": "group"}, {"type": "alias", "userId": "u1"}, {"type": "alias", "previousId": "u1"}],
)
def test_what_says_of_nobody_cannot_go(event):
    assert MIXPANEL.unfit(event)
    assert MIXPANEL.unfit({**event, "userId": "u", "groupId": "g", "previousId": "p"}) == ""


@pytest.mark.parametrize(("name", "value"), [("apiRegion", "XX"), ("batchSize", 0), ("batchSize", 2_001)])
def test_bad_settings_are_refused(name, value):
    (problem,) = MIXPANEL.problems({**SETTINGS, name: value})
    assert problem.field == f"settings.{name}"
    assert [p.field for p in MIXPANEL.problems({})] == ["settings.projectToken"]
