"""What spreadsheets and readers find in a file."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.exports.cells import COMPUTED, cell
from chalicelib.exports.request import EXTRA_ROWS, FORMATTED, INDEXED_COLUMNS, UNFORMATTED, Choice
from chalicelib.exports.rows import Person, Sheet

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
types = st.sampled_from(["user_id", "email", "ios.idfa", "=crm", "a,b"])
people = st.builds(
    Person,
    profile_id=st.from_regex(r"\Ause_[a-z]{4}\Z"),
    ids=st.dictionaries(types, st.lists(texts, min_size=1, max_size=4), max_size=4),
    traits=st.dictionaries(texts, values, max_size=4),
    value=values,
)
crowds = st.lists(people, max_size=5)


def read(sheet: Sheet, crowd: list[Person]) -> list[list[str]]:
    """The cells as a reader of the file sees them."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(sheet.header)
    for person in crowd:
        writer.writerows(sheet.rows(person))
    content = file.getvalue().encode("utf-8").decode("utf-8")
    return list(csv.reader(io.StringIO(content, newline="")))


def widths(crowd: list[Person]) -> dict[str, int]:
    found: dict[str, int] = {}
    for person in crowd:
        for type, ids in person.ids.items():
            found[type] = max(found.get(type, 0), len(ids))
    return found


def plain(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(COMPUTED) else text


@given(values)
def test_no_cell_is_computed_and_none_loses_anything(value):
    shown = cell(value)
    assert not shown.startswith(COMPUTED)
    if isinstance(value, str):
        assert shown == (f"'{value}" if value[:1] in COMPUTED else value)
    elif value is None:
        assert shown == ""
    else:
        assert json.loads(plain(shown)) == value


@given(crowds, st.booleans(), st.none() | st.lists(texts, max_size=3, unique=True))
def test_unformatted_audiences_say_everything_as_json(crowd, with_ids, traits):
    choice = Choice(format=UNFORMATTED, with_ids=with_ids, external_ids=None if with_ids else [], traits=traits)
    header, *rows = read(Sheet(choice, widths(crowd), of_trait=False), crowd)
    assert header == ["key", *["external_ids"] * with_ids, *["traits"] * (traits != [])]
    assert len(rows) == len(crowd)
    for person, row in zip(crowd, rows, strict=True):
        found = dict(zip(header, row, strict=True))
        assert found["key"] == person.profile_id
        if with_ids:
            assert json.loads(found["external_ids"]) == person.ids
        if traits != []:
            wanted = person.traits if traits is None else {k: v for k, v in person.traits.items() if k in traits}
            assert json.loads(found["traits"]) == wanted


@given(crowds, st.lists(texts, max_size=4, unique=True))
def test_formatted_audiences_have_a_column_for_each_value(crowd, traits):
    choice = Choice(format=FORMATTED, traits=traits)
    header, *rows = read(Sheet(choice, widths(crowd), of_trait=False), crowd)
    assert len(set(map(plain, header))) == len(header)
    assert len(header) == 1 + sum(widths(crowd).values()) + len(traits)
    for person, row in zip(crowd, rows, strict=True):
        found = dict(zip(map(plain, header), map(plain, row), strict=True))
        for type in widths(crowd):
            ids = [found[name] for name in found if name == type or name.removeprefix(f"{type}_").isdigit()]
            given = [plain(cell(one)) for one in person.ids.get(type, [])]
            assert ids[: len(given)] == given
            assert not any(ids[len(given) : widths(crowd)[type]])
        assert row[len(row) - len(traits) :] == [cell(person.traits.get(name)) for name in traits]


@given(crowds, st.sampled_from([UNFORMATTED, INDEXED_COLUMNS, EXTRA_ROWS]))
def test_traits_begin_with_the_same_three_columns(crowd, format):
    header, *rows = read(Sheet(Choice(format=format), widths(crowd), of_trait=True), crowd)
    assert header[:3] == ["key", "value", "external_ids"]
    expected = [
        [person.profile_id, cell(person.value), cell(person.ids)]
        for person in crowd
        for _ in range(max([1, *map(len, person.ids.values())]) if format == EXTRA_ROWS else 1)
    ]
    assert [row[:3] for row in rows] == expected
    if format != UNFORMATTED:
        assert sorted(filter(None, (one for row in rows for one in row[3:]))) == sorted(
            filter(None, (cell(one) for person in crowd for ids in person.ids.values() for one in ids))
        )


def test_two_emails():
    person = Person("use_1", {"email": ["a@x", "b@x"], "user_id": ["u1"]}, {"plan": "pro"}, 7)
    most = widths([person])
    formatted = Sheet(Choice(format=FORMATTED, traits=["plan", "email"]), most, of_trait=False)
    assert formatted.header == ["key", "user_id", "email", "email_1", "plan", "traits.email"]
    assert list(formatted.rows(person)) == [["use_1", "u1", "a@x", "b@x", "pro", ""]]
    extra = Sheet(Choice(format=EXTRA_ROWS), most, of_trait=True)
    assert extra.header == ["key", "value", "external_ids", "user_id", "email"]
    ids = '{"email":["a@x","b@x"],"user_id":["u1"]}'
    assert list(extra.rows(person)) == [["use_1", "7", ids, "u1", "a@x"], ["use_1", "7", ids, "", "b@x"]]
    indexed = Sheet(Choice(format=INDEXED_COLUMNS), most, of_trait=True)
    assert list(indexed.rows(person)) == [["use_1", "7", ids, "u1", "a@x", "b@x"]]
