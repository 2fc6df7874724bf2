"""What an owner may decide about identifiers."""

import msgspec
import pytest

from chalicelib.identity.rules import DEFAULT_RULES, Rules, TypeRule, problems


def fields(rules):
    return [problem.field for problem in problems(rules)]


def test_a_person_has_one_user_id_and_five_of_everything_else():
    limits = {type: DEFAULT_RULES.of(type).limit for type in ("user_id", "email", "phone", "group_id")}
    assert limits == {"user_id": 1, "email": 5, "phone": 5, "group_id": 5}
    assert {DEFAULT_RULES.of(type).period for type in limits} == {"ever"}
    assert DEFAULT_RULES.of("email").normalise == "lower"
    assert DEFAULT_RULES.of("user_id").normalise == "none"


def test_a_rule_that_names_one_thing_keeps_the_defaults_of_the_others():
    rules = msgspec.json.decode(b'{"types": {"email": {"limit": 1}, "user_id": {"period": "weekly"}}}', type=Rules)
    assert (rules.of("email").limit, rules.of("email").normalise) == (1, "lower")
    assert (rules.of("user_id").limit, rules.of("user_id").period) == (1, "weekly")
    assert rules.of("email").blocked_values == ["-1", "null", "anonymous"]
    assert problems(rules) == []


def test_the_wire_form_is_camel_case_and_comes_back():
    rules = Rules(types={"email": TypeRule(blocked_values=[], blocked_patterns=["^x"])}, custom=["app_id"])
    content = msgspec.json.decode(msgspec.json.encode(rules))
    assert content["types"]["email"]["blockedPatterns"] == ["^x"]
    assert content["propertiesEmail"] is True
    assert msgspec.convert(content, Rules) == rules


def test_the_default_rules_are_sound():
    assert problems(DEFAULT_RULES) == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -3}, "limit"),
        ({"period": "hourly"}, "period"),
        ({"normalise": "upper"}, "normalise"),
        ({"blocked_values": [""]}, "blockedValues.0"),
        ({"blocked_values": ["ok", "x" * 501]}, "blockedValues.1"),
        ({"blocked_values": [str(n) for n in range(201)]}, "blockedValues"),
        ({"blocked_patterns": ["("]}, "blockedPatterns.0"),
        ({"blocked_patterns": ["a{99999999999999999999}"]}, "blockedPatterns.0"),
        ({"blocked_patterns": ["a" * 201]}, "blockedPatterns.0"),
        ({"blocked_patterns": ["^(a+)+$"]}, "blockedPatterns.0"),
        ({"blocked_patterns": ["^((a*))*$"]}, "blockedPatterns.0"),
        ({"blocked_patterns": ["x"] * 21}, "blockedPatterns"),
    ],
)
def test_what_a_rule_may_not_say(rule, field):
    assert fields(Rules(types={"phone": TypeRule(**rule)})) == [f"types.phone.{field}"]


@pytest.mark.parametrize("name", ["Phone", "", "a b", "android.serial", "x" * 101, "é"])
def test_names_are_lower_case_letters_digits_and_underscores(name):
    assert fields(Rules(types={name: TypeRule()})) == [f"types.{name}"]
    assert fields(Rules(priority=["user_id", name])) == ["priority.1"]
    assert fields(Rules(custom=[name])) == ["custom.0"]


def test_dotted_names_of_devices_are_known():
    assert problems(Rules(types={"ios.push_token": TypeRule()}, priority=["android.id"])) == []


def test_repeated_names_and_built_in_custom_names_are_refused():
    assert fields(Rules(priority=["email", "user_id", "email"])) == ["priority.2"]
    assert fields(Rules(custom=["app_id", "app_id"])) == ["custom.1"]
    assert fields(Rules(custom=["user_id"])) == ["custom.0"]


def test_system_limits_can_only_be_lowered():
    assert problems(Rules(mappings_limit=1, merges_limit=0)) == []
    assert fields(Rules(mappings_limit=1_001, merges_limit=101)) == ["mappingsLimit", "mergesLimit"]
    assert fields(Rules(mappings_limit=0, merges_limit=-1)) == ["mappingsLimit", "mergesLimit"]


def test_all_problems_are_told_at_once():
    broken = Rules(types={"email": TypeRule(limit=0, period="x")}, priority=["A"], merges_limit=999)
    assert fields(broken) == ["types.email.limit", "types.email.period", "priority.0", "mergesLimit"]
