from tests.replay.conftest import _closed

__all__ = ["_closed"]
