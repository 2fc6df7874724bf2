"""Previews, files, imports and replays show what the APIs showed at the time, or show now."""

import csv
import io
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.clock import DAY, HOUR
from chalicelib.exports.cells import cell
from chalicelib.instants import to_iso
from tests.acceptance.chronicle import Rule
from tests.acceptance.journal import DEFAULT_IDS, EVERYBODY, Journal
from tests.acceptance.test_errands import another_space, export, manage, put
from tests.acceptance.test_taking_in import guest, joined
from tests.acceptance.world import identify, track

TWO_DAYS = "event('A').within(2 days).count() >= 2"
PRO = "trait('plan') = 'pro' OR event('B').count() >= 3"
FOLLOWS = "trait('r0') = 'true' AND NOT trait('r1') = 'true'"
DATED = "trait('due').within_next(2 days) OR trait('due').before_last(3 days)"
TEXTS = [TWO_DAYS, PRO, FOLLOWS, DATED]


@pytest.fixture
def journal() -> Iterator[Journal]:
    yield Journal()
    bootstrap.install(None)


def live(journal: Journal, random: Random) -> None:
    """Some hours of some people."""
    for _ in range(3):
        who, late = random.randrange(5), {"timestamp": to_iso(journal.now - random.choice([0, 0, HOUR, 30 * HOUR]))}
        journal.say(
            random.choice(
                [
                    track(random.choice("AAB"), f"u{who}", **late),
                    track(random.choice("AAB"), f"u{who}", **late),
                    guest(random.choice("AB"), f"a{who}"),
                    identify(f"u{who}", plan=random.choice(["pro", "free", None]), email=f"{who}@x.io"),
                    identify(f"u{who}", due=to_iso(journal.now + random.randint(-4, 4) * DAY)[:10]),
                    {**joined(f"u{who}", f"a{who}"), **late},
                ]
            )
        )
    journal.world.advance(random.choice([1, 5_000, 30_000, 86_400]))


def members(journal: Journal, rule: Rule) -> set[str]:
    """Ids of profiles, as the Profile API tells them."""
    found = set()
    for person in journal.chronicle.people(journal.now):
        name = ":".join(min(person.ids))
        if journal.world.memberships(name).get(rule.key):
            profile = journal.world.application.lookup.find(journal.world.stack.space_id, "users", name)
            assert profile is not None
            found.add(profile.profile_id)
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_preview_of_an_instant_is_what_was_then(journal: Journal, seed: int) -> None:
    random, was = Random(seed), {}
    rules = [journal.audience(text) for text in TEXTS]
    for _ in range(16):
        live(journal, random)
        was[journal.now] = {rule.id: members(journal, rule) for rule in rules}
        journal.world.advance(0.001)
    journal.check()
    instants = random.sample(sorted(was), 5)
    for at in instants:
        rule = random.choice(rules)
        found = journal.world.manage(
            "POST",
            f"{journal.world.audiences}/previews",
            {
                "audienceType": "USERS",
                "definition": {"query": rule.text},
                "options": {"filterByExternalIds": list(EVERYBODY)},
                "asOf": to_iso(at),
                "overlapAudienceId": rules[0].id,
            },
        )
        shown = seen(journal, found.data["audiencePreview"]["id"])
        assert {one["id"] for one in shown["results"]} == was[at][rule.id], (rule.text, to_iso(at))
        assert shown["size"]["count"] == len(was[at][rule.id])
        assert shown["overlap"]["count"] == len(was[at][rule.id] & was[at][rules[0].id])
    assert any(was[at][rule.id] for at in instants for rule in rules)


def seen(journal: Journal, id: str) -> Any:
    journal.world.drain()
    found = manage(journal.world, "GET", f"{journal.world.audiences}/previews/{id}")["audiencePreview"]
    assert found["status"] == "COMPLETED", found
    return found


def test_a_preview_has_a_lookback_from_its_own_instant_and_ids_of_its_own(journal: Journal) -> None:
    journal.say(*(track("A", f"u{n}", timestamp=to_iso(journal.now - n * DAY)) for n in range(9)), guest("A", "a1"))
    journal.say(identify("u3", email="3@x.io"), identify("u5", email="5@x.io"))
    then = journal.now
    journal.world.advance(5 * DAY / 1_000)
    for days in (None, 3, 7, 12):
        for at in (None, then, then - 1, then + DAY):
            for ids in (EVERYBODY, DEFAULT_IDS, ("email",)):
                journal.preview("event('A').count() >= 1", at, ids, days)


# Files


def rows(journal: Journal, found: Any) -> list[dict[str, str]]:
    key = f"exports/{journal.world.stack.space_id}/{found['id']}.csv"
    text = journal.world.application.adapters.archive.get(key).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def of_profile(journal: Journal, profile_id: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Its traits and external ids, as the Profile API tells them."""
    world = journal.world
    traits = world.traits(f"segment_id:{profile_id}")
    assert traits is not None
    path = (
        f"/v1/spaces/{world.stack.space_id}/collections/users/profiles/segment_id:{profile_id}/external_ids?limit=100"
    )
    listed = world.ask("GET", path, Authorization=world.basic()).body["data"]
    ids: dict[str, list[str]] = {}
    for one in listed:
        ids.setdefault(one["type"], []).append(one["id"])
    return traits, ids


def test_every_cell_of_a_file_is_what_the_profile_api_tells(journal: Journal) -> None:
    random = Random(7)
    odd = ["=1+1", "-5", 'a"b,c', "x\ny", "", [1, "é"], {"k": None}, 2.5, True, 0]
    audience = journal.audience("event('A').count() >= 1 OR trait('odd').exists()")
    count, listed = journal.trait("event('A').count()"), journal.trait("event('A').unique(property('p'))")
    for n, value in enumerate(odd):
        journal.say(identify(f"u{n}", odd=value, email=f"{n}@x.io"), identify(f"u{n}", email=f"{n}@y.io"))
        journal.say(*(track("A", f"u{n}", properties={"p": random.choice(odd)}) for _ in range(n % 3)))
        journal.say(guest("A", f"a{n}"), joined(f"u{n % 4}", f"a{n}"))
    journal.check()
    chosen = ["odd", audience.key, count.key, listed.key, "nothing"]
    made = export(journal.world, journal.path(audience), format="FORMATTED", traits=chosen)
    found = rows(journal, made)
    assert len(found) == made["people"] == journal.shown(audience)["size"]["count"] == len(odd)
    for row in found:
        traits, ids = of_profile(journal, row["key"])
        assert {name: row[name] for name in chosen} == {name: cell(traits.get(name)) for name in chosen}
        for type in ("user_id", "email", "anonymous_id"):
            columns = [row[name] for name in row if name == type or name.startswith(f"{type}_")]
            assert sorted(filter(None, columns)) == sorted(ids.get(type, []))
    journal.world.advance(300)
    for row in rows(journal, export(journal.world, journal.path(audience), traits=True)):
        traits, ids = of_profile(journal, row["key"])
        assert json.loads(row["traits"]) == traits
        assert {type: sorted(some) for type, some in json.loads(row["external_ids"]).items()} == {
            type: sorted(some) for type, some in ids.items()
        }
    for rule in (count, listed):
        values = {row["key"]: row["value"] for row in rows(journal, export(journal.world, journal.path(rule)))}
        assert len(values) == len([row for row in found if row[rule.key]]) > 0
        for profile_id, value in values.items():
            assert value == cell(of_profile(journal, profile_id)[0][rule.key])


# Imports and replays


def imported(journal: Journal, *lines: dict[str, Any]) -> Any:
    space = f"/spaces/{journal.world.stack.space_id}"
    upload = manage(journal.world, "POST", f"{space}/imports", {})["upload"]
    put(journal.world, upload["key"], *lines)
    sent = {"key": upload["key"], "sourceId": journal.world.stack.source_id}
    id = manage(journal.world, "POST", f"{space}/imports", sent)["import"]["id"]
    journal.chronicle.add(journal.now, lines, journal.world.stack.source_id)
    journal.world.drain()
    journal.world.advance(0.001)
    return manage(journal.world, "GET", f"{space}/imports/{id}")["import"]


@pytest.mark.parametrize("first", [True, False])
def test_a_file_of_years_counts_like_what_was_sent(journal: Journal, first: bool) -> None:
    random = Random(3)
    lines = [
        {
            **random.choice([{"userId": f"u{n % 5}"}, {"anonymousId": f"a{n % 5}"}]),
            "type": "track",
            "event": random.choice("AB"),
            "messageId": f"i{n}",
            "timestamp": to_iso(journal.now - random.randrange(1_200) * DAY),
            "properties": {"v": n},
        }
        for n in range(60)
    ] + [{**joined(f"u{n}", f"a{n}", plan="pro"), "messageId": f"j{n}"} for n in range(3)]
    journal.say(track("A", "u1"), guest("B", "a1"))
    if first:
        assert imported(journal, *lines)["report"]["accepted"] == len(lines)
    for text in (
        "event('A').within(400 days).count() >= 3",
        "event('B').between(300 days, 2000 days).count() >= 2",
        PRO,
    ):
        journal.audience(text)
        journal.audience(text, includeHistoricalData=False)
        journal.audience(text, backfillEventDataDays=200)
    for reducer in ("first(property('v'))", "last(property('v'))", "max(property('v'))", "mode(property('v'), 1)"):
        journal.trait(f"event('A').{reducer}")
    journal.check()
    if not first:
        journal.world.advance(1)
        assert imported(journal, *lines)["report"]["accepted"] == len(lines)
        journal.check()
    journal.world.advance(150 * DAY / 1_000)
    journal.check()


def test_a_space_that_everything_is_sent_into_again_holds_the_same(journal: Journal) -> None:
    world, random, start = journal.world, Random(5), journal.now
    rules = [
        journal.audience(text) for text in (PRO, "event('A').count() >= 3", "event('A').within(9 days).count() >= 2")
    ]
    for _ in range(15):
        live(journal, random)
    world.advance(DAY / 1_000)
    journal.check()
    target = another_space(world)
    copies = []
    for rule in rules:
        options = {"filterByExternalIds": list(EVERYBODY)}
        sent = {"name": rule.key, "audienceType": "USERS", "definition": {"query": rule.text}, "options": options}
        copies.append(world.manage("POST", f"/spaces/{target}/audiences", sent).data["audience"])
    asked = {"from": to_iso(start), "to": to_iso(journal.now), "targetSpaceId": target}
    manage(world, "POST", f"/spaces/{world.stack.space_id}/replays", asked)
    world.drain()
    world.advance(1)
    for person in journal.chronicle.people(journal.now):
        name = ":".join(min(person.ids))
        here, there = journal.traits(person), world.application.lookup.find(target, "users", name)
        assert there is not None
        values = there.trait_values()
        assert {rule.key: bool(here.get(rule.key)) for rule in rules} == {
            rule.key: bool(values.get(copy["key"])) for rule, copy in zip(rules, copies, strict=True)
        }, (name, here, values)
    sizes = [
        world.manage("GET", f"/spaces/{target}/audiences/{copy['id']}").data["audience"]["size"] for copy in copies
    ]
    assert sizes == [journal.shown(rule)["size"] for rule in rules]
