import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Malformed
from chalicelib.tracking.body import LARGEST, MAX_DEPTH, SMALLEST, TOO_LARGE, inflate, parse
from chalicelib.tracking.refusal import Refused


def nested(depth: int, opening: str, closing: str) -> bytes:
    return (opening * depth + "1" + closing * depth).encode()


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_stays_as_it_is(encoding):
    assert inflate(b"{}", encoding, 10) == b"{}"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP "])
def test_gzip_is_undone(encoding):
    assert inflate(gzip.compress(b"{}"), encoding, 10) == b"{}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\x1f\x8b",
        gzip.compress(b"{}", mtime=0)[:-3],
        gzip.compress(b"{}", mtime=0) + b"more",
        zlib.compress(b"{}"),
        gzip.compress(b"{}", mtime=0)[:-8] + b"\0" * 8,
    ],
)
def test_what_is_not_gzip_is_refused(body):
    with pytest.raises(Refused) as refused:
        inflate(body, "gzip", 10)
    assert refused.value.code == "malformed_body"


def test_other_codings_are_refused():
    with pytest.raises(Refused, match="gzip"):
        inflate(b"{}", "br", 10)


def test_the_limit_counts_inflated_bytes():
    assert len(inflate(gzip.compress(b"x" * 10), "gzip", 10)) == 10
    with pytest.raises(Refused) as refused:
        inflate(gzip.compress(b"x" * 11), "gzip", 10)
    assert refused.value.code == TOO_LARGE
    with pytest.raises(Refused):
        inflate(b"x" * 11, "", 10)


def test_a_bomb_is_not_inflated(monkeypatch):
    inflated: list[int] = []

    class Inflater:
        def __init__(self, wbits):
            self._real = real(wbits)

        def decompress(self, data, limit):
            content = self._real.decompress(data, limit)
            inflated.append(len(content))
            return content

    real = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Inflater)
    with pytest.raises(Refused):
        inflate(gzip.compress(b"\0" * 10_000_000), "gzip", 1_000)
    assert inflated == [1_001]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"9" * 400 + b"}",
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":1} trailing',
        b"\x1f\x8b\x08",
    ],
)
def test_what_is_not_json_is_malformed(text):
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_is_bounded(opening, closing):
    levels = len(closing)
    assert parse(nested(MAX_DEPTH // levels, opening, closing)) is not None
    for depth in (MAX_DEPTH // levels + 1, 500, 100_000):
        with pytest.raises(Malformed):
            parse(nested(depth, opening, closing))


def test_integers_wider_than_64_bits_become_floats():
    text = f'{{"a":[{LARGEST},{LARGEST + 1}],"b":{SMALLEST},"c":{SMALLEST - 1},"d":"{LARGEST + 1}","e":true}}'
    value = parse(text.encode())
    assert value == {"a": [LARGEST, 2.0**64], "b": SMALLEST, "c": -(2.0**63), "d": str(LARGEST + 1), "e": True}
    assert [type(number) for number in value["a"]] == [int, float]
    assert value["e"] is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'"cut \ud83d"', "cut �"),
        (rb'"\udc00 cut"', "� cut"),
        (rb'"\uD83D\uD83D\uDE00"', "�😀"),
        (rb'"\\ud83d \ud83d"', "\\ud83d �"),
        (rb'"\\\ud83d"', "\\�"),
        (rb'"\\\\ud83d \ud83d\n"', "\\\\ud83d �\n"),
        (rb'"\ud83d\u0041"', "�A"),
        (rb'{"\ud83d":"\ud83d\ude00"}', {"�": "😀"}),
    ],
)
def test_half_a_character_is_replaced(text, value):
    assert parse(text) == value


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(SMALLEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Surrogates included: json.dumps writes them as escapes, as browsers do.
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def mended(value):
    """What a decoder that knows only whole characters makes of a value."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [mended(child) for child in value]
    if isinstance(value, dict):
        return {mended(key): mended(child) for key, child in value.items()}
    return value


@given(json_values)
def test_any_json_value_is_read(value):
    assert parse(json.dumps(value).encode()) == mended(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(text):
    try:
        value = parse(text)
    except Malformed:
        return
    assert json.loads(text) == value
