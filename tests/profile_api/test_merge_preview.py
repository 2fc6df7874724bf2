"""The dry run of identity resolution: it says what the next event then does, and writes nothing."""

import itertools

import pytest

from chalicelib.pipeline.identity_log import MERGE_LIMIT, TIME_LIMIT, VALUE_LIMIT
from tests.acceptance.world import World

IDS = {"u": "user_id", "a": "anonymous_id", "e": "email"}


def event(number, **ids):
    """A track call that carries these ids: `u`, `a`, and `e` for an e-mail address."""
    listed = [{"id": ids["e"], "type": "email", "collection": "users", "encoding": "none"}] if "e" in ids else []
    named = {field: ids[short] for short, field in (("u", "userId"), ("a", "anonymousId")) if short in ids}
    return {
        "type": "track",
        "event": "Seen",
        "messageId": f"m{number}",
        **named,
        **({"context": {"externalIds": listed}} if listed else {}),
    }


@pytest.fixture
def space(world):
    return Space(world)


class Space:
    def __init__(self, world: World) -> None:
        self.world = world
        self._sent = itertools.count()

    def send(self, *events):
        for ids in events:
            self.world.advance(1)
            self.world.send(event(next(self._sent), **ids))

    def rules(self, **rules):
        path = f"/spaces/{self.world.stack.space_id}/identity-rules"
        assert self.world.manage("PUT", path, rules).status == 200

    def ask(self, content):
        return self.world.manage("POST", f"/spaces/{self.world.stack.space_id}/merge-preview", content)

    def preview(self, **ids):
        named = [{"type": IDS[short], "id": value} for short, value in ids.items()]
        return self.ask({"identifiers": named}).data["preview"]

    def id(self, name):
        found = self.world.application.lookup.find(self.world.stack.space_id, "users", name)
        return found.profile_id if found else None

    def held(self, name):
        found = self.world.application.lookup.find(self.world.stack.space_id, "users", name)
        assert found is not None
        return {(e.type, e.value) for e in found.head.external_ids}, len(found.head.merges)


def names(shown):
    return [(one["type"], one["id"]) for one in shown]


def test_somebody_new(space):
    shown = space.preview(u="u1", a="a1")
    assert (shown["outcome"], shown["survivor"], shown["merged"]) == ("create", None, [])
    assert shown["kept"] == [
        {"type": "user_id", "id": "u1", "profileId": None, "added": True},
        {"type": "anonymous_id", "id": "a1", "profileId": None, "added": True},
    ]
    assert shown["resulting"] == {"externalIds": 2, "merges": 0}
    assert space.id("user_id:u1") is None


def test_somebody_known_with_and_without_something_new(space):
    space.send({"u": "u1"})
    shown = space.preview(u="u1", a="a1")
    assert (shown["outcome"], shown["survivor"]) == ("add", space.id("user_id:u1"))
    assert shown["resulting"] == {"externalIds": 2, "merges": 0}
    assert space.preview(u="u1")["outcome"] == "match"


def test_people_who_would_become_one(space):
    space.send({"a": "a1"}, {"u": "u1"}, {"u": "u1", "e": "ada@example.com"})
    shown = space.preview(u="u1", a="a1")
    assert (shown["outcome"], shown["survivor"], shown["merged"]) == (
        "merge",
        space.id("anonymous_id:a1"),
        [space.id("user_id:u1")],
    )
    assert [(one["id"], one["externalIds"]) for one in shown["profiles"]] == [
        (space.id("anonymous_id:a1"), 1),
        (space.id("user_id:u1"), 2),
    ]
    assert shown["resulting"] == {"externalIds": 3, "merges": 1}
    assert space.id("anonymous_id:a1") != space.id("user_id:u1")


def test_what_would_be_put_aside_and_why(space):
    space.send({"u": "u1", "e": "team@example.com"})
    shown = space.preview(u="u2", e="Team@Example.com")
    assert shown["outcome"] == "create"
    assert shown["demoted"] == [
        {
            "type": "email",
            "id": "team@example.com",
            "profileId": space.id("user_id:u1"),
            "reason": VALUE_LIMIT,
            "inExcess": "user_id",
        }
    ]
    assert names(shown["kept"]) == [("user_id", "u2")]


def test_the_rules_of_the_space_decide(space):
    space.send({"u": "u1", "a": "a1"}, {"a": "a2"})
    assert space.preview(u="u1", a="a2")["outcome"] == "merge"
    space.rules(mergesLimit=0)
    assert [one["reason"] for one in space.preview(u="u1", a="a2")["demoted"]] == [MERGE_LIMIT]
    space.rules(types={"anonymous_id": {"limit": 1, "period": "weekly"}})
    assert [one["reason"] for one in space.preview(u="u1", a="a2")["demoted"]] == [TIME_LIMIT]
    space.world.advance(8 * 86_400)
    assert space.preview(u="u1", a="a3")["demoted"] == []


def test_blocked_values_and_suppressed_people_are_nobody(space):
    shown = space.preview(u="null", a="0000")
    assert (shown["outcome"], names(shown["blocked"])) == (
        "unresolved",
        [("user_id", "null"), ("anonymous_id", "0000")],
    )
    content = {"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["u1"]}
    space.world.manage("POST", "/regulations", content)
    assert space.preview(u="u1", a="a1")["outcome"] == "suppressed"


def test_nothing_is_written(space):
    space.send({"a": "a1"}, {"u": "u1"})
    profiles = space.world.application.adapters.profiles
    before = len(profiles.changes)
    space.preview(u="u1", a="a1", e="new@example.com")
    assert len(profiles.changes) == before
    assert space.id("email:new@example.com") is None


STORIES = [
    [{"u": "u1", "a": "a1"}, {"a": "a1"}, {"u": "u2", "a": "a1"}, {"a": "a1"}],
    [{"a": "a1"}, {"u": "u1"}, {"u": "u1", "a": "a1"}],
    [{"a": "a1"}, {"a": "a2", "e": "e1@x.io"}, {"u": "u1"}, {"u": "u1", "e": "e1@x.io", "a": "a1"}],
    [{"u": "u1", "e": "e1@x.io", "a": "a1"}, {"u": "u2", "e": "e1@x.io", "a": "a9"}, {"a": "a9"}],
    [*({"u": "u1", "a": f"a{n}"} for n in range(1, 8)), {"a": "a6"}, {"a": "a6", "u": "u1"}],
    [{"u": "u1", "e": "e1@x.io"}, {"u": "u2", "e": "e2@x.io"}, {"u": "u1", "e": "e2@x.io", "a": "a9"}],
    [*({"a": f"a{n}", "e": "e1@x.io"} for n in range(7))],
]


@pytest.mark.parametrize("story", STORIES)
def test_the_next_event_does_what_was_said(space, story):
    for ids in story:
        shown = space.preview(**ids)
        space.send(ids)
        first = shown["kept"][0]
        name = f"{first['type']}:{first['id']}"
        held, merges = space.held(name)
        assert shown["survivor"] in (None, space.id(name))
        assert (len(held), merges) == (shown["resulting"]["externalIds"], shown["resulting"]["merges"])
        assert set(names(shown["kept"])) <= held
        assert not {(one["type"], one["id"]) for one in shown["demoted"]} & held
        for merged in shown["merged"]:
            assert space.id(merged) == space.id(name)


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, ["identifiers"]),
        ({"identifiers": []}, ["identifiers"]),
        ({"identifiers": "u1"}, ["identifiers"]),
        ({"identifiers": [{"type": "user_id", "id": "x"}] * 21}, ["identifiers"]),
        (
            {"identifiers": ["u1", {"type": "user_id"}, {"id": "u1"}]},
            ["identifiers.0", "identifiers.1.id", "identifiers.2.type"],
        ),
        ({"identifiers": [{"type": "user_id", "id": " "}]}, ["identifiers.0.id"]),
        ({"identifiers": [{"type": "group_id", "id": "g1"}]}, ["identifiers.0.type"]),
        ({"collection": "people", "identifiers": [{"type": "user_id", "id": "u1"}]}, ["collection"]),
    ],
)
def test_what_cannot_be_asked(space, content, fields):
    reply = space.ask(content)
    assert (reply.status, [error["field"] for error in reply.body["errors"]]) == (422, fields)


def test_accounts_and_unknown_types(space):
    account = {"collection": "accounts", "identifiers": [{"type": "group_id", "id": 7}]}
    assert space.ask(account).data["preview"]["kept"][0]["id"] == "7"
    space.rules(autoAdd=False)
    unknown = {"identifiers": [{"type": "loyalty_card", "id": "1"}]}
    assert [error["field"] for error in space.ask(unknown).body["errors"]] == ["identifiers.0.type"]
