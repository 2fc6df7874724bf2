"""What no well-meaning client sends: it is answered, harms nobody else and leaves nothing in a dead-letter queue."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.tracking.envelope import Accepted, pack
from tests.acceptance.installation import Muster, Source, assert_accepted, assert_refused, unique
from tests.events import T0

KINDS = ("identify", "track", "page", "screen", "group", "alias")
FIELDS = (
    *("type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event", "name", "category", "properties"),
    *("traits", "context", "integrations", "timestamp", "sentAt", "channel", "version", "_metadata", "unknown"),
)
IN_CONTEXT = (
    *("ip", "library", "device", "externalIds", "traits", "groupId", "integrations", "consent", "channel", "direct"),
    *("active", "campaign", "locale", "page"),
)
ODD_VALUES: list[Any] = [
    "",
    "\0",
    "x",
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    [],
    [[]],
    [None],
    {},
    {"": ""},
    "\ud800",
    "é" * 600,
]


def track(user: str, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": "E", **fields}


@pytest.fixture(autouse=True)
def everything_is_worked_off(muster: Muster) -> Any:
    yield
    assert muster.drain()["failed"] == 0
    assert muster.take_dead_letters() == []


def test_poison_goes_to_the_dead_letters_and_takes_nobody_along(muster: Muster, source: Source, user: str) -> None:
    envelope = Accepted(
        batch_id="b", workspace_id="w", space_id=muster.space_id, source_id="s", received_at=T0, messages=[{"type": 5}]
    )
    poison = ["garbage", "{}", "é", "AAAA", pack(envelope)[:-8], pack(envelope)]
    source.send(track(user))
    muster.put_on_ingest_queue(*poison)
    source.send(track(user))
    ran = muster.drain()
    assert ran["failed"] == 5 * len(poison)
    assert len(source.stored()) == 2
    assert muster.segment_id(f"user_id:{user}")
    assert sorted(muster.take_dead_letters()) == sorted(poison)
    assert muster.drain()["resolve"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_odd_values_in_any_field(source: Source, user: str, kind: str) -> None:
    whole = {"userId": user, "event": "E", "groupId": "g", "previousId": "p", "type": kind}
    odd = [{**whole, field: value} for field in FIELDS for value in ODD_VALUES]
    source.send(*odd, {**whole, "messageId": "good"})
    rows = source.stored()
    assert rows[-1]["messageId"] == "good"
    assert len(rows) + sum(source.discarded().values()) == len(odd) + 1


def test_odd_values_in_any_field_of_the_context(source: Source, user: str) -> None:
    odd = [track(user, context={field: value}) for field in IN_CONTEXT for value in ODD_VALUES]
    deeper = [
        track(user, context={field: {inner: value}})
        for field in IN_CONTEXT
        for inner in ("id", "type", "name")
        for value in ODD_VALUES
    ]
    source.send(*odd, *deeper, track(user, messageId="good"))
    rows = source.stored()
    assert rows[-1]["messageId"] == "good"
    assert len(rows) + sum(source.discarded().values()) == len(odd) + len(deeper) + 1


def test_odd_values_in_any_field_of_the_batch(source: Source, user: str) -> None:
    fields = ("sentAt", "context", "integrations", "messageId", "timestamp", "unknown")
    for field in fields:
        for value in ODD_VALUES:
            source.send(track(user), **{field: value})
    assert len(source.stored()) == len(fields) * len(ODD_VALUES)


def test_elements_that_are_no_messages(source: Source, user: str) -> None:
    source.send(*ODD_VALUES, track(user, messageId="good"))
    assert [row["messageId"] for row in source.stored()] == ["good"]
    assert sum(source.discarded().values()) == len(ODD_VALUES)


def test_unknown_fields_are_tolerated(muster: Muster, source: Source, user: str) -> None:
    many = {f"field {n}": n for n in range(10_000)}
    source.send(track(user, unknown=1, proto__={"constructor": 1}), **many)
    assert_accepted(source.post("/v1/track", track(user, **{f"f{n}": n for n in range(2_000)})))
    assert len(source.stored()) == 2


def test_objects_of_very_many_keys(muster: Muster, source: Source, user: str) -> None:
    source.send(track(user, properties={f"{n:x}": 0 for n in range(3_000)}))
    assert source.discarded() == {"too_many_properties": 1}
    source.send(track(user, context={f"{n:x}": 0 for n in range(3_000)}))
    source.send(track(user, properties={"inner": {f"{n:x}": 0 for n in range(3_000)}}))
    assert len(source.stored()) == 2
    assert_refused(source.post("/v1/track", track(user, properties={str(n): n for n in range(10_000)})))
    assert_refused(source.post("/v1/batch", {"batch": [track(user, properties={str(n): n for n in range(10_000)})]}))


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [98, 500])
def test_deep_nesting(muster: Muster, source: Source, user: str, depth: int) -> None:
    call = b'{"type":"identify","userId":"%b","traits":{"deep":%b}}' % (user.encode(), nested(depth))
    single = source.post("/v1/identify", call)
    source.post("/v1/batch", b'{"batch":[%b,%b]}' % (call, json.dumps(track(user)).encode()))
    if depth < 100:
        assert_accepted(single)
        assert len(source.stored()) == 3
        assert muster.traits(f"user_id:{user}") == {"deep": json.loads(nested(depth))}
    else:
        assert_refused(single)
        assert [row["type"] for row in source.stored()] == ["track"]
        assert source.discarded() == {"nested_too_deep": 1}


def test_nesting_that_cannot_even_be_skipped_is_told(source: Source) -> None:
    for path, body in [
        ("/v1/batch", b'{"batch":[],"x":%b}' % nested(200_000)),
        ("/v1/batch", b'{"batch":[%b]}' % nested(10_000)),
        ("/v1/track", nested(16_000)),
    ]:
        answer = source.post(path, body)
        assert_refused(answer)
        assert answer.json["code"] == "nested_too_deep"


def test_numbers_of_any_size(muster: Muster, source: Source, user: str) -> None:
    numbers = {
        "max": 2**63 - 1,
        "unsigned": 2**64 - 1,
        "tiny": 5e-324,
        "minus_zero": -0.0,
    }
    wider = {"wide": 2**64, "low": -(2**63) - 1, "huge": 10**300}
    source.send({"type": "identify", "userId": user, "traits": {**numbers, **wider}})
    muster.drain()
    stored = muster.traits(f"user_id:{user}")
    assert stored == {**numbers, "wide": 2.0**64, "low": -(2.0**63), "huge": 1e300}
    for number in (b"1e400", b"-1e400", b"9" * 400, b"9" * 5_000):
        body = b'{"batch":[{"type":"identify","userId":"%b","traits":{"n":%b}}]}' % (user.encode(), number)
        assert_accepted(source.post("/v1/batch", body))
    assert source.discarded() == {"number_out_of_range": 4}


def test_halves_of_characters_are_replaced(muster: Muster, source: Source, user: str) -> None:
    """As browsers send them when they cut a text inside an emoji."""
    source.send({"type": "identify", "userId": user + "\ud83d", "traits": {"cut \ud83d": "\udc00", "whole": "😀"}})
    muster.drain()
    assert muster.traits(f"user_id:{user}�") == {"cut �": "�", "whole": "😀"}


def test_nul_characters_are_characters(muster: Muster, source: Source, user: str) -> None:
    traits = {"\0": "\0", "a\0b": 1}
    source.send({"type": "identify", "userId": f"{user}\0", "messageId": unique("\0"), "traits": traits})
    source.send({"type": "group", "userId": user, "groupId": f"{user}\0", "traits": traits})
    muster.drain()
    assert muster.traits(f"user_id:{user}\0") == traits
    assert muster.traits(f"group_id:{user}\0", "accounts") == traits
    assert muster.traits(f"user_id:{user}") == {}


def test_keys_of_any_script(muster: Muster, source: Source, user: str) -> None:
    traits = {
        "ключ": 1,
        "鍵": 2,
        "🔑": 3,
        "é": 4,
        "e\u0301": 5,
        "\u202egnp": 6,
        "": 7,
        " ": 8,
        "a.b": 9,
        "$": 10,
        '"\\': 11,
    }
    source.send({"type": "identify", "userId": user, "traits": traits})
    source.send(track(user, event="Přidáno 🛒", properties=traits))
    muster.drain()
    assert muster.traits(f"user_id:{user}") == traits
    assert source.stored()[-1]["properties"] == traits


def test_ids_of_any_length(muster: Muster, source: Source) -> None:
    fitting = ["u" * 500, "é" * 500, "😀" * 500]
    for id in fitting:
        source.send({"type": "identify", "userId": id, "traits": {"n": 1}})
    for id in ("u" * 501, "😀" * 501, "u" * 30_000):
        source.send({"type": "identify", "userId": id, "traits": {"n": 1}})
    rows = source.stored()
    assert [row["profileId"] is not None for row in rows] == [True] * 3 + [False] * 3
    assert [muster.traits(f"user_id:{id}") for id in fitting] == [{"n": 1}] * 3
    assert muster.traits(f"user_id:{'u' * 501}") is None


def test_ids_that_name_nobody_are_kept_as_events(muster: Muster, source: Source) -> None:
    for id in (" ", "\t", "null", "anonymous", "-1", "0", "00000000-0000-0000-0000-000000000000"):
        source.send({"type": "identify", "userId": id, "traits": {"n": 1}})
        muster.drain()
        assert muster.traits(f"user_id:{id}") is None
    assert len(source.stored()) == 7


def test_somebody_flooded_with_traits_goes_on_living(muster: Muster, source: Source, user: str) -> None:
    for n in range(12):
        traits = {f"{n} {m}": unique("x" * 80) for m in range(250)}
        source.send({"type": "identify", "userId": user, "traits": traits}, track(f"{user}-{n}"))
    source.send(track(user, messageId="last"))
    assert len(source.stored()) == 25
    assert muster.profile(f"user_id:{user}", "metadata").json["metadata"]["last_message_id"] == "last"
    assert muster.segment_id(f"user_id:{user}-11")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
messages = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8)
plausible = st.builds(lambda kind, odd: {"type": kind, "userId": "someone", **odd}, st.sampled_from(KINDS), messages)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(messages | plausible | json_values, max_size=12), messages)
def test_any_json_is_taken_and_its_neighbour_with_it(source: Source, odd: list[Any], envelope: dict[str, Any]) -> None:
    good = unique("good")
    source.send(*odd, track("someone", messageId=good), **envelope)
    assert source.muster.drain()["failed"] == 0
    assert good in [row["messageId"] for row in source.stored()]
