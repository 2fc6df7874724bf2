"""Mappings of activations: whose events they are, in which form, and how they are sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.delivery.counters import CREATED, counter
from chalicelib.delivery.figures import Asked, Figures, known, time_of
from chalicelib.delivery.message import decode, encode
from chalicelib.delivery.outlets import Outlet
from chalicelib.destinations.facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.webhook import SEND, WEBHOOK
from chalicelib.identity.external_id import ACCOUNTS, USERS
from chalicelib.profiles.profile import Trait
from chalicelib.workspace.activations import MEMBERSHIP_TYPES
from chalicelib.workspace.model import Activation, DestinationMapping

from .post import Post, answers, delivery, posted
from .test_emit import Stage
from .test_mappings import mapped, paths, to, told
from .world import E1, NOW, U1, audience, change, connection, head, webhook

ENTRY, EXIT, CHANGE, ALL = MEMBERSHIP_TYPES
CONNECTION = "ii_vip_d1"


def activation(id, type=ALL, *, enabled=True, action=SEND.id, plain=False, properties=(), **fields):
    return Activation(
        id=id,
        workspace_id="w",
        space_id="s",
        computation_id="aud_vip",
        connection_id=CONNECTION,
        type=type,
        name=id,
        enabled=enabled,
        created_at=0,
        updated_at=0,
        properties=list(properties),
        destination_mapping=None if plain else DestinationMapping(action_id=action, settings=fields),
    )


def sends(id, path, type=ALL, **fields):
    return activation(id, type, url=f"https://d1.example.org/{path}", **fields)


def stage(*activations, **settings):
    made = Stage([audience()], [connection(audience(), **settings)])
    made.directory.activations = {CONNECTION: list(activations)}
    return made


def entry(made, **traits):
    new = head(U1, E1, vip=True)
    new.traits = {key: Trait(value, 0, "src") for key, value in traits.items()}
    return made.emit(change(head(U1, E1), new))


def leave(made):
    return made.emit(change(head(U1, E1, vip=True), head(U1, E1, vip=False), version=3))


def by(deliveries):
    return [(one.activation_id, one.payload["type"]) for one in deliveries]


@pytest.mark.parametrize(
    ("type", "entered", "left"),
    [
        (ENTRY, [("a", "track")], [("", "identify")]),
        (EXIT, [("", "identify")], [("a", "track")]),
        (CHANGE, [("a", "identify")], [("a", "identify")]),
        (ALL, [("a", "identify")], [("a", "identify")]),
    ],
)
def test_its_type_says_which_events_it_takes_and_in_which_form(type, entered, left):
    made = stage(activation("a", type))
    assert by(entry(made)) == entered
    assert by(leave(made)) == left


def test_of_all_events_it_has_those_of_the_connection():
    assert by(entry(stage(activation("a"), sendTrack=True))) == [("a", "identify"), ("a", "track")]


def test_each_has_an_event_of_its_own_with_its_own_traits():
    made = stage(
        activation("a", ENTRY, properties=["plan"]),
        activation("b", CHANGE, properties=["city"]),
        activation("c", plain=True, properties=["age"]),
    )
    whole, a, b = sorted(entry(made, plan="pro", city="Bern", age=4), key=lambda one: one.activation_id)
    assert whole.payload["traits"] == {"email": "jo1@ex.io", "vip": True, "age": 4}
    assert a.payload["properties"] == {"audience_key": "vip", "vip": True, "plan": "pro"}
    assert b.payload["traits"] == {"email": "jo1@ex.io", "vip": True, "city": "Bern"}
    assert len({one.message_id for one in (whole, a, b)}) == 3
    assert all(one.payload["messageId"] == one.message_id for one in (whole, a, b))
    assert len({(one.row, one.sequence) for one in (whole, a, b)}) == 1


def test_what_is_told_again_has_the_same_ids():
    made = stage(activation("a"), activation("b"), activation("c", plain=True))
    assert [one.message_id for one in entry(made)] == [one.message_id for one in entry(made)]


def test_what_goes_through_no_mapping_keeps_its_id():
    (alone,) = entry(stage())
    beside = next(one for one in entry(stage(activation("a"), activation("c", plain=True))) if not one.activation_id)
    assert beside.message_id == alone.message_id


def test_switched_off_its_events_go_nowhere():
    made = stage(activation("a", ENTRY, enabled=False))
    assert entry(made) == []
    assert by(leave(made)) == [("", "identify")]


def test_one_without_a_mapping_that_is_off_brings_nothing_back():
    assert by(entry(stage(activation("a"), activation("c", plain=True, enabled=False)))) == [("a", "identify")]


def test_a_connection_that_sends_nothing_itself_has_the_events_of_its_activations():
    made = stage(activation("a", EXIT), sendIdentify=False)
    assert entry(made) == []
    (left,) = leave(made)
    assert (left.activation_id, left.payload["event"], left.payload["userId"]) == ("a", "Audience Exited", "u1")


def test_who_was_told_of_entering_alone_can_be_told_again():
    made = stage(activation("a", ENTRY), sendIdentify=False)
    assert by(entry(made)) == [("a", "track")]
    assert leave(made) == []
    again = made.emit(change(head(U1, E1, vip=False), head(U1, E1, vip=True), version=4))
    assert by(again) == [("a", "track")]


@given(
    st.lists(st.tuples(st.sampled_from(MEMBERSHIP_TYPES), st.booleans(), st.booleans()), max_size=4),
    st.sampled_from([(), ("sendIdentify",), ("sendTrack",), ("sendIdentify", "sendTrack")]),
    st.booleans(),
    st.sampled_from([USERS, ACCOUNTS]),
    st.sampled_from([WEBHOOK, FACEBOOK_CUSTOM_AUDIENCES]),
)
def test_every_change_is_told_in_the_ways_there_are(chosen, flags, is_exit, collection, kind):
    """`chosen`: type, switched on, and with a mapping."""
    computation = audience()
    settings = {"sendIdentify": "sendIdentify" in flags, "sendTrack": "sendTrack" in flags}
    activations = [activation(str(n), type, enabled=on, plain=not own) for n, (type, on, own) in enumerate(chosen)]
    outlet = Outlet(connection(computation, **settings), kind, activations)
    found = list(outlet.ways(computation, collection, is_exit=is_exit))
    own = outlet.forms(computation, collection)
    assert all(way.forms for way in found)
    if kind.lists or collection == ACCOUNTS:
        assert all(way.forms == own for way in found)
    for n, (type, on, has_mapping) in enumerate(chosen):
        meant = on and has_mapping and type != (ENTRY if is_exit else EXIT)
        forms = [way.forms for way in found if way.activation_id == str(n)]
        assert len(forms) == (1 if meant and (own or (type != ALL and collection == USERS and not kind.lists)) else 0)
    if not any(has_mapping for _, _, has_mapping in chosen):
        assert [(way.activation_id, way.forms) for way in found] == ([("", own)] if own else [])
    assert outlet.tells(computation, collection) or not found


# On the way to the partner


def of(id, number=1, **changes):
    return replace(delivery(number), activation_id=id, **changes)


def post_of(partner, *activations, deliveries, destination=None, **world):
    post: Post = posted(partner, *deliveries, destinations=[destination or webhook()], **world)
    post.directory.activations = {CONNECTION: list(activations)}
    for one in deliveries:
        post.ledger.count("d1", {counter(one, CREATED): 1}, NOW)
    return post


def test_each_event_is_sent_as_its_activation_says():
    greeting = {"text": {"@template": "Hi {{messageId}}"}}
    activations = [
        sends("a", "a", method="PUT", headers={"X-Key": "of a"}),
        sends("b", "b", data=greeting),
    ]
    some = [of("a", 1), of("b", 2), delivery(3)]
    post = post_of(answers(200), *activations, deliveries=some, destination=webhook(headers={"X-Key": "own"}))
    post.play()
    sent = {request.url.rpartition("/")[2]: request for request in post.transport.requests}
    assert {path: (r.method, r.headers.get("X-Key")) for path, r in sent.items()} == {
        "a": ("PUT", "of a"),
        "b": ("POST", "own"),
        "in": ("POST", "own"),
    }
    assert json.loads(sent["a"].body) == some[0].payload
    assert json.loads(sent["b"].body) == {"text": "Hi personas_2"}
    assert told(post) == {"created": 3, "delivered": 3}


def test_subscriptions_of_the_destination_do_not_take_it():
    post = post_of(answers(200), sends("x", "x"), deliveries=[of("x", 1), delivery(2)], destination=mapped(to("s")))
    post.play()
    assert sorted(paths(post)) == ["s", "x"]
    assert told(post) == {"created": 2, "delivered": 2}


def test_a_destination_may_leave_its_address_to_it():
    post = post_of(answers(200), sends("a", "a"), deliveries=[of("a")], destination=webhook(url=""))
    post.play()
    assert paths(post) == ["a"]


def test_it_is_as_it_is_when_it_is_sent():
    post = post_of(answers(503, 200), sends("a", "old"), deliveries=[of("a")])
    post.turn()
    post.directory.activations = {CONNECTION: [sends("a", "new")]}
    post.play()
    assert paths(post) == ["old", "new"]
    assert told(post) == {"created": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("left", "counted"),
    [
        ([], "cancelled"),
        ([activation("a", plain=True)], "cancelled"),
        ([sends("a", "a", enabled=False)], "filtered"),
    ],
)
@pytest.mark.parametrize("replayed", [False, True])
def test_what_waits_for_one_that_is_gone_or_off_is_not_sent(left, counted, replayed):
    post = post_of(answers(503), sends("a", "a"), deliveries=[of("a", replayed=replayed)])
    post.turn()
    post.directory.activations = {CONNECTION: left}
    post.play()
    assert paths(post) == ["a"]
    assert post.queue.messages == {}
    assert post.ledger.counts("d1").get(counted, 0) == (0 if replayed else 1)
    assert post.ledger.dead_letters("d1") == []


def test_one_that_fails_is_tried_again_alone_and_named_in_its_letter():
    post = post_of(
        lambda request: 503 if request.url.endswith("/a") else 200,
        sends("a", "a"),
        sends("b", "b"),
        deliveries=[of("a", 1), of("b", 2)],
    )
    post.play()
    assert (paths(post).count("a"), paths(post).count("b")) == (10, 1)
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.activation_id, letter.attempts) == ("503", "a", 10)


def test_one_does_not_supersede_another():
    slow = iter([503, 200])
    state = {"row": "r", "follows": True}
    some = [of(id, n * 2 + m, sequence=n, **state) for n in (1, 2) for m, id in enumerate("ab")]
    post = post_of(
        lambda request: next(slow) if request.url.endswith("/a") else 200,
        sends("a", "a"),
        sends("b", "b"),
        deliveries=some,
    )
    post.play()
    assert (paths(post).count("a"), paths(post).count("b")) == (2, 2)


@pytest.mark.parametrize("broken", [sends("a", "a", action="gone"), sends("a", "a", method="GET")])
def test_one_that_cannot_work_costs_no_request(broken):
    post = post_of(answers(200), broken, deliveries=[of("a")])
    post.play()
    assert post.transport.requests == []
    assert [letter.code for letter in post.ledger.dead_letters("d1")] == ["INVALID_SETTINGS"]


def test_they_share_no_batch():
    batch = {"enable_batching": True}
    some = [of(id, n) for n, id in enumerate("ababab")]
    post = post_of(answers(200), sends("a", "x", **batch), sends("b", "x", **batch), deliveries=some)
    post.play()
    sizes = [len(json.loads(request.body)) for request in post.transport.requests]
    assert sorted(sizes) == [3, 3]


def test_the_figures_name_it():
    post = post_of(answers(200), sends("act_0123456789a", "a"), deliveries=[of("act_0123456789a", 1), delivery(2)])
    post.play()
    time = time_of(NOW - 60_000, NOW + 60_000, "MINUTE", NOW)
    asked = Asked(frozenset({"delivered"}), ["activationId", "subscriptionId"])
    ids = known([CONNECTION], ["aud_vip"], "s", (), ["act_0123456789a"])
    rows = Figures(post.ledger, post.clock).metrics(["d1"], time, asked, ids)["dataset"]
    assert sorted((row["activationId"], row["subscriptionId"], row["total"]) for row in rows) == [
        ("act_0123456789a", "act_0123456789a", 1),
        (CONNECTION, CONNECTION, 1),
    ]


def test_the_queue_carries_it():
    assert decode(encode(of("a"))) == of("a")
    assert "activationId" not in encode(delivery())
