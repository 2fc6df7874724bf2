"""Which fields name a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.extraction import account_identifiers, is_blocked, normalised, user_identifiers
from tests.events import event


def found(e):
    return [(i.type, i.value) for i in user_identifiers(e)]


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
    assert [(i.collection, i.type, i.value) for i in account_identifiers(group)] == [
        ("accounts", "group_id", "g1"),
        ("accounts", "crm", "x1"),
    ]
    assert account_identifiers(event("track", "A", context={"groupId": "g1"})) == []


def test_ga_client_id_sits_among_the_integrations_of_the_context():
    assert found(event(context={"integrations": {"Google Analytics": {"clientId": "1.2"}}})) == [
        ("ga_client_id", "1.2")
    ]


@pytest.mark.parametrize("value", ["-1", "null", "anonymous", "0", "0000", "00-00", "-", ""])
def test_values_that_glue_strangers_together_are_blocked(value):
    assert is_blocked(value)
    assert found(event(user_id=value, anonymous_id="a1")) == [("anonymous_id", "a1")]


@pytest.mark.parametrize("value", ["Null", "0a", "10", "anonymous2"])
def test_blocking_is_exact(value):
    assert not is_blocked(value)


@pytest.mark.parametrize("value", [None, True, {}, ["a"], 1.5, "", "  ", "x" * 501])
def test_what_cannot_be_an_identifier(value):
    assert normalised("phone", value) is None


def test_other_types_are_kept_byte_for_byte():
    assert normalised("user_id", "U1") == "U1"
    assert normalised("phone", 42) == "42"


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
