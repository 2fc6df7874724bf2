from chalicelib.clock import DAY
from chalicelib.delivery.progress import ENTERED, JOINED, Fact, facts, inside
from chalicelib.journeys.passage import COMPLETED, EXITED, Passage
from chalicelib.profiles.profile import DELETED, Merge

from .world import NOW, U1, change, head

V = "jov_1"


def person(passage=None, *, at=NOW, version=V, **others):
    found = head(U1, updated_at=at)
    if passage is not None:
        found.journeys[version] = passage
    found.journeys.update(others)
    return found


def there(*stops, cycle=1, outcome=None, exited_at=None, **joined):
    """On the way since NOW, at `stops` since NOW too."""
    joined = {**dict.fromkeys(stops, NOW), **joined}
    entered_at = min(joined.values(), default=NOW)
    return Passage(cycle=cycle, entered_at=entered_at, exited_at=exited_at, outcome=outcome, joined=joined)


def told(old, new, **fields):
    return sorted((f.kind, f.stop_id, f.at - NOW) for f in facts(change(old, new, **fields)))


def test_an_entry_and_every_stop_got_to_at_once_count():
    assert told(None, person(there("a", "b"))) == [(ENTERED, "", 0), (JOINED, "a", 0), (JOINED, "b", 0)]


def test_only_what_is_new_counts():
    before, after = person(there("a")), person(there("a", b=NOW + 7))
    assert told(before, after) == [(JOINED, "b", 7)]
    assert told(after, after) == []
    assert told(after, person(there("a", b=NOW + 7), at=NOW + 9)) == []


def test_leaving_and_coming_again():
    away = Passage(cycle=1, entered_at=NOW, exited_at=NOW + DAY, outcome=EXITED)
    assert told(person(there("a")), person(away)) == [(EXITED, "", DAY)]
    again = person(there(cycle=2, a=NOW + 2 * DAY))
    assert told(person(away), again) == [(ENTERED, "", 2 * DAY), (JOINED, "a", 2 * DAY)]


def test_who_left_and_came_again_in_one_write_left():
    again = person(there(cycle=2, a=NOW + DAY))
    assert told(person(there("a")), again) == [(ENTERED, "", DAY), (EXITED, "", DAY), (JOINED, "a", DAY)]
    ended = person(there(cycle=2, a=NOW + DAY, outcome=COMPLETED))
    assert (COMPLETED, "", DAY) in told(person(there("a")), ended)
    assert (EXITED, "", DAY) in told(person(there("a")), ended)


def test_the_first_outcome_wins():
    completed = there("a", b=NOW + 3, outcome=COMPLETED)
    assert told(person(there("a")), person(completed)) == [(COMPLETED, "", 3), (JOINED, "b", 3)]
    away = Passage(cycle=1, entered_at=NOW, exited_at=NOW + DAY, outcome=COMPLETED)
    assert told(person(completed), person(away)) == []
    again = there(cycle=2, a=NOW + 2 * DAY)
    assert told(person(away), person(again)) == [(ENTERED, "", 2 * DAY), (JOINED, "a", 2 * DAY)]


def test_a_delay_at_the_end_of_a_path_is_over_when_it_was_due():
    waiting, done = person(there("a")), person(there("a", outcome=COMPLETED))
    waiting.edges[f"~{V}"] = NOW + 4
    assert told(waiting, done) == [(COMPLETED, "", 4)]


def test_versions_count_apart():
    new = person(there("a"), jov_2=there("a", "b"))
    assert {f.version_id for f in facts(change(None, new)) if f.stop_id == "b"} == {"jov_2"}
    assert facts(change(new, person(there("a")))) == []  # the second version is gone


def test_somebody_who_is_merged_away_or_deleted_does_nothing():
    assert told(person(there("a")), person(there("a", "b")), merged_into="p0") == []
    assert told(person(there("a")), head(), merged_into=DELETED) == []
    assert told(person(there("a")), None) == []


def test_who_is_only_barred_did_not_enter():
    assert told(None, person(Passage(barred=NOW))) == []
    assert inside(person(Passage(barred=NOW))) == set()


def test_who_is_inside_has_neither_completed_nor_left():
    assert inside(person(there("a"))) == {V}
    assert inside(person(there("a", outcome=COMPLETED))) == set()
    assert inside(person(Passage(cycle=1, entered_at=NOW, exited_at=NOW, outcome=EXITED))) == set()


def merged(old, passage, *others, at=NOW + DAY):
    """What the survivor is after taking in people who were there."""
    new = person(passage, at=at)
    brought = [Merge(f"p{n}", at, "m", "s", journeys={V: other}) for n, other in enumerate(others, 2)]
    new.merges = [*(old.merges if old else []), *brought]
    return new


AWAY = Passage(cycle=1, entered_at=NOW, exited_at=NOW + 5, outcome=EXITED)


def test_what_a_merge_brings_was_counted_when_it_happened():
    survivor, other = person(), there("a", b=NOW + 5)
    assert told(survivor, merged(survivor, other, other)) == []
    both = person(there("a"))
    assert told(both, merged(both, there("a", b=NOW + 5), there("a", b=NOW + 5))) == []
    late = person(there(a=NOW + 9))
    assert told(late, merged(late, there("a"), there("a"))) == []  # the earlier instant stays
    three = there("a", b=NOW + 5, c=NOW + 6)
    assert told(both, merged(both, three, there(b=NOW + 5), there(c=NOW + 6))) == []


def test_what_the_write_of_a_merge_brings_itself_counts():
    at, both, other = NOW + DAY, person(there("a")), there("a", b=NOW + 5)
    assert told(both, merged(both, there("a", b=NOW + 5, c=at), other)) == [(JOINED, "c", DAY)]
    done = merged(both, there("a", b=NOW + 5, c=at, outcome=COMPLETED), other)
    assert told(both, done) == [(COMPLETED, "", DAY), (JOINED, "c", DAY)]
    newcomer = person()
    come = merged(newcomer, there(cycle=2, a=at), AWAY)
    assert told(newcomer, come) == [(ENTERED, "", DAY), (JOINED, "a", DAY)]
    leave = Passage(cycle=1, entered_at=NOW, exited_at=at, outcome=EXITED)
    assert told(both, merged(both, leave, other)) == [(EXITED, "", DAY)]
    assert told(newcomer, merged(newcomer, leave, other)) == [(EXITED, "", DAY)]
    again = merged(both, there(cycle=2, a=at), other)
    assert told(both, again) == [(ENTERED, "", DAY), (EXITED, "", DAY), (JOINED, "a", DAY)]


def test_a_merge_with_somebody_who_was_never_here_is_like_any_change():
    inside = person(there("a"))
    new = person(there("a", b=NOW + DAY))
    new.merges = [Merge("p2", NOW, "m", "s")]
    assert told(inside, new) == [(JOINED, "b", DAY)]


def test_the_end_of_who_is_taken_in_was_counted_then():
    survivor, both = person(), person(there("a"))
    for outcome in (COMPLETED, EXITED):
        ended = Passage(cycle=1, entered_at=NOW, exited_at=NOW + 5, outcome=outcome)
        assert told(survivor, merged(survivor, ended, ended)) == []
    done = there("a", b=NOW + 5, outcome=COMPLETED)
    assert told(both, merged(both, done, done)) == []
    more = there("a", b=NOW + 5, c=NOW + DAY, outcome=COMPLETED)
    assert told(both, merged(both, more, done)) == [(JOINED, "c", DAY)]


def test_who_is_inside_completes_whatever_became_of_who_is_taken_in():
    both = person(there("a"))
    more = there("a", c=NOW + DAY, outcome=COMPLETED)
    gone = Passage(cycle=1, entered_at=NOW - 9, exited_at=NOW - 5, outcome=COMPLETED)
    assert told(both, merged(both, more, gone)) == [(COMPLETED, "", DAY), (JOINED, "c", DAY)]


def test_the_cycles_of_who_is_taken_in_were_counted_then():
    survivor = person(there("a"))
    assert told(survivor, merged(survivor, there("a", cycle=5), there("a", cycle=5))) == []


def test_a_fact_names_its_version():
    assert Fact(V, ENTERED, NOW) in facts(change(None, person(there("a"))))
