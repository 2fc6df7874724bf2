"""Files of lines, from any line on."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.replay.lines import Lines, lines_of
from chalicelib.tracking.request import MESSAGE_LIMIT

texts = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ")),
        st.just(b""),
        st.just(b"x" * (MESSAGE_LIMIT + 3)),
    ),
    max_size=30,
)


def everything(path: Path, most: int) -> tuple[list[tuple[int, bytes | None]], list[tuple[int, int]]]:
    """All lines, and every place at which a chunk ended."""
    found, places = [], []
    with lines_of(path, 0, 1) as lines:
        while True:
            chunk = lines.chunk(most, 1 << 20)
            found += [(line.number, line.text) for line in chunk.lines]
            places.append((lines.offset, lines.number))
            if chunk.is_last:
                return found, places


@given(lines=texts, most=st.integers(1, 7), packed=st.booleans(), ending=st.sampled_from([b"\n", b"\r\n"]))
def test_every_line_once_however_it_is_cut(tmp_path_factory, lines, most, packed, ending):
    path = tmp_path_factory.mktemp("lines") / "file"
    content = ending.join(lines)
    path.write_bytes(gzip.compress(content) if packed else content)
    if content.startswith(b"\x1f\x8b") and not packed:
        return
    found, places = everything(path, most)
    texts = [(n, line.strip()) for n, line in enumerate(lines, 1)]
    if texts:
        texts[0] = (1, lines[0].removeprefix(b"\xef\xbb\xbf").strip())
    assert found == [(n, None if len(text) > MESSAGE_LIMIT else text) for n, text in texts if text]
    for offset, number in places:
        with lines_of(path, offset, number) as again:
            rest = [tuple(line) for line in again.chunk(1_000, 1 << 30).lines]
        assert rest == [line for line in found if line[0] >= number]


def test_a_chunk_ends_when_it_is_heavy(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\n".join([b"x" * 100] * 10))
    with lines_of(path, 0, 1) as lines:
        assert len(lines.chunk(1_000, 250).lines) == 3


@pytest.mark.parametrize("spoil", [lambda b: b[:-20], lambda b: b[:60] + b"\xff" * 30 + b[90:]])
def test_damaged_bytes_end_the_file(tmp_path, spoil):
    path = tmp_path / "file"
    path.write_bytes(spoil(gzip.compress("".join(f'{{"n": {n}}}\n' for n in range(100_000)).encode())))
    with lines_of(path, 0, 1) as lines:
        chunk = lines.chunk(1_000_000, 1 << 30)
    assert (chunk.is_last, chunk.damaged) == (True, True)


def test_the_position_names_the_next_line(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a\nbb\nccc")
    with path.open("rb") as file:
        lines = Lines(file, 0, 1)
        lines.chunk(2, 100)
        assert (lines.position, lines.number) == ("5", 3)
