"""What a profile is called, and since when it is known."""

from typing import Any

from ...profiles import pages
from .reading import Reading

LIMIT = (25, 100)  # external ids per page: default and most


def external_ids(reading: Reading) -> dict[str, Any]:
    limit = reading.limit(*LIMIT)
    place = pages.place_of_external_id(reading.start)
    shown = pages.external_ids(reading.profile(), reading.listed("include"))
    slice = pages.external_ids_from(shown, limit, place)
    items = [pages.external_id_item(item, reading.collection) for item in slice.items]
    return {"data": items, "cursor": reading.cursor(slice, limit)}


def metadata(reading: Reading) -> dict[str, Any]:
    profile = reading.profile()
    return {"segment_id": profile.profile_id, "metadata": pages.metadata(profile)}
