"""People moving through journeys as their profiles change, and what everybody sees of it."""

from msgspec.structs import replace

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.computations.catalogue import Catalogue, compile_computation
from chalicelib.computations.computation import AUDIENCE, USERS, Computation
from chalicelib.identity.external_id import ExternalId
from chalicelib.instants import to_iso
from chalicelib.journeys.model import ARCHIVED, DRAINING, PAUSED, Settings
from chalicelib.journeys.route import route_of
from chalicelib.profiles.application import apply
from chalicelib.profiles.arrival import Arrival
from chalicelib.profiles.merging import freeze
from chalicelib.profiles.profile import Merge, Profile
from chalicelib.profiles.recent import tag_of
from chalicelib.workspace.itineraries import itineraries_of
from tests.events import event
from tests.journeys.drawing import T0, condition, delay, entry, journey_of, send, standing, true_false, version_of
from tests.pipeline.shop import audience

NAME = [ExternalId("user_id", "u1", "", T0, "", "")]
BOUGHT = "event('Bought').within(7 days).count() >= 1"
VIP = "trait('vip') = 'yes'"


def with_queries(steps, queries):
    return [
        replace(step, sides=[replace(side, query=side.query and queries[step.id]) for side in step.sides])
        for step in steps
    ]


def computations(version, cut):
    for stop in route_of(journey_of(standing(version.number, cuts=[cut])), version).stops:
        step = next(step for step in version.steps if step.id == stop.step_id)
        yield Computation(
            id=stop.computation_id,
            workspace_id="wor_1",
            space_id="s",
            kind=AUDIENCE,
            scope=USERS,
            key=stop.key,
            name=stop.id,
            query=step.sides[stop.place].query or "",
            created_at=cut,
            counted=False,
            journey_id="jou_1",
        )


def town(*steps, queries, standings=None, beside=(), number=2, **settings):
    """The catalogue of a space with one version of a journey, whose computations came with its publication."""
    version = version_of(with_queries(steps, queries), Settings(**settings))
    standings = standings or [standing()]
    compiled = [compile_computation(computation) for computation in computations(version, standings[0].cuts[0])]
    found = itineraries_of([*compiled, *map(compile_computation, beside)], [journey_of(*standings)], [version], {})
    return Catalogue(number, found.compiled, found.moving, found.versions)


SIMPLE = (entry("a", "w"), delay("w", DAY, "b"), condition("b", "d"), send("d"))
QUERIES = {"a": BOUGHT, "b": VIP}


class Person:
    def __init__(self, id="use_1", names=NAME):
        self.profile, self._names, self._number = Profile(space_id="s", profile_id=id), names, 0

    def does(self, catalogue, now, *events, frozen=()):
        self._number += 1
        arrivals = [Arrival(tag_of(f"{self.profile.profile_id}{self._number}"), events)] if events else []
        applied = apply(self.profile, arrivals, self._names, catalogue, now, frozen=frozen)
        if applied.changed:
            self.profile.version += 1
        return applied.changed

    def buys(self, catalogue, now):
        return self.does(catalogue, now, event("track", "Bought", user_id="u1", at=now))

    def becomes(self, catalogue, now, **traits):
        return self.does(catalogue, now, event("identify", user_id="u1", at=now, traits=traits))

    def waits(self, catalogue, until):
        """Looked at whenever something is due, as the tick does."""
        while self.profile.due_at is not None and self.profile.due_at <= until:
            self.does(catalogue, self.profile.due_at)

    @property
    def traits(self):
        return {key: value for key, value in self.profile.trait_values().items() if key.startswith("j_o_")}


def test_everybody_sees_where_a_person_is():
    town_ = town(*SIMPLE, queries=QUERIES)
    ada, then = Person(), T0 + HOUR
    ada.buys(town_, then)
    assert ada.traits == {"j_o_a": True, "j_o_a_hidden_entry": True, "j_o_a_hidden_entry_joined_at": to_iso(then)}
    assert ada.profile.due_at == then + DAY
    ada.waits(town_, T0 + 2 * DAY)
    assert "j_o_b" not in ada.traits
    ada.becomes(town_, T0 + 3 * DAY, vip="yes")
    assert ada.traits["j_o_b"] is ada.traits["j_o_d"] is True
    assert ada.traits["j_o_d_hidden_entry_joined_at"] == to_iso(T0 + 3 * DAY)
    ada.waits(town_, T0 + 30 * DAY)
    assert ada.traits["j_o_a"] is False
    assert ada.traits["j_o_a_hidden_entry"] is ada.traits["j_o_d"] is True
    assert ada.profile.due_at is None


def test_the_hidden_traits_are_of_an_id_of_their_own():
    """Sizes count by it how many ever joined."""
    ada, town_ = Person(), town(*SIMPLE, queries=QUERIES)
    ada.buys(town_, T0 + HOUR)
    outcomes = ada.profile.head.outcomes
    assert outcomes["j_o_a"].computation_id == "aud_a"
    assert outcomes["j_o_a_hidden_entry"].computation_id == "aud_a/entry"
    assert outcomes["j_o_a_hidden_entry"].is_held
    assert not outcomes["j_o_a_hidden_entry_joined_at"].is_held


def test_an_audience_that_refers_to_a_step_follows_it():
    reader = audience("readers", "trait('j_o_a') = 'true'")
    town_ = town(*SIMPLE, queries=QUERIES, beside=[reader])
    ada = Person()
    ada.buys(town_, T0 + HOUR)
    assert ada.profile.head.outcomes["readers"].value is True
    ada.waits(town_, T0 + 30 * DAY)
    assert ada.profile.head.outcomes["readers"].value is False


def test_a_step_that_refers_to_an_audience_follows_it():
    richer = audience("rich", "trait('money') = 'much'")
    town_ = town(entry("a", "d"), send("d"), queries={"a": "trait('rich') = 'true'"}, beside=[richer])
    ada = Person()
    ada.becomes(town_, T0 + HOUR, money="little")
    assert ada.traits == {}
    ada.becomes(town_, T0 + 2 * HOUR, money="much")
    assert ada.traits["j_o_d"] is True


def test_nobody_can_say_that_he_is_in_a_step():
    ada, town_ = Person(), town(*SIMPLE, queries=QUERIES)
    for name in ("j_o_d", "j_o_d_hidden_entry", "j_o_d_hidden_entry_joined_at"):
        ada.becomes(town_, T0 + HOUR, **{name: True})
    assert ada.traits == {}


def test_looking_again_changes_nothing():
    ada, town_ = Person(), town(*SIMPLE, queries=QUERIES)
    ada.buys(town_, T0 + HOUR)
    assert ada.does(town_, T0 + 2 * HOUR) is False
    ada.waits(town_, T0 + 2 * DAY)
    assert ada.does(town_, T0 + 2 * DAY) is False


class TestWhoeverIsThereBefore:
    """A journey over traits alone: those who have them when it opens are not let in by that."""

    BY_TRAIT = (entry("a", "d"), send("d"))
    OLD = Catalogue(1)

    def old(self, **traits):
        ada = Person()
        ada.becomes(self.OLD, T0 - DAY, **(traits or {"other": 1}))
        return ada

    def test_waits_until_the_condition_failed(self):
        town_, ada = town(*self.BY_TRAIT, queries={"a": VIP}), self.old(vip="yes")
        assert ada.does(town_, T0 + MINUTE) is True
        ada.becomes(town_, T0 + HOUR, other=2)
        assert ada.traits == {}
        ada.becomes(town_, T0 + 2 * HOUR, vip="no")
        ada.becomes(town_, T0 + 3 * HOUR, vip="yes")
        assert ada.traits["j_o_d"] is True

    def test_is_recognised_by_the_first_event_too(self):
        town_, ada = town(*self.BY_TRAIT, queries={"a": VIP}), self.old(vip="yes")
        ada.becomes(town_, T0 + HOUR, other=2)
        assert ada.traits == {}

    def test_comes_in_by_an_event_that_makes_it_true(self):
        town_, ada = town(*self.BY_TRAIT, queries={"a": VIP}), self.old()
        ada.becomes(town_, T0 + HOUR, vip="yes")
        assert ada.traits["j_o_d"] is True

    def test_costs_no_write_where_nothing_holds(self):
        town_, ada = town(*self.BY_TRAIT, queries={"a": VIP}), self.old()
        assert ada.does(town_, T0 + MINUTE) is False

    def test_is_not_met_twice(self):
        """Becoming eligible long after is no reason to look at what held at the opening."""
        town_, ada = town(*self.BY_TRAIT, queries={"a": VIP}), Person(names=[ExternalId("x", "1", "", T0, "", "")])
        ada.becomes(self.OLD, T0 - DAY, other=1)
        ada.becomes(town_, T0 + HOUR, vip="yes")
        assert ada.traits == {}
        ada._names = NAME
        ada.becomes(town_, T0 + 2 * HOUR, other=2)
        assert ada.traits["j_o_d"] is True

    def test_is_nobody_who_is_new(self):
        town_, ada = town(*self.BY_TRAIT, queries={"a": "NOT trait('vip') = 'yes'"}), Person()
        ada.becomes(town_, T0 + HOUR, other=1)
        assert ada.traits["j_o_d"] is True

    def test_comes_in_when_time_makes_it_true_before_anybody_looked(self):
        query = "trait('born').before_last(7 days)"
        town_, ada = town(*self.BY_TRAIT, queries={"a": query}), self.old(born=to_iso(T0 - 6 * DAY))
        ada.does(town_, T0 + 2 * DAY)
        assert ada.traits["j_o_d"] is True

    def test_is_known_also_when_what_the_condition_reads_has_yet_to_be_counted(self):
        rich = audience("rich", "trait('money') = 'much'", counted=False)
        town_ = town(*self.BY_TRAIT, queries={"a": "NOT trait('rich') = 'true'"}, beside=[rich])
        counted = town(
            *self.BY_TRAIT, queries={"a": "NOT trait('rich') = 'true'"}, beside=[replace(rich, counted=True)]
        )
        ada = self.old()
        assert ada.does(town_, T0 + MINUTE) is True
        ada.becomes(counted, T0 + HOUR, other=2)
        assert ada.traits == {}

    def test_brings_the_bar_along_when_merged(self):
        town_, ada, bob = town(*self.BY_TRAIT, queries={"a": VIP}), self.old(), Person("use_2")
        bob.becomes(self.OLD, T0 - DAY, vip="yes")
        freeze(bob.profile, Merge(ada.profile.profile_id, T0 + HOUR, "m", "src"))
        ada.becomes(town_, T0 + MINUTE, other=3)
        ada.does(town_, T0 + HOUR, frozen=[bob.profile])
        assert ada.profile.trait_values()["vip"] == "yes"
        assert ada.traits == {}


def test_events_from_before_do_not_count_for_any_step():
    late = (entry("a", "b"), condition("b", "d"), send("d"))
    town_ = town(*late, queries={"a": VIP, "b": BOUGHT})
    ada = Person()
    ada.becomes(town_, T0 + HOUR, vip="yes")
    ada.does(town_, T0 + 2 * HOUR, event("track", "Bought", user_id="u1", at=T0 - 1, received_at=T0 + 2 * HOUR))
    assert "j_o_b" not in ada.traits
    ada.buys(town_, T0 + 3 * HOUR)
    assert ada.traits["j_o_d"] is True


def test_a_resumed_journey_looks_only_at_what_comes_after_for_those_outside():
    paused, resumed = [standing(status=PAUSED)], [standing(cuts=[T0, T0 + 3 * DAY])]
    short = (entry("a", "d"), send("d"))
    live = town(*short, queries=QUERIES)
    held = town(*short, queries=QUERIES, standings=paused, number=3)
    again = town(*short, queries=QUERIES, standings=resumed, number=4)
    ada, bob = Person(), Person("use_2")
    ada.buys(live, T0 + HOUR)
    bob.buys(held, T0 + DAY)
    for person in (ada, bob):
        person.does(again, T0 + 3 * DAY)
    assert ada.traits["j_o_a"] is True  # by what she came in with
    assert bob.traits == {}
    bob.buys(again, T0 + 4 * DAY)
    assert bob.traits["j_o_d"] is True
    ada.waits(again, T0 + 8 * DAY)
    assert ada.traits["j_o_a"] is False


def test_an_archived_journey_leaves_everything_as_it_was():
    ada, live = Person(), town(*SIMPLE, queries=QUERIES)
    gone = town(*SIMPLE, queries=QUERIES, standings=[standing(status=ARCHIVED)], number=3)
    ada.buys(live, T0 + HOUR)
    before = ada.traits
    ada.becomes(gone, T0 + 2 * DAY, vip="yes")
    assert ada.traits == before
    assert ada.profile.due_at is None
    assert ada.profile.streams == {}
    assert "jov_1" in ada.profile.head.journeys  # a later version may ask


def test_a_deleted_journey_leaves_only_its_traits():
    ada = Person()
    ada.buys(town(*SIMPLE, queries=QUERIES), T0 + HOUR)
    before = ada.traits
    ada.does(Catalogue(3), T0 + 2 * HOUR)
    assert ada.traits == before
    assert ada.profile.head.journeys == {}
    ada.becomes(Catalogue(3), T0 + 3 * HOUR, j_o_a="mine")
    assert ada.traits["j_o_a"] == "mine"


def test_a_new_version_lets_people_in_when_they_left_the_old_one():
    short = (entry("a", "d"), send("d"))
    first, second = version_of(with_queries(short, QUERIES), Settings(exit_after=7 * DAY)), None
    renamed = [
        replace(
            step,
            sides=[replace(s, key=s.key + "2", computation_id=s.computation_id + "2") for s in step.sides],
        )
        for step in first.steps
    ]
    second = version_of(renamed, Settings(exit_after=7 * DAY), number=2)
    standings = [
        standing(1, DRAINING, exits=True),
        standing(2, cuts=[T0 + 2 * DAY], exits=True),
    ]
    items = [*computations(first, T0), *computations(second, T0 + 2 * DAY)]
    found = itineraries_of(map(compile_computation, items), [journey_of(*standings)], [first, second], {})
    both = Catalogue(3, found.compiled, found.moving, found.versions)
    ada = Person()
    ada.buys(town(*short, queries=QUERIES, exit_after=7 * DAY), T0 + HOUR)
    ada.buys(both, T0 + 3 * DAY)
    assert "j_o_d2" not in ada.traits
    ada.waits(both, T0 + 7 * DAY + HOUR)
    assert ada.traits["j_o_d"] is False
    assert ada.traits["j_o_d2"] is True


def test_two_people_who_become_one_have_joined_what_either_did():
    split = (entry("a", "t"), true_false("t", "d", "e"), send("d"), send("e"))
    town_ = town(*split, queries={"a": BOUGHT, "t": VIP})
    ada, bob = Person(), Person("use_2")
    ada.buys(town_, T0 + HOUR)
    bob.becomes(town_, T0 + HOUR, vip="yes")
    bob.buys(town_, T0 + 2 * HOUR)
    assert bob.traits["j_o_d"] is ada.traits["j_o_e"] is True
    freeze(bob.profile, Merge("use_1", T0 + DAY, "m", "src"))
    ada.does(town_, T0 + DAY, frozen=[bob.profile])
    joined = ada.profile.head.journeys["jov_1"].joined
    assert joined["t/1"] == T0 + HOUR  # the earlier choice stands
    assert "t/0" not in joined
    assert ada.traits["j_o_t_true"] is False
    assert ada.traits["j_o_d"] is ada.traits["j_o_e"] is True


def test_who_is_taken_in_while_inside_brings_the_traits_of_it():
    """The survivor left later than the other one joined, so what they show of themselves is newer."""
    town_ = town(entry("a", "d"), send("d"), queries=QUERIES, exit_after=DAY)
    ada, bob = Person(), Person("use_2")
    ada.buys(town_, T0 + HOUR)
    bob.buys(town_, T0 + 3 * HOUR)
    ada.waits(town_, T0 + DAY + HOUR)
    assert ada.profile.head.outcomes["j_o_d"].value is False
    freeze(bob.profile, Merge("use_1", T0 + DAY + 2 * HOUR, "m", "src"))
    ada.does(town_, T0 + DAY + 2 * HOUR, frozen=[bob.profile])
    assert ada.traits["j_o_d"] is ada.traits["j_o_d_hidden_entry"] is True
    assert ada.traits["j_o_d_hidden_entry_joined_at"] == to_iso(T0 + 3 * HOUR)


def test_what_is_remembered_for_a_step_is_let_go_when_it_is_too_old():
    ada, town_ = Person(), town(*SIMPLE, queries=QUERIES)
    ada.buys(town_, T0 + HOUR)
    full = sum(len(str(state)) for state in ada.profile.streams.values())
    ada.waits(town_, T0 + 30 * DAY)
    assert sum(len(str(state)) for state in ada.profile.streams.values()) < full


def test_a_step_that_kept_its_key_is_left_only_by_leaving_the_new_version():
    """Whoever was there by the version before stays in the eyes of everybody, and is not told of twice."""
    short = (entry("a", "w"), delay("w", DAY, "d"), send("d"))
    ada, first = Person(), town(*short, queries=QUERIES)
    ada.buys(first, T0 + HOUR)
    ada.waits(first, T0 + 2 * DAY)
    told = ada.profile.head.outcomes["j_o_d"]
    again = version_of(with_queries(short, QUERIES), Settings(exit_after=3 * DAY), number=2)
    cut = T0 + 3 * DAY
    standings = [standing(1, ARCHIVED), standing(2, cuts=[cut], exits=True)]
    found = itineraries_of(map(compile_computation, computations(again, cut)), [journey_of(*standings)], [again], {})
    second = Catalogue(3, found.compiled, found.moving, found.versions)
    ada.buys(second, cut + HOUR)
    assert ada.profile.head.journeys["jov_2"].joined == {"a": cut + HOUR}
    ada.waits(second, cut + 2 * DAY)
    assert ada.profile.head.outcomes["j_o_d"] == told
    ada.waits(second, cut + 3 * DAY + HOUR)
    assert ada.traits["j_o_d"] is False
