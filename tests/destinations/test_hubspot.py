import json
from typing import Any

import pytest

from chalicelib.destinations.hubspot import BASE, HUBSPOT
from chalicelib.destinations.registry import KINDS

SETTINGS = {"accessToken": "hush", "hubId": "77"}
OAUTH = {**SETTINGS, "refreshToken": "r1", "clientId": "app", "clientSecret": "s3"}


def person(email: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "u1", "traits": {"email": email, **traits}}


def only(*items, **settings):
    (call,) = HUBSPOT.requests(items, {**SETTINGS, **settings})
    return call


def shown(call):
    """Method, path and content of its request, and whom it carries."""
    headers = {"Content-Type": "application/json", "User-Agent": "Muster", "Authorization": "Bearer hush"}
    assert call.request.headers == headers
    path = call.request.url.removeprefix(BASE)
    return call.request.method, path, json.loads(call.request.body), call.items


def after(call, status, content=b""):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return [shown(onward) for onward in (call.then(status, body) if call.then else [])]


def results(*found):
    """What HubSpot says of contacts: pairs of id and address."""
    return {"results": [{"id": id, "properties": {"email": email}} for id, email in found]}


def test_it_can_be_chosen_and_goes_slowly():
    assert KINDS[HUBSPOT.metadata_id] is HUBSPOT
    assert (HUBSPOT.rate, HUBSPOT.lists, "alias" in HUBSPOT.types) == (5, False, False)


def test_a_contact_is_updated_and_made_when_there_is_none():
    call = only(person("Jo+1@Ex.io ", vip=True))
    content = {"properties": {"vip": True, "email": "jo+1@ex.io"}}
    path = "/crm/v3/objects/contacts/jo%2B1%40ex.io?idProperty=email"
    assert shown(call) == ("PATCH", path, content, (0,))
    assert after(call, 404) == [("POST", "/crm/v3/objects/contacts", content, (0,))]
    assert [after(call, status) for status in (200, 400, 401, 429, 503)] == [[]] * 5


def test_one_that_appears_meanwhile_is_updated_after_all():
    call = only(person("jo@ex.io", vip=True))
    (made,) = call.then(404, b"")
    assert after(made, 409) == [shown(call)]
    assert after(made, 201) == after(made, 400) == []
    (again,) = made.then(409, b"")
    assert again.then is None


def test_traits_have_the_names_and_forms_of_properties():
    traits = {"firstName": "Jo", "tier": "pro", "tags": ["a", 1], "gone": None, "ltv": 4.5}
    sent = shown(only(person("jo@ex.io", **traits), properties={"tier": "plan__c"}))[2]["properties"]
    assert sent == {
        "firstname": "Jo",
        "plan__c": "pro",
        "tags": '["a",1]',
        "gone": "",
        "ltv": 4.5,
        "email": "jo@ex.io",
    }


def test_an_account_is_a_company():
    call = only({"type": "group", "groupId": "ac/me", "traits": {"at_risk": True}})
    content = {"properties": {"at_risk": True, "segment_group_id": "ac/me"}}
    path = "/crm/v3/objects/companies/ac%2Fme?idProperty=segment_group_id"
    assert shown(call) == ("PATCH", path, content, (0,))
    assert after(call, 404) == [("POST", "/crm/v3/objects/companies", content, (0,))]


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Audience Entered", "pe77_audience_entered"),
        ("Cart: nudge due!", "pe77_cart_nudge_due"),
        ("pe9_own_name", "pe9_own_name"),
    ],
)
def test_an_event_is_of_the_contact_with_the_address(name, sent):
    event = {
        "type": "track",
        "event": name,
        "timestamp": "2027-01-15T08:00:00.000Z",
        "properties": {"audience_key": "vip", "vip": True},
        "context": {"traits": {"email": "Jo@ex.io"}},
    }
    call = only(event)
    content = {
        "eventName": sent,
        "email": "jo@ex.io",
        "properties": {"audience_key": "vip", "vip": True},
        "occurredAt": "2027-01-15T08:00:00.000Z",
    }
    assert shown(call) == ("POST", "/events/v3/send", content, (0,))
    assert call.then is None


CROWD = [
    person("New@ex.io", vip=True),
    person("old@ex.io", vip=False),
    person("second@ex.io"),
    person("OLD@ex.io", n=1),
]


def test_of_many_it_is_asked_who_is_there():
    assert shown(only(*CROWD)) == (
        "POST",
        "/crm/v3/objects/contacts/batch/read",
        {
            "properties": ["email", "hs_additional_emails"],
            "idProperty": "email",
            "inputs": [{"id": "new@ex.io"}, {"id": "old@ex.io"}, {"id": "second@ex.io"}],
        },
        (0, 1, 2, 3),
    )


@pytest.mark.parametrize("status", [200, 207])
def test_then_some_are_updated_and_the_others_made(status):
    found = results(("1", "old@ex.io"), ("2", "first@ex.io"))
    found["results"][1]["properties"]["hs_additional_emails"] = "x@ex.io;Second@ex.io"
    update, create = after(only(*CROWD), status, found)
    changed = [{"id": "1", "properties": {"vip": False, "n": 1}}, {"id": "2", "properties": {}}]
    assert update == ("POST", "/crm/v3/objects/contacts/batch/update", {"inputs": changed}, (1, 2, 3))
    made = [{"properties": {"vip": True, "email": "new@ex.io"}}]
    assert create == ("POST", "/crm/v3/objects/contacts/batch/create", {"inputs": made}, (0,))


def test_nothing_is_asked_for_nobody():
    two = CROWD[:2]
    (create,) = after(only(*two), 200, results())
    assert create[1].endswith("/create")
    (update,) = after(only(*two), 200, results(("1", "new@ex.io"), ("2", "old@ex.io")))
    assert update[1].endswith("/update")
    assert [after(only(*two), status) for status in (400, 401, 429, 500)] == [[]] * 4


@pytest.mark.parametrize("body", [b"", b'{"results": [{"id"', b"[]", b'{"results": [3]}', b'{"results": [{}]}'])
def test_where_the_answer_cannot_be_read_each_goes_alone(body):
    assert [(method, items) for method, _, _, items in after(only(*CROWD), 200, body)] == [
        ("PATCH", (0,)),
        ("PATCH", (1, 3)),
        ("PATCH", (2,)),
    ]


def test_two_addresses_of_one_contact_are_not_in_one_update():
    found = results(("1", "new@ex.io"))
    found["results"][0]["properties"]["hs_additional_emails"] = "old@ex.io"
    assert [call[:1] + call[3:] for call in after(only(*CROWD[:2]), 200, found)] == [("PATCH", (0,)), ("PATCH", (1,))]


def test_whom_an_answer_leaves_out_hears_for_himself():
    update, create = only(*CROWD).then(200, json.dumps(results(("1", "old@ex.io"), ("2", "second@ex.io"))).encode())
    assert [call[1:] for call in after(update, 207, results(("1", "whoever@ex.io")))] == [
        ("/crm/v3/objects/contacts/second%40ex.io?idProperty=email", {"properties": {"email": "second@ex.io"}}, (2,))
    ]
    assert [call[3] for call in after(create, 409, {"message": "Contact already exists."})] == [(0,)]
    assert after(create, 207, results(("9", "new@ex.io"))) == after(create, 201) == after(update, 400) == []


def test_contacts_go_together_only_if_the_owner_wants_it_and_nothing_else_does():
    assert HUBSPOT.size_of_batch(SETTINGS) == 1
    assert HUBSPOT.size_of_batch({**SETTINGS, "enableBatching": True}) == 100
    event = {"type": "track", "event": "E", "context": {"traits": {"email": "a@b.c"}}}
    assert [HUBSPOT.alone(item) for item in (CROWD[0], event)] == [False, True]
    calls = HUBSPOT.requests([event, *CROWD, event], SETTINGS)
    assert [call.items for call in calls] == [(0,), (5,), (1, 2, 3, 4)]


def test_a_207_is_not_taken_for_a_list_of_answers():
    assert HUBSPOT.replies(207, b'{"results": [{"status": 400}]}', 1) is None


def test_a_token_is_renewed():
    assert HUBSPOT.renewal is not None
    request = HUBSPOT.renewal.request(OAUTH)
    assert (request.method, request.url) == ("POST", "https://api.hubapi.com/oauth/v1/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.body == b"grant_type=refresh_token&client_id=app&client_secret=s3&refresh_token=r1"
    read = HUBSPOT.renewal.settings
    assert read(b'{"access_token":"a2","refresh_token":"r2"}') == {"accessToken": "a2", "refreshToken": "r2"}
    assert read(b'{"access_token":"a2"}') == {"accessToken": "a2"}
    for body in (b"{}", b"[]", b'{"access_token":3}', b"<"):
        with pytest.raises(ValueError, match=r"token|malformed"):
            read(body)
    with pytest.raises(KeyError):
        HUBSPOT.renewal.request(SETTINGS)


@pytest.mark.parametrize(
    "event",
    [{"type": "identify", "traits": {"vip": True}}, {"type": "track"}, {"type": "group"}, person(" "), person(3)],  # type: ignore[arg-type]
)
def test_what_says_of_nobody_cannot_go(event):
    assert HUBSPOT.unfit(event)


@pytest.mark.parametrize("event", [person("a@b.c"), {"type": "group", "groupId": "acme"}])
def test_what_can_go(event):
    assert HUBSPOT.unfit(event) == ""


@pytest.mark.parametrize(("name", "value"), [("hubId", "x"), ("properties", {"vip": ""}), ("properties", {"vip": 3})])
def test_bad_settings_are_refused(name, value):
    problems = HUBSPOT.problems({**SETTINGS, name: value})
    assert {problem.field for problem in problems} == {f"settings.{name}"}


def test_tokens_are_secret():
    assert sorted(HUBSPOT.secrets(OAUTH)) == ["hush", "r1", "s3"]
