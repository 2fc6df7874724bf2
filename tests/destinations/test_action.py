"""What a mapping may set: beside the settings of its destination, told by the names of its fields."""

import pytest

from chalicelib.destinations.facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.webhook import SEND, WEBHOOK
from chalicelib.filters.condition import condition

URL = "https://example.org/in"


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, []),
        ({"url": URL, "method": "PUT", "headers": {"A": "b"}, "enable_batching": True, "batch_size": 10}, []),
        ({"url": None}, []),
        ({"data": {"user": {"@path": "$.userId"}, "n": [1]}}, []),
        ({"data": {"user": {"@if": {}}}}, ["settings.data.user"]),
        ({"data": "all"}, ["settings.data"]),
        ({"url": {"@path": "$.properties.url"}}, ["settings.url"]),
        ({"url": 7}, ["settings.url"]),
        ({"url": "ftp://x"}, ["settings.url"]),
        ({"batch_size": 4_001}, ["settings.batch_size"]),
        ({"batch_size": "many"}, ["settings.batch_size"]),
        ({"enable_batching": "yes"}, ["settings.enable_batching"]),
        ({"method": "GET"}, ["settings.method"]),
        ({"headers": {"Host": "x"}}, ["settings.headers.Host"]),
        ({"sharedSecret": "x", "batchSize": 5}, ["settings.sharedSecret", "settings.batchSize"]),
    ],
)
def test_settings_of_a_mapping(settings, fields):
    assert [problem.field for problem in WEBHOOK.mapping_problems(SEND.id, settings, {"url": URL})] == fields


def test_what_is_wrong_with_the_destination_alone_is_not_told_again():
    assert WEBHOOK.mapping_problems(SEND.id, {"method": "PUT"}, {"url": "ftp://old"}) == []


def test_problems_use_the_names_of_fields():
    (problem,) = WEBHOOK.mapping_problems(SEND.id, {"batch_size": 0}, {})
    assert problem.message == "batch_size must be from 1 to 4000"


@pytest.mark.parametrize("kind", [WEBHOOK, FACEBOOK_CUSTOM_AUDIENCES])
def test_there_is_no_other_action(kind):
    assert [problem.field for problem in kind.mapping_problems("other", {}, {})] == ["actionId"]


def test_headers_are_secret_and_stand_in_for_those_of_the_destination():
    assert WEBHOOK.secret_fields(SEND.id) == {"headers"}
    assert WEBHOOK.secret_fields("other") == set()
    settings = {"headers": {"A": "b"}, "batch_size": 3, "data": {}}
    assert SEND.options(settings) == {"headers": {"A": "b"}, "batchSize": 3}
    assert SEND.body(settings) == {}
    assert SEND.body({}) == {"@path": "$"}


@pytest.mark.parametrize("type", sorted(WEBHOOK.types))
def test_its_first_trigger_is_met_by_every_event(type):
    assert condition(SEND.trigger)({"type": type})
