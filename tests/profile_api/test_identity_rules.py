"""The settings of identity resolution over HTTP."""

import pytest

DEFAULTS = {
    "types": {},
    "priority": ["user_id", "email"],
    "custom": [],
    "autoAdd": True,
    "propertiesEmail": True,
    "crossDomainId": False,
    "brazeId": False,
    "mappingsLimit": 1000,
    "mergesLimit": 100,
}


@pytest.fixture
def rules(world):
    return f"/spaces/{world.stack.space_id}/identity-rules"


def put(world, rules, content):
    return world.manage("PUT", rules, content)


def test_a_new_space_has_the_default_rules(world, rules):
    assert world.manage("GET", rules).data == {"identityRules": DEFAULTS}


def test_rules_are_put_as_a_whole_and_shown_complete(world, rules):
    sent = {
        "types": {"email": {"limit": 1, "period": "annually"}, "phone": {"normalise": "e164", "blockedValues": []}},
        "priority": ["user_id", "phone"],
        "custom": ["app_id"],
        "autoAdd": False,
    }
    shown = put(world, rules, sent).data["identityRules"]
    assert shown == world.manage("GET", rules).data["identityRules"]
    assert shown["types"]["email"] == {
        "limit": 1,
        "period": "annually",
        "blockedValues": ["-1", "null", "anonymous"],
        "blockedPatterns": ["^[0-]*$"],
        "normalise": "lower",
    }
    assert shown["types"]["phone"]["limit"] == 5
    assert (shown["priority"], shown["autoAdd"], shown["propertiesEmail"]) == (["user_id", "phone"], False, True)
    assert put(world, rules, shown).data["identityRules"] == shown
    assert put(world, rules, {}).data["identityRules"] == DEFAULTS


def test_every_problem_is_listed_and_nothing_is_stored(world, rules):
    reply = put(
        world,
        rules,
        {
            "types": {"email": {"limit": 0, "period": "hourly"}, "Phone": {}, "x": {"limit": True}, "y": 5},
            "priority": "user_id",
            "custom": ["email", 5],
            "autoAdd": "yes",
            "mergesLimit": 101,
        },
    )
    assert reply.status == 422
    assert {error["field"] for error in reply.body["errors"]} == {
        "types.email.limit",
        "types.email.period",
        "types.Phone",
        "types.x.limit",
        "types.y",
        "priority",
        "custom",
        "autoAdd",
        "mergesLimit",
    }
    assert world.manage("GET", rules).data == {"identityRules": DEFAULTS}


@pytest.mark.parametrize(
    ("types", "field"),
    [
        ({"email": {"blockedPatterns": ["("]}}, "types.email.blockedPatterns.0"),
        ({"email": {"blockedPatterns": ["(a+)+"]}}, "types.email.blockedPatterns.0"),
        ({"email": {"blockedValues": [""]}}, "types.email.blockedValues.0"),
        ({"email": {"blockedValues": "null"}}, "types.email.blockedValues"),
        ({"email": {"normalise": "upper"}}, "types.email.normalise"),
        (["email"], "types"),
    ],
)
def test_what_no_type_can_have(world, rules, types, field):
    reply = put(world, rules, {"types": types})
    assert (reply.status, [error["field"] for error in reply.body["errors"]]) == (422, [field])


def test_only_the_owner_reads_and_changes_them(world, rules):
    other = world.found("other")
    assert world.manage("GET", rules, by=other).status == 404
    assert world.manage("PUT", rules, {}, by=other).status == 404
    assert world.ask("GET", rules).status == 401
    assert put(world, rules, b"{").status == 400
