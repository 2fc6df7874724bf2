import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.destinations.json_text import stringify


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (450.0, "450"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-07, "1e-7"),
        (0.000001, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (1e21, "1e+21"),
        (1.25e22, "1.25e+22"),
        (1e20, "100000000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (-0.0, "0"),
        (-12.5, "-12.5"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740993, "9007199254740992"),
        (2**64, "18446744073709552000"),
        (10**400, "null"),
        (math.inf, "null"),
        (math.nan, "null"),
        (True, "true"),
        (None, "null"),
        ("é\u2028\u007f€😀", '"é\u2028\u007f€😀"'),
        ('a"\\\n\u0001', '"a\\"\\\\\\n\\u0001"'),
        ("\ud800x", '"\\ud800x"'),
        ("\ud83d\ude00", '"😀"'),
        ({"b": 1, "a": [1, 2.0, {}]}, '{"b":1,"a":[1,2,{}]}'),
        ({"b": 1, "10": 2, "9": 3, "01": 4, "4294967295": 5}, '{"9":3,"10":2,"b":1,"01":4,"4294967295":5}'),
    ],
)
def test_text_is_what_javascript_writes(value, text):
    assert stringify(value) == text


def test_a_value_without_json_form_is_refused():
    with pytest.raises(TypeError):
        stringify({"a": object()})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(number):
    assert float(stringify(number)) == number


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(json_values)
def test_text_reads_back_as_the_value_and_is_utf8(value):
    assert json.loads(stringify(value).encode().decode()) == value
