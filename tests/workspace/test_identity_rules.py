"""Identity rules: stored, checked and seen by the workers."""

import pytest

from chalicelib.clock import FixedClock
from chalicelib.errors import Invalid
from chalicelib.identity.rules import DEFAULT_RULES, Rules, TypeRule
from chalicelib.store.memory import MemoryRecords, MemorySecrets
from chalicelib.workspace.directory import FOUND_FOR, StoredDirectory
from chalicelib.workspace.identity_rules import IdentityRules
from chalicelib.workspace.storage import Storage
from tests.events import T0

TIGHT = Rules(types={"email": TypeRule(limit=1, period="weekly")}, priority=["email"])


class Stage:
    def __init__(self):
        self.clock = FixedClock(T0)
        records = MemoryRecords(self.clock)
        self.storage = Storage(records, self.clock)
        self.rules = IdentityRules(self.storage)
        self.directory = StoredDirectory(records, MemorySecrets(), self.clock)


def test_a_space_has_the_default_rules_until_others_are_put():
    stage = Stage()
    assert stage.rules.get("s") == DEFAULT_RULES
    assert stage.directory.view("s").rules == DEFAULT_RULES


def test_a_change_is_seen_at_once_and_only_in_its_space():
    stage = Stage()
    before = stage.directory.view("s").version
    stage.rules.put("s", TIGHT)
    view = stage.directory.view("s")
    assert view.rules == stage.rules.get("s") == TIGHT
    assert view.version > before
    assert stage.directory.view("other").rules == DEFAULT_RULES
    stage.rules.put("s", DEFAULT_RULES)
    assert stage.directory.view("s").rules == DEFAULT_RULES


def test_rules_that_cannot_be_followed_are_refused_whole():
    stage = Stage()
    with pytest.raises(Invalid, match="limit"):
        stage.rules.put("s", Rules(types={"email": TypeRule(limit=0)}))
    assert stage.rules.get("s") == DEFAULT_RULES


def test_a_change_whose_writer_died_before_counting_it_is_seen_later(monkeypatch):
    stage = Stage()
    stage.directory.view("s")
    monkeypatch.setattr(stage.storage, "bump", lambda space_id: None)
    stage.rules.put("s", TIGHT)
    assert stage.directory.view("s").rules == DEFAULT_RULES
    stage.clock.advance(FOUND_FOR)
    assert stage.directory.view("s").rules == TIGHT
