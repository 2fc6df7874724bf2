"""Each port twice: in memory and on AWS. A test that takes one of these fixtures runs against both."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.clock import FixedClock
from chalicelib.profiles.ports import Archive, Identifiers, Profiles, Timeline
from chalicelib.records import Records
from chalicelib.secrecy import Secrets
from chalicelib.store import memory
from chalicelib.store.dynamodb import DynamoIdentifiers, DynamoProfiles, DynamoRecords, DynamoTimeline
from chalicelib.store.kms import KmsSecrets
from chalicelib.store.s3 import S3Archive
from tests.conftest import Cloud

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z

_spaces = itertools.count(1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def space() -> str:
    """An id no other test uses: the tables are shared by a module."""
    return f"space{next(_spaces)}"


@pytest.fixture(params=["memory", "aws"])
def cloud_or_none(request: pytest.FixtureRequest) -> Cloud | None:
    return None if request.param == "memory" else request.getfixturevalue("cloud")


@pytest.fixture
def profiles(cloud_or_none: Cloud | None) -> Profiles:
    return memory.MemoryProfiles() if cloud_or_none is None else dynamo_profiles(cloud_or_none)


@pytest.fixture
def identifiers(cloud_or_none: Cloud | None) -> Identifiers:
    if cloud_or_none is None:
        return memory.MemoryIdentifiers()
    return DynamoIdentifiers(cloud_or_none.clients.dynamodb, cloud_or_none.names.settings.identifiers_table)


@pytest.fixture
def timeline(cloud_or_none: Cloud | None, clock: FixedClock) -> Timeline:
    if cloud_or_none is None:
        return memory.MemoryTimeline(clock)
    return DynamoTimeline(cloud_or_none.clients.dynamodb, cloud_or_none.names.settings.timeline_table, clock)


@pytest.fixture
def records(cloud_or_none: Cloud | None, clock: FixedClock) -> Records:
    if cloud_or_none is None:
        return memory.MemoryRecords(clock)
    return DynamoRecords(cloud_or_none.clients.dynamodb, cloud_or_none.names.settings.work_table, clock)


@pytest.fixture
def archive(cloud_or_none: Cloud | None, clock: FixedClock) -> Archive:
    if cloud_or_none is None:
        return memory.MemoryArchive(clock)
    return S3Archive(cloud_or_none.clients.s3, cloud_or_none.names.settings.archive_bucket)


@pytest.fixture
def secrets(cloud_or_none: Cloud | None) -> Secrets:
    if cloud_or_none is None:
        return memory.MemorySecrets()
    return KmsSecrets(cloud_or_none.clients.kms, cloud_or_none.names.settings.key_id)


def dynamo_profiles(cloud: Cloud, **options: Any) -> DynamoProfiles:
    settings = cloud.names.settings
    return DynamoProfiles(cloud.clients.dynamodb, settings.profiles_table, settings.work_table, **options)


@pytest.fixture
def calls(cloud: Cloud) -> Iterator[list[str]]:
    """The names of the DynamoDB operations called from now on."""
    made: list[str] = []
    yield from _watching(cloud, lambda model, **_: made.append(model.name), made)


@pytest.fixture
def before_call(cloud: Cloud) -> Iterator[Callable[[Callable[..., None]], None]]:
    """Run something just before a DynamoDB call is made; it gets `model` and `params`."""
    hooks: list[Callable[..., None]] = []
    yield from _watching(cloud, lambda **event: [hook(**event) for hook in list(hooks)], hooks.append)


def _watching(cloud: Cloud, handler: Callable[..., Any], given: Any) -> Iterator[Any]:
    events = cloud.clients.dynamodb.client.meta.events

    def quiet(**event: Any) -> None:  # botocore takes an answer for the call's own
        handler(**event)

    events.register("before-call.dynamodb", quiet)
    yield given
    events.unregister("before-call.dynamodb", quiet)
