"""The stored form of profiles and events."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Malformed
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles.profile import Counted, Head, Link, Merge, Outcome, Sighting, Trait
from chalicelib.store import codec
from chalicelib.tracking.event import Event

whole = st.integers(-(2**63), 2**64 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | whole | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)
instants = st.integers(-(2**53), 2**53)
merges = st.builds(Merge, text, instants, text, text, st.lists(text, max_size=2))
heads = st.builds(
    Head,
    collection=st.sampled_from(["users", "accounts"]),
    created_at=instants,
    updated_at=instants,
    first=st.none() | st.builds(Sighting, instants, text, text),
    last=st.none() | st.builds(Sighting, instants, text, text),
    external_ids=st.lists(st.builds(ExternalId, text, text, text, instants, text, text), max_size=4),
    traits=st.dictionaries(text, st.builds(Trait, values, instants, text), max_size=4),
    outcomes=st.dictionaries(text, st.builds(Outcome, values, text, instants), max_size=4),
    edges=st.dictionaries(text, instants, max_size=4),
    recent=st.lists(st.builds(Counted, st.binary(max_size=9), instants, st.binary(max_size=40)), max_size=4),
    catalogue=instants,
    merges=st.lists(merges, max_size=3),
    links=st.lists(st.builds(Link, text, instants), max_size=3),
    merging=st.none() | merges,
    refused=st.dictionaries(text, instants, max_size=2),
)
events = st.builds(
    Event,
    type=st.sampled_from(["track", "identify"]),
    message_id=text,
    source_id=text,
    timestamp=instants,
    received_at=instants,
    sent_at=st.none() | instants,
    user_id=st.none() | text,
    event=st.none() | text,
    properties=st.dictionaries(text, values, max_size=4),
    context=st.dictionaries(text, values, max_size=4),
)


@given(heads)
def test_any_head_survives(head: Head) -> None:
    assert codec.decode_head(codec.encode_head(head)) == head


@given(st.dictionaries(text, values | st.binary(max_size=300), max_size=6))
def test_any_streams_survive(streams: dict[str, Any]) -> None:
    assert codec.decode_streams(codec.encode_streams(streams)) == streams


@given(st.lists(events, max_size=5))
def test_any_events_survive(found: list[Event]) -> None:
    assert codec.decode_events(codec.encode_events(found)) == found


@given(st.binary(max_size=60))
def test_other_bytes_are_malformed_or_understood(blob: bytes) -> None:
    for decode in (codec.decode_head, codec.decode_streams, codec.decode_events):
        try:
            decode(blob)
        except Malformed:
            continue


@pytest.mark.parametrize("blob", [b"", b"\x00", b"\x01", b"\x01abc", b"\x02\x80", b"\x00\xc1", b"\x00\x01"])
def test_damaged_bytes_are_malformed(blob: bytes) -> None:
    for decode in (codec.decode_head, codec.decode_streams, codec.decode_events):
        with pytest.raises(Malformed):
            decode(blob)


def test_a_head_from_before_there_were_merges_is_read() -> None:
    head = Head(catalogue=7, traits={"plan": Trait("pro", 1, "src1")})
    packed = list(msgspec.structs.astuple(head))[:11]
    assert packed[-1] == 7
    assert codec.decode_head(codec.PLAIN + msgspec.msgpack.encode(packed)) == head


def test_what_a_newer_version_added_at_the_end_is_left_out() -> None:
    head = Head(catalogue=7, traits={"plan": Trait("pro", 1, "src1")})
    packed = [*msgspec.structs.astuple(head), {"new": "field"}]
    assert codec.decode_head(codec.PLAIN + msgspec.msgpack.encode(packed)) == head
    event = Event(type="track", message_id="m", source_id="s", timestamp=1, received_at=2)
    packed = [[*msgspec.structs.astuple(event), 1, 2]]
    assert codec.decode_events(codec.PLAIN + msgspec.msgpack.encode(packed)) == [event]


def test_what_an_older_version_did_not_have_yet_gets_its_default() -> None:
    assert codec.decode_head(codec.PLAIN + msgspec.msgpack.encode(["accounts", 5])) == Head(
        collection="accounts", created_at=5
    )


# The order is the stored form: a new field goes to the end of these lists, and none ever moves or leaves.
STORED = {
    Head: [
        "collection", "created_at", "updated_at", "first", "last", "external_ids",
        "traits", "outcomes", "edges", "recent", "catalogue",
    ],
    Event: [
        "type", "message_id", "source_id", "timestamp", "received_at", "sent_at", "original_timestamp", "user_id",
        "anonymous_id", "group_id", "previous_id", "event", "name", "category", "properties", "traits", "context",
        "integrations",
    ],
    Trait: ["value", "updated_at", "source_id"],
    Outcome: ["value", "computation_id", "changed_at"],
    Counted: ["tag", "at", "hashes"],
    Sighting: ["at", "message_id", "source_id"],
    ExternalId: ["type", "value", "id", "created_at", "source_id", "message_id"],
}  # fmt: skip


@pytest.mark.parametrize("struct", STORED, ids=lambda struct: struct.__name__)
def test_fields_keep_their_places(struct: Any) -> None:
    assert list(struct.__struct_fields__[: len(STORED[struct])]) == STORED[struct]


def test_a_profile_stored_by_the_first_version_can_still_be_read() -> None:
    blob = bytes.fromhex(
        "00"
        "9b"
        "a57573657273"
        "01"
        "02"
        "93"
        "03"
        "a26d31"
        "a173"
        "c0"
        "91"
        "96"
        "a5656d61696c"
        "a161"
        "a56d61705f31"
        "04"
        "a173"
        "a26d31"
        "81"
        "a4706c616e"
        "93"
        "a370726f"
        "05"
        "a173"
        "81"
        "a6627579657273"
        "93"
        "c3"
        "a561756431"
        "31"
        "06"
        "81"
        "a6627579657273"
        "07"
        "91"
        "93"
        "c40174"
        "08"
        "c40868617368686173"
        "68"
        "09"
    )
    assert codec.decode_head(blob) == Head(
        created_at=1,
        updated_at=2,
        first=Sighting(3, "m1", "s"),
        external_ids=[ExternalId("email", "a", "map_1", 4, "s", "m1")],
        traits={"plan": Trait("pro", 5, "s")},
        outcomes={"buyers": Outcome(True, "aud11", 6)},
        edges={"buyers": 7},
        recent=[Counted(b"t", 8, b"hashhash")],
        catalogue=9,
    )


def typical() -> tuple[Head, dict[str, Any]]:
    """Somebody with three external ids, six traits, six computations and a day's worth of messages."""
    ids = [f"map_2{n}b9XkQ7fLw3Zt8RvYc5Ns1Hd4Jm" for n in range(3)]
    source, noon = "src_2aB9XkQ7fLw3Zt8RvYc5Ns1Hd4J", 1_767_268_800_000
    messages = [f"5b2f{n}c1e-93a4-4d0b-8f6e-2c7d1a9b{n}e30" for n in range(5)]
    names = ["user_id", "email", "anonymous_id"]
    head = Head(
        created_at=noon,
        updated_at=noon + 5_000_000,
        first=Sighting(noon, messages[0], source),
        last=Sighting(noon + 5_000_000, messages[4], source),
        external_ids=[
            ExternalId(name, f"{name}-value-{n}@example.com", ids[n], noon, source, messages[n])
            for n, name in enumerate(names)
        ],
        traits={
            name: Trait(f"the {name}", noon, source) for name in ("email", "first_name", "plan", "city", "age", "phone")
        },
        outcomes={f"audience_{n}": Outcome(True, f"aud_2{n}Kq8WnT5zXc3Vb7Mj1Lh9Gf6Ds4", noon) for n in range(6)},
        edges={f"audience_{n}": noon + n * 86_400_000 for n in range(3)},
        recent=[Counted(bytes(range(n, n + 8)), noon, bytes(range(n * 24, n * 24 + 24))) for n in range(3)],
        catalogue=12,
    )
    streams = {f"{n}f3a91c7e": [[noon + k * 3_600_000, 49.9 * k] for k in range(4)] for n in range(3)}
    return head, streams


def test_a_typical_person_fits_into_a_kilobyte() -> None:
    head, streams = typical()
    assert len(codec.encode_head(head)) + len(codec.encode_streams(streams)) <= 1_000


def test_small_blobs_are_not_deflated_and_large_ones_are() -> None:
    assert codec.encode_streams({"a": 1})[:1] == codec.PLAIN
    blob = codec.encode_streams({f"stream{n}": [n] for n in range(100)})
    assert blob[:1] == codec.DEFLATED
    assert len(blob) < 600
