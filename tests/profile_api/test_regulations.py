"""Regulations over HTTP: who is suppressed, who is deleted, and what is refused."""

import pytest

from chalicelib.deadline import NoDeadline
from chalicelib.errors import Unavailable
from chalicelib.profiles.suppression import Suppression
from tests.acceptance.world import identify, track


@pytest.fixture
def space(world):
    world.audience("Buyers", "event('Bought').count() >= 1")
    world.send(
        {**identify("u1", plan="pro"), "anonymousId": "a1"},
        track("Bought", "u1"),
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "team"}},
        track("Bought", "u2"),
    )
    return world


def regulate(world, type, *subjects, **more):
    content = {"regulationType": type, "subjectType": "USER_ID", "subjectIds": list(subjects), **more}
    return world.manage("POST", "/regulations", content)


def shown(world, id):
    return world.manage("GET", f"/regulations/{id}").data["regulation"]


def suppressed(world):
    return [one["subjectIds"] for one in world.manage("GET", "/suppressions").data["suppressed"]]


def size(world):
    (audience,) = world.manage("GET", world.audiences).data["audiences"]
    return audience["size"]["count"]


def test_deleting_somebody(space):
    assert size(space) == 2
    reply = regulate(space, "DELETE_ONLY", "u1", "nobody")
    assert "archive" in reply.data["archive"]
    space.drain()
    assert shown(space, reply.data["regulateId"]) == {
        "id": reply.data["regulateId"],
        "workspaceId": space.stack.workspace_id,
        "overallStatus": "FINISHED",
        "createdAt": space.now(),
        "finishedAt": space.now(),
        "streamStatus": [],
        "regulationType": "DELETE_ONLY",
        "subjects": 2,
        "deletedProfiles": 1,
    }
    assert space.traits("user_id:u1") is None
    assert space.traits("anonymous_id:a1") is None
    assert space.traits("user_id:u2") == {"buyers": True}
    assert size(space) == 1


def test_a_deletion_tells_no_partner_that_somebody_left(space):
    audience = space.manage("GET", space.audiences).data["audiences"][0]
    space.connect(audience, space.webhook("crm"))
    space.send(track("Bought", "u3"))
    told = [event["userId"] for event in space.events("crm")]
    assert sorted(told) == ["u1", "u2", "u3"]
    regulate(space, "DELETE_ONLY", "u3")
    space.drain()
    assert len(space.received("crm")) == len(told)


def test_who_was_deleted_comes_back_as_somebody_new(space):
    before = space.application.lookup.find(space.stack.space_id, "users", "user_id:u1").profile_id
    regulate(space, "DELETE_ONLY", "u1")
    space.send(track("Seen", "u1"))
    after = space.application.lookup.find(space.stack.space_id, "users", "user_id:u1")
    assert after.profile_id != before
    assert space.traits("user_id:u1") == {}
    assert space.application.lookup.find(space.stack.space_id, "users", before) is None


def test_suppressing_somebody_stops_what_comes_and_keeps_what_is_there(space):
    assert "archive" not in regulate(space, "SUPPRESS_ONLY", "u1").data
    assert suppressed(space) == [["u1"]]
    space.send(identify("u1", plan="free"), {**track("Seen", "u1"), "anonymousId": "a9"})
    assert space.traits("user_id:u1") == {"plan": "pro", "buyers": True}
    assert space.traits("anonymous_id:a9") is None
    regulate(space, "UNSUPPRESS", "u1", "u2")
    assert suppressed(space) == []
    space.send(identify("u1", plan="free"))
    assert space.traits("anonymous_id:a1") == {"plan": "free", "buyers": True}


def test_suppressing_somebody_before_the_first_event(space):
    regulate(space, "SUPPRESS_ONLY", "u7")
    space.send(identify("u7", plan="pro"))
    assert space.traits("user_id:u7") is None
    regulate(space, "UNSUPPRESS", "u7")
    space.send(identify("u7", plan="pro"))
    assert space.traits("user_id:u7") == {"plan": "pro"}


@pytest.mark.parametrize("type", ["SUPPRESS_WITH_DELETE", "SUPPRESS_WITH_DELETE_INTERNAL"])
def test_deleting_somebody_for_good(space, type):
    regulate(space, type, "u1")
    assert space.traits("user_id:u1") is None
    space.send(identify("u1", plan="free"))
    assert space.traits("user_id:u1") is None
    regulate(space, "UNSUPPRESS", "u1")
    space.send(identify("u1", plan="new"))
    assert space.traits("user_id:u1") == {"plan": "new"}


def test_a_space_stores_user_ids_as_its_rules_say(space):
    rules = {"types": {"user_id": {"normalise": "lower"}}}
    assert space.manage("PUT", f"/spaces/{space.stack.space_id}/identity-rules", rules).status == 200
    space.send(identify("Zoe", plan="pro"))
    regulate(space, "DELETE_ONLY", " ZOE ")
    assert space.traits("user_id:zoe") is None


def test_suppressions_come_in_pages(space):
    names = {f"user{n}" for n in range(7)}
    regulate(space, "SUPPRESS_ONLY", *names)
    seen, cursor = [], None
    while True:
        pagination = '{"count":3}' if cursor is None else f'{{"count":3,"cursor":"{cursor}"}}'
        page = space.manage("GET", "/suppressions?pagination=" + pagination.replace('"', "%22")).data
        seen += [id for one in page["suppressed"] for id in one["subjectIds"]]
        assert {one["subjectType"] for one in page["suppressed"]} == {"USER_ID"}
        cursor = page["pagination"]["next"]
        if cursor is None:
            break
    assert len(seen) == 7
    assert set(seen) == names


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, ["regulationType", "subjectType", "subjectIds"]),
        ({"regulationType": "FORGET", "subjectType": "OBJECT_ID", "subjectIds": "u1"}, 3),
        ({"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": []}, ["subjectIds"]),
        ({"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["u1", 5]}, ["subjectIds"]),
        ({"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": [" "]}, ["subjectIds"]),
        ({"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["x"] * 21}, ["subjectIds"]),
        ({"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["x"] * 501}, ["subjectIds"]),
        ({"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["x"] * 5_001}, ["subjectIds"]),
    ],
)
def test_everything_wrong_is_listed_and_nothing_is_done(space, content, fields):
    reply = space.manage("POST", "/regulations", content)
    assert reply.status == 422
    found = [error["field"] for error in reply.body["errors"]]
    assert len(found) == fields if isinstance(fields, int) else found == fields
    assert suppressed(space) == []


def test_how_many_are_done_at_once_is_said(space):
    reply = regulate(space, "DELETE_ONLY", *(f"u{n}" for n in range(21)))
    assert "at most 20 people" in reply.body["errors"][0]["message"]


def test_workspaces_do_not_see_one_another(space):
    id = regulate(space, "SUPPRESS_ONLY", "u1").data["regulateId"]
    other = space.found("other")
    assert space.manage("GET", f"/regulations/{id}", by=other).status == 404
    assert space.manage("GET", "/suppressions", by=other).data["suppressed"] == []
    content = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["u2"]}
    assert space.manage("POST", "/regulations", content, by=other).status == 200
    assert space.traits("user_id:u2") is not None
    assert space.manage("GET", "/regulations/unknown").status == 404
    assert space.ask("POST", "/regulations", content).status == 401


def test_what_was_broken_off_is_told_and_completed_by_the_same_request(space, monkeypatch):
    def fail(*_args):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Suppression, "suppress", fail)
        assert regulate(space, "SUPPRESS_WITH_DELETE", "u1").status == 500
    (record,) = space.application.adapters.workspace.page(f"regulations#{space.stack.workspace_id}").records
    id = record.key.sort.removeprefix("regulation#")
    assert shown(space, id)["overallStatus"] == "RUNNING"
    assert "finishedAt" not in shown(space, id)
    space.advance(61)
    assert shown(space, id)["overallStatus"] == "FAILED"
    assert regulate(space, "SUPPRESS_WITH_DELETE", "u1").status == 200
    assert space.traits("user_id:u1") is None


def test_without_time_nothing_more_is_begun(space):
    regulations, workspace_id = space.application.regulations, space.stack.workspace_id
    content = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["u1", "u2"]}

    class OneSubject:
        left = 1

        def remaining(self):
            self.left -= 1
            return self.left + 1

    with pytest.raises(Unavailable):
        regulations.create(workspace_id, content, OneSubject())
    assert space.traits("user_id:u1") is None
    assert space.traits("user_id:u2") is not None
    assert regulations.create(workspace_id, content, NoDeadline()).deleted == 1
    assert space.traits("user_id:u2") is None
