"""Readers who find a merge half done: they are shown everybody, and the pipeline is reminded."""

import pytest

from chalicelib.errors import Unavailable
from chalicelib.identity.external_id import Identifier
from chalicelib.ids import CountingIds
from chalicelib.pipeline.reminder import Reminder
from chalicelib.profiles.lookup import Lookup
from chalicelib.queues import INGEST
from chalicelib.store.memory import MemoryQueues
from chalicelib.tracking.envelope import Due, unpack
from tests.pipeline.crowd import Crowd
from tests.pipeline.test_half_done import expects, froze, people


class Reader:
    def __init__(self, crowd: Crowd) -> None:
        self.queues = MemoryQueues()
        self.lookup = Lookup(crowd.profiles, crowd.identifiers, Reminder(self.queues, CountingIds(crowd.clock)))

    def reads(self, name):
        found = self.lookup.find("s", "users", name)
        assert found is not None
        return found

    def reminded(self):
        envelopes = [unpack(body) for body in self.queues.bodies(INGEST)]
        assert all(isinstance(envelope, Due) for envelope in envelopes)
        return [envelope.profile_ids for envelope in envelopes if isinstance(envelope, Due)]


@pytest.fixture
def half():
    """P2 is frozen for P1, which expects it."""
    crowd = people({"a": "a1", "u": "u1"}, {"e": "e1"})
    expects(crowd, 1, 2)
    froze(crowd, 2, 1, "a1", "e1")
    return crowd


@pytest.mark.parametrize("name", ["anonymous_id:a1", "email:e1"])
def test_both_names_show_everybody_and_remind(half, name):
    reader = Reader(half)
    shown = reader.reads(name)
    assert (shown.profile_id, sorted(e.value for e in shown.head.external_ids)) == (half.made[0], ["a1", "e1", "u1"])
    assert shown.trait_values()["seen"] is not None
    assert len(reader.reminded()) == 1
    assert half.resolve(half.due("reminder", *reader.reminded()[0])) == set()
    assert half.who() == {"P1": {"a:a1", "u:u1", "e:e1"}}


def test_nobody_is_reminded_of_what_is_whole(half):
    half.sees({"a": "a1"})
    reader = Reader(half)
    for name in ("anonymous_id:a1", "email:e1", *half.made):
        reader.reads(name)
    assert reader.reminded() == []


def test_who_is_only_expected_is_not_shown_and_nobody_is_reminded():
    crowd = people({"a": "a1"}, {"e": "e1"})
    expects(crowd, 1, 2)
    reader = Reader(crowd)
    assert [e.value for e in reader.reads("anonymous_id:a1").head.external_ids] == ["a1"]
    assert reader.reminded() == []


def test_a_refused_merge_is_not_shown(half):
    survivor, frozen = (half.stored(profile_id) for profile_id in half.made)
    survivor.head.refused = {frozen.profile_id: frozen.version}
    half.profiles.save(survivor)
    assert sorted(e.value for e in Reader(half).reads("user_id:u1").head.external_ids) == ["a1", "u1"]


def test_a_queue_that_is_away_keeps_nobody_from_reading(half, caplog):
    reader = Reader(half)

    def send(queue, messages):
        raise Unavailable("sqs")

    reader.queues.send = send  # type: ignore[method-assign]
    assert reader.reads("anonymous_id:a1").find("email", "e1")
    assert "waits for its next event" in caplog.text


def test_a_deletion_takes_along_who_waits(half):
    trail = Reader(half).lookup.by_identifier("s", Identifier("users", "user_id", "u1"))
    person = half.lookup.whole(trail)
    assert person is not None
    assert person.ids == half.made
