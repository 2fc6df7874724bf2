"""What the Profile API shows of a profile, page by page, in plain JSON types."""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from ..computations.catalogue import Catalogue, is_audience
from ..errors import Invalid, Problem
from ..identity.external_id import ExternalId
from ..instants import to_iso
from .profile import Profile, Sighting

AUDIENCE_CLASS = "audience"
TRAIT_CLASS = "computed_trait"
FIRST_PAGE = ("", "0")  # tokens that clients start with

_EXTERNAL_ID = re.compile(r"(map_[0-9A-Za-z]+)\.([0-9]{1,15})")  # a mapping and its time, which give its place


class Trait(NamedTuple):
    """`trait_class` is None for custom traits and for what a deleted computation left behind."""

    key: str
    value: Any
    source_id: str
    updated_at: int
    trait_class: str | None


class Slice(NamedTuple):
    """`next` is the cursor of the next page; "" on the last one."""

    items: Sequence[Any]
    next: str


def traits(profile: Profile, catalogue: Catalogue, system_source_id: str) -> list[Trait]:
    """All traits, in byte order of their keys. Computed values come from the space's own source."""
    shown = {
        key: Trait(key, trait.value, trait.source_id, trait.updated_at, None)
        for key, trait in profile.head.traits.items()
        if trait.value is not None
    }
    for key, outcome in profile.head.outcomes.items():
        shown[key] = Trait(key, outcome.value, system_source_id, outcome.changed_at, _class_of(key, catalogue))
    return sorted(shown.values(), key=lambda t: t.key.encode())


def trait_value(trait: Trait) -> Any:
    return trait.value


def verbose_trait(trait: Trait) -> dict[str, Any]:
    return {"value": trait.value, "source_id": trait.source_id, "updated_at": to_iso(trait.updated_at)}


def traits_from(items: Sequence[Trait], limit: int, token: str) -> Slice:
    """The token is the key of the first trait to show: inserts in between move nothing."""
    start = bisect_left(items, token.encode(), key=lambda t: t.key.encode()) if token not in FIRST_PAGE else 0
    page = slice_of(items, start, limit, lambda t: t.key)
    # A trait called 0 is asked for by the smallest key after the last one shown.
    return page._replace(next=page.items[-1].key + "\0") if page.next in FIRST_PAGE[1:] else page


def external_ids(profile: Profile, types: Collection[str] | None) -> list[ExternalId]:
    """The newest first, so that one added during a walk is before the pages still to come."""
    chosen = [e for e in profile.head.external_ids if types is None or e.type in types]
    return sorted(chosen, key=_place)


def place_of_external_id(token: str) -> tuple[int, str] | None:
    """Where a page begins, also when the external id that stood there is gone; None for the first page.

    Raises Invalid.
    """
    if token in FIRST_PAGE:
        return None
    match = _EXTERNAL_ID.fullmatch(token)
    if match is None:
        raise not_a_cursor()
    return -int(match[2]), match[1]


def external_ids_from(items: Sequence[ExternalId], limit: int, place: tuple[int, str] | None) -> Slice:
    start = bisect_left(items, place, key=_place) if place else 0
    return slice_of(items, start, limit, lambda e: f"{e.id}.{e.created_at}")


def not_a_cursor() -> Invalid:
    return Invalid(Problem("`next` is not a cursor of this list", "next"))


def external_id_item(external_id: ExternalId, collection: str) -> dict[str, Any]:
    return {
        "id": external_id.value,
        "type": external_id.type,
        "collection": collection,
        "source_id": external_id.source_id,
        "created_at": to_iso(external_id.created_at),
        "encoding": "none",
        "first_message_id": external_id.message_id,
    }


def metadata(profile: Profile) -> dict[str, Any]:
    head = profile.head
    return {
        "created_at": to_iso(head.created_at),
        "updated_at": to_iso(head.updated_at),
        "expires_at": None,
        **_sighting("first", head.first),
        **_sighting("last", head.last),
    }


def _class_of(key: str, catalogue: Catalogue) -> str | None:
    compiled = catalogue.find(key)
    if compiled is None:
        return None
    return AUDIENCE_CLASS if is_audience(compiled.computation) else TRAIT_CLASS


def _place(external_id: ExternalId) -> tuple[int, str]:
    return -external_id.created_at, external_id.id


def slice_of(items: Sequence[Any], start: int, limit: int, token_of: Callable[[Any], str]) -> Slice:
    rest = items[start + limit : start + limit + 1]
    return Slice(items[start : start + limit], token_of(rest[0]) if rest else "")


def _sighting(which: str, sighting: Sighting | None) -> dict[str, Any]:
    return {
        f"{which}_message_id": sighting.message_id if sighting else None,
        f"{which}_source_id": sighting.source_id if sighting else None,
    }
