"""What is told as Unavailable, and what is not."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from pynamodb.exceptions import PynamoDBException

from chalicelib.clock import FixedClock
from chalicelib.errors import Unavailable
from chalicelib.profiles.ports import ProfileKey
from chalicelib.profiles.profile import Profile
from chalicelib.records import Key
from chalicelib.store.clients import Clients
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.dynamodb.table import BATCH_ATTEMPTS
from chalicelib.store.faults import passes, translated
from tests.conftest import Cloud
from tests.store.conftest import dynamo_profiles


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")


PASSING: list[Exception] = [
    client_error("ThrottlingException"),
    client_error("ProvisionedThroughputExceededException"),
    client_error("SlowDown", 503),
    client_error("WhateverItIs", 500),
    ConnectTimeoutError(endpoint_url="http://x"),
    ReadTimeoutError(endpoint_url="http://x"),
    EndpointConnectionError(endpoint_url="http://x"),
]
LASTING: list[Exception] = [
    client_error("ValidationException"),
    client_error("AccessDenied", 403),
    NoCredentialsError(),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_by_itself_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable) as told:
        with translated("s3"):
            raise error
    assert told.value.__cause__ is error


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_lasts_is_left_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)):
        with translated("s3"):
            raise error


def test_other_errors_are_none_of_our_business() -> None:
    assert not passes(ValueError())
    assert not passes(None)


@pytest.fixture
def failing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Lets every DynamoDB call fail as if botocore had given up."""

    def fail(error: Exception) -> None:
        def call(*_: Any) -> None:
            raise error

        monkeypatch.setattr(cloud.clients.dynamodb.client, "_make_api_call", call)

    return fail


def everything(cloud: Cloud) -> list[Callable[[], object]]:
    records = DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, FixedClock(0))
    profiles, key = dynamo_profiles(cloud), Key("p", "s")
    return [
        lambda: profiles.load([ProfileKey("s", "p")]),
        lambda: profiles.save(Profile(space_id="s", profile_id="p")),
        lambda: profiles.due(0, 1, 1),
        lambda: records.get(key),
        lambda: records.page("p"),
        lambda: records.put(key, b""),
        lambda: records.create(key, b""),
        lambda: records.delete(key),
        lambda: records.add(key, {"n": 1}),
        lambda: records.counters(key),
    ]


@pytest.mark.parametrize("call", range(10))
@pytest.mark.parametrize("error", PASSING[:1] + PASSING[-1:], ids=["throttled", "unreachable"])
def test_every_call_tells_passing_failures(
    cloud: Cloud, failing: Callable[[Exception], None], call: int, error: Exception
) -> None:
    failing(error)
    with pytest.raises(Unavailable):
        everything(cloud)[call]()


@pytest.mark.parametrize("call", range(10))
def test_mistakes_of_ours_are_not_told_as_passing(
    cloud: Cloud, failing: Callable[[Exception], None], call: int
) -> None:
    failing(client_error("ValidationException"))
    with pytest.raises(PynamoDBException):
        everything(cloud)[call]()


def stingy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """A database that leaves the last key of a batch read unprocessed, `times` times."""
    client: Any = cloud.clients.dynamodb.client
    real, left = client._make_api_call, [times]

    def call(operation: str, params: dict[str, Any]) -> Any:
        if operation != "BatchGetItem" or not left[0]:
            return real(operation, params)
        left[0] -= 1
        ((table, asked),) = params["RequestItems"].items()
        answer = (
            real(operation, {"RequestItems": {table: {**asked, "Keys": asked["Keys"][:-1]}}})
            if len(asked["Keys"]) > 1
            else {"Responses": {}}
        )
        return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": asked["Keys"][-1:]}}}

    monkeypatch.setattr(client, "_make_api_call", call)


def test_unprocessed_keys_are_asked_for_again(cloud: Cloud, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = dynamo_profiles(cloud)
    pauses: list[float] = []
    profiles._table._sleep = pauses.append
    keys = [ProfileKey(space, f"p{n}") for n in range(3)]
    for key in keys:
        profiles.save(Profile(space_id=space, profile_id=key.profile_id))
    stingy(cloud, monkeypatch, 2)
    assert set(profiles.load(keys)) == set(keys)
    assert pauses == [0.05, 0.1]


def test_keys_that_stay_unprocessed_are_told(cloud: Cloud, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = dynamo_profiles(cloud)
    pauses: list[float] = []
    profiles._table._sleep = pauses.append
    stingy(cloud, monkeypatch, 99)
    with pytest.raises(Unavailable):
        profiles.load([ProfileKey(space, "p")])
    assert len(pauses) == BATCH_ATTEMPTS - 1


@pytest.mark.parametrize("service", ["dynamodb", "sqs", "s3", "kms"])
def test_every_client_has_timeouts_and_standard_retries(clients: Clients, service: str) -> None:
    client = clients.dynamodb.client if service == "dynamodb" else clients.client(service)
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 10)
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] == 3


def test_clients_are_made_once(clients: Clients) -> None:
    assert clients.sqs is clients.sqs
    assert clients.dynamodb is clients.dynamodb


def test_an_endpoint_serves_every_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    clients = Clients("eu-west-1", "http://127.0.0.1:1")
    assert clients.sqs.meta.endpoint_url == "http://127.0.0.1:1"
    assert clients.sqs.meta.region_name == "eu-west-1"
    assert clients.dynamodb.client.meta.endpoint_url == "http://127.0.0.1:1"
