import random
from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.clock import DAY, FixedClock
from chalicelib.delivery.journey_figures import DAYS, Figures, JourneyFigures
from chalicelib.delivery.progress import INSIDE
from chalicelib.delivery.sizes import Sizes, of_version
from chalicelib.errors import Unavailable, VersionConflict
from chalicelib.journeys.passage import COMPLETED, EXITED, Passage
from chalicelib.profiles.profile import Merge
from chalicelib.store.memory import MemoryRecords

from .test_progress import V, merged, person, there
from .test_sizes import CountingRecords
from .world import NOW, SPACE, change

MIDNIGHT = NOW // DAY * DAY


def figures(records=None, now=NOW):
    return JourneyFigures(records or CountingRecords(), FixedClock(now))


def entry(at=NOW, profile_id="p1", version=1, **fields):
    return change(None, person(there(a=at), **fields), profile_id=profile_id, version=version)


def test_days_are_those_of_utc_and_both_ends_are_included():
    counted = figures()
    counted.write([entry(MIDNIGHT - 1, "p1"), entry(MIDNIGHT, "p2"), entry(MIDNIGHT + 5, "p3")])
    one, two = Figures(1, joins={"a": 1}), Figures(2, joins={"a": 2})
    assert counted.between(V, MIDNIGHT, MIDNIGHT) == two
    assert counted.between(V, MIDNIGHT - 5, MIDNIGHT - 1) == one
    assert counted.between(V, MIDNIGHT - 1, MIDNIGHT + 1) == Figures(3, joins={"a": 3})
    assert counted.between(V, MIDNIGHT + DAY, MIDNIGHT + DAY) == Figures()
    assert counted.between("jov_2", MIDNIGHT, NOW) == Figures()


def test_a_range_goes_over_the_ends_of_months():
    counted = figures()
    counted.write([entry(NOW - n * DAY, f"p{n}") for n in range(DAYS)])
    assert counted.between(V, NOW - (DAYS - 1) * DAY, NOW).entered == DAYS
    assert counted.between(V, NOW - 45 * DAY, NOW - 40 * DAY).entered == 6


def test_a_change_that_comes_again_is_counted_once_whatever_comes_with_it():
    records = CountingRecords()
    counted = figures(records)
    first, second = entry(), entry(profile_id="p9")
    assert counted.write([first, first]) == set()
    assert counted.write([first]) == set()
    assert records.writes == 1
    counted.write([second, first])
    assert counted.between(V, NOW, NOW) == Figures(2, joins={"a": 2})


def test_changes_that_move_nobody_write_nothing():
    records = CountingRecords()
    still = person(there("a"))
    figures(records).write([change(still, still), change(None, person()), change(still, None)])
    assert records.writes == 0


def test_one_change_counts_in_several_months():
    counted = figures(now=NOW + 40 * DAY)
    away = Passage(1, NOW, NOW + 40 * DAY, EXITED)
    assert counted.write([change(None, person(away))]) == set()
    assert counted.between(V, NOW, NOW) == Figures(entered=1)
    assert counted.between(V, NOW + 40 * DAY, NOW + 40 * DAY) == Figures(exited=1)


def test_records_go_when_nobody_can_ask_for_them_any_more():
    clock = FixedClock(NOW)
    records = MemoryRecords(clock)
    counted = JourneyFigures(records, clock)
    counted.write([entry()])
    clock.advance((DAYS - 1) * DAY)
    assert counted.between(V, NOW, NOW).entered == 1
    clock.advance(40 * DAY)
    assert counted.between(V, NOW, NOW).entered == 0
    assert counted.write([entry(NOW, "p2")]) == set()  # as long ago as that nothing is counted any more
    assert counted.between(V, NOW, NOW).entered == 0


def test_what_cannot_be_counted_is_named():
    moved = entry()
    for error in (VersionConflict(), Unavailable()):
        records = CountingRecords()

        def lose(key, data, *, expires_at=None, error=error):
            raise error

        records.create = lose  # type: ignore[method-assign]
        assert figures(records).write([moved, change(None, person(), profile_id="p9")]) == {moved.record_id}


def test_sizes_know_who_is_inside_and_how_many_ever_came():
    sizes = Sizes(CountingRecords())
    before, done = person(there("a")), person(there("a", "b", outcome=COMPLETED))
    sizes.apply([entry(), entry(profile_id="p2"), change(before, done, profile_id="p2", version=2)])
    assert sizes.of(SPACE) == {
        of_version(V, INSIDE): 1,
        of_version(V, "entered"): 2,
        of_version(V, COMPLETED): 1,
    }


def test_two_who_turn_out_to_be_one_are_one_inside():
    sizes = Sizes(CountingRecords())
    one, two, frozen = person(there("a")), person(there("a", b=NOW + 5)), person(there("a", b=NOW + 5))
    frozen.merging = Merge("p1", NOW, "m", "s")
    sizes.apply([change(None, one, version=1), change(None, two, profile_id="p2", version=1)])
    sizes.apply([change(two, frozen, profile_id="p2", version=2, merged_into="p1")])
    together = merged(one, there("a", b=NOW + 5), there("a", b=NOW + 5))
    sizes.apply([change(one, together, version=2)])
    assert sizes.of(SPACE) == {of_version(V, INSIDE): 1, of_version(V, "entered"): 2}


# A life is what happens to somebody one after the other, a day apart.
STEPS = st.sampled_from(["stay", "on", "done", "leave", "again"])
lives = st.dictionaries(st.sampled_from([f"p{n}" for n in range(6)]), st.lists(STEPS, max_size=8), max_size=6)


def next_of(passage, what, at):
    """The passage after `what`, and what is to be counted of it."""
    is_in = passage is not None and passage.exited_at is None
    if what == "again" and not is_in:
        cycle = passage.cycle + 1 if passage else 1
        return Passage(cycle, at, None, None, joined={"a": at}), ["entered", "a"]
    if what == "on" and is_in and "b" not in passage.joined:
        return Passage(passage.cycle, passage.entered_at, None, passage.outcome, joined={**passage.joined, "b": at}), [
            "b"
        ]
    if what == "done" and is_in and "c" not in passage.joined:
        counts = ["c"] if passage.outcome else ["c", "completed"]
        return Passage(passage.cycle, passage.entered_at, None, COMPLETED, joined={**passage.joined, "c": at}), counts
    if what == "leave" and is_in:
        counts = [] if passage.outcome else ["exited"]
        return Passage(passage.cycle, passage.entered_at, at, passage.outcome or EXITED), counts
    return passage, []


def lived(history):
    """The changes, and the truth by day."""
    changes: list = []
    truth: dict = {}
    for profile_id, life in history.items():
        heads, passage = [None], None
        for day, what in enumerate(life):
            passage, counts = next_of(passage, what, NOW + day * DAY)
            truth.setdefault(day, Counter()).update(counts)
            heads.append(person(passage, at=NOW + day * DAY))
        changes += [
            change(old, new, profile_id=profile_id, version=version)
            for version, (old, new) in enumerate(pairwise(heads), 1)
        ]
    return changes, truth


@settings(max_examples=60)
@given(lives, st.randoms(use_true_random=False), st.booleans())
def test_overlapping_and_repeated_batches_never_change_the_figures(history, source: random.Random, meet):
    records, clock = CountingRecords(), FixedClock(NOW + 10 * DAY)
    workers = [JourneyFigures(records, clock), JourneyFigures(records, clock)]
    changes, truth = lived(history)
    position = 0
    while position < len(changes):
        again = max(0, position - source.randint(0, 5))
        position = min(len(changes), position + source.randint(1, 5))
        if meet:  # the same records at the same time, as when a slow worker was given up
            records.meanwhile = lambda a=again, b=position: workers[1].write(changes[a:b])
        assert workers[0].write(changes[again:position]) == set()
    records.meanwhile = None
    workers[1].write(changes)
    for day in range(8):
        counts = truth.get(day, Counter())
        joins = {stop: counts[stop] for stop in "abc" if counts[stop]}
        at = NOW + day * DAY
        expected = Figures(counts["entered"], counts["completed"], counts["exited"], joins)
        assert workers[0].between(V, at, at) == expected


@settings(max_examples=40)
@given(lives)
def test_whoever_entered_is_inside_or_completed_or_left(history):
    sizes, counted = Sizes(CountingRecords()), figures(now=NOW + 10 * DAY)
    changes, _ = lived(history)
    sizes.apply(changes)
    counted.write(changes)
    held, total = sizes.of(SPACE), counted.between(V, NOW, NOW + 8 * DAY)
    assert total.entered == total.completed + total.exited + held.get(of_version(V, INSIDE), 0)
    assert total.entered == held.get(of_version(V, "entered"), 0)
