"""The key of a computation: made from its name once, never changed, never given to another one."""

import re
import unicodedata

LONGEST = 255
_SUFFIX = 6  # characters of what `with_suffix` appends: an underscore and five more
_OTHER = re.compile(r"[^a-z0-9]+")


def snake_case(name: str) -> str:
    """`Big Buyers (EU)` → `big_buyers_eu`: ASCII letters and digits, accents dropped; may be empty."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return _OTHER.sub("_", plain.lower()).strip("_")


def key_of(name: str, kind: str) -> str:
    """The key a computation of this name asks for; `kind` stands in for a name without any usable character."""
    return snake_case(name)[:LONGEST].rstrip("_") or kind


def with_suffix(key: str, suffix: str) -> str:
    """The key to try next when `key` was taken at any time: `suffix` is five random letters or digits."""
    return f"{key[: LONGEST - _SUFFIX]}_{suffix}"
