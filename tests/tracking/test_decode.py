import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.ids import CountingIds
from chalicelib.instants import parse_iso, to_iso
from chalicelib.tracking.decode import EARLIEST, LATEST, corrected, events, wire
from chalicelib.tracking.envelope import Accepted, pack, unpack
from chalicelib.tracking.request import TrackingRequest
from chalicelib.tracking.validation import sift
from tests.events import instant
from tests.tracking.sending import RECEIVED_AT, track

TIME = instant("2026-03-01T12:00:00Z")


def accepted(*messages, **shared):
    return Accepted(
        batch_id="b",
        workspace_id="w",
        space_id="s",
        source_id="src",
        received_at=RECEIVED_AT,
        messages=[{"messageId": "m", **message} for message in messages],
        **shared,
    )


def event_of(message, **shared):
    [event] = events(accepted(message, **shared))
    return event


def test_the_clients_clock_is_corrected_by_its_sending_time():
    event = event_of(track(timestamp="2026-03-01T12:00:00Z"), sent_at="2026-03-01T12:00:10Z")
    assert to_iso(event.timestamp) == "2026-03-01T12:29:50.000Z"
    assert event.original_timestamp == TIME
    assert event.sent_at == TIME + 10_000
    assert event.received_at == RECEIVED_AT


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z"),
        ("2020-01-01T01:00:00.123456+01:00", "2020-01-01T00:00:00.123Z"),
        ("2020-01-01T00:00:00.757Z", "2020-01-01T00:00:00.757Z"),
    ],
)
def test_without_sending_time_a_historical_time_stays(timestamp, expected):
    event = event_of(track(timestamp=timestamp))
    assert to_iso(event.timestamp) == expected
    assert event.sent_at is None


@pytest.mark.parametrize("timestamp", [None, "", "2015-2-02T00:00:00Z", "yesterday", 1_700_000_000, {}, ["2020-01-01"]])
def test_an_unreadable_time_is_the_time_of_arrival(timestamp):
    event = event_of(track(timestamp=timestamp), sent_at="2026-03-01T12:00:10Z")
    assert event.timestamp == RECEIVED_AT
    assert event.original_timestamp is None


def test_an_unreadable_sending_time_corrects_nothing():
    event = event_of(track(timestamp="2026-03-01T12:00:00Z", sentAt="soon"), sent_at="2026-03-01T12:00:10Z")
    assert (event.timestamp, event.sent_at) == (TIME, None)


def test_the_messages_own_sending_time_wins():
    event = event_of(track(timestamp="2026-03-01T12:00:00Z", sentAt="2026-03-01T12:00:01Z"), sent_at="2020-01-01")
    assert event.timestamp == RECEIVED_AT - 1_000


@given(*[st.integers(EARLIEST, LATEST)] * 3)
def test_times_can_always_be_written(received_at, sent_at, original):
    timestamp = corrected(received_at, sent_at, original)
    assert parse_iso(to_iso(timestamp)) == timestamp


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_outside_the_calendar_are_moved_inside(timestamp):
    event = event_of(track(timestamp=timestamp))
    assert event.timestamp in (EARLIEST, LATEST)
    assert wire(event)["originalTimestamp"] == to_iso(event.timestamp)


def test_what_the_batch_says_lies_under_what_the_message_says():
    event = event_of(
        track(context={"ip": "1.2.3.4", "os": {"name": "x"}}, integrations={"A": False}),
        context={"device": {"type": "phone"}, "os": {"version": "1"}},
        integrations={"All": True, "A": True},
    )
    assert event.context == {"device": {"type": "phone"}, "ip": "1.2.3.4", "os": {"name": "x"}}
    assert event.integrations == {"All": True, "A": False}


def test_messages_do_not_share_what_the_batch_says():
    first, second = events(accepted(track(channel="server"), track(), context={"library": {"name": "go"}}))
    assert first.context == {"library": {"name": "go"}, "channel": "server"}
    assert second.context == {"library": {"name": "go"}}


@pytest.mark.parametrize(
    ("message", "context"),
    [
        (track(channel="server"), {"channel": "server"}),
        (track(context={"channel": "browser"}), {"channel": "browser"}),
        (track(channel="server", context={"channel": "browser"}), {"channel": "browser"}),
        (track(channel=5), {}),
    ],
)
def test_the_channel_is_taken_from_both_places(message, context):
    assert event_of(message).context == context


@pytest.mark.parametrize(("kind", "event_name"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
def test_page_and_screen_calls_are_events(kind, event_name):
    event = event_of({"type": kind, "userId": "u", "name": "Home", "category": "C", "properties": {"name": "own"}})
    assert event.event == event_name
    assert event.properties == {"name": "own", f"{kind}_name": "Home"}
    assert (event.name, event.category) == ("Home", "C")


def test_a_page_without_a_name_gets_no_property():
    event = event_of({"type": "page", "userId": "u", "name": None, "category": None, "properties": None})
    assert (event.event, event.properties, event.name) == ("Page Viewed", {}, None)


def test_fields_of_other_types_are_left_out():
    event = event_of({"type": "identify", "userId": "u", "event": "E", "properties": {"a": 1}, "groupId": "g"})
    assert (event.event, event.properties, event.group_id) == (None, {}, None)
    assert event_of(track(traits={"plan": "x"})).traits == {}


def test_the_wire_form_has_the_spelling_of_the_api():
    message = track(anonymousId="a", timestamp="2026-03-01T12:00:00Z", properties={"p": 1}, context={"ip": "1.2.3.4"})
    assert wire(event_of(message, sent_at="2026-03-01T12:00:10Z")) == {
        "type": "track",
        "messageId": "m",
        "sourceId": "src",
        "userId": "u1",
        "anonymousId": "a",
        "event": "E",
        "properties": {"p": 1},
        "context": {"ip": "1.2.3.4"},
        "timestamp": "2026-03-01T12:29:50.000Z",
        "originalTimestamp": "2026-03-01T12:00:00.000Z",
        "sentAt": "2026-03-01T12:00:10.000Z",
        "receivedAt": "2026-03-01T12:30:00.000Z",
    }


def test_the_wire_form_of_the_other_types():
    group = wire(event_of({"type": "group", "userId": "u", "groupId": "g", "traits": {"name": "Acme"}}))
    assert (group["groupId"], group["traits"]) == ("g", {"name": "Acme"})
    alias = wire(event_of({"type": "alias", "userId": "u", "previousId": "p"}))
    assert alias["previousId"] == "p"
    assert "event" not in alias
    page = wire(event_of({"type": "page", "userId": "u", "name": "Home"}))
    assert (page["event"], page["name"], page["properties"]) == ("Page Viewed", "Home", {"page_name": "Home"})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["2020-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "u1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
about_whom = ("userId", "anonymousId", "messageId", "groupId", "previousId", "writeKey", "_metadata")


@pytest.mark.parametrize(
    "context",
    [
        {"library": {"name": "analytics.js"}},
        {"library": {"name": "analytics-kotlin"}},
        {"direct": True},
        {"channel": "mobile"},
    ],
)
def test_a_persons_own_connection_gives_the_address(context):
    assert event_of(track(context=context), address="203.0.113.9").context["ip"] == "203.0.113.9"
    assert event_of(track(context={**context, "ip": "0.0.0.0"}), address="203.0.113.9").context["ip"] == "0.0.0.0"
    assert "ip" not in event_of(track(context=context), address="2001:db8::1").context
    assert "ip" not in event_of(track(context=context)).context


@pytest.mark.parametrize("context", [{}, {"library": {"name": "analytics-python"}}, {"channel": "server"}])
def test_a_servers_connection_says_nothing_about_the_person(context):
    assert "ip" not in event_of(track(context=context), address="203.0.113.9").context


about_what = ("event", "name", "category", "properties", "traits", "timestamp", "sentAt", "channel")
surroundings = ("context", "integrations")
types = st.sampled_from(["identify", "track", "page", "screen", "group", "alias"])
contexts = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("device", "consent", "groupId", "traits", "externalIds", "channel", "library", "ip"), json_values
    ),
)
likely = st.fixed_dictionaries(
    {"type": types, "userId": st.just("u1")},
    optional={
        "event": st.text(min_size=1, max_size=5),
        "groupId": st.text(min_size=1, max_size=5) | st.integers(),
        "previousId": st.just("u0") | st.floats(allow_nan=False, allow_infinity=False),
        "timestamp": json_values,
        "sentAt": json_values,
        "context": contexts,
        "properties": st.dictionaries(st.text(max_size=5), json_values, max_size=3),
        "traits": st.dictionaries(st.text(max_size=5), json_values, max_size=3),
        "name": st.none() | st.text(min_size=1, max_size=5),
    },
)
anything = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*about_whom, *about_what, *surroundings), json_values) | {"type": types | json_values}
)
messages = st.lists(likely | anything | json_values, max_size=4)


@given(messages, contexts, contexts, st.none() | types)
def test_whatever_validation_accepts_can_be_decoded(sent, context, integrations, kind):
    request = TrackingRequest(
        write_key="K",
        kind=kind,
        count=len(sent),
        messages=sent,
        sent_at="2026-03-01T12:00:00Z",
        context=context,
        integrations=integrations,
    )
    sifted = sift(request, CountingIds(FixedClock(0)))
    assert len(sifted.messages) + sifted.discarded.total() == max(1, len(sent))
    envelope = Accepted(
        batch_id="b",
        workspace_id="w",
        space_id="s",
        source_id="src",
        received_at=RECEIVED_AT,
        sent_at=request.sent_at,
        context=context,
        integrations=integrations,
        messages=sifted.messages,
        address="203.0.113.9",
    )
    received = unpack(pack(envelope))
    assert isinstance(received, Accepted)
    decoded = events(received)
    assert len(decoded) == len(sifted.messages)
    for event in decoded:
        written = wire(event)
        assert event.user_id or event.anonymous_id
        assert 0 < len(event.message_id) <= 100
        assert parse_iso(written["timestamp"]) == event.timestamp
        assert not written.keys() & {"writeKey", "_metadata"}
