"""Changes of profiles out of the records that the table's stream hands to Lambda."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from ...profiles.change import ProfileChange
from ...profiles.profile import Head
from .. import codec
from ..keys import profile_key

Image = Mapping[str, Mapping[str, Any]]


def profile_changes(records: Iterable[Mapping[str, Any]]) -> list[ProfileChange]:
    """In the order of the records; items that are no profiles are left out. Raises Malformed."""
    changes = (_change(record) for record in records)
    return [change for change in changes if change is not None]


def _change(record: Mapping[str, Any]) -> ProfileChange | None:
    old: Image | None = record["dynamodb"].get("OldImage")
    new: Image | None = record["dynamodb"].get("NewImage")
    image = new or old
    if image is None or "head" not in image:
        return None
    key = profile_key(image["pk"]["S"])
    return ProfileChange(
        record_id=record["eventID"],
        space_id=key.space_id,
        profile_id=key.profile_id,
        version=int(image["version"]["N"]),
        merged_into=image.get("merged_into", {}).get("S"),
        old=_head(old),
        new=_head(new),
    )


def _head(image: Image | None) -> Head | None:
    return None if not image else codec.decode_head(base64.b64decode(image["head"]["B"]))
