"""What a request says for all of its messages, put under what each message says itself."""

from collections.abc import Mapping
from typing import Any


def merged(shared: Mapping[str, Any], own: object) -> dict[str, Any]:
    """One level deep; the message's own keys win."""
    return {**shared, **own} if isinstance(own, dict) else dict(shared)
