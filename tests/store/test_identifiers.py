"""Identifier mappings: claimed by one, released only by its owner, never confused with each other."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Unavailable
from chalicelib.identity.external_id import Identifier
from chalicelib.profiles.ports import Claim, Identifiers
from chalicelib.store.dynamodb import DynamoIdentifiers
from chalicelib.store.keys import identifier_pk
from tests.conftest import Cloud

EMAIL = Identifier("users", "email", "ada@example.com")


def claim(space: str, identifier: Identifier, profile_id: str) -> Claim:
    return Claim(space, identifier, profile_id, 1, "src1", "m1")


def test_the_first_claim_wins(identifiers: Identifiers, space: str) -> None:
    assert identifiers.claim(claim(space, EMAIL, "use_1")) == "use_1"
    assert identifiers.claim(claim(space, EMAIL, "use_2")) == "use_1"
    assert identifiers.claim(claim(space, EMAIL, "use_1")) == "use_1"
    assert identifiers.owners(space, [EMAIL, Identifier("users", "email", "eve@example.com")]) == {EMAIL: "use_1"}


def test_of_many_claims_at_once_all_learn_the_same_owner(identifiers: Identifiers, space: str) -> None:
    owners: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: owners.append(identifiers.claim(claim(space, EMAIL, f"use_{n}"))))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(owners) == 6
    assert {identifiers.owners(space, [EMAIL])[EMAIL]} == set(owners)


def test_release_removes_only_the_mapping_to_that_profile(identifiers: Identifiers, space: str) -> None:
    identifiers.claim(claim(space, EMAIL, "use_1"))
    identifiers.release(space, EMAIL, "use_2")
    assert identifiers.owners(space, [EMAIL]) == {EMAIL: "use_1"}
    identifiers.release(space, EMAIL, "use_1")
    identifiers.release(space, EMAIL, "use_1")
    assert identifiers.owners(space, [EMAIL]) == {}
    assert identifiers.claim(claim(space, EMAIL, "use_2")) == "use_2"


def test_a_mapping_tells_who_claimed_it_and_on_which_version(identifiers: Identifiers, space: str) -> None:
    made = Claim(space, EMAIL, "use_1", 7, "src1", "m1", 3)
    identifiers.claim(made)
    assert identifiers.find(space, [EMAIL, Identifier("users", "email", "eve@example.com")]) == {EMAIL: made}


def test_a_claim_for_the_same_profile_brings_the_version_up_and_never_down(
    identifiers: Identifiers, space: str
) -> None:
    for version, kept in ((3, 3), (5, 5), (4, 5)):
        made = Claim(space, EMAIL, "use_1", 1, "src1", "m1", version)
        assert identifiers.claim(made) == "use_1"
        assert identifiers.find(space, [EMAIL])[EMAIL].version == kept
    assert identifiers.claim(Claim(space, EMAIL, "use_2", 1, "src1", "m1", 9)) == "use_1"


def test_a_claim_replaces_the_one_it_has_seen_and_no_other(identifiers: Identifiers, space: str) -> None:
    seen = Claim(space, EMAIL, "use_1", 1, "src1", "m1", 3)
    identifiers.claim(seen)
    for other in (Claim(space, EMAIL, "use_1", 1, "src1", "m1", 4), Claim(space, EMAIL, "use_9", 1, "src1", "m1", 3)):
        assert identifiers.claim(claim(space, EMAIL, "use_2"), other) == "use_1"
    assert identifiers.claim(claim(space, EMAIL, "use_2"), seen) == "use_2"
    assert identifiers.claim(claim(space, EMAIL, "use_3"), seen) == "use_2"
    assert identifiers.owners(space, [EMAIL]) == {EMAIL: "use_2"}


def test_release_of_a_version_spares_a_newer_claim(identifiers: Identifiers, space: str) -> None:
    identifiers.claim(Claim(space, EMAIL, "use_1", 1, "src1", "m1", 3))
    identifiers.release(space, EMAIL, "use_1", 2)
    assert identifiers.owners(space, [EMAIL]) == {EMAIL: "use_1"}
    identifiers.release(space, EMAIL, "use_1", 3)
    assert identifiers.owners(space, [EMAIL]) == {}


def test_a_mapping_moves_only_as_it_was_found(identifiers: Identifiers, space: str) -> None:
    made = Claim(space, EMAIL, "use_1", 7, "src1", "m1", 3)
    identifiers.move(made, "use_2", 1)
    assert identifiers.owners(space, [EMAIL]) == {}
    identifiers.claim(made)
    identifiers.move(claim(space, EMAIL, "use_1"), "use_2", 1)
    assert identifiers.owners(space, [EMAIL]) == {EMAIL: "use_1"}
    identifiers.move(made, "use_2", 8)
    assert identifiers.find(space, [EMAIL]) == {EMAIL: Claim(space, EMAIL, "use_2", 7, "src1", "m1", 8)}


def test_spaces_collections_types_and_values_keep_apart(identifiers: Identifiers, space: str) -> None:
    names = [
        Identifier("users", "email", "a#b"),
        Identifier("users", "email#a", "b"),
        Identifier("accounts", "email", "a#b"),
        Identifier("users", "email", "a%23b"),
        Identifier("users", "email", "é" * 500),
        Identifier("users", "email", "é" * 499),
        Identifier("users", "email", "🙂" * 500),
    ]
    for place, name in enumerate(names):
        assert identifiers.claim(claim(space, name, f"use_{place}")) == f"use_{place}"
    assert identifiers.owners(space, names) == {name: f"use_{place}" for place, name in enumerate(names)}
    assert identifiers.owners(space + "x", names) == {}


def test_more_than_a_hundred_owners_at_once(identifiers: Identifiers, space: str) -> None:
    names = [Identifier("users", "user_id", f"u{n}") for n in range(205)]
    for name in names[::50]:
        identifiers.claim(claim(space, name, name.value))
    assert identifiers.owners(space, names) == {name: name.value for name in names[::50]}


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("#%2358~", max_size=5)
names = st.builds(Identifier, st.sampled_from(["users", "accounts"]), text, text)


@given(names, names)
def test_two_identifiers_never_share_a_key(one: Identifier, other: Identifier) -> None:
    assert (identifier_pk("space", one) == identifier_pk("space", other)) == (one == other)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=200, max_size=600))
def test_keys_stay_within_what_the_database_takes(value: str) -> None:
    assert len(identifier_pk("space", Identifier("users", "email", value)).encode()) <= 1_024


def test_an_owner_that_vanishes_between_claim_and_look_leaves_the_identifier_to_us(
    cloud: Cloud, space: str, before_call: Callable[[Callable[..., None]], None]
) -> None:
    settings = cloud.names.settings
    identifiers = DynamoIdentifiers(cloud.clients.dynamodb, settings.identifiers_table)
    identifiers.claim(claim(space, EMAIL, "use_1"))
    pending = ["use_1"]

    def vanish(model: Any, **_: Any) -> None:
        if pending and model.name == "GetItem":
            identifiers.release(space, EMAIL, pending.pop())

    before_call(vanish)
    assert identifiers.claim(claim(space, EMAIL, "use_2")) == "use_2"


def test_an_identifier_that_never_rests_is_unavailable(
    cloud: Cloud, space: str, before_call: Callable[[Callable[..., None]], None]
) -> None:
    identifiers = DynamoIdentifiers(cloud.clients.dynamodb, cloud.names.settings.identifiers_table)
    busy: list[bool] = []

    def snatch(model: Any, params: Any, **_: Any) -> None:
        if busy or model.name not in ("PutItem", "GetItem"):
            return
        busy.append(True)
        if model.name == "PutItem":
            identifiers.claim(claim(space, EMAIL, "use_1"))
        else:
            identifiers.release(space, EMAIL, "use_1")
        busy.clear()

    before_call(snatch)
    with pytest.raises(Unavailable):
        identifiers.claim(claim(space, EMAIL, "use_2"))
