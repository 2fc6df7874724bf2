import pytest

from chalicelib.clock import FixedClock
from chalicelib.ids import CountingIds
from chalicelib.tracking.request import TrackingRequest
from chalicelib.tracking.validation import sift
from tests.tracking.sending import track


def sifted(*messages, kind=None, context=None):
    request = TrackingRequest(
        write_key="K", kind=kind, count=len(messages), messages=list(messages), context=context or {}
    )
    return sift(request, CountingIds(FixedClock(0)))


def code_of(message, **shared):
    """The one code the message is discarded under; None if it is kept."""
    messages, discarded = sifted(message, **shared)
    assert len(messages) + discarded.total() == 1
    return next(iter(discarded), None)


def kept(message, **shared):
    [only] = sifted(message, **shared).messages
    return only


def named(kind, **fields):
    return {"type": kind, "userId": "u1", **fields}


def many(count):
    return {f"k{number}": number for number in range(count)}


def consent(**context):
    return track(event="Segment Consent Preference Updated", context=context)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "track", "event": "E"}, "no_user_anon_id"),
        ({"type": "track", "event": "E", "userId": None, "anonymousId": None}, "no_user_anon_id"),
        ({"type": "group", "groupId": "g"}, "no_user_anon_id"),
        (track(userId=42), "id_not_string"),
        (track(userId=""), "id_not_string"),
        (track(userId="", anonymousId="a"), "id_not_string"),
        (track(anonymousId=["a"]), "id_not_string"),
        (track(userId=False), "id_not_string"),
        (track(event=None), "event_not_defined"),
        (track(event=""), "event_not_defined"),
        (named("track"), "event_not_defined"),
        (track(event=5), "event_not_string"),
        (track(event=0), "event_not_string"),
        (track(event=[]), "event_not_string"),
        (track(properties="x"), "properties_not_object"),
        (track(properties=[]), "properties_not_object"),
        (named("page", properties=0), "properties_not_object"),
        (named("identify", traits=[]), "traits_not_object"),
        (named("group", groupId="g", traits="x"), "traits_not_object"),
        (named("page", name=""), "name_not_string"),
        (named("screen", name=5), "name_not_string"),
        (named("page", category=""), "category_not_string"),
        (named("screen", category={}), "category_not_string"),
        (track(context={"device": {"advertisingId": 5}}), "device_advertisingid_should_be_string"),
        (consent(), "consent_categorypreferences_should_exist"),
        (consent(consent="x"), "consent_categorypreferences_should_exist"),
        (consent(consent={"categoryPreferences": None}), "consent_categorypreferences_should_exist"),
        (consent(consent={"categoryPreferences": ["a"]}), "consent_categorypreferences_should_be_object"),
        (consent(consent={"categoryPreferences": {"a": 1}}), "consent_categorypreferences_fields_should_be_bool"),
    ],
)
def test_faults_have_the_codes_owners_know(message, code):
    assert code_of(message) == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (track(messageId="m" * 101), "message_id_too_long"),
        (track(messageId={}), "message_id_not_string"),
        (track(messageId=False), "message_id_not_string"),
        (track(properties=many(301)), "too_many_properties"),
        (named("screen", properties=many(301)), "too_many_properties"),
        (named("identify", traits=many(300)), "too_many_traits"),
        (named("group", groupId="g", traits=many(301)), "too_many_traits"),
        (named("group"), "group_id_required"),
        (named("group", groupId=None), "group_id_required"),
        (named("group", groupId=""), "group_id_required"),
        (named("group", groupId=True), "group_id_not_string"),
        (named("group", groupId={}), "group_id_not_string"),
        (named("group", groupId="g" * 501), "group_id_too_long"),
        (track(context={"groupId": ""}), "context_group_id_empty"),
        (track(context={"groupId": "g" * 501}), "group_id_too_long"),
        ({"type": "alias", "anonymousId": "a", "previousId": "p"}, "user_id_required"),
        (named("alias"), "previous_id_required"),
        (named("alias", previousId=""), "previous_id_required"),
        (named("alias", previousId=[]), "previous_id_not_string"),
        (track(context="x"), "context_not_object"),
        (track(integrations=["A"]), "integrations_not_object"),
        (named("delete"), "type_not_supported"),
        (named(None), "type_not_supported"),
        (named(["track"]), "type_not_supported"),
        ({"userId": "u1", "event": "E"}, "type_not_supported"),
        ("track", "message_not_object"),
        (None, "message_not_object"),
        ([track()], "message_not_object"),
    ],
)
def test_what_is_dropped_otherwise_has_a_code_too(message, code):
    assert code_of(message) == code


@pytest.mark.parametrize(
    "message",
    [
        track(userId=None, anonymousId="a"),
        track(anonymousId=None, properties=None, context=None, integrations=None, messageId=None, timestamp=None),
        track(context=[], integrations=[]),
        track(messageId="m" * 100),
        track(properties=many(300)),
        track(context={"groupId": None}),
        track(context={"groupId": "g" * 500}),
        track(context={"device": None}),
        track(context={"device": {"advertisingId": None}}),
        track(context={"device": {"advertisingId": "a"}}),
        track(unknown="field", traits="of no meaning here"),
        consent(consent={"categoryPreferences": {"a": True}}),
        consent(consent={"categoryPreferences": {}}),
        named("identify"),
        named("identify", traits=many(299)),
        named("identify", context={"groupId": ""}),
        named("page", name=None, category=None),
        named("screen", name="S", category="C"),
        named("group", groupId="g" * 500, traits=many(300)),
        named("group", groupId=0),
        named("alias", previousId="u1"),
    ],
)
def test_good_messages_are_kept(message):
    assert code_of(message) is None


def test_rules_see_the_context_of_the_batch():
    assert code_of(track(), context={"groupId": ""}) == "context_group_id_empty"
    assert code_of(track(context={"groupId": "g"}), context={"groupId": ""}) is None
    assert code_of(consent(), context={"consent": {"categoryPreferences": {}}}) is None


def test_the_path_decides_the_type():
    assert kept({"userId": "u1"}, kind="identify")["type"] == "identify"
    assert kept(track(), kind="page")["type"] == "page"


def test_a_missing_message_id_is_made():
    first, second, third = sifted(track(), track(messageId=None), track(messageId="")).messages
    made = {message["messageId"] for message in (first, second, third)}
    assert len(made) == 3
    assert all(0 < len(message_id) <= 100 for message_id in made)
    assert kept(track(messageId="own"))["messageId"] == "own"


@pytest.mark.parametrize(("sent", "text"), [(42, "42"), (42.0, "42"), (1.5, "1.5"), (-7, "-7"), (2**70, str(2**70))])
def test_numbers_that_are_ids_become_text(sent, text):
    assert kept(named("group", groupId=sent))["groupId"] == text
    assert kept(named("alias", previousId=sent))["previousId"] == text
    assert kept(track(messageId=sent))["messageId"] == text


def test_keys_and_diagnostics_are_not_kept():
    message = kept(track(writeKey="K", _metadata={"nodeVersion": "22"}))
    assert not message.keys() & {"writeKey", "_metadata"}


def test_good_neighbours_of_bad_messages_are_kept():
    messages, discarded = sifted(track(event=1), track(messageId="good"), track(event=2), 5)
    assert [message["messageId"] for message in messages] == ["good"]
    assert discarded == {"event_not_string": 2, "message_not_object": 1}


def test_a_batch_without_messages_has_a_code():
    assert sifted() == ([], {"empty_batch": 1})
