"""Merges and claims that somebody left half done, each put in the store by hand: whoever comes next puts it right."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.errors import Unavailable, VersionConflict
from chalicelib.identity.external_id import Identifier
from chalicelib.identity.rules import Rules, TypeRule
from chalicelib.profiles.merging import Redirects, freeze, unfreeze
from chalicelib.profiles.ports import Claim
from chalicelib.profiles.profile import DELETED, SUPPRESSED, Head, Merge, Profile
from chalicelib.profiles.removal import Removal
from chalicelib.store.memory import MemoryProfiles, MemoryTimeline
from tests.events import T0
from tests.pipeline.crowd import TYPES, Crowd, call, limits
from tests.pipeline.shop import audience
from tests.pipeline.wire import Killed

SHORT = {"a": "anonymous_id", "u": "user_id", "e": "email", "i": "ios.id"}
LOYAL = audience("loyal", "event('Seen').count() >= 2", external_ids=list(TYPES.values()))


def people(*events, rules=None):
    """A crowd with one person per event."""
    crowd = Crowd(LOYAL, rules=rules or Rules())
    assert crowd.sees(*events) == [f"P{n}" for n in range(1, len(events) + 1)]
    return crowd


def froze(crowd, loser, survivor, *kept):
    """Somebody froze one profile for another and died."""
    profile = crowd.stored(crowd.made[loser - 1])
    ids = [(SHORT[value[0]], value) for value in kept]
    freeze(profile, Merge(crowd.made[survivor - 1], crowd.clock.now(), "lost", "src", [], ids))
    crowd.profiles.save(profile)


def test_an_event_of_the_frozen_completes_the_merge_with_everything_that_came_with_it():
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "a1", "e1", "i7")
    assert crowd.sees({"e": "e1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1", "i:i7"}}
    (merge,) = crowd.profile("email:e1").head.merges
    assert (merge.profile_id, merge.message_id, merge.kept) == (crowd.made[1], "lost", [])
    assert crowd.value("email:e1", "seen") == 3
    assert crowd.number("ios.id:i7") == "P1"


def expects(crowd, survivor, loser):
    """Somebody told the survivor whom to expect, and died or is slow."""
    profile, other = crowd.stored(crowd.made[survivor - 1]), crowd.stored(crowd.made[loser - 1])
    profile.head.expecting = {other.profile_id: other.version}
    crowd.profiles.save(profile)


def test_an_event_of_the_survivor_alone_completes_the_merge_and_strikes_it_off_the_list():
    crowd = people({"a": "a1"}, {"e": "e1"})
    expects(crowd, 1, 2)
    froze(crowd, 2, 1, "a1", "e1", "i7")
    assert crowd.sees({"a": "a1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1", "i:i7"}}
    assert crowd.stored(crowd.made[0]).head.expecting == {}


def test_who_is_expected_and_may_still_be_frozen_stays_on_the_list():
    crowd = people({"a": "a1"}, {"e": "e1"})
    expects(crowd, 1, 2)
    slow = crowd.stored(crowd.made[1])
    assert crowd.sees({"a": "a1"}) == ["P1"]
    assert crowd.stored(crowd.made[0]).head.expecting == {slow.profile_id: 1}
    freeze(slow, Merge(crowd.made[0], T0, "lost", "src", [], [("anonymous_id", "a1"), ("email", "e1")]))
    crowd.profiles.save(slow)
    assert crowd.sees({"a": "a1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1"}}


def test_who_went_on_alone_is_no_longer_expected():
    crowd = people({"a": "a1"}, {"e": "e1"})
    expects(crowd, 1, 2)
    assert crowd.sees({"e": "e1"}, {"a": "a1"}) == ["P2", "P1"]
    assert crowd.stored(crowd.made[0]).head.expecting == {}
    assert crowd.who() == {"P1": {"a:a1"}, "P2": {"e:e1"}}


def test_a_survivor_that_goes_itself_hands_on_whom_it_expects():
    crowd = people({"a": "a1"}, {"e": "e1"}, {"u": "u1"})
    expects(crowd, 2, 3)
    slow = crowd.stored(crowd.made[2])
    assert crowd.sees({"a": "a1", "e": "e1"}) == ["P1"]
    assert crowd.stored(crowd.made[0]).head.expecting == {slow.profile_id: 1}
    freeze(slow, Merge(crowd.made[1], T0, "lost", "src", [], [("email", "e1"), ("user_id", "u1")]))
    crowd.profiles.save(slow)
    assert crowd.sees({"a": "a1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1", "u:u1"}}
    assert sorted(crowd.stored(crowd.made[0]).ids) == sorted(crowd.made)


def test_a_claim_made_before_the_survivor_was_told_is_made_again():
    """Otherwise it would lead nowhere until the survivor is saved, and somebody else could take it."""
    crowd = people({"a": "a1"}, {"e": "e1"})
    crowd.identifiers.claim(Claim("s", Identifier("users", "ios.id", "i1"), crowd.made[0], T0, "src", "m", 1))
    assert crowd.sees({"a": "a1", "e": "e1", "i": "i1"}) == ["P1"]
    found = crowd.identifiers.find("s", [Identifier("users", "ios.id", "i1")])
    assert [claim.version for claim in found.values()] == [2]
    assert crowd.stored(crowd.made[0]).version == 3


def test_an_identifier_cannot_be_taken_away_while_somebody_waits():
    crowd = people({"a": "a1", "u": "u1"}, {"e": "e1"})
    expects(crowd, 1, 2)
    removal = Removal(crowd.lookup, crowd.profiles, crowd.identifiers, crowd.clock)
    removal.holder("s", "u1")
    froze(crowd, 2, 1, "a1", "e1")
    with pytest.raises(Unavailable):
        removal.holder("s", "u1")


def test_an_event_of_a_survivor_that_was_never_told_goes_on():
    """As an older release left it."""
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    assert crowd.sees({"a": "a1"}, {"a": "a1", "e": "e1"}) == ["P1", "P1"]
    assert crowd.value("anonymous_id:a1", "seen") == 4


def test_a_tick_completes_a_merge():
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    assert crowd.resolve(crowd.due("d1", crowd.made[1])) == set()
    assert crowd.stored(crowd.made[0]).ids == crowd.made
    assert crowd.value("anonymous_id:a1", "loyal") is True


@pytest.mark.parametrize("order", [((3, 2), (2, 1)), ((2, 1), (3, 2))])
def test_a_chain_of_frozen_profiles_is_taken_in_whole(order):
    crowd = people({"a": "a1"}, {"e": "e1"}, {"u": "u1"})
    kept = {(3, 2): ("e1", "u1"), (2, 1): ("a1", "e1")}
    for loser, survivor in order:
        froze(crowd, loser, survivor, *kept[loser, survivor])
    assert crowd.sees({"u": "u1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1", "u:u1"}}
    assert sorted(crowd.stored(crowd.made[0]).ids) == sorted(crowd.made)
    assert crowd.value("user_id:u1", "seen") == 4


def test_what_was_taken_in_before_comes_along_once():
    crowd = people({"a": "a1"}, {"e": "e1"}, {"u": "u1"})
    crowd.sees({"u": "u1", "e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    assert crowd.sees({"u": "u1"}) == ["P1"]
    assert sorted(crowd.stored(crowd.made[0]).ids) == sorted(crowd.made)
    assert crowd.value("user_id:u1", "seen") == 5
    assert len(crowd.events(crowd.profile("user_id:u1"))) == 5


def test_a_straggler_behind_a_chain_that_is_done_is_taken_in_by_its_end():
    crowd = people({"a": "a1"}, {"e": "e1"}, {"u": "u1"})
    froze(crowd, 3, 2, "e1", "u1")
    crowd.sees({"a": "a1", "e": "e1"})
    assert crowd.stored(crowd.made[1]).merged_into == crowd.made[0]
    assert crowd.sees({"u": "u1"}) == ["P1"]
    assert sorted(crowd.stored(crowd.made[0]).ids) == sorted(crowd.made)


def test_a_merge_that_no_longer_holds_is_taken_back():
    crowd = people({"a": "a1"}, {"u": "u2", "e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    crowd.sees({"u": "u1", "a": "a1"})
    assert crowd.sees({"e": "e1"}) == ["P2"]
    assert crowd.who() == {"P1": {"a:a1", "u:u1"}, "P2": {"u:u2", "e:e1"}}
    assert (crowd.value("user_id:u1", "seen"), crowd.value("user_id:u2", "seen")) == (2, 2)
    assert crowd.stored(crowd.made[0]).head.refused == {crowd.made[1]: 2}
    assert crowd.sees({"a": "a1", "e": "e1"}) == ["P2"]
    assert crowd.who() == {"P1": {"a:a1", "u:u1"}, "P2": {"u:u2", "e:e1"}}


def test_whoever_read_before_a_refusal_cannot_fold():
    crowd = people({"a": "a1"}, {"u": "u2", "e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    survivor = crowd.stored(crowd.made[0])
    crowd.sees({"u": "u1", "a": "a1"}, {"e": "e1"})
    with pytest.raises(VersionConflict):
        crowd.profiles.save(survivor)


def test_somebody_who_refused_and_died_is_followed():
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    survivor, frozen = (crowd.stored(profile_id) for profile_id in crowd.made)
    survivor.head.refused = {frozen.profile_id: frozen.version}
    crowd.profiles.save(survivor)
    assert crowd.profile("email:e1").profile_id == frozen.profile_id
    assert crowd.sees({"e": "e1"}) == ["P2"]
    assert crowd.who() == {"P1": {"a:a1"}, "P2": {"e:e1"}}


def test_a_refusal_holds_for_one_version_only():
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    survivor, frozen = (crowd.stored(profile_id) for profile_id in crowd.made)
    survivor.head.refused = {frozen.profile_id: frozen.version}
    crowd.profiles.save(survivor)
    unfreeze(frozen)
    crowd.profiles.save(frozen)
    assert crowd.sees({"a": "a1", "e": "e1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1"}}
    assert crowd.stored(crowd.made[0]).head.refused == {}


def test_tighter_rules_take_a_merge_back():
    crowd = people({"e": "e1"}, {"a": "a1", "e": "e2"})
    froze(crowd, 2, 1, "e1", "a1")
    crowd.directory.define(rules=limits(e=1))
    assert crowd.sees({"a": "a1"}) == ["P2"]
    assert crowd.who() == {"P1": {"e:e1"}, "P2": {"a:a1", "e:e2"}}


def test_what_was_suppressed_or_blocked_meanwhile_joins_nobody_any_more():
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "u1", "a1", "e1", "i1")
    crowd.identifiers.claim(Claim("s", Identifier("users", "user_id", "u1"), SUPPRESSED, T0, "", ""))
    crowd.directory.define(rules=Rules(types={"ios.id": TypeRule(blocked_values=["i1"])}))
    assert crowd.sees({"e": "e1"}) == ["P1"]
    assert crowd.who() == {"P1": {"a:a1", "e:e1"}}


def test_who_waited_for_somebody_deleted_is_deleted_too():
    crowd = people({"a": "a1"}, {"e": "e1"})
    froze(crowd, 2, 1, "a1", "e1")
    crowd.profiles.bury(crowd.stored(crowd.made[0]))
    assert crowd.sees({"e": "e1"}) == ["P3"]
    gone = crowd.stored(crowd.made[1])
    assert (gone.merged_into, gone.head) == (DELETED, Head())
    assert crowd.lookup.find("s", "users", crowd.made[1]) is None


def test_who_was_taken_in_by_somebody_deleted_stays_as_the_deletion_left_it():
    crowd = people({"a": "a1"}, {"e": "e1"})
    crowd.sees({"a": "a1", "e": "e1"})
    survivor = crowd.stored(crowd.made[0])
    survivor.merged_into = DELETED
    crowd.profiles.save(survivor)
    assert crowd.sees({"e": "e1"}) == ["P3"]
    assert crowd.stored(crowd.made[1]).merged_into == crowd.made[0]


def test_a_survivor_that_is_gone_altogether_lets_go():
    crowd = people({"a": "a1"}, {"e": "e1"})
    profile = crowd.stored(crowd.made[1])
    freeze(profile, Merge("use_nobody", T0, "lost", "src", [], [("email", "e1")]))
    crowd.profiles.save(profile)
    assert crowd.sees({"e": "e1"}) == ["P2"]


def test_an_empty_id_that_an_older_release_put_out_of_use_leads_on_and_brings_nothing():
    crowd = people({"a": "a1"})
    crowd.profiles.save(Profile(space_id="s", profile_id="use_empty", merged_into=crowd.made[0]))
    assert crowd.number("use_empty") == "P1"
    crowd.identifiers.claim(Claim("s", Identifier("users", "email", "e1"), "use_empty", T0, "src", "m"))
    crowd.sees({"a": "a1", "e": "e1"})
    assert crowd.stored(crowd.made[0]).ids == crowd.made[:1]
    assert crowd.number("email:e1") == "P1"


def claimed(crowd, value, profile_id, version):
    crowd.identifiers.claim(
        Claim("s", Identifier("users", SHORT[value[0]], value), profile_id, T0, "src", "m", version)
    )


def test_a_claim_that_nobody_can_write_any_more_is_free():
    crowd = people({"u": "u1"}, {"u": "u2"})
    crowd.sees({"u": "u1"})
    claimed(crowd, "a1", crowd.made[0], 1)
    assert crowd.sees({"u": "u2", "a": "a1"}) == ["P2"]
    assert crowd.number("anonymous_id:a1") == "P2"


def test_a_claim_that_may_still_be_written_is_waited_for_and_then_given_up():
    crowd = people({"u": "u1"}, {"u": "u2"})
    claimed(crowd, "a1", crowd.made[0], 1)
    assert crowd.sees({"u": "u2", "a": "a1"}) == ["P2"]
    assert crowd.stored(crowd.made[0]).version == 2
    assert crowd.who() == {"P1": {"u:u1"}, "P2": {"u:u2", "a:a1"}}


def test_a_claim_of_a_profile_that_was_never_written_is_taken_over():
    crowd = Crowd()
    claimed(crowd, "a1", "use_0", 0)
    assert crowd.sees({"a": "a1"}) == ["P1"]
    assert crowd.made == ["use_0"]


def test_a_profile_that_was_never_written_gives_way_to_one_that_was():
    crowd = people({"u": "u1"})
    claimed(crowd, "a1", "use_0", 0)
    assert crowd.sees({"u": "u1", "a": "a1"}) == ["P1"]
    assert crowd.who() == {"P1": {"u:u1", "a:a1"}}
    assert crowd.stored("use_0").merged_into == DELETED
    assert crowd.profile("user_id:u1").head.merges == []


def test_an_identifier_that_arrives_between_two_reads_is_known_to_be_somebodys():
    class Late(MemoryProfiles):
        rival: Callable[[], Any] | None = None

        def load(self, keys):
            rival, self.rival = self.rival, None
            if rival:
                rival()
            return super().load(keys)

    profiles = Late()
    crowd = Crowd(LOYAL, profiles=profiles)
    crowd.sees({"u": "u1"}, {"a": "a2"})
    message, meanwhile = (
        crowd.message("m", call({"u": "u1"}), call({"e": "e1", "a": "a2"})),
        call({"u": "u1", "e": "e1"}),
    )
    claims = []
    real = crowd.identifiers.claim

    def claim(mapping, over=None):
        claims.append(mapping)
        return real(mapping, over)

    crowd.identifiers.claim = claim  # type: ignore[method-assign]
    profiles.rival = lambda: crowd.send(meanwhile)
    assert crowd.resolve(message) == set()
    assert crowd.who() == {"P1": {"u:u1", "e:e1", "a:a2"}}
    assert len(claims) == 1


def test_a_slow_worker_does_not_overwrite_what_one_that_knew_more_has_noted():
    class Slow(MemoryTimeline):
        meanwhile: Callable[[], Any] | None = None

        def put(self, key, tag, events, expires_at):
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile:
                meanwhile()
            super().put(key, tag, events, expires_at)
            if meanwhile:
                raise Killed

    crowd = people({"u": "u1"}, {"a": "a1"})
    timeline = crowd.timeline = Slow(crowd.clock)
    message = crowd.message("m", call({"u": "u1"}), call({"a": "a1"}))
    joining = crowd.message("joining", call({"u": "u1", "a": "a1"}))
    timeline.meanwhile = lambda: crowd.resolve(joining, message)
    with pytest.raises(Killed):
        crowd.resolve(message)
    assert {"m-0", "m-1", "joining-0"} <= set(crowd.events(crowd.profile("user_id:u1")))


def test_ids_that_were_taken_out_of_use_are_not_made_again():
    crowd = Crowd()
    message = crowd.message("b1", call({"a": "a1"}))
    made: list[str] = []
    for _ in range(4):
        assert crowd.resolve(message) == set()
        made.append(crowd.profile("anonymous_id:a1").profile_id)
        crowd.profiles.bury(crowd.stored(made[-1]))
        crowd.identifiers.release("s", Identifier("users", "anonymous_id", "a1"), made[-1])
    assert len(set(made)) == 4


def test_a_chain_of_redirects_is_followed_in_as_many_reads_as_it_is_long():
    crowd = Crowd()
    for n in range(101):
        leads_to = f"use_{n + 1}" if n < 100 else None
        crowd.profiles.save(Profile(space_id="s", profile_id=f"use_{n}", merged_into=leads_to))
    redirects = Redirects(crowd.profiles, "s")
    redirects.load(["use_0", "use_50"])
    assert redirects.end("use_0") == redirects.end("use_100") == "use_100"
    assert crowd.lookup.find("s", "users", "use_0") is not None
