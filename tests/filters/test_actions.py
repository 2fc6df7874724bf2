"""What actions leave of an event."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.filters.actions import ALLOW_PROPERTIES, DROP, DROP_PROPERTIES, SAMPLE, Action, taken

PRODUCTS = [{"id": 1, "price": 2}, {"id": 3}, "gift"]
EVENT = {
    "type": "track",
    "messageId": "m1",
    "userId": "u1",
    "event": "Audience Entered",
    "properties": {"vip": True, "email": "a@b.io", "products": PRODUCTS},
    "traits": {"plan": "pro"},
    "context": {"ip": "1.2.3.4", "traits": {"email": "a@b.io"}, "personas": {"computation_key": "vip"}},
    "integrations": {"All": False},
}


def drop(**fields):
    return Action(type=DROP_PROPERTIES, fields={path.replace("_", "."): names for path, names in fields.items()})


def allow(**fields):
    return Action(type=ALLOW_PROPERTIES, fields={path.replace("_", "."): names for path, names in fields.items()})


@pytest.mark.parametrize(
    ("actions", "changed"),
    [
        ([], {}),
        (
            [drop(properties=["email", "none"])],
            {"properties": {"vip": True, "products": PRODUCTS}},
        ),
        (
            [drop(context_traits=["email"])],
            {"context": {"ip": "1.2.3.4", "traits": {}, "personas": {"computation_key": "vip"}}},
        ),
        (
            [drop(properties_products=["price"])],
            {"properties": {"vip": True, "email": "a@b.io", "products": [{"id": 1}, {"id": 3}, "gift"]}},
        ),
        ([drop(properties_none_x=["y"], nothing=["z"])], {}),
        ([drop(properties_vip=["x"])], {}),
        ([allow(properties=["vip"])], {"properties": {"vip": True}}),
        ([allow(properties=["vip", "email"]), allow(properties=["vip"])], {"properties": {"vip": True}}),
        ([allow(properties=["vip"]), drop(properties=["vip"])], {"properties": {}}),
        ([allow(context=["ip"])], {"context": {"ip": "1.2.3.4", "personas": {"computation_key": "vip"}}}),
        ([Action(type=DROP_PROPERTIES, fields={"": ["traits"]})], {"traits": None}),
        (
            [Action(type=ALLOW_PROPERTIES, fields={"": ["properties"]})],
            {"traits": None, "context": {"personas": {"computation_key": "vip"}}},
        ),
        (
            [Action(type=DROP_PROPERTIES, fields={"": ["context"]})],
            {"context": {"personas": {"computation_key": "vip"}}},
        ),
    ],
)
def test_fields_are_taken_away(actions, changed):
    before = copy.deepcopy(EVENT)
    expected = {name: value for name, value in {**EVENT, **changed}.items() if value is not None}
    assert taken(EVENT, actions) == expected
    assert before == EVENT


def test_what_is_dropped_is_not_there_any_more():
    assert taken(EVENT, [drop(properties=["email"]), Action(type=DROP)]) is None
    assert taken(EVENT, [Action(type=SAMPLE, percent=0)]) is None
    assert taken(EVENT, [Action(type=SAMPLE, percent=1)]) == EVENT
    assert taken(EVENT, [Action(type=SAMPLE, percent=1), Action(type=DROP)]) is None


def sampled(percent, events, path=None):
    action = Action(type=SAMPLE, percent=percent, path=path)
    return [event for event in events if taken(event, [action]) is not None]


def test_a_sample_is_a_share_and_the_same_every_time():
    events = [{"messageId": f"m{n}", "userId": f"u{n % 100}"} for n in range(5_000)]
    chosen = sampled(0.2, events)
    assert 900 < len(chosen) < 1_100
    assert sampled(0.2, events) == chosen
    assert {e["messageId"] for e in chosen} <= {e["messageId"] for e in sampled(0.4, events)}


def test_a_sample_by_a_field_takes_all_or_nothing_of_what_agrees():
    events = [{"messageId": f"m{n}", "traits": {"id": n % 100}} for n in range(1_000)]
    chosen = [event["traits"]["id"] for event in sampled(0.5, events, "traits.id")]
    assert 30 < len(set(chosen)) < 70
    assert all(chosen.count(id) == 10 for id in set(chosen))
    assert 400 < len(sampled(0.5, events, "traits.none")) < 600


NAMES = st.sampled_from(["a", "b", "context", "personas", "type", "x"])
JSON = st.recursive(
    st.none() | st.integers(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3)
)
ACTIONS = st.builds(
    lambda type, fields: Action(type=type, fields=fields),
    st.sampled_from([DROP_PROPERTIES, ALLOW_PROPERTIES]),
    st.dictionaries(st.lists(NAMES, max_size=3).map(".".join), st.lists(NAMES, max_size=3), max_size=3),
)


@given(st.dictionaries(NAMES, JSON).map(lambda event: {**event, "type": "track"}), st.lists(ACTIONS, max_size=3))
def test_taking_twice_is_taking_once_and_the_envelope_stays(event, actions):
    before = copy.deepcopy(event)
    left = taken(event, actions)
    assert event == before
    assert left is not None
    assert taken(left, actions) == left
    assert left.get("type") == event.get("type")
    context = event.get("context")
    if isinstance(context, dict) and context.get("personas") is not None:
        assert left["context"]["personas"] is not None
