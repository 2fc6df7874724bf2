"""Changes of profiles as Lambda receives them."""

from typing import Any

import pytest

from chalicelib.errors import Malformed
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import Head, Profile, Trait
from chalicelib.store.dynamodb import profile_changes
from chalicelib.store.memory import MemoryProfiles
from infra.local.events import stream_event
from tests.conftest import Cloud
from tests.store.conftest import dynamo_profiles


def stream_records(cloud: Cloud) -> list[dict[str, Any]]:
    """Everything the stream of the table holds, in Lambda's spelling."""
    streams, arn = cloud.clients.client("dynamodbstreams"), cloud.names.profile_stream_arn
    records: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records.extend(stream_event(streams.get_records(ShardIterator=iterator)["Records"], arn)["Records"])
    return records


def story(profiles: Any, space: str) -> None:
    profile = Profile(space_id=space, profile_id="use_ada", head=Head(traits={"plan": Trait("free", 1, "src1")}))
    profiles.save(profile)
    profile.head.traits["plan"] = Trait("pro", 2, "src1")
    profiles.save(profile)
    profile.merged_into = "use_eve"
    profiles.save(profile)


def told(changes: list[ProfileChange]) -> list[tuple[Any, ...]]:
    return [tuple(change)[1:] for change in changes]


def test_the_stream_tells_what_the_memory_store_tells(cloud: Cloud, space: str) -> None:
    memory = MemoryProfiles()
    story(memory, space)
    story(dynamo_profiles(cloud), space)
    changes = [change for change in profile_changes(stream_records(cloud)) if change.space_id == space]
    assert told(changes) == told(memory.changes)
    assert [change.version for change in changes] == [1, 2, 3]
    assert changes[0].old is None
    assert changes[2].merged_into == "use_eve"
    assert len({change.record_id for change in changes}) == 3
    assert len({change.record_id for change in memory.changes}) == 3


def test_a_deleted_profile_has_no_new_head(cloud: Cloud, space: str) -> None:
    story(dynamo_profiles(cloud), space)
    (record, *_) = [r for r in stream_records(cloud) if r["dynamodb"]["Keys"]["pk"]["S"].startswith(f"{space}#")][::-1]
    images = {"Keys": record["dynamodb"]["Keys"], "OldImage": record["dynamodb"]["NewImage"]}
    (change,) = profile_changes([{**record, "eventName": "REMOVE", "dynamodb": images}])
    assert (change.version, change.new) == (3, None)
    assert change.old is not None


def test_what_is_no_profile_is_left_out() -> None:
    other = {"eventID": "1", "eventName": "INSERT", "dynamodb": {"NewImage": {"pk": {"S": "x"}}}}
    assert profile_changes([other, {**other, "dynamodb": {"Keys": {"pk": {"S": "x"}}}}]) == []


def test_a_damaged_profile_is_malformed() -> None:
    image = {"pk": {"S": "s#p"}, "version": {"N": "1"}, "head": {"B": "AgIC"}}
    with pytest.raises(Malformed):
        profile_changes([{"eventID": "1", "eventName": "INSERT", "dynamodb": {"NewImage": image}}])
