"""Which fields name a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.extraction import normalised, of_account, of_user, user_identifiers
from chalicelib.identity.rulebook import rulebook
from chalicelib.identity.rules import DEFAULT_RULES, Rules, TypeRule
from tests.events import event

DEFAULT = rulebook(DEFAULT_RULES)


def found(e, **rules):
    return [(i.type, i.value) for i in of_user(e, rulebook(Rules(**rules))).usable]


def test_root_ids_of_every_call_type():
    for type in ("identify", "track", "page", "screen", "group", "alias"):
        assert found(event(type, user_id="u1", anonymous_id="a1")) == [("user_id", "u1"), ("anonymous_id", "a1")]


def test_email_is_read_where_each_type_keeps_it_and_folded():
    assert found(event("identify", traits={"email": " Jo@Ex.io "})) == [("email", "jo@ex.io")]
    assert found(event("track", "A", properties={"email": "jo@ex.io"})) == [("email", "jo@ex.io")]
    assert found(event("track", "A", traits={"email": "no@ex.io"})) == []
    assert found(event("group", group_id="g", traits={"email": "billing@ex.io"})) == []
    in_context = {"traits": {"email": "ctx@ex.io"}}
    assert found(event("group", group_id="g", context=in_context)) == [("email", "ctx@ex.io")]


@pytest.mark.parametrize("kind", ["ios", "android"])
def test_device_ids_need_a_known_device_and_consent_for_the_advertising_id(kind):
    device = {"type": kind, "id": "d1", "advertisingId": "ad1", "token": "t1"}
    assert found(event(context={"device": device})) == [(f"{kind}.id", "d1"), (f"{kind}.push_token", "t1")]
    device["adTrackingEnabled"] = True
    assert (f"{kind}.idfa", "ad1") in found(event(context={"device": device}))
    assert found(event(context={"device": {**device, "type": "tv"}})) == []


def test_external_ids_need_all_four_fields_and_do_not_spoil_their_neighbours():
    complete = {"id": 123, "type": "phone", "collection": "users", "encoding": "none"}
    broken = [
        {**complete, "encoding": "md5"},
        {**complete, "type": "Phone"},
        {**complete, "type": ""},
        {**complete, "collection": "things"},
        {k: v for k, v in complete.items() if k != "encoding"},
        "phone",
        None,
    ]
    assert found(event(context={"externalIds": [*broken, complete]})) == [("phone", "123")]
    assert found(event(context={"externalIds": complete})) == []


def test_accounts_are_named_by_group_calls_only():
    listed = [{"id": "x1", "type": "crm", "collection": "accounts", "encoding": "none"}]
    group = event("group", group_id="g1", user_id="u1", context={"externalIds": listed})
    assert [(i.collection, i.type, i.value) for i in of_account(group, DEFAULT).usable] == [
        ("accounts", "group_id", "g1"),
        ("accounts", "crm", "x1"),
    ]
    assert not of_account(event("track", "A", context={"groupId": "g1"}), DEFAULT).usable
    listed = [{"id": "g1", "type": "group_id", "collection": "users", "encoding": "none"}]
    assert found(event(context={"externalIds": listed})) == []


def test_ga_client_id_sits_among_the_integrations_of_the_context():
    assert found(event(context={"integrations": {"Google Analytics": {"clientId": "1.2"}}})) == [
        ("ga_client_id", "1.2")
    ]


@pytest.mark.parametrize("value", ["-1", "null", "anonymous", "0", "0000", "00-00", "-"])
def test_values_that_glue_strangers_together_are_blocked(value):
    e = event(user_id=value, anonymous_id="a1")
    assert found(e) == [("anonymous_id", "a1")]
    assert [(i.type, i.value) for i in of_user(e, DEFAULT).blocked] == [("user_id", value)]
    assert found(e, types={"user_id": TypeRule(blocked_values=[], blocked_patterns=[])}) == [
        ("user_id", value),
        ("anonymous_id", "a1"),
    ]


@pytest.mark.parametrize("value", ["Null", "0a", "10", "anonymous2"])
def test_blocking_is_exact(value):
    assert found(event(user_id=value)) == [("user_id", value)]


def test_own_blocked_values_and_patterns_of_one_type():
    rules = {"types": {"email": TypeRule(blocked_values=["team@ex.io"], blocked_patterns=["@example[.]"])}}
    for value, kept in (("TEAM@ex.io ", False), ("jo@example.com", False), ("jo@ex.io", True), ("0000", True)):
        assert bool(found(event("identify", traits={"email": value}), **rules)) is kept, value


def test_custom_identifiers_are_found_in_both_spellings_and_nowhere_else():
    rules = {"custom": ["app_id", "phone"]}
    assert found(event("identify", traits={"app_id": 7}), **rules) == [("app_id", "7")]
    assert found(event("track", "A", properties={"appId": "x", "phone": "1"}), **rules) == [
        ("app_id", "x"),
        ("phone", "1"),
    ]
    assert found(event("group", group_id="g", context={"traits": {"appId": "x"}}), **rules) == [("app_id", "x")]
    assert found(event("group", group_id="g", traits={"appId": "x"}), **rules) == []
    assert found(event("identify", traits={"appid": "x", "AppId": "y"}), **rules) == []
    assert found(event("identify", traits={"app_id": "x"})) == []


def test_user_ids_among_traits_and_properties_are_not_taken():
    assert found(event("identify", traits={"userId": "u1", "user_id": "u1"})) == []


def test_switches_for_single_places():
    bought = event("track", "A", properties={"email": "jo@ex.io"})
    assert found(bought, properties_email=False) == []
    assert found(event("identify", traits={"email": "jo@ex.io"}), properties_email=False) == [("email", "jo@ex.io")]
    crossing = event(context={"traits": {"crossDomainId": "x1"}, "Braze": {"braze_id": "b1"}})
    assert found(crossing) == []
    assert found(crossing, cross_domain_id=True, braze_id=True) == [("braze_id", "b1"), ("cross_domain_id", "x1")]


def test_types_nobody_set_up_are_taken_unless_that_is_switched_off():
    listed = [
        {"id": id, "type": type, "collection": "users", "encoding": "none"}
        for id, type in (("1", "loyalty"), ("2", "email"), ("3", "crm"), ("4", "app_id"))
    ]
    e = event(context={"externalIds": listed})
    assert [type for type, _ in found(e)] == ["loyalty", "email", "crm", "app_id"]
    strict = {"auto_add": False, "custom": ["app_id"], "types": {"crm": TypeRule()}}
    assert [type for type, _ in found(e, **strict)] == ["email", "crm", "app_id"]


def test_the_order_of_extraction():
    e = event(
        "identify",
        user_id="u",
        anonymous_id="a",
        traits={"email": "t@x"},
        context={
            "traits": {"email": "c@x"},
            "externalIds": [{"id": "l@x", "type": "email", "collection": "users", "encoding": "none"}],
            "device": {"type": "ios", "id": "d"},
        },
    )
    assert [value for _, value in found(e)] == ["u", "a", "d", "l@x", "t@x", "c@x"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("+1 (555) 010-0199", "+15550100199"),
        ("0044 20 7946 0123", "+442079460123"),
        ("+49/30/123456", "+4930123456"),
        ("555 0123", "555 0123"),
        ("+0123456789", "+0123456789"),
        ("call me", "call me"),
    ],
)
def test_phone_numbers_can_be_normalised(sent, kept):
    rules = {"custom": ["phone"], "types": {"phone": TypeRule(normalise="e164")}}
    assert found(event("identify", traits={"phone": sent}), **rules) == [("phone", kept)]


def test_normalisation_can_be_switched_off_and_on():
    loose = {"types": {"email": TypeRule(normalise="none"), "user_id": TypeRule(normalise="lower")}}
    assert found(event("identify", user_id="U1", traits={"email": " Jo@X "}), **loose) == [
        ("user_id", "u1"),
        ("email", "Jo@X"),
    ]


def test_a_trait_keeps_the_value_as_it_was_sent():
    e = event("identify", user_id="u", traits={"email": " Jo@Ex.io "})
    assert user_identifiers(e)[-1].value == "jo@ex.io"
    assert e.traits == {"email": " Jo@Ex.io "}


def test_the_same_rules_are_made_ready_once():
    rules = Rules(custom=["app_id"])
    assert rulebook(rules) is rulebook(rules)
    assert rulebook(Rules(custom=["app_id"])).rules == rules


@pytest.mark.parametrize("value", [None, True, {}, ["a"], 1.5, "", "  ", "x" * 501])
def test_what_cannot_be_an_identifier(value):
    assert normalised("phone", value, DEFAULT) is None


def test_other_types_are_kept_byte_for_byte():
    assert normalised("user_id", "U1", DEFAULT) == "U1"
    assert normalised("phone", 42, DEFAULT) == "42"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["device", "externalIds", "traits", "integrations", "email", "type", "Google Analytics"])


@given(st.dictionaries(keys, json_values | st.dictionaries(keys, json_values, max_size=3), max_size=4), json_values)
def test_no_shape_of_context_breaks_extraction(context, email):
    e = event("identify", user_id="u1", context=context, traits={"email": email})
    assert ("user_id", "u1") in found(e)
    assert len(found(e)) == len(set(found(e)))
