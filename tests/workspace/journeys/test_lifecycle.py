"""Journeys from their drawing to their end, as workers and owners see them."""

import re

import pytest

from chalicelib.clock import DAY, HOUR, SECOND
from chalicelib.computations.computation import COMPUTING, DEFAULT_EXTERNAL_IDS
from chalicelib.errors import Conflict, Invalid, NotFound, Unsound, VersionConflict
from chalicelib.journeys.model import ARCHIVED, DRAFT, DRAINING, LIVE, PAUSED, Side, Step
from chalicelib.workspace.audiences import Audiences
from chalicelib.workspace.journeys.drafting import journey_key
from chalicelib.workspace.journeys.service import MOST_VERSIONS
from tests.events import T0

from .carts import EVENTS, LOYAL, Carts, cart, entry, send, step


@pytest.fixture
def acme():
    return Carts()


def update(acme, journey, number=None, **content):
    return acme.journeys.update(acme.space, acme.again(journey), number, content, "you")


def statuses(journey):
    return [standing.status for standing in journey.versions]


# Keys


def side(name=""):
    return Side(name=name, key="", computation_id="")


def test_keys_are_made_of_names():
    named = Step(id="s", type="condition", name="Opened email!", lineage="")
    assert journey_key("First Purchase", named, side(), "dje83") == "j_o_first_purchase__opened_email_dje83"
    assert journey_key("First Purchase", named, side("A/B"), "dje83") == "j_o_first_purchase__opened_email_a_b_dje83"
    assert journey_key("日本", Step(id="s", type="entry", name="入", lineage=""), side(), "x") == "j_o_journey__entry_x"
    longest = Step(id="s", type="entry", name="s" * 170, lineage="")
    key = journey_key("ß" * 73, longest, side("t" * 170), "12345")
    assert key == f"j_o_{'s' * 73}__{'s' * 170}_12345"
    assert len(key) == 255


def test_keys_are_taken_for_ever_with_the_traits_that_go_by_them(acme):
    drawn = acme.draw()
    keys = acme.keys_of(drawn)
    acme.journeys.delete(acme.again(drawn))
    for key in keys.values():
        assert re.fullmatch(r"j_o_cart__(abandoned|loyal|nudge)_[0-9a-z]{5}", key)
        for name in (key, f"{key}_hidden_entry", f"{key}_hidden_entry_joined_at"):
            assert acme.audience(name).key != name


def test_a_key_that_is_taken_is_not_given_again(acme):
    suffixes = iter(["aaaaa", "aaaaa", "aaaaa", "bbbbb"])
    acme.ids.suffix = lambda: next(suffixes)
    drawn = acme.draw(steps=[entry()])
    other = acme.draw(steps=[entry()])
    assert (acme.keys_of(drawn)["a"], acme.keys_of(other)["a"]) == (
        "j_o_cart__abandoned_aaaaa",
        "j_o_cart__abandoned_bbbbb",
    )


# Drafts


def test_a_draft_computes_nothing(acme):
    drawn = acme.draw()
    assert statuses(drawn) == [DRAFT]
    assert acme.computations() == {}
    assert acme.connected() == {}


def test_a_draft_keeps_the_keys_of_steps_whose_ids_and_types_stay(acme):
    branches = [{"name": name, "query": LOYAL} for name in ("One", "Two", "Three")]
    drawn = acme.draw(steps=[entry(next="m"), step("m", "multi_branch", branches=branches)])
    before, lineages = acme.keys_of(drawn), [one.lineage for one in acme.version(drawn).steps]
    renamed = [{"name": name, "query": LOYAL} for name in ("Two", "Uno", "Three", "Four")]
    update(
        acme,
        drawn,
        name="Other",
        steps=[{**entry(next="m"), "name": "Left"}, step("m", "multi_branch", branches=renamed)],
    )
    after = acme.keys_of(drawn)
    assert after["a"] == before["a"]
    assert [after[f"m{name}"] for name in ("Two", "Uno", "Three")] == [
        before[f"m{name}"] for name in ("Two", "One", "Three")
    ]
    assert after["mFour"].startswith("j_o_other__multi_branch_four_")
    assert [one.lineage for one in acme.version(drawn).steps] == lineages
    update(acme, drawn, steps=[entry(next="m"), step("m", "condition", query=LOYAL)])
    assert acme.keys_of(drawn)["m"] not in before.values()
    assert acme.version(drawn).steps[1].lineage != lineages[1]


def test_a_draft_keeps_the_connection_of_a_destination(acme):
    drawn, other = acme.draw(), acme.destination(EVENTS)

    def targets():
        return {target.destination_id: target.connection_id for target in acme.version(drawn).steps[-1].targets}

    before = targets()
    steps = cart(acme.target)["steps"]
    update(acme, drawn, steps=[*steps[:-1], send(other, acme.target)])
    assert targets().keys() == {other, acme.target}
    assert targets()[acme.target] == before[acme.target] != targets()[other]


def test_what_is_given_replaces_what_is_there(acme):
    drawn = acme.draw(description="Old", settings={"exitAfter": "7d"})
    assert update(acme, drawn) == drawn
    acme.clock.advance(HOUR)
    changed = update(acme, drawn, description="", settings={"useHistoricalData": True})
    assert (changed.description, changed.updated_by, changed.updated_at) == ("", "you", acme.clock.now())
    version = acme.version(drawn)
    assert (version.settings.history, version.settings.exit_after, len(version.steps)) == (True, None, 4)
    with pytest.raises(Unsound):
        update(acme, drawn, settings={"reentryAfter": "1d"})
    with pytest.raises(Unsound):
        update(acme, drawn, name="x" * 74)
    with pytest.raises(Invalid):
        update(acme, drawn, kind="EVENT")
    assert acme.version(drawn) == version


# Publication


def test_what_is_published_is_computed_like_audiences(acme):
    live = acme.live(settings={"includeAnonymous": True})
    keys, known = acme.keys_of(live), acme.computations()
    assert known.keys() == set(keys.values())
    cut = live.versions[0].cuts[0]
    for key, computation in known.items():
        assert (computation.kind, computation.scope, computation.key) == ("audience", "USERS", key)
        assert (computation.created_at, computation.history, computation.stage) == (cut, False, "live")
        assert (computation.ready, computation.counted) == (True, True)
        assert set(computation.external_ids) == {*DEFAULT_EXTERNAL_IDS, "anonymous_id"}
        assert computation.journey_id == live.id
    queries = {keys["a"]: cart("")["steps"][0]["query"], keys["c"]: LOYAL, keys["d"]: ""}
    assert {key: computation.query for key, computation in known.items()} == queries
    assert acme.connected() == {keys["d"]: [acme.target]}
    (connection,) = acme.workspaces.connections.of(known[keys["d"]])
    assert connection.settings == {"sendTrack": True, "sendIdentify": False}
    assert connection.id == acme.version(live).steps[-1].targets[0].connection_id


def test_only_the_entry_is_filled_out_of_history_and_by_a_run(acme):
    acme.runs.held = True
    live = acme.live(settings={"useHistoricalData": True, "exitAfter": "7d"})
    keys, known = acme.keys_of(live), acme.computations()
    assert live.versions[0].exits
    assert [known[keys[id]].history for id in "acd"] == [True, False, False]
    assert [known[keys[id]].ready for id in "acd"] == [False, True, True]
    assert [known[keys[id]].stage for id in "acd"] == ["preparing", "live", "live"]
    assert acme.journeys.drawn(live).status == "publishing"
    acme.runs.let_go()
    assert acme.journeys.drawn(live).status == LIVE
    acme.fail(known[keys["a"]])
    assert acme.journeys.drawn(live).status == "failed"
    assert acme.journeys.statuses([live]) == {live.versions[0].version_id: "failed"}


def test_every_side_of_a_split_is_an_audience(acme):
    shares = [{"name": "A", "percent": 60}, {"name": "B", "percent": 40}]
    steps = [
        entry(next="t"),
        step("t", "true_false", query=LOYAL, true="r", false="m"),
        step("r", "random_split", branches=shares),
        step("m", "multi_branch", branches=[{"name": "X", "query": LOYAL}, {"name": "Y", "query": "trait('y') = 1"}]),
    ]
    live = acme.live(steps=steps)
    known = {id: acme.computations()[key].query for id, key in acme.keys_of(live).items()}
    expected = {"ttrue": LOYAL, "tfalse": LOYAL, "rA": "", "rB": "", "mX": LOYAL, "mY": "trait('y') = 1"}
    assert known == {"a": steps[0]["query"], **expected}


def test_cuts_of_a_space_only_grow(acme):
    acme.live()
    acme.clock.advance(-DAY)
    second = acme.live()
    third = acme.journeys.resume(acme.journeys.pause(second, "me"), "me")
    cuts = [cut for journey in acme.journeys.every(acme.space.id) for s in journey.versions for cut in s.cuts]
    assert sorted(cuts) == [T0 + 1, T0 + 2, T0 + 3]
    assert third.versions[0].cuts == [T0 + 2, T0 + 3]


def test_what_became_impossible_since_the_drawing_is_refused(acme):
    drawn = acme.draw()
    acme.workspaces.destinations.delete(acme.workspace_id, acme.target)
    with pytest.raises(Unsound) as caught:
        acme.publish(drawn)
    assert [problem.field for problem in caught.value.problems] == ["steps.3.destinations.0.destinationId"]
    assert statuses(acme.again(drawn)) == [DRAFT]
    assert acme.computations() == {}


def test_an_audience_that_waits_for_the_journey_cannot_be_waited_for(acme):
    """The audience came to know the key since the drawing."""
    audience = acme.audience("Buyers")
    drawn = acme.draw(steps=[step("a", "entry", query=f"trait('{audience.key}') = 'true'")])
    query = f"trait('{acme.keys_of(drawn)['a']}') = 'true'"
    acme.workspaces.audiences.update(audience, {"definition": {"query": query}}, "me")
    with pytest.raises(Unsound) as caught:
        acme.publish(drawn)
    assert [(p.field, p.data) for p in caught.value.problems] == [("steps.0.query", {"code": "cycle"})]


def test_nor_can_an_audience_come_to_wait_for_a_journey_that_waits_for_it(acme):
    audience = acme.audience("Buyers")
    steps = [step("a", "entry", query=f"trait('{audience.key}') = 'true'", next="d"), send(acme.target)]
    live = acme.live(steps=steps)
    for name in (acme.keys_of(live)["d"], acme.keys_of(live)["a"] + "_hidden_entry"):
        with pytest.raises(Invalid) as caught:
            acme.workspaces.audiences.update(audience, {"definition": {"query": f"trait('{name}') = 'true'"}}, "me")
        assert caught.value.problems[0].data["code"] == "cycle"
    other = acme.audience("Nudged", f"trait('{acme.keys_of(live)['d']}') = 'true'")
    assert acme.computations()[other.key].id == other.id


def test_only_a_draft_can_be_published(acme):
    live = acme.live()
    with pytest.raises(Conflict):
        acme.publish(live)


# Versions


def test_a_new_version_starts_from_the_newest_or_the_one_asked_for(acme):
    live = acme.live(steps=[entry()])
    acme.renew(live)
    with pytest.raises(Conflict):
        acme.renew(live)
    update(acme, live, steps=[entry(next="c"), step("c", "condition", query=LOYAL)])
    acme.publish(live, previous="archive")
    assert len(acme.version(live).steps) == 2
    renewed = acme.renew(live, **{"from": 1})
    assert [standing.number for standing in renewed.versions] == [1, 2, 3]
    assert len(acme.version(live, 3).steps) == 1
    assert acme.version(live).number == 2
    lineages = {acme.version(live, number).steps[0].lineage for number in (1, 2, 3)}
    assert len(lineages) == 1
    assert len({acme.keys_of(live, number)["a"] for number in (1, 2, 3)}) == 3
    acme.publish(live, previous="archive")
    with pytest.raises(NotFound):
        acme.renew(live, **{"from": 4})
    with pytest.raises(Invalid):
        acme.renew(live, **{"from": 0})


def test_versions_are_counted(acme):
    live = acme.live(steps=[entry()])
    for _ in range(MOST_VERSIONS - 1):
        acme.renew(live)
        acme.publish(live, previous="archive")
    with pytest.raises(Conflict, match="25"):
        acme.renew(live)


@pytest.mark.parametrize("state", [LIVE, PAUSED])
def test_publishing_another_version_says_what_becomes_of_the_one_before(acme, state):
    live = acme.live()
    if state == PAUSED:
        acme.journeys.pause(acme.again(live), "me")
    acme.renew(live)
    with pytest.raises(Invalid) as caught:
        acme.publish(live)
    assert [problem.field for problem in caught.value.problems] == ["previous"]
    with pytest.raises(Invalid):
        acme.publish(live, previous="stop")
    drained = acme.publish(live, previous="pause", versionExclusion=True)
    assert statuses(drained) == [DRAINING, LIVE]
    assert [standing.exclusive for standing in drained.versions] == [False, True]
    acme.renew(live)
    assert statuses(acme.publish(live, previous="archive")) == [DRAINING, ARCHIVED, LIVE]


def test_while_both_versions_run_each_has_keys_of_its_own(acme):
    live = acme.live()
    acme.renew(live)
    both = acme.publish(live, previous="pause")
    old, new = acme.keys_of(both, 1), acme.keys_of(both, 2)
    assert not set(old.values()) & set(new.values())
    assert acme.computations().keys() == {*old.values(), *new.values()}
    assert acme.connected() == {old["d"]: [acme.target], new["d"]: [acme.target]}


def test_a_step_that_sends_as_before_takes_its_key_over_from_what_is_archived(acme):
    live = acme.live(steps=[entry(next="d"), send(acme.target, next="e"), send(acme.target, id="e")])
    before, computations = acme.keys_of(live), acme.computations()
    acme.renew(live)
    other = {"destinationId": acme.target, "track": False, "identify": True}
    changed = {**send(acme.target, id="e"), "destinations": [other]}
    update(acme, live, steps=[entry(next="d"), {**send(acme.target, next="e"), "name": "Renamed"}, changed])
    drafted = acme.keys_of(live, 2)
    after = acme.publish(live, previous="archive")
    keys = acme.keys_of(after, 2)
    assert keys == {"a": drafted["a"], "d": before["d"], "e": drafted["e"]}
    assert acme.computations().keys() == set(keys.values())
    assert acme.computations()[keys["d"]] == computations[keys["d"]]
    assert acme.connected() == {keys["d"]: [acme.target], keys["e"]: [acme.target]}
    acme.renew(live)
    both = acme.publish(live, previous="pause")
    assert acme.keys_of(both, 3)["d"] != keys["d"]


def test_a_clone_has_keys_and_traits_of_its_own(acme):
    live = acme.live(description="Hi")
    copy = acme.journeys.clone(acme.space, live, None, {}, "you")
    assert (copy.name, copy.description, statuses(copy), copy.created_by) == ("Cart (copy)", "Hi", [DRAFT], "you")
    assert not set(acme.keys_of(copy).values()) & set(acme.keys_of(live).values())
    assert acme.version(copy).settings == acme.version(live).settings
    published = acme.publish(copy)
    assert len(acme.computations()) == 6
    assert len(acme.connected()) == 2
    named = acme.journeys.clone(acme.space, published, 1, {"name": "Third"}, "you")
    assert named.name == "Third"
    long = acme.draw(name="x" * 73)
    assert acme.journeys.clone(acme.space, long, None, {}, "me").name == "x" * 66 + " (copy)"
    with pytest.raises(NotFound):
        acme.journeys.clone(acme.space, published, 2, {}, "me")
    with pytest.raises(Unsound):
        acme.journeys.clone(acme.space, published, None, {"name": "x" * 74}, "me")


# What was published


def test_of_a_published_version_only_the_destinations_change(acme):
    live = acme.live()
    other = acme.destination(EVENTS)
    steps = cart(acme.target)["steps"]
    for changed in (
        {"settings": {"exitAfter": "7d"}},
        {"steps": steps[:-1]},
        {"steps": [*steps[:-1], {**steps[-1], "name": "Other"}]},
        {"steps": [{**steps[0], "query": LOYAL}, *steps[1:]]},
        {"steps": [steps[0], {**steps[1], "duration": "2d"}, *steps[2:]]},
        {"steps": [*steps, steps[-1]]},
    ):
        with pytest.raises(Conflict, match="new version"):
            update(acme, live, **changed)
    update(acme, live, name="Basket", steps=[*steps[:-1], send(acme.target, other)], settings={})
    key = acme.keys_of(live)["d"]
    assert acme.again(live).name == "Basket"
    assert sorted(acme.connected()[key]) == sorted([acme.target, other])
    ids = {target.connection_id for target in acme.version(live).steps[-1].targets}
    assert {c.id for c in acme.workspaces.connections.of(acme.computations()[key])} == ids
    update(acme, live, steps=[*steps[:-1], {**send(other), "destinations": [{"destinationId": other, "track": False}]}])
    assert acme.connected()[key] == [other]
    (connection,) = acme.workspaces.connections.of(acme.computations()[key])
    assert (connection.id in ids, connection.settings) == (True, {"sendTrack": False})
    with pytest.raises(Unsound) as caught:
        update(acme, live, steps=[*steps[:-1], send("none")])
    assert [problem.field for problem in caught.value.problems] == ["steps.3.destinations.0.destinationId"]
    update(acme, live, steps=[*steps[:-1], send()])
    assert key not in acme.connected()


def test_with_a_draft_beside_it_the_published_version_is_named(acme):
    live = acme.live()
    acme.renew(live)
    steps = cart(acme.target)["steps"]
    update(acme, live, steps=[entry()])
    assert (len(acme.version(live, 1).steps), len(acme.version(live, 2).steps)) == (4, 1)
    update(acme, live, 1, steps=[*steps[:-1], send()])
    assert acme.version(live, 1).steps[-1].targets == []
    with pytest.raises(NotFound):
        update(acme, live, 3, steps=[entry()])


def test_an_archived_version_sends_nowhere_else(acme):
    live = acme.live()
    acme.journeys.archive(live, None, "me")
    with pytest.raises(Conflict, match="archived"):
        update(acme, live, steps=[*cart(acme.target)["steps"][:-1], send()])
    assert update(acme, live, name="Old").name == "Old"


# Stopping


def test_pausing_and_resuming(acme):
    live = acme.live()
    acme.clock.advance(DAY)
    stopped = acme.journeys.pause(live, "you")
    assert (statuses(stopped), stopped.updated_by) == ([PAUSED], "you")
    assert len(acme.computations()) == 3
    with pytest.raises(Conflict):
        acme.journeys.pause(stopped, "me")
    acme.clock.advance(DAY)
    again = acme.journeys.resume(stopped, "me")
    assert statuses(again) == [LIVE]
    assert again.versions[0].cuts == [live.versions[0].cuts[0], acme.clock.now()]
    with pytest.raises(Conflict):
        acme.journeys.resume(again, "me")
    with pytest.raises(Conflict):
        acme.journeys.pause(acme.draw(), "me")


@pytest.mark.parametrize("failed", [False, True])
def test_everybody_is_looked_at_when_it_is_resumed(acme, failed):
    """Also when the run of the publication came to nothing."""
    stopped = acme.journeys.pause(acme.live(), "me")
    entry = acme.computations()[acme.keys_of(stopped)["a"]]
    if failed:
        acme.fail(entry)
    acme.clock.advance(DAY)
    acme.runs.held = True
    again = acme.journeys.resume(stopped, "me")
    (begun,) = acme.runs._waiting
    assert (begun.id, begun.begun_at, begun.stage) == (entry.id, again.versions[0].cuts[-1], COMPUTING)
    acme.runs.let_go()
    assert acme.journeys.drawn(again).status == LIVE


def test_what_is_draining_cannot_be_resumed_but_archived(acme):
    live = acme.live()
    acme.renew(live)
    acme.publish(live, previous="pause")
    with pytest.raises(Conflict):
        acme.journeys.resume(acme.again(live), "me")
    first = acme.journeys.archive(acme.again(live), 1, "me")
    assert [(s.status, s.was_drained) for s in first.versions] == [(ARCHIVED, True), (LIVE, False)]
    second = acme.journeys.archive(first, None, "me")
    assert [(s.status, s.was_drained) for s in second.versions] == [(ARCHIVED, True), (ARCHIVED, False)]
    for number in (None, 1, 2):
        with pytest.raises(Conflict):
            acme.journeys.archive(second, number, "me")
    with pytest.raises(NotFound):
        acme.journeys.archive(second, 3, "me")


def test_without_a_live_one_the_newest_that_drains_is_archived(acme):
    live = acme.live()
    for _ in range(2):
        acme.renew(live)
        acme.publish(live, previous="pause")
    archived = acme.journeys.archive(acme.journeys.archive(acme.again(live), None, "me"), None, "me")
    assert statuses(archived) == [DRAINING, ARCHIVED, ARCHIVED]


def test_an_archived_journey_computes_nothing_any_more(acme):
    live = acme.live()
    acme.journeys.archive(live, None, "me")
    assert acme.computations() == {}


def test_deleting_leaves_nothing_but_the_keys(acme):
    before = {key.sort for key in acme.records._items}
    live = acme.live()
    acme.renew(live)
    acme.publish(live, previous="archive")
    acme.renew(live)
    acme.journeys.delete(acme.again(live))
    left = {key.sort for key in acme.records._items} - before
    assert {sort.partition("#")[0] for sort in left} <= {"key", "version"}
    assert acme.computations() == {}
    with pytest.raises(NotFound):
        acme.again(live)


def test_what_others_refer_to_is_not_deleted(acme):
    live, other = acme.live(), acme.live(name="Other")
    audience = acme.audience("Nudged", f"trait('{acme.keys_of(live)['d']}') = 'true'")
    with pytest.raises(Conflict, match="Nudged"):
        acme.journeys.delete(live)
    acme.journeys.delete(other)
    acme.workspaces.audiences.delete(audience)
    acme.journeys.delete(live)
    assert acme.journeys.every(acme.space.id) == []


def test_an_audience_is_held_by_the_steps_that_people_move_through(acme):
    audience = acme.audience("Buyers")
    live = acme.live(steps=[step("a", "entry", query=f"trait('{audience.key}') = 'true'")])
    with pytest.raises(Conflict, match="Cart"):
        acme.workspaces.audiences.delete(audience)
    acme.journeys.archive(live, None, "me")
    acme.workspaces.audiences.delete(audience)


def test_steps_are_not_among_the_audiences(acme):
    live = acme.live()
    audiences: Audiences = acme.workspaces.audiences
    assert audiences.every(acme.space.id) == []
    for id in (side.computation_id for one in acme.version(live).steps for side in one.sides):
        with pytest.raises(NotFound):
            audiences.get(acme.space.id, id)
    reader = acme.audience("Nudged", f"trait('{acme.keys_of(live)['d']}') = 'true'")
    assert [audience.id for audience in audiences.every(acme.space.id)] == [reader.id]


# Others


def test_what_changed_since_it_was_looked_at_is_not_overwritten(acme):
    drawn = acme.draw()
    seen = acme.again(drawn)
    update(acme, drawn, steps=[entry()])
    for change in (
        lambda: acme.journeys.publish(acme.space, seen, {}, "me"),
        lambda: acme.journeys.update(acme.space, seen, None, {"steps": [entry()]}, "me"),
        lambda: acme.journeys.clone(acme.space, seen, None, {}, "me"),
    ):
        with pytest.raises(VersionConflict):
            change()
    live = acme.publish(drawn)
    acme.journeys.pause(live, "me")
    with pytest.raises(VersionConflict):
        acme.journeys.archive(live, None, "me")
    assert statuses(acme.again(drawn)) == [PAUSED]


def test_a_draft_that_changes_while_it_is_published_is_published_as_it_was_or_not_at_all(acme):
    drawn = acme.draw()
    seen, draft = acme.again(drawn), acme.version(drawn)
    publication = acme.journeys._publication
    commit = publication._commit

    def late(*args):
        update(acme, drawn, steps=[entry()])
        return commit(*args)

    publication._commit = late
    with pytest.raises(VersionConflict):
        acme.journeys.publish(acme.space, seen, {}, "me")
    assert statuses(acme.again(drawn)) == [DRAFT]
    assert acme.computations() == {}
    publication._commit = commit
    assert statuses(acme.publish(drawn)) == [LIVE]
    assert acme.computations().keys() == set(acme.keys_of(drawn).values()) == {acme.keys_of(drawn)["a"]}
    assert len(draft.steps) == 4


class Slow:
    """Every call takes a second; `bumps` is when workers could see something new."""

    def __init__(self, records, clock):
        self._records, self._clock, self.bumps = records, clock, []

    def __getattr__(self, name):
        self._clock.advance(SECOND)
        if name == "add":
            self.bumps.append(self._clock.now())
        return getattr(self._records, name)


@pytest.mark.parametrize("resumes", [False, True])
def test_the_cut_is_when_workers_come_to_know_of_it(acme, resumes):
    """What happens between the two is lost for those outside, so it is little, however much there is to be written."""
    journey = acme.journeys.pause(acme.live(), "me") if resumes else acme.draw()
    records = Slow(acme.records, acme.clock)
    services, began = acme.services(records), acme.clock.now()
    changed = services.journeys.resume(journey, "me") if resumes else acme.publish(journey, services=services)
    cut = changed.versions[0].cuts[-1]
    assert cut >= began + 4 * SECOND
    assert min(at for at in records.bumps if at > cut) <= cut + 3 * SECOND
