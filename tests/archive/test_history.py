"""What the views of history show."""

import json
from pathlib import Path

import pytest

from chalicelib.archive.columns import EVENT
from chalicelib.archive.cut import Cut, Landing
from chalicelib.archive.manifest import File
from chalicelib.clock import DAY, HOUR, MINUTE, SECOND
from chalicelib.errors import Invalid
from tests.events import T0, event

from .storehouse import SPACE, Storehouse, sent

MIDNIGHT = T0 + 12 * HOUR

pytestmark = pytest.mark.usefixtures("own_databases")


@pytest.fixture
def house(tmp_path: Path) -> Storehouse:
    return Storehouse(tmp_path)


def test_nothing_has_happened_in_a_new_space(house: Storehouse) -> None:
    assert house.events() == house.candidates() == []
    assert house.rows("SELECT * FROM profiles") == house.rows("SELECT * FROM redirects") == []
    assert house.history.cut(SPACE).days == []


def test_an_event_is_shown_with_all_it_has(house: Storehouse) -> None:
    full = event(
        "page",
        at=T0,
        received_at=T0 + SECOND,
        message_id="m",
        user_id="u",
        anonymous_id="a",
        group_id="g",
        previous_id="p",
        sent_at=T0 - 1,
        original_timestamp=-62_135_596_800_000,
        name="Home",
        category="Docs",
        properties={
            "a.b": 1.5,
            "big": 12345678901234567890123,
            "text": 'x"\u2028\x00é',
            "none": None,
            "list": [{"y": 1}],
        },
        traits={"t": True},
        context={"ip": "1.2.3.4"},
        integrations={"All": False},
    )
    house.land("b", (full, "p1"))
    (row,) = house.rows("SELECT * FROM events")
    shown = dict(zip(EVENT, row, strict=True))
    assert json.loads(shown["properties"]) == full.properties
    assert (shown["traits"], shown["context"]) == ('{"t":true}', '{"ip":"1.2.3.4"}')
    assert shown["integrations"] == '{"All":false}'
    assert (shown["profile_id"], shown["account_id"], shown["landed_at"]) == ("p1", None, T0)
    for name in ("message_id", "type", "event", "source_id", "timestamp", "received_at", "sent_at", "user_id"):
        assert shown[name] == getattr(full, name)
    for name in ("original_timestamp", "anonymous_id", "group_id", "previous_id", "name", "category"):
        assert shown[name] == getattr(full, name)


def test_what_an_event_does_not_have_is_null(house: Storehouse) -> None:
    house.land("b", (sent("m"), None))
    query = "SELECT profile_id, sent_at, properties, traits, context, integrations, anonymous_id FROM events"
    assert house.rows(query) == [(None,) * 7]


def test_of_several_landings_of_a_message_the_last_stands(house: Storehouse) -> None:
    house.land("first", (sent("m"), "hasty"), (sent("n"), "p"))
    house.clock.advance(MINUTE)
    house.land("first,second", (sent("m"), "right"), (sent("n"), "p"))
    assert house.events() == [("m", "right"), ("n", "p")]
    assert house.candidates() == [("m", "hasty"), ("m", "right"), ("n", "p")]


def test_of_a_message_that_the_client_repeats_the_first_arrival_stands(house: Storehouse) -> None:
    house.land("b1", (sent("m", T0), "p"))
    house.land("b2", (sent("m", T0 + MINUTE), "p"))
    assert house.rows("SELECT received_at FROM events") == [(T0,)]


def test_a_repetition_at_midnight_does_not_count_whichever_days_are_read(house: Storehouse) -> None:
    house.land("b1", (sent("m", MIDNIGHT - 1), "p"))
    house.land("b2", (sent("m", MIDNIGHT), "p"), (sent("n", MIDNIGHT), "p"))
    assert house.events() == [("m", "p"), ("n", "p")]
    assert house.events(days=["2026-03-01"]) == [("m", "p")]
    assert house.events(days=["2026-03-02"]) == [("n", "p")]
    assert house.events(days=[]) == []


def test_a_message_id_that_two_people_use_is_two_messages(house: Storehouse) -> None:
    house.land("b", (sent("1", user_id="u"), "p"), (sent("1", user_id="v"), "q"), (sent("1", anonymous_id="x"), "r"))
    assert house.events() == [("1", "p"), ("1", "q"), ("1", "r")]


def test_candidates_are_of_the_last_two_days(house: Storehouse) -> None:
    house.land("b1", (sent("old", T0), "p"))
    house.land("b2", (sent("new", T0 + 1), "p"))
    house.clock.advance(48 * HOUR + 1)
    assert house.candidates() == [("new", "p")]
    assert house.candidates(days=["2026-03-02"]) == []


def test_events_of_erased_people_are_not_shown_and_do_not_come_back(house: Storehouse) -> None:
    house.land("b1", (sent("m"), "p"), (sent("n"), "q"), (sent("o"), None))
    house.clock.advance(MINUTE)
    house.land("b2", (sent("n"), "gone"))
    house.erase("gone", "p")
    assert house.events() == [("o", None)]
    assert house.candidates() == [("n", "q"), ("o", None)]


def test_history_ends_where_it_is_asked_to(house: Storehouse) -> None:
    house.land("b1", (sent("m", T0), "p"), (sent("n", T0 + 1), "p"), (sent("o", T0 + 2 * DAY), "p"))
    house.clock.advance(2 * DAY)
    assert house.events(as_of=T0) == house.candidates(as_of=T0) == [("m", "p")]
    assert house.events(as_of=T0 + 1) == [("m", "p"), ("n", "p")]
    assert house.events(as_of=T0 - 1) == []


def test_a_cut_stays_as_it_was_written_down(house: Storehouse) -> None:
    house.land("b1", (sent("m"), "p"))
    cut = Cut.decode(house.history.cut(SPACE).encode())
    house.land("b2", (sent("n"), "p"))
    assert house.events(cut=cut) == [("m", "p")]
    assert house.events() == [("m", "p"), ("n", "p")]


def test_days_come_in_groups_of_a_size() -> None:
    sizes = {"2026-03-01": 5, "2026-03-02": 5, "2026-03-03": 20, "2026-03-05": 1}
    files = tuple(File(key=day, day=day, rows=size, size=size, seq=1, last=0) for day, size in sizes.items())
    late = Landing(f"events/landing/s/at=2026-03-01T12:00/dt={min(sizes)}/x", 900, "etag", 0)
    cut = Cut(space_id=SPACE, at=0, files=files)
    assert [tuple(day) for day in cut.days] == [(day, size, size) for day, size in sizes.items()]
    first, second, third, last = sizes
    assert cut.groups(10) == [[first, second], [third], [last]]
    assert cut.groups(30) == [[first, second, third], [last]]
    assert cut.groups(0) == [[first], [second], [third], [last]]
    assert Cut(space_id=SPACE, at=0, files=files, landings=(late,)).days[0] == (first, 5 + 10, 5 + 900)


def test_groups_of_days_together_show_what_all_days_show(house: Storehouse) -> None:
    for day in range(4):
        house.land("b", *((sent(f"m{day}-{n}", T0 + day * DAY), "p") for n in range(3)))
    cut = house.history.cut(SPACE)
    shown = [event for group in cut.groups(0) for event in house.events(cut=cut, days=group)]
    assert len(cut.groups(0)) == 4
    assert sorted(shown) == house.events()


def test_what_does_not_fit_into_the_scratch_space_is_refused(
    house: Storehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.land("b", (sent("m"), "p"))
    monkeypatch.setattr("chalicelib.archive.history.ROOM", 10)
    with pytest.raises(Invalid):
        house.events()
    assert house.events(days=[]) == []


def test_a_session_leaves_nothing_behind_and_sees_only_its_own_files(house: Storehouse, tmp_path: Path) -> None:
    house.land("b", (sent("m"), "p"))
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with house.history.open(house.history.cut(SPACE)) as session:
        with pytest.raises(Exception, match="disabled by configuration"):
            session.rows(f"SELECT * FROM read_csv('{secret}')")
        with pytest.raises(Exception, match="disabled by configuration"):
            session.rows(f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'")
        session.rows(f"COPY (SELECT * FROM events) TO '{session.directory / 'out.csv'}'")
        assert session.rows("SELECT current_setting('threads')") == [(2,)]
    assert list(tmp_path.iterdir()) == [secret]
