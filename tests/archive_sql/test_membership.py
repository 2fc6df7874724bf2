"""The value of a definition over history is the one that the evaluator gives for each profile."""

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from chalicelib import query
from chalicelib.archive.membership import Membership, evaluate_history
from tests.query import cases
from tests.query.generate import HOUR, T0, Generator
from tests.query.test_agreement import agrees, made
from tests.query.timeline import Occurrence, compiled, fed

from .shop import Person, Session

bounded = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 1 << 48)


def values(session: Session, found: Membership) -> dict[str, Any]:
    rows = session.connection.execute(f"select profile_id, value from {found.table}").fetchall()
    assert len(rows) == len({row[0] for row in rows}) == found.size
    assert found.sample == sorted(row[0] for row in rows)[:100]
    return {profile_id: msgspec.json.decode(value) for profile_id, value in rows}


def expected(plan: query.Plan, value: Any, seen: bool) -> Any:
    if plan.definition.kind == "audience":
        return value or None
    return None if not seen or value == [] else value


def order(event: Occurrence) -> tuple[int, str]:
    return event.received_at, event.message_id


def assert_agree(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    assert got.keys() == {name for name, value in wanted.items() if value is not None}
    for name, value in got.items():
        assert agrees(value, wanted[name]), name


@bounded
@given(seeds)
def test_everybody_has_the_value_that_the_evaluator_gives(seed: int):
    generator, plan = made(seed)
    now = T0 + generator.whole(0, 60) * HOUR
    people = [Person(f"p{n}", generator.traits()) for n in range(4)]
    landed = [
        (f"{generator.one('p', 'x')}{n}", event) for n in range(4) for event in generator.timeline(prefix=f"m{n}")
    ]
    with Session(landed, people, {f"x{n}": f"p{n}" for n in range(4)}) as session:
        got = values(session, evaluate_history(session, plan, now=now))
    wanted = {}
    for n, person in enumerate(people):
        events = sorted((event for name, event in landed if name[1:] == str(n)), key=order)
        states = fed(plan, events)
        wanted[f"p{n}"] = expected(plan, query.evaluate(plan, states, person.traits, now).value, bool(states))
    assert_agree(got, wanted)


@bounded
@given(seeds)
def test_accounts_pool_their_users(seed: int):
    generator = Generator(Random(seed))
    kind, text = generator.account_definition()
    note(text)
    try:
        plan = compiled(text, kind=kind, scope="ACCOUNTS")
    except query.QueryError as error:
        assert error.code == "too_many_expressions"  # noqa: PT017
        return
    users = [
        Person(f"u{n}", generator.traits(), links=generator.some(lambda: generator.one("a1", "a2", "old")))
        for n in range(3)
    ]
    accounts = [Person(name, generator.traits(), collection="accounts", id_types=["group_id"]) for name in ("a1", "a2")]
    events = {user.profile_id: generator.timeline(6, user.profile_id) for user in users}
    landed = [(name, event) for name, some in events.items() for event in some]
    with Session(landed, [*users, *accounts], {"old": "a1"}) as session:
        got = values(session, evaluate_history(session, plan, now=T0, external_ids=["email"]))
    wanted = {}
    for account in accounts:
        names = {account.profile_id, "old"} if account.profile_id == "a1" else {account.profile_id}
        members = [user for user in users if names & set(user.links)]
        found = [(fed(plan, events[user.profile_id]), user.traits) for user in members]
        value = query.evaluate_account(plan, account.traits, found, T0).value
        wanted[account.profile_id] = expected(plan, value, any(states for states, _ in found))
    assert_agree(got, wanted)


def _cases() -> list[Any]:
    document = yaml.load(cases.OWN_FILE.read_text(encoding="utf-8"), Loader=cases._Loader)
    found = [{**document["defaults"], **case} for case in document["cases"]]
    return [pytest.param(case, id=case["name"]) for case in found if "error" not in case and case["type"] == "USERS"]


@pytest.mark.parametrize("case", _cases())
def test_cases_of_the_language(case: dict[str, Any]):
    plan, now = query.compile(cases._parse(case)), cases._instant(case["now"])
    events = cases._events(case, now, "m")
    with Session((("p", event) for event in events), [Person("p", case["traits"] or {})]) as session:
        got = values(session, evaluate_history(session, plan, now=now)).get("p")
    wanted = case["expect"]
    if plan.definition.kind == "audience":
        assert bool(got) is wanted
    else:
        assert cases.same(got, expected(plan, wanted, bool(fed(plan, events))))


def event(number: int, **given: Any) -> Occurrence:
    made: dict[str, Any] = {"event": "A", "timestamp": T0, "received_at": T0, "message_id": f"m{number}"}
    return Occurrence(**made | given)


BOUGHT = "event('A').count() >= 1"


def test_only_profiles_with_an_eligible_identifier_count():
    people = [Person("p1"), Person("p2", id_types=["anonymous_id"]), Person("p3", id_types=["anonymous_id", "email"])]
    landed = [(person.profile_id, event(n)) for n, person in enumerate(people)]
    with Session(landed, people) as session:
        found = evaluate_history(session, compiled(BOUGHT), now=T0, external_ids=["user_id", "email"])
        assert found.sample == ["p1", "p3"]
        assert evaluate_history(session, compiled(BOUGHT), now=T0, external_ids=[]).size == 0


def test_nobody_is_there_who_has_no_living_profile():
    with Session([("gone", event(1)), ("p", event(2))], [Person("p")]) as session:
        assert evaluate_history(session, compiled(BOUGHT), now=T0).sample == ["p"]


def test_what_arrived_later_is_not_known_yet():
    with Session([("p", event(1, received_at=T0 + 1))], [Person("p")]) as session:
        assert evaluate_history(session, compiled(BOUGHT), now=T0).size == 0
        assert evaluate_history(session, compiled(BOUGHT), now=T0 + 1).size == 1


def test_traits_include_the_values_of_computations():
    people = [Person("p1", {"vip": True}, {"vip": False}), Person("p2", {}, {"vip": True}), Person("p3", {"vip": True})]
    plan = compiled("trait('vip') = 'true'")
    with Session([], people) as session:
        assert evaluate_history(session, plan, now=T0).sample == ["p2", "p3"]
        assert evaluate_history(session, plan, now=T0, traits_from_outcomes=False).sample == ["p1", "p3"]


def test_the_sample_is_bounded_and_the_table_is_not():
    with Session([], [Person(f"p{n:03}") for n in range(150)]) as session:
        found = evaluate_history(session, compiled("event('A').count() = 0"), now=T0, table="idle")
        assert (found.size, len(found.sample), len(values(session, found))) == (150, 100, 150)
        again = evaluate_history(session, compiled(BOUGHT), now=T0, table="idle")
        assert (again.size, again.sample, values(session, again)) == (0, [], {})
