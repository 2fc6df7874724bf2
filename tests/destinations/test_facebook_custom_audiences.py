import json

import pytest

from chalicelib.destinations.facebook_custom_audiences import COLUMNS, FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.registry import KINDS

FACEBOOK = FACEBOOK_CUSTOM_AUDIENCES
SETTINGS = {"accessToken": "hush", "adAccountId": "act_123"}


def row(user, value, list_id="L1", form="traits", **context):
    personas = {"computation_key": "vip", "external_audience_id": list_id}
    event = {"type": "identify", form: {"vip": value}, "context": {"personas": personas, **context}}
    return event | ({"userId": user} if user else {})


def remote():
    assert FACEBOOK.remote is not None
    return FACEBOOK.remote


def test_it_can_be_chosen_and_takes_lists():
    assert KINDS[FACEBOOK.metadata_id] is FACEBOOK
    assert FACEBOOK.lists
    assert FACEBOOK.size_of_batch(SETTINGS) == 10_000


def test_members_are_added_and_removed_in_one_request_each():
    calls = FACEBOOK.requests([row("u1", True), row("u2", False), row("u3", True)], SETTINGS)
    assert [(c.request.method, c.items) for c in calls] == [("POST", (0, 2)), ("DELETE", (1,))]
    assert {c.request.url for c in calls} == {"https://graph.facebook.com/v24.0/L1/users"}
    body = json.loads(calls[0].request.body)
    assert body["payload"]["schema"] == [
        "EXTERN_ID", "EMAIL", "PHONE", "DOBY", "DOBM", "DOBD", "LN", "FN", "FI", "GEN", "CT", "ST", "ZIP", "COUNTRY",
        "MADID",
    ]  # fmt: skip
    assert body["payload"]["data"] == [["u1", *[""] * 14], ["u3", *[""] * 14]]
    assert b"hush" not in calls[0].request.body
    assert "hush" not in calls[0].request.url


def test_the_forms_of_track_and_devices_are_understood():
    event = row("u1", True, form="properties", traits={"email": "jo@ex.io"}, device={"advertisingId": " AB-1 "})
    (call,) = FACEBOOK.requests([event], SETTINGS)
    (cells,) = json.loads(call.request.body)["payload"]["data"]
    found = dict(zip(COLUMNS, cells, strict=True))
    assert found["MADID"] == "AB-1"
    assert len(found["EMAIL"]) == 64


def test_every_field_is_found():
    traits = {
        "email": "a@b.c", "phone": "+1 555", "birthYear": 1990, "birthMonth": 2, "birthday": "9", "lastName": "Doe",
        "firstName": "Jane", "gender": "female",
        "address": {"city": "Rome", "state": "Texas", "postalCode": "1-2", "country": "IT"},
    }  # fmt: skip
    event = row("u1", True)
    event["traits"] |= traits
    (call,) = FACEBOOK.requests([event], SETTINGS)
    (cells,) = json.loads(call.request.body)["payload"]["data"]
    assert [len(cell) for cell in cells] == [2, *[64] * 13, 0]


@pytest.mark.parametrize(
    "event", [row(None, True), row("u1", "true"), row("u1", 1), row("u1", None), row("u1", True, list_id="")]
)
def test_what_cannot_be_a_row_says_so(event):
    assert FACEBOOK.unfit(event)


def test_a_row_can_be_a_row():
    assert FACEBOOK.unfit(row("u1", False)) == ""


@pytest.mark.parametrize(
    ("status", "error", "found"),
    [
        (400, {"code": 17}, 429),
        (400, {"code": 4}, 429),
        (400, {"code": 32}, 429),
        (400, {"code": 613}, 429),
        (400, {"code": 80_003}, 429),
        (400, {"code": 2, "is_transient": True}, 429),
        (400, {"code": 190}, 401),
        (400, {"code": 100}, 400),
        (403, {"code": 200}, 403),
        (200, {"code": 100}, 400),
        (400, {"code": "17"}, 400),
    ],
)
def test_what_went_wrong_stands_in_the_body(status, error, found):
    replies = FACEBOOK.replies(status, json.dumps({"error": error}).encode(), 3)
    assert [reply.status for reply in replies or ()] == [found] * 3


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"{}", b'{"error": 3}', b'{"num_received": 2}', b"\xff"])
def test_other_answers_are_judged_by_their_status(body):
    assert FACEBOOK.replies(200, body, 2) is None


@pytest.mark.parametrize("account", ["123", "act_123"])
def test_a_list_is_made_in_the_ad_account(account):
    request = remote().create("Buyers", "buyers", {**SETTINGS, "adAccountId": account, "graphVersion": "v25.1"})
    assert (request.method, request.url) == ("POST", "https://graph.facebook.com/v25.1/act_123/customaudiences")
    body = json.loads(request.body)
    assert (body["name"], body["subtype"]) == ("Buyers", "CUSTOM")
    assert body["customer_file_source"] == "BOTH_USER_AND_PARTNER_PROVIDED"


def test_the_list_is_named_in_the_answer():
    assert remote().created(b'{"id": "23"}') == remote().created(b'{"id": 23}') == "23"
    for body in (b"{}", b"[]", b'{"id": ""}', b'{"id": true}'):
        with pytest.raises(ValueError, match="id"):
            remote().created(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("adAccountId", "act_x"),
        ("graphVersion", "24"),
        ("syncInterval", 5),
        ("syncInterval", 2_000),
        ("accessToken", 1),
    ],
)
def test_bad_settings_are_refused(name, value):
    (problem,) = FACEBOOK.problems({**SETTINGS, name: value})
    assert problem.field == f"settings.{name}"
