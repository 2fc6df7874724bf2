from collections.abc import Iterator

import pytest

from .workshop import WORKSHOPS


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Whatever processes held open is let go of with the test."""
    yield
    while WORKSHOPS:
        WORKSHOPS.pop().close()
