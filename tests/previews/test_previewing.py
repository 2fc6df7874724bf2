"""What an audience would be, out of history."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.clock import DAY, HOUR
from chalicelib.computations.computation import ACCOUNTS, AUDIENCE, LINKED, Computation
from chalicelib.computations.linked import REASON
from chalicelib.errors import Invalid, NotFound
from chalicelib.instants import to_iso
from chalicelib.pipeline.landing import Landed, land
from chalicelib.previews.previewing import BROKEN, Previewing
from chalicelib.previews.quota import Exhausted, Quota, month_of
from chalicelib.previews.request import read
from chalicelib.previews.service import CALLED_OFF, TOO_MUCH, AudiencePreviews, Followed, Preview, Share
from chalicelib.workspace.model import Space
from tests.events import event, instant
from tests.exports.people import SPACE, account, head, history, settle
from tests.replay.workshop import Workshop, killed_at_every_point
from tests.tasks.world import NOON

BOUGHT = "event('Bought').count() >= 1"


class OneAudience:
    """The audiences of the space: one of users."""

    def get(self, space_id: str, id: str) -> Computation:
        if id != "aud_1":
            raise NotFound("no such audience")
        return Computation(
            id=id, workspace_id="w", space_id=SPACE, kind=AUDIENCE, scope="USERS", key="vip", name="vip", query="q"
        )

    @property
    def audiences(self) -> "OneAudience":
        return self


class World(Workshop):
    def __init__(self, scratch: Any, fate: Callable[[str], None] = lambda _point: None, limit: int = 0) -> None:
        def kinds(world: Workshop) -> list[Any]:
            past = history(world.archive, world.clock, scratch)
            return [Previewing(world.work, world.archive, past, world.clock).kind()]

        super().__init__(kinds, fate)
        self._quota = Quota(self.work, self.clock, limit)

    @property
    def previews(self) -> AudiencePreviews:
        workspaces: Any = OneAudience()
        return AudiencePreviews(self.work, workspaces, self.tasks, self._quota, self.ids, self.clock)

    def order(self, query: str = BOUGHT, type: str = "USERS", **more: Any) -> Preview:
        content = {"audienceType": type, "definition": {"query": query}, **more}
        space = Space(id=SPACE, workspace_id="w", slug="s", name="s", engage_source_id="e", created_at=0)
        return self.previews.create(space, read(content, self.clock.now()))

    def land(self, *bought: tuple[str, int]) -> None:
        """(profile id, instant) of each purchase."""
        rows = [
            Landed(event("track", "Bought", at=at, message_id=f"{who}-{at}", user_id=who), who, None)
            for who, at in bought
        ]
        land(self.kept, SPACE, [f"b{bought[0]}"], rows, self.clock.now())

    def seen(self, preview: Preview) -> Followed:
        while self.turn():
            continue
        return self.previews.get(SPACE, preview.id)

    def result(self, query: str = BOUGHT, **more: Any) -> Any:
        found = self.seen(self.order(query, **more))
        assert found.status == "COMPLETED", found
        return found.result


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_150_of_200_and_half_of_them_with_an_address(world):
    ids = [[("user_id", f"u{n}"), *([("email", f"{n}@x")] if n % 2 else [])] for n in range(200)]
    settle(world.kept, {f"use_{n:03d}": head(one) for n, one in enumerate(ids)})
    world.land(*[(f"use_{n:03d}", NOON - HOUR) for n in range(150)])
    result = world.result()
    assert (result.size, len(result.sample)) == (150, 100)
    assert set(result.sample) <= {f"use_{n:03d}" for n in range(150)}
    shares = {share.type: share.count for share in result.breakdown}
    assert (shares["user_id"], shares["email"], shares["anonymous_id"]) == (150, 75, 0)
    assert "group_id" not in shares


def test_it_runs_until_it_is_complete(world):
    preview = world.order()
    assert world.previews.get(SPACE, preview.id).status == "RUNNING"
    assert world.seen(preview).status == "COMPLETED"
    assert world.kept.list("previews/") == []


def test_only_people_with_one_of_these_ids(world):
    settle(world.kept, {"use_1": head([("anonymous_id", "a")]), "use_2": head([("crm", "c")])})
    world.land(("use_1", NOON - 1), ("use_2", NOON - 1))
    assert world.result().size == 0
    with_anonymous = world.result(options={"filterByExternalIds": ["anonymous_id", "crm"]})
    assert with_anonymous.size == 2
    assert Share("crm", 1) in with_anonymous.breakdown


def test_events_before_the_lookback_do_not_count(world):
    settle(world.kept, {f"use_{n}": head([("user_id", f"u{n}")]) for n in range(2)})
    world.land(("use_0", NOON - 7 * DAY), ("use_1", NOON - 7 * DAY - 1))
    assert world.result(options={"backfillEventDataDays": 7}).sample == ["use_0"]
    assert world.result(options={"backfillEventDataDays": 8.0}).size == 2
    assert world.result().size == 2


def test_how_it_was_then(world):
    then = NOON - 3 * DAY
    settle(world.kept, {"use_0": head([("user_id", "u")], then - DAY, traits={"plan": "pro"})})
    settle(world.kept, {"use_0": head([("user_id", "u")], then + 1, traits={"plan": "free"})}, version=2)
    world.land(("use_0", then - HOUR))
    query = "trait('plan') = 'pro' AND event('Bought').within(1 day).count() >= 1"
    assert world.result(query).size == 0
    assert world.result(query, asOf=to_iso(then)).size == 1
    assert world.result(query, asOf=to_iso(then - 2 * HOUR)).size == 0


def test_whom_another_audience_has_too(world):
    in_it, was = {"vip": (True, "aud_1")}, {"vip": (False, "aud_1")}
    outcomes = [in_it, in_it, was, {}, {"vip": (True, "aud_of_old")}]
    people = {f"use_{n}": head([("user_id", f"u{n}")], outcomes=one) for n, one in enumerate(outcomes)}
    settle(world.kept, people)
    world.land(*[(f"use_{n}", NOON - 1) for n in range(1, 5)])
    assert world.result().overlap is None
    assert world.result(overlapAudienceId="aud_1").overlap == 1


def test_accounts(world):
    settle(
        world.kept,
        {
            "acc_1": account("g1"),
            "acc_2": account("g2"),
            "use_1": head([("user_id", "u1")], accounts=["acc_1"]),
            "use_2": head([("user_id", "u2")], accounts=["acc_2"]),
        },
    )
    world.land(("use_2", NOON - 1))
    result = world.result(f"ANY {BOUGHT}", type=ACCOUNTS)
    assert (result.size, result.sample, result.breakdown) == (1, ["acc_2"], None)


def test_it_is_gone_after_a_day(world):
    preview = world.order()
    world.seen(preview)
    world.clock.advance(DAY - 1)
    world.previews.get(SPACE, preview.id)
    world.clock.advance(1)
    with pytest.raises(NotFound):
        world.previews.get(SPACE, preview.id)
    with pytest.raises(NotFound):
        world.previews.get(SPACE, "prv_unknown")


@pytest.mark.parametrize(
    ("error", "reason"), [("memory", TOO_MUCH), (Invalid(), TOO_MUCH), (ZeroDivisionError(), BROKEN)]
)
def test_what_fails_in_execution_says_why_at_once(world, monkeypatch, error, reason):
    import duckdb

    def broken(*_: Any, **__: Any) -> None:
        raise duckdb.OutOfMemoryException("no") if error == "memory" else error

    monkeypatch.setattr("chalicelib.previews.previewing.evaluate_history", broken)
    found = world.seen(world.order())
    assert (found.status, found.failure, found.result) == ("FAILED", reason, None)


def test_one_that_is_called_off_or_lost_has_failed(world):
    preview = world.order()
    world.tasks.cancel(preview.task_id)
    found = world.seen(preview)
    assert (found.status, found.failure) == ("FAILED", CALLED_OFF)
    lost = world.order()
    world.engine.worker._kinds["preview"].steps["evaluate"] = lambda *_: 1 / 0
    world.closed(lost.task_id)
    found = world.previews.get(SPACE, lost.id)
    assert (found.status, found.failure) == ("FAILED", TOO_MUCH)


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, ["audienceType", "definition"]),
        ({"audienceType": "USERS", "definition": {}}, ["definition.query"]),
        ({"audienceType": "users", "definition": {"query": BOUGHT}}, ["audienceType"]),
        ({"audienceType": "USERS", "definition": {"query": "entity('x').count() >= 1"}}, ["definition.query"]),
        ({"audienceType": "LINKED", "definition": {"query": "entity('x'"}}, ["definition.query"]),
        ({"audienceType": "LINKED", "definition": {"query": "entity('x').count()"}}, ["definition.query"]),
        ({"audienceType": "LINKED", "definition": {"query": BOUGHT, "targetEntity": ""}}, ["definition.targetEntity"]),
        ({"audienceType": "USERS", "definition": {"query": "event('x'"}}, ["definition.query"]),
        ({"audienceType": "USERS", "definition": {"query": f"ANY {BOUGHT}"}}, ["definition.query"]),
        ({"audienceType": "USERS", "definition": {"query": BOUGHT, "targetEntity": "x"}}, ["definition.targetEntity"]),
    ],
)
def test_definitions_that_are_none(content, fields):
    with pytest.raises(Invalid) as refused:
        read(content, NOON)
    assert [problem.field for problem in refused.value.problems] == fields


@pytest.mark.parametrize("query", [BOUGHT, "entity('orders').where(property('total') > 5).count() >= 1"])
def test_linked_ones_have_no_data_graph(world, query):
    preview = world.order(query, type=LINKED)
    assert world.previews.get(SPACE, preview.id).status == "RUNNING"
    found = world.seen(preview)
    assert (found.status, found.failure, found.result) == ("FAILED", REASON, None)
    assert found.preview.asked.target_entity == "profile"
    assert world.kept.list("previews/") == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"options": {"filterByExternalIds": []}}, "options.filterByExternalIds"),
        ({"options": {"backfillEventDataDays": 0}}, "options.backfillEventDataDays"),
        ({"options": {"backfillEventDataDays": 1.5}}, "options.backfillEventDataDays"),
        ({"options": {"backfillEventDataDays": True}}, "options.backfillEventDataDays"),
        ({"options": {"backfillEventDataDays": 1e300}}, "options.backfillEventDataDays"),
        ({"asOf": to_iso(NOON + 1)}, "asOf"),
        ({"asOf": "then"}, "asOf"),
        ({"overlapAudienceId": "aud_unknown"}, "overlapAudienceId"),
    ],
)
def test_options_that_make_no_sense(world, more, field):
    with pytest.raises(Invalid) as refused:
        world.order(**more)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_audiences_of_another_type_share_nobody(world):
    with pytest.raises(Invalid, match="another type"):
        world.order(f"ANY {BOUGHT}", type=ACCOUNTS, overlapAudienceId="aud_1")


def test_so_many_in_a_month(tmp_path):
    world = World(tmp_path, limit=3)
    for _ in range(3):
        world.order()
    with pytest.raises(Exhausted) as refused:
        world.order()
    assert (refused.value.consumed.used, refused.value.consumed.remaining) == (4, 0)
    assert refused.value.consumed.reset_at == month_of(NOON).end
    world.clock.move_to(month_of(NOON).end)
    world.order()


@pytest.mark.parametrize(
    ("at", "name", "end"),
    [
        ("2026-12-31T23:59:59.999Z", "2026-12", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-01", "2027-02-01T00:00:00Z"),
        ("2028-02-29T12:00:00Z", "2028-02", "2028-03-01T00:00:00Z"),
    ],
)
def test_months(at, name, end):
    assert month_of(instant(at)) == (name, instant(end))


def test_killed_at_every_call_the_same_result(tmp_path):
    def new(fate: Callable[[str], None]) -> World:
        world = World(tmp_path, fate)
        settle(world.kept, {f"use_{n}": head([("user_id", f"u{n}")]) for n in range(9)})
        world.land(*[(f"use_{n}", NOON - 1) for n in range(5)])
        return world

    for at, world, preview in killed_at_every_point(new, World.order, lambda world: world.run(1)):
        world.closed(preview.task_id)
        found = world.previews.get(SPACE, preview.id)
        assert (found.status, found.result and found.result.size) == ("COMPLETED", 5), at
        assert world.kept.list("previews/") == [], at
