"""Keys of computations."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.computations.keys import LONGEST, key_of, with_suffix


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Big Buyers", "big_buyers"),
        ("big-buyers  (EU)", "big_buyers_eu"),
        ("__Loyal__", "loyal"),
        ("Café Straße", "cafe_strasse"),
        ("Größe", "grosse"),
        ("①", "1"),
        ("😀", "audience"),
        ("", "audience"),
    ],
)
def test_keys_are_the_name_in_snake_case(name, key):
    assert key_of(name, "audience") == key


@given(st.text(max_size=400), st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=5))
def test_every_name_gives_a_usable_key(name, suffix):
    key = key_of(name, "audience")
    for usable in (key, with_suffix(key, suffix)):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9_]*[a-z0-9])?", usable)
        assert len(usable) <= LONGEST
    assert with_suffix(key, suffix) != key
