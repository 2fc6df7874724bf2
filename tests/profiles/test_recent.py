"""Remembering counted messages."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR
from chalicelib.profiles.profile import Counted
from chalicelib.profiles.recent import MOST, Recent, hash_of, tag_of
from tests.events import T0


def kept(counted, now):
    return Recent(counted).entries(now)


def test_a_counted_message_is_known_with_the_queue_message_that_brought_it():
    recent = Recent([])
    recent.add(hash_of("m1"), tag_of("b1"))
    again = Recent(recent.entries(T0))
    assert again.counted_by(hash_of("m1")) == tag_of("b1")
    assert again.counted_by(hash_of("m2")) is None


def test_ids_are_forgotten_after_a_day():
    recent = Recent([])
    recent.add(hash_of("m1"), tag_of("b1"))
    entries = recent.entries(T0)
    assert kept(entries, T0 + DAY - HOUR) == entries
    assert kept(entries, T0 + DAY) == []


@given(st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_the_newest_ids_are_kept_up_to_the_cap(sizes):
    counted: list[Counted] = []
    sent: list[str] = []
    for batch, size in enumerate(sizes):
        recent = Recent(counted)
        for n in range(size):
            sent.append(f"{batch}-{n}")
            recent.add(hash_of(sent[-1]), tag_of(str(batch)))
        counted = recent.entries(T0 + batch)
    known = Recent(counted)
    assert all(known.counted_by(hash_of(m)) for m in sent[-MOST:])
    assert not any(known.counted_by(hash_of(m)) for m in sent[:-MOST])
    assert sum(len(group.hashes) for group in counted) == 8 * min(MOST, len(sent))
