"""To which accounts a person belongs, and which people belong to an account."""

from typing import Any

from ... import bootstrap
from ...identity.external_id import ACCOUNTS, USERS
from ...profiles import links_view, pages
from ...profiles.profile import Profile
from .reading import Reading

LIMIT = (20, 20)  # default and most per page
EXTERNAL_IDS = 25  # of each profile at the other end: as many as a page of them has


def links(reading: Reading) -> dict[str, Any]:
    limit, after = reading.limit(*LIMIT), links_view.place_of(reading.start)
    slice = bootstrap.current().links_view.page(reading.profile(), limit, after)
    other = ACCOUNTS if reading.collection == USERS else USERS
    return {"data": [_linked(profile, other) for profile in slice.items], "cursor": reading.cursor(slice, limit)}


def _linked(profile: Profile, collection: str) -> dict[str, Any]:
    shown = pages.external_ids(profile, None)[:EXTERNAL_IDS]
    return {
        "to_collection": collection,
        "external_ids": [pages.external_id_item(external_id, collection) for external_id in shown],
    }
