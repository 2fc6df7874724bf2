from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.destinations import hashing

JANE = "831f6494ad6be4fcb3a724c3d5fef22d3ceffa3c62ef3a7984e45a0ea177f982"
PHONE = "254aa248acb47dd654ca3ea53f48c2c26d641d23d7e2e93a1ec56258df7674c4"
RULES = [
    hashing.email,
    hashing.phone,
    hashing.name,
    hashing.initial,
    hashing.gender,
    hashing.year,
    hashing.month,
    hashing.letters,
    hashing.state,
    hashing.postal_code,
]


def test_known_vectors():
    assert hashing.hashed("jane.doe@gmail.com", hashing.email) == JANE
    assert hashing.hashed("  Jane.Doe@Gmail.com ", hashing.email) == JANE
    assert hashing.hashed("+1 (234) 567-8901", hashing.phone) == PHONE
    assert hashing.hashed("0012345678901", hashing.phone) == PHONE
    assert hashing.hashed(12345678901, hashing.phone) == PHONE


@pytest.mark.parametrize("value", [JANE, JANE.upper(), "0" * 64])
def test_what_is_hashed_already_goes_through_unchanged(value):
    assert hashing.hashed(value, hashing.email) == value


@pytest.mark.parametrize("value", ["", "  ", None, True, ["x"], {"a": 1}, 1.5])
def test_what_is_blank_or_no_text_stays_blank(value):
    assert all(hashing.hashed(value, rule) == "" for rule in RULES)


@pytest.mark.parametrize(
    ("rule", "value", "normal"),
    [
        (hashing.name, " O'Brien-Smith ", "obriensmith"),
        (hashing.name, "Élodie", "élodie"),
        (hashing.name, "!?", ""),
        (hashing.initial, " Jane", "j"),
        (hashing.gender, "Female", "f"),
        (hashing.gender, " M", "m"),
        (hashing.gender, "other", ""),
        (hashing.month, "3", "03"),
        (hashing.month, "11", "11"),
        (hashing.day, " 7 ", "07"),
        (hashing.year, " 1990 ", "1990"),
        (hashing.letters, "São Paulo", "sopaulo"),
        (hashing.letters, "New York 2", "newyork2"),
        (hashing.state, "New York", "ny"),
        (hashing.state, "CA", "ca"),
        (hashing.state, "Île-de-France", "ledefrance"),
        (hashing.postal_code, "94 107-1234", "94107"),
        (hashing.postal_code, "EC1A 1BB", "ec1a1bb"),
        (hashing.phone, "no number", ""),
    ],
)
def test_each_field_has_a_form_of_its_own(rule, value, normal):
    assert rule(value) == normal
    assert hashing.hashed(value, rule) == (sha256(normal.encode()).hexdigest() if normal else "")


@given(st.sampled_from(RULES), st.text(max_size=80))
def test_no_text_breaks_a_batch_and_a_second_hashing_changes_nothing(rule, text):
    once = hashing.hashed(text, rule)
    assert once == "" or len(once) == 64
    assert hashing.hashed(once, rule) == once


def test_what_is_not_hashed_is_only_trimmed():
    assert hashing.row({"ID": " u1 ", "EMAIL": None}, {"ID": None, "EMAIL": hashing.email}) == ["u1", ""]
