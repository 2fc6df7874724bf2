import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.tracking.refusal import Refused
from chalicelib.tracking.write_key import INVALID, MISMATCH, UNSUPPORTED, write_key
from tests.tracking.sending import basic


@pytest.mark.parametrize(
    ("authorization", "in_body"),
    [
        ("", "K"),
        (basic("K:"), None),
        (basic("K:"), ""),
        (basic("K:"), "K"),
        (basic("K:password"), None),
        (basic("K"), None),
        (basic("K").rstrip("="), None),
        (f"  basic   {basic('K:').split()[1]} ", None),
        (basic(":"), "K"),
        ("Basic", "K"),
    ],
)
def test_every_way_to_name_the_key(authorization, in_body):
    assert write_key(authorization, in_body) == "K"


@pytest.mark.parametrize(
    ("authorization", "in_body", "code"),
    [
        ("", None, INVALID),
        ("", "", INVALID),
        ("", "  ", INVALID),
        ("", 42, INVALID),
        ("", ["K"], INVALID),
        (basic("K:"), 42, INVALID),
        (basic(":"), None, INVALID),
        ("Basic", "", INVALID),
        (basic("K:"), "L", MISMATCH),
        ("Basic %%%", "K", UNSUPPORTED),
        ("Basic " + base64.b64encode(b"\xff\xfe:").decode(), "K", UNSUPPORTED),
        ("Bearer token", "K", UNSUPPORTED),
        ("Bearer token", None, UNSUPPORTED),
        ("K", None, UNSUPPORTED),
    ],
)
def test_what_is_refused(authorization, in_body, code):
    with pytest.raises(Refused) as refused:
        write_key(authorization, in_body)
    assert refused.value.code == code


@given(st.text(), st.none() | st.text() | st.integers())
def test_any_header_gives_a_key_or_a_refusal(authorization, in_body):
    try:
        key = write_key(authorization, in_body)
    except Refused:
        return
    assert key.strip()
