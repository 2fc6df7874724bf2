"""Small things that clients of the Public API count on."""

import pytest


def test_echo_tells_what_was_sent(api):
    data = api.send("GET", "/echo?message=hello", X_Mine="1").data
    assert (data["method"], data["message"], data["headers"]["x-mine"]) == ("get", "hello", "1")
    assert api.founded.api_token not in str(data)
    assert api.get("/echo").fields == ["message"]


def test_events_are_not_held_against_a_plan(api):
    path = f"/sources/{api.founded.source_id}/settings"
    data = api.get(path).data
    assert data["sourceId"] == api.founded.source_id
    assert data["settings"]["track"]["commonEventOnViolations"] == "ALLOW"
    assert api.patch(path, {"track": {"allowUnplannedEvents": True}, "group": None}).data == data


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"track": {"allowUnplannedEvents": False}}, ["track.allowUnplannedEvents"]),
        ({"track": {"allowUnplannedEvents": 1}}, ["track.allowUnplannedEvents"]),
        ({"identify": 1}, ["identify"]),
        ({"forwardingBlockedEventsTo": {}}, ["forwardingBlockedEventsTo"]),
        ({"forwardingViolationsTo": "x", "group": {"commonEventOnViolations": "BLOCK"}},
         ["forwardingViolationsTo", "group.commonEventOnViolations"]),
    ],
)  # fmt: skip
def test_what_a_plan_would_do_is_refused(api, sent, fields):
    reply = api.patch(f"/sources/{api.founded.source_id}/settings", sent)
    assert (reply.status, reply.fields) == (422, fields)


OLD = {"name": "Old", "definition": {"query": "event('x').count() >= 1", "type": "USERS"}}


def test_an_audience_as_older_clients_write_it(api):
    made = api.post(api.audiences, OLD | {"options": {"includeAnonymousUsers": True}}).data["audience"]
    assert made["audienceType"] == "USERS"
    assert made["options"]["filterByExternalIds"][-1] == "anonymous_id"


def test_the_form_of_today_counts(api):
    options = {"includeAnonymousUsers": True, "filterByExternalIds": ["email"]}
    made = api.post(api.audiences, OLD | {"options": options}).data["audience"]
    assert made["options"]["filterByExternalIds"] == ["email"]
    assert api.post(api.audiences, OLD | {"audienceType": "users"}).fields == ["audienceType"]


@pytest.mark.parametrize("options", [{}, {"includeAnonymousUsers": False}, None])
def test_anonymous_people_are_left_out_unless_asked_for(api, options):
    made = api.post(api.audiences, OLD | {"options": options}).data["audience"]
    assert "anonymous_id" not in made["options"]["filterByExternalIds"]
