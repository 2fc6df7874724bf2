"""Alerts once more, on the real table."""

import pytest

from tests.alerts.test_watch import *  # noqa: F403 - the tests and their fixtures
from tests.audit.conftest import world_on_aws


@pytest.fixture
def world(clients):
    yield from world_on_aws(clients)


del test_where_nobody_was_ever_counted_nothing_is_noted  # noqa: F821 - it looks into the memory itself
