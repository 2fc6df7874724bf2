"""The log of identity resolution over HTTP."""

import json
from urllib.parse import quote

import pytest

from chalicelib.clock import DAY, HOUR
from chalicelib.pipeline.identity_log import BLOCKED, MERGED, VALUE_LIMIT, Entry


@pytest.fixture
def log(world):
    """Thirty entries, one every three hours, the newest now."""
    now = world.clock.now()
    entries = [
        Entry(
            at=now - 3 * n * HOUR,
            kind=(BLOCKED, VALUE_LIMIT, MERGED)[n % 3],
            message_id=f"m{n}",
            source_id="src",
            type="email",
            value=f"v{n % 2}",
            profile_ids=["use_1"],
        )
        for n in range(30)
    ]
    world.application.identity_log.write(world.stack.space_id, entries)
    return world


def read(world, path="identity-log", **parameters):
    texts = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in parameters.items()}
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in texts.items())
    return world.manage("GET", f"/spaces/{world.stack.space_id}/{path}?{query}")


def ids(reply):
    return [entry["messageId"] for entry in reply.data["identityLog"]]


def test_an_entry_tells_who_what_and_when(log):
    entry = read(log).data["identityLog"][1]
    assert entry == {
        "at": log.now(-3 * 3_600),
        "kind": VALUE_LIMIT,
        "messageId": "m1",
        "sourceId": "src",
        "type": "email",
        "value": "v1",
        "inExcess": None,
        "profileIds": ["use_1"],
        "identifiers": [],
    }


def test_pages_go_back_in_time(log):
    reply = read(log, pagination={"count": 12})
    assert reply.data["pagination"]["current"] == "MA=="
    seen = ids(reply)
    while reply.data["pagination"]["next"]:
        reply = read(log, pagination={"count": 12, "cursor": reply.data["pagination"]["next"]})
        seen += ids(reply)
    assert seen == [f"m{n}" for n in range(30)]


def test_entries_are_found_by_kind_value_and_time(log):
    assert ids(read(log, kind=MERGED)) == [f"m{n}" for n in range(2, 30, 3)]
    assert ids(read(log, kind=MERGED, value="v0")) == [f"m{n}" for n in range(2, 30, 6)]
    since, until = log.now(-DAY / 1_000), log.now(-DAY / 2_000)
    assert ids(read(log, since=since, until=until)) == [f"m{n}" for n in range(5, 9)]
    assert ids(read(log, value="nobody's")) == []


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"kind": "gossip"}, "kind"),
        ({"since": "yesterday"}, "since"),
        ({"until": "tomorrow"}, "until"),
        ({"pagination": {"count": 0}}, "pagination.count"),
        ({"pagination": {"count": 501}}, "pagination.count"),
        ({"pagination": {"count": 5, "cursor": "garbage"}}, "pagination.cursor"),
        ({"pagination": {"count": 5, "cursor": "Z2FyYmFnZQ=="}}, "pagination.cursor"),
        ({"pagination": {"count": 5, "cursor": 5}}, "pagination.cursor"),
    ],
)
def test_what_the_log_cannot_be_asked(log, parameters, field):
    reply = read(log, **parameters)
    assert (reply.status, [error["field"] for error in reply.body["errors"]]) == (422, [field])


@pytest.mark.parametrize("id", ["use_unknown", "nobody", "acc_x", "user_id:u1", "segment_id:use_1"])
def test_nobody_has_no_merges(log, id):
    assert read(log, f"profiles/{id}/merges").status == 404


def test_somebody_who_was_never_merged(log):
    log.send({"type": "track", "event": "Seen", "userId": "u1"})
    id = log.application.lookup.find(log.stack.space_id, "users", "user_id:u1").profile_id
    reply = read(log, f"profiles/{id}/merges")
    assert (reply.data["profileId"], reply.data["merges"]) == (id, [])


def test_what_somebody_agreed_to(log):
    preferences = {"consent": {"categoryPreferences": {"mail": True, "ads": False}}}
    log.send({"type": "track", "event": "Seen", "userId": "u1", "context": preferences})
    id = log.application.lookup.find(log.stack.space_id, "users", "user_id:u1").profile_id
    at = {"updatedAt": log.now()}
    assert read(log, f"profiles/{id}/consent").data == {
        "profileId": id,
        "consent": {"ads": {"value": False, **at}, "mail": {"value": True, **at}},
    }
    assert read(log, "profiles/use_unknown/consent").status == 404
    assert log.traits("user_id:u1") == {}
