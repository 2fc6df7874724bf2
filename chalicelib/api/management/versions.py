"""Which version of an operation the Accept header asks for, and the media type of the answer."""

import re
from collections.abc import Sequence

V1, BETA, ALPHA = "v1", "v1beta", "v1alpha"

STABLE: Sequence[str] = (V1, BETA, ALPHA)  # the most stable first
ALPHA_ONLY: Sequence[str] = (ALPHA,)

_VENDOR = re.compile(r"application/vnd\.segment\.([a-z0-9]+)\+json", re.IGNORECASE)
_LONG_NAMES = {"stable": V1, "beta": BETA, "alpha": ALPHA}


def content_type(accept: str, offered: Sequence[str]) -> str:
    """Plain JSON unless a vendor type is asked for; then that version, or the most stable one if it is not offered."""
    asked = [_LONG_NAMES.get(name.lower(), name.lower()) for name in _VENDOR.findall(accept)]
    if not asked:
        return "application/json"
    version = next((name for name in asked if name in offered), offered[0])
    return f"application/vnd.segment.{version}+json"
