"""Profiles: one conditional write each, the due index, and large profiles."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.errors import Invalid, Unavailable, VersionConflict
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles.ports import ProfileKey, Profiles
from chalicelib.profiles.profile import DELETED, Counted, Head, Outcome, Profile, Sighting, Trait
from chalicelib.store.keys import SHARDS, listing_of, listings, profile_pk, shard_of
from tests.conftest import Cloud
from tests.store.conftest import NOON, dynamo_profiles


def ada(space: str, **fields: Any) -> Profile:
    head = Head(
        created_at=NOON,
        first=Sighting(NOON, "m1", "src1"),
        external_ids=[ExternalId("email", "ada@example.com", "map_1", NOON, "src1", "m1")],
        traits={"plan": Trait("pro", NOON, "src1"), "gone": Trait(None, NOON, "src1")},
        outcomes={"buyers": Outcome(True, "aud_1", NOON)},
        recent=[Counted(b"tag", NOON, b"12345678")],
        catalogue=7,
    )
    return Profile(
        space_id=space, profile_id="use_ada", **{"head": head, "streams": {"s": [[NOON, 1.5, "€"]]}, **fields}
    )


def key_of(profile: Profile) -> ProfileKey:
    return ProfileKey(profile.space_id, profile.profile_id)


def test_a_saved_profile_comes_back_whole(profiles: Profiles, space: str) -> None:
    profile = ada(space, merged_into="use_eve")
    profiles.save(profile)
    assert profile.version == 1
    assert profiles.load([key_of(profile)]) == {key_of(profile): profile}


def test_what_is_not_there_is_not_in_the_answer(profiles: Profiles, space: str) -> None:
    assert profiles.load([ProfileKey(space, "use_nobody")]) == {}
    assert profiles.load([]) == {}


def test_changes_after_a_save_stay_with_the_caller(profiles: Profiles, space: str) -> None:
    profile = ada(space)
    profiles.save(profile)
    profile.head.traits["plan"] = Trait("free", NOON, "src1")
    profile.streams["s"].append([NOON + 1])
    assert profiles.load([key_of(profile)])[key_of(profile)].head.traits["plan"].value == "pro"


def test_the_second_of_two_writers_of_one_version_loses(profiles: Profiles, space: str) -> None:
    profiles.save(ada(space))
    (mine,) = profiles.load([ProfileKey(space, "use_ada")]).values()
    (theirs,) = profiles.load([ProfileKey(space, "use_ada")]).values()
    theirs.head.catalogue = 8
    profiles.save(theirs)
    with pytest.raises(VersionConflict):
        profiles.save(mine)
    assert mine.version == 1
    assert profiles.load([key_of(mine)])[key_of(mine)].head.catalogue == 8


def test_a_profile_is_created_once(profiles: Profiles, space: str) -> None:
    profiles.save(ada(space))
    with pytest.raises(VersionConflict):
        profiles.save(ada(space))


def test_a_version_that_never_was_cannot_be_followed(profiles: Profiles, space: str) -> None:
    with pytest.raises(VersionConflict):
        profiles.save(ada(space, version=3))


def test_writers_that_try_again_lose_nothing(profiles: Profiles, space: str) -> None:
    def count(name: str) -> None:
        for _ in range(3):
            while True:
                found = profiles.load([ProfileKey(space, "use_ada")]).get(ProfileKey(space, "use_ada"))
                profile = found or Profile(space_id=space, profile_id="use_ada")
                profile.streams[name] = profile.streams.get(name, 0) + 1
                try:
                    profiles.save(profile)
                    break
                except VersionConflict:
                    continue

    threads = [threading.Thread(target=count, args=(f"t{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (after,) = profiles.load([ProfileKey(space, "use_ada")]).values()
    assert after.streams == {"t0": 3, "t1": 3, "t2": 3}
    assert after.version == 9


def due_keys(profiles: Profiles, shard: int, before: int, limit: int = 100) -> list[ProfileKey]:
    keys: list[ProfileKey] = []
    cursor: str | None = None
    while True:
        page = profiles.due(shard, before, limit, cursor)
        assert len(page.keys) <= limit
        keys.extend(page.keys)
        cursor = page.cursor
        if cursor is None:
            return keys


def test_profiles_are_due_at_their_earliest_edge_in_order(profiles: Profiles, space: str) -> None:
    shard = shard_of(profile_pk(ProfileKey(space, "p0")))
    ids = [f"p{n}" for n in range(200) if shard_of(profile_pk(ProfileKey(space, f"p{n}"))) == shard][:5]
    for place, profile_id in enumerate(ids):
        edge = NOON + 10 * (len(ids) - place)
        profiles.save(Profile(space_id=space, profile_id=profile_id, head=Head(edges={"a": edge, "b": edge + 5})))
    ours = [key for key in due_keys(profiles, shard, NOON + 40, limit=2) if key.space_id == space]
    assert ours == [ProfileKey(space, profile_id) for profile_id in reversed(ids[1:])]


def test_a_profile_whose_edges_are_gone_is_no_longer_due(profiles: Profiles, space: str) -> None:
    profile = ada(space)
    profile.head.edges["a"] = NOON
    profiles.save(profile)
    shard = shard_of(profile_pk(key_of(profile)))
    assert key_of(profile) in due_keys(profiles, shard, NOON)
    profile.head.edges.clear()
    profiles.save(profile)
    assert key_of(profile) not in due_keys(profiles, shard, NOON)


def test_of_a_buried_profile_only_the_mark_is_left(profiles: Profiles, space: str) -> None:
    profile = ada(space)
    profile.head.edges["a"] = NOON
    profiles.save(profile)
    profiles.bury(profile)
    (left,) = profiles.load([key_of(profile)]).values()
    assert left == Profile(space_id=space, profile_id="use_ada", version=2, merged_into=DELETED)
    assert key_of(profile) not in due_keys(profiles, shard_of(profile_pk(key_of(profile))), NOON)


def test_only_the_version_that_was_read_is_buried(profiles: Profiles, space: str) -> None:
    profile = ada(space)
    profiles.save(profile)
    (stale,) = profiles.load([key_of(profile)]).values()
    profiles.save(profile)
    with pytest.raises(VersionConflict):
        profiles.bury(stale)
    assert profiles.load([key_of(profile)])[key_of(profile)].head == profile.head


def listed(profiles: Profiles, space: str, limit: int, collection: str = "users") -> list[str]:
    """All pages, each starting at what the one before left over."""
    found: list[str] = []
    while True:
        page = profiles.newest(space, collection, limit + 1, found.pop() if found else "")
        assert len(page) <= limit + 1
        found += page
        if len(page) <= limit:
            return found


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_the_list_of_a_space_shows_every_living_profile_once_the_newest_first(
    profiles: Profiles, space: str, limit: int
) -> None:
    ids = [f"use_{n:02}" for n in range(11)]
    for profile_id in ids:
        profiles.save(Profile(space_id=space, profile_id=profile_id))
    profiles.save(Profile(space_id=space, profile_id="acc_1", head=Head(collection="accounts")))
    profiles.save(Profile(space_id=space + "0", profile_id="use_99"))
    (merged,) = profiles.load([ProfileKey(space, "use_05")]).values()
    merged.merged_into = "use_04"
    profiles.save(merged)
    (deleted,) = profiles.load([ProfileKey(space, "use_07")]).values()
    profiles.bury(deleted)
    assert listed(profiles, space, limit) == [i for i in reversed(ids) if i not in ("use_05", "use_07")]
    assert listed(profiles, space, limit, "accounts") == ["acc_1"]


def test_a_page_of_the_list_begins_where_it_is_told_even_when_nothing_stands_there(
    profiles: Profiles, space: str
) -> None:
    for profile_id in ("use_1", "use_3", "use_5"):
        profiles.save(Profile(space_id=space, profile_id=profile_id))
    assert profiles.newest(space, "users", 2, "use_4") == ["use_3", "use_1"]
    assert profiles.newest(space, "users", 2, "use_3") == ["use_3", "use_1"]
    assert profiles.newest(space, "users", 2, "use_0") == []


def test_a_list_spreads_over_its_shards() -> None:
    counts = Counter(listing_of(f"space#use_{n}", "users") for n in range(400))
    assert counts.keys() == set(listings("space", "users"))
    assert min(counts.values()) > 60


def test_shards_share_the_profiles_evenly() -> None:
    counts = [0] * SHARDS
    for n in range(3_200):
        counts[shard_of(f"space#use_{n}")] += 1
    assert min(counts) > 120
    assert max(counts) < 290


def test_a_save_is_one_write_and_a_load_of_250_is_three_reads(cloud: Cloud, space: str, calls: list[str]) -> None:
    profiles = dynamo_profiles(cloud)
    saved = [Profile(space_id=space, profile_id=f"p{n}", streams={"n": n}) for n in (0, 120, 249)]
    for profile in saved:
        profiles.save(profile)
    assert calls == ["PutItem"] * 3
    calls.clear()
    found = profiles.load(ProfileKey(space, f"p{n}") for n in range(250))
    assert found == {key_of(profile): profile for profile in saved}
    assert calls == ["BatchGetItem"] * 3


def test_an_item_holds_only_what_conditions_and_indexes_need_besides_the_blobs(cloud: Cloud, space: str) -> None:
    profiles = dynamo_profiles(cloud)
    plain, due = ada(space), Profile(space_id=space, profile_id="due", head=Head(edges={"a": 5}))
    merged = Profile(space_id=space, profile_id="merged", head=Head(edges={"a": 5}), merged_into="use_x")
    for profile in (plain, due, merged):
        profiles.save(profile)
    assert set(raw_item(cloud, key_of(plain))) == {"pk", "version", "listing", "head", "streams"}
    assert set(raw_item(cloud, key_of(due))) == {"pk", "version", "listing", "head", "due_shard", "due_at"}
    assert set(raw_item(cloud, key_of(merged))) == {"pk", "version", "head", "merged_into"}


def raw_item(cloud: Cloud, key: ProfileKey) -> dict[str, Any]:
    table = cloud.names.settings.profiles_table
    found = cloud.clients.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": profile_pk(key)}})
    return dict(found["Item"])


def part_keys(cloud: Cloud, key: ProfileKey) -> list[str]:
    found = cloud.clients.client("dynamodb").query(
        TableName=cloud.names.settings.work_table,
        KeyConditionExpression="#p = :p",
        ExpressionAttributeNames={"#p": "partition"},
        ExpressionAttributeValues={":p": {"S": f"parts#{profile_pk(key)}"}},
    )
    return [item["sort"]["S"] for item in found["Items"]]


def large(space: str) -> Profile:
    noise = {
        f"s{n}": [[n * 7919 % 10_007, f"{n * 104_729 % 1_299_709:x}"] for n in range(n, n + 400)] for n in range(30)
    }
    return ada(space, streams=noise)


def small_items(cloud: Cloud) -> Any:
    profiles = dynamo_profiles(cloud, inline=1_000)
    profiles._parts._largest = 2_000
    return profiles


def test_large_streams_move_beside_the_item_and_come_back(cloud: Cloud, space: str) -> None:
    profiles, profile = small_items(cloud), large(space)
    profiles.save(profile)
    assert set(raw_item(cloud, key_of(profile))) == {"pk", "version", "listing", "head", "parts"}
    assert len(part_keys(cloud, key_of(profile))) > 1
    assert profiles.load([key_of(profile)]) == {key_of(profile): profile}


def test_burying_takes_parts_along_and_those_of_killed_workers_too(cloud: Cloud, space: str) -> None:
    profiles, profile = small_items(cloud), large(space)
    profiles.save(profile)
    for version in (2, 9):
        profiles._parts.write(profile_pk(key_of(profile)), version, b"of a version that never came")
    profiles.bury(profile)
    assert part_keys(cloud, key_of(profile)) == []
    assert set(raw_item(cloud, key_of(profile))) == {"pk", "version", "head", "merged_into"}


def test_parts_of_older_versions_are_removed(cloud: Cloud, space: str) -> None:
    profiles, profile = small_items(cloud), large(space)
    profiles.save(profile)
    profile.streams["s0"] = []
    profiles.save(profile)
    assert {key.partition("#")[0] for key in part_keys(cloud, key_of(profile))} == {"000000000002"}
    profile.streams = {"s": 1}
    profiles.save(profile)
    assert part_keys(cloud, key_of(profile)) == []
    assert profiles.load([key_of(profile)]) == {key_of(profile): profile}


def test_the_loser_of_a_race_does_not_touch_the_parts_of_the_winner(cloud: Cloud, space: str) -> None:
    profiles, first = small_items(cloud), large(space)
    profiles.save(first)
    winner, loser = large(space), large(space)
    winner.version = loser.version = 1
    winner.streams["s0"], loser.streams["s0"] = ["winner"], ["loser"]
    profiles.save(winner)
    with pytest.raises(VersionConflict):
        profiles.save(loser)
    assert profiles.load([key_of(winner)])[key_of(winner)].streams["s0"] == ["winner"]


def test_a_reader_between_two_versions_sees_the_newer_one(
    cloud: Cloud, space: str, before_call: Callable[[Callable[..., None]], None]
) -> None:
    profiles, profile = small_items(cloud), large(space)
    profiles.save(profile)
    pending = [profile]

    def supersede(model: Any, params: Any, **_: Any) -> None:
        if pending and model.name == "BatchGetItem" and cloud.names.settings.work_table in str(params["body"]):
            changed = pending.pop()
            changed.streams["s0"] = ["newer"]
            profiles.save(changed)

    before_call(supersede)
    found = profiles.load([key_of(profile)])[key_of(profile)]
    assert (found.version, found.streams["s0"]) == (2, ["newer"])


def test_a_profile_whose_parts_never_come_is_unavailable(cloud: Cloud, space: str) -> None:
    profiles, profile = small_items(cloud), large(space)
    profiles.save(profile)
    profiles._parts.remove_before(profile_pk(key_of(profile)), 2)
    with pytest.raises(Unavailable):
        profiles.load([key_of(profile)])


def test_a_head_that_no_item_can_hold_is_refused(cloud: Cloud, space: str) -> None:
    profile = ada(space)
    digests = [hashlib.sha512(str(n).encode()).hexdigest() for n in range(5_000)]
    profile.head.traits = {f"t{n}": Trait(digest, NOON, "src1") for n, digest in enumerate(digests)}
    with pytest.raises(Invalid):
        dynamo_profiles(cloud).save(profile)
    assert dynamo_profiles(cloud).load([key_of(profile)]) == {}
