"""Failed tasks once more, on the real table."""

import pytest

from tests.audit.conftest import world_on_aws
from tests.audit.test_failures import *  # noqa: F403 - the tests and their fixtures


@pytest.fixture
def world(clients):
    yield from world_on_aws(clients)
