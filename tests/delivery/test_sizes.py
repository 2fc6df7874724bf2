import random
from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.delivery.sizes import Sizes
from chalicelib.errors import Unavailable, VersionConflict
from chalicelib.profiles.profile import DELETED, Merge
from chalicelib.store.memory import MemoryRecords

from .world import NOW, SPACE, U1, change, head


class CountingRecords(MemoryRecords):
    """Counts writes; `meanwhile` runs once, right before the next conditional write."""

    def __init__(self):
        super().__init__(FixedClock(NOW))
        self.writes = 0
        self.meanwhile = None

    def create(self, key, data, *, expires_at=None):
        self._interrupt()
        return super().create(key, data, expires_at=expires_at)

    def replace(self, record, data, *, expires_at=None):
        self._interrupt()
        return super().replace(record, data, expires_at=expires_at)

    def _interrupt(self):
        self.writes += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()


def member(profile_id="p1", version=1, **outcomes):
    return change(None, head(U1, **outcomes), profile_id=profile_id, version=version)


def test_entering_and_leaving():
    sizes = Sizes(CountingRecords())
    inside, outside = head(U1, vip=True), head(U1, vip=False)
    assert sizes.apply([change(None, inside, version=1), member("p2", vip=True)]) == set()
    assert sizes.of(SPACE) == {"aud_vip": 2}
    sizes.apply([change(inside, outside, version=2)])
    assert sizes.of(SPACE) == {"aud_vip": 1}
    sizes.apply([change(outside, inside, version=3), change(inside, None, version=3, record_id="gone")])
    assert sizes.of(SPACE) == {"aud_vip": 1}
    assert sizes.of("elsewhere") == {}


def test_a_trait_counts_who_has_a_value_whatever_the_value():
    sizes = Sizes(CountingRecords())
    with_value = head(U1, ltv=0)
    sizes.apply([change(None, with_value, version=1), change(with_value, head(U1, ltv=5), version=2)])
    assert sizes.of(SPACE) == {"tra_ltv": 1}
    sizes.apply([change(head(U1, ltv=5), head(U1), version=3)])
    assert sizes.of(SPACE) == {}


def test_only_transitions_write():
    records = CountingRecords()
    inside = head(U1, vip=True)
    sizes = Sizes(records)
    sizes.apply([change(inside, head(U1, vip=True, updated_at=NOW + 1)), change(None, head(U1, vip=False))])
    assert records.writes == 0
    entry = member(vip=True)
    sizes.apply([entry])
    sizes.apply([entry])
    assert records.writes == 1


def test_a_merge_moves_a_member_and_counts_nobody_twice():
    sizes = Sizes(CountingRecords())
    inside = head(U1, vip=True)
    sizes.apply([member("p1", vip=True), member("p2", vip=True)])
    sizes.apply([change(inside, inside, profile_id="p2", version=2, merged_into="p1")])
    assert sizes.of(SPACE) == {"aud_vip": 1}
    sizes.apply([change(inside, None, profile_id="p2", version=2, merged_into="p1", record_id="erased")])
    assert sizes.of(SPACE) == {"aud_vip": 1}


def test_what_happens_to_a_merged_away_profile_counts_only_when_it_is_let_go():
    sizes = Sizes(CountingRecords())
    alive, frozen = head(U1, vip=True), head(U1, vip=True)
    frozen.merging = Merge("p2", NOW, "m", "src")
    sizes.apply([member(vip=True), member("p2", vip=True)])
    sizes.apply([change(alive, frozen, profile_id="p1", version=2, merged_into="p2")])
    assert sizes.of(SPACE) == {"aud_vip": 1}
    sizes.apply([change(frozen, alive, profile_id="p1", version=3)])
    assert sizes.of(SPACE) == {"aud_vip": 2}
    sizes.apply([change(alive, frozen, profile_id="p1", version=4, merged_into="p2")])
    sizes.apply([change(frozen, head(), profile_id="p1", version=5, merged_into=DELETED)])
    assert sizes.of(SPACE) == {"aud_vip": 1}


def test_a_worker_that_meets_another_in_a_bucket_counts_on_top():
    records = CountingRecords()
    mine, theirs = Sizes(records), Sizes(records)
    for version, meets in ((1, "create"), (3, "replace")):
        records.meanwhile = lambda v=version: theirs.apply([member(version=v, vip=True)])
        assert mine.apply([member(version=version + 1, ltv=1)]) == set(), meets
    assert mine.of(SPACE) == {"aud_vip": 2, "tra_ltv": 2}


def test_what_cannot_be_counted_is_named():
    entry = member(vip=True)
    for error in (VersionConflict(), Unavailable()):
        records = CountingRecords()

        def lose(key, data, *, expires_at=None, error=error):
            raise error

        records.create = lose  # type: ignore[method-assign]
        assert Sizes(records).apply([entry, member("p9")]) == {entry.record_id}


KEYS = ("vip", "ltv", "gold")
states = st.fixed_dictionaries({}, optional={"vip": st.booleans(), "gold": st.booleans(), "ltv": st.integers(0, 2)})
histories = st.dictionaries(st.sampled_from([f"p{n}" for n in range(6)]), st.lists(states, max_size=6), max_size=6)


def changes_of(history):
    """Per profile the changes of its life, in order."""
    for profile_id, life in history.items():
        heads = [None, *(head(U1, **state) for state in life)]
        for version, (old, new) in enumerate(pairwise(heads), 1):
            yield change(old, new, profile_id=profile_id, version=version)


def truth(history):
    held: Counter[str] = Counter()
    for life in history.values():
        for key, value in (life[-1] if life else {}).items():
            held[f"{'tra' if key == 'ltv' else 'aud'}_{key}"] += 1 if key == "ltv" else int(value)
    return {id: count for id, count in held.items() if count}


@settings(max_examples=60)
@given(histories, st.randoms(use_true_random=False), st.booleans())
def test_overlapping_and_repeated_batches_never_change_the_sums(history, source: random.Random, meet):
    records = CountingRecords()
    workers = [Sizes(records), Sizes(records)]
    changes = list(changes_of(history))
    position = 0
    while position < len(changes):
        again = max(0, position - source.randint(0, 5))
        position = min(len(changes), position + source.randint(1, 5))
        if meet:  # the same records at the same time, as when a slow worker was given up
            records.meanwhile = lambda a=again, b=position: workers[1].apply(changes[a:b])
        assert workers[0].apply(changes[again:position]) == set()
    records.meanwhile = None
    workers[1].apply(changes)
    assert workers[0].of(SPACE) == truth(history)
