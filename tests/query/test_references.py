"""What a definition reads, cycles between definitions, cadences, and what is not computed."""

import pytest

from chalicelib import query

from .timeline import Occurrence, compiled, fed

T0 = 1_715_774_400_000


def parsed(text: str, kind: str = "audience", scope: str = "USERS") -> query.Definition:
    return query.parse(text, kind=kind, scope=scope)


def test_traits_and_references_are_found_everywhere():
    plan = compiled(
        r"trait('a') = 'true' AND NOT trait('b.x').exists() AND trait('t.$') = trait('c') AND event('E').where("
        r"property('p') > trait('d') AND event('F').where(trait('e\.f') = 1).count() > 0).count() > trait('g')"
    )
    assert plan.traits == {"a", "b", "t", "c", "d", "e.f", "g"}
    assert plan.references == {"a", "c", "d", "e.f", "g"}


def test_a_reference_that_closes_a_circle_is_pointed_at():
    existing = {"b": parsed("trait('c') = 'true'"), "c": parsed("event('E').where(trait('a') = 1).count() > 0")}
    with pytest.raises(query.QueryError) as caught:
        query.check_cycle(existing, "a", parsed("trait('x') = 1 AND trait('b') = 'true'"))
    assert (caught.value.code, caught.value.offset) == ("cycle", 19)
    assert "`b`" in caught.value.message


def test_the_former_definition_of_a_key_does_not_matter():
    existing = {"a": parsed("trait('b') = 1"), "b": parsed("event('E').count() > 0")}
    query.check_cycle(existing, "a", parsed("trait('b') = 2"))
    query.check_cycle({"a": parsed("trait('a') = 1")}, "a", parsed("event('E').count() > 0"))


def test_long_chains_of_references_are_followed():
    existing = {f"k{n}": parsed(f"trait('k{n + 1}') = 1") for n in range(3_000)}
    query.check_cycle(existing, "other", parsed("trait('k0') = 1"))
    with pytest.raises(query.QueryError):
        query.check_cycle(existing, "k3000", parsed("trait('k0') = 1"))


@pytest.mark.parametrize(("scope", "expected"), [("USERS", "REALTIME"), ("ACCOUNTS", "BATCH"), ("LINKED", "BATCH")])
def test_cadence_follows_the_scope(scope: str, expected: str):
    assert query.cadence(parsed("event('A').where(event('B').count() > 0).count() > 0", scope=scope)) == expected


def test_linked_audiences_are_read_but_not_compiled():
    definition = parsed("trait('a') = 1 AND entity('orders').where(property('total') > 5).count() >= 1", scope="LINKED")
    assert query.to_text(definition).endswith("entity('orders').where(property('total') > 5).count() >= 1")
    with pytest.raises(query.QueryError) as caught:
        query.compile(definition)
    assert (caught.value.code, caught.value.offset) == ("not_supported", 19)
    assert "`entity`" in caught.value.message


def test_accounts_are_evaluated_with_their_users():
    plan = compiled("ANY event('A').count() >= 1", scope="ACCOUNTS")
    with pytest.raises(ValueError, match="evaluate_account"):
        query.evaluate(plan, {}, {}, T0)
    with pytest.raises(ValueError, match="user by user"):
        query.explain(plan, {}, {}, T0)


def test_an_explanation_names_the_parts_the_events_and_the_next_change():
    plan = compiled("event('A').within(1 hour).count() >= 2 AND NOT trait('vip') = true")
    events = [
        Occurrence(event="A", timestamp=T0 - minutes * 60_000, received_at=T0, message_id=str(minutes))
        for minutes in (5, 30, 90)
    ]
    explained = query.explain(plan, fed(plan, events), {"vip": False}, T0)
    assert explained == {
        "text": "event('A').within(1 hour).count() >= 2 AND NOT trait('vip') = true",
        "value": True,
        "next_edge": T0 + 30 * 60_000 + 1,
        "parts": [
            {
                "text": "event('A').within(1 hour).count() >= 2",
                "value": True,
                "next_edge": T0 + 30 * 60_000 + 1,
                "events": [
                    {"of": "event('A').within(1 hour).count()", "timestamps": [T0 - 30 * 60_000, T0 - 5 * 60_000]}
                ],
            },
            {
                "text": "NOT trait('vip') = true",
                "value": True,
                "next_edge": None,
                "parts": [{"text": "trait('vip') = true", "value": False, "next_edge": None}],
            },
        ],
    }


def test_an_explanation_of_a_trait_names_the_events_of_a_funnel():
    plan = compiled("event('A').where(event('B').within(parent: 1 hour).count() >= 1).count()", "trait")
    names = [("A", 300), ("A", 200), ("B", 190), ("A", 10)]
    events = [
        Occurrence(event=name, timestamp=T0 - minutes * 60_000, received_at=T0, message_id=str(minutes))
        for name, minutes in names
    ]
    explained = query.explain(plan, fed(plan, events), {}, T0)
    assert explained["value"] == 1
    assert explained["events"][0]["timestamps"] == [T0 - 200 * 60_000]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event('A').where(event('B').within(parent: 5 days).count() >= 1).count() >= 1", True),
        ("event('A').where(event('B').between(parent: 1 day, 5 days).count() >= 1).count() >= 1", True),
        ("event('A').where(event('B').where(property('x') = property(parent: 'x')).count() >= 1).count() >= 1", True),
        ("event('A').where(event('B').within(5 days).count() >= 1).count() >= 1", False),
        ("event('A').within(5 days).count() >= 1 AND trait('parent') = 'x'", False),
    ],
)
def test_funnels_look_from_one_event_to_another(text: str, expected: bool):
    assert query.is_funnel(parsed(text)) is expected


def test_what_is_depended_on_is_followed_to_its_end():
    both = query.together([parsed("trait('b') = 1"), parsed("event('E').count() > trait('c')")])
    assert query.keys_read(both) == {"b", "c"}
    existing = {"a": both, "c": parsed("trait('d') = 1")}
    assert query.depends_on(existing, parsed("trait('a') = 1 OR trait('z') = 1")) == {"a", "b", "c", "d", "z"}
    assert query.depends_on(existing, parsed("event('E').count() > 0")) == set()
