"""The agenda on both stores: earliest first, in pages, and never a row too few."""

from collections.abc import Iterator

import pytest

from chalicelib.clock import FixedClock
from chalicelib.errors import VersionConflict
from chalicelib.records import Records
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemoryRecords
from chalicelib.tasks.agenda import PAGE, Agenda, Row

NOON = 1_767_268_800_000


@pytest.fixture(params=["memory", "aws"])
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    clock = FixedClock(NOON)
    if request.param == "memory":
        yield MemoryRecords(clock)
    else:
        cloud = request.getfixturevalue("cloud")
        yield DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock)


def test_what_is_due_comes_earliest_first_across_pages(records: Records):
    agenda = Agenda(records, "pages", 1)
    for number in range(PAGE + 20):
        agenda.put(Row(NOON + number, f"id#{number}"))
    due = list(agenda.due(NOON + PAGE + 9))
    assert due == [Row(NOON + number, f"id#{number}") for number in range(PAGE + 10)]
    assert agenda.first() == Row(NOON, "id#0")
    for row in due:
        agenda.drop(row)
    assert agenda.first() == Row(NOON + PAGE + 10, f"id#{PAGE + 10}")
    assert list(agenda.due(NOON)) == []


def test_rows_of_all_shards_are_found_also_while_they_are_dropped(records: Records):
    agenda = Agenda(records, "shards", 4)
    rows = {Row(NOON, f"task:{number}") for number in range(40)}
    for row in rows:
        agenda.put(row)
    found = set()
    for row in agenda.due(NOON):
        agenda.drop(row)
        found.add(row)
    assert found == rows
    assert (list(agenda.all()), agenda.first()) == ([], None)


def test_a_record_that_cannot_be_written_keeps_both_rows(records: Records):
    agenda = Agenda(records, "moving", 1)
    before, after = Row(NOON + 5, "a"), Row(NOON + 1, "a")
    agenda.put(before)
    with pytest.raises(VersionConflict), agenda.moving(before, after):
        raise VersionConflict
    assert list(agenda.all()) == [after, before]
    with agenda.moving(before, after):
        assert list(agenda.all()) == [after, before]
    assert list(agenda.all()) == [after]
    with agenda.moving(after, after):
        assert list(agenda.all()) == [after]
    assert list(agenda.all()) == [after]
