"""The file of cases, and the runner that other files are run with."""

from pathlib import Path

import pytest

from .cases import OWN_FILE, Outcome, main, outcomes, same


@pytest.mark.parametrize("outcome", list(outcomes(OWN_FILE)), ids=lambda outcome: outcome.name)
def test_case(outcome: Outcome):
    assert outcome.passed, (outcome.wanted, outcome.got)


def test_the_whole_file_passes_on_the_command_line(capsys: pytest.CaptureFixture[str]):
    assert main([str(OWN_FILE)]) == 0
    assert capsys.readouterr().out.endswith(" passed, 0 failed\n")


WRONG = """
version: 1
defaults: {kind: audience, type: USERS, now: "2024-05-15T12:00:00Z", traits: {}, events: [], decided: false}
cases:
- {name: right, definition: "trait('a') = 1", traits: {a: 1}, expect: true}
- {name: wrong-value, definition: "trait('a') = 1", traits: {a: 2}, expect: true}
- {name: wrong-type, kind: trait, definition: "event('A').count()", expect: false}
- {name: no-error-where-one-is-expected, definition: "trait('a') = 1", error: syntax_error}
- {name: other-error, definition: "trait('a') = ", error: type_error}
- {name: error-where-a-value-is-expected, definition: "trait('a')", expect: true}
cadence_cases:
- {definition: "trait('a') = 1", expect: BATCH}
cycle_cases:
- {name: missed-cycle, existing: {}, save: {key: a, definition: "trait('b') = 1"}, error: cycle}
- {name: cycle-not-expected, existing: {}, save: {key: a, definition: "trait('a') = 1"}, error: null}
"""


def test_every_kind_of_failure_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "cases.yaml"
    file.write_text(WRONG, encoding="utf-8")
    assert main([str(file)]) == 1
    printed = capsys.readouterr().out
    assert printed.endswith("1 passed, 8 failed\n")
    assert printed.count("FAILED") == 8
    assert "FAILED wrong-value" in printed


def test_numbers_compare_with_tolerance_and_booleans_are_no_numbers():
    assert same(0.1 + 0.2, 0.3)
    assert same([1, 2.0], [1.0, 2])
    assert not same(1, True)
    assert not same(0, None)
    assert not same("1", 1)
