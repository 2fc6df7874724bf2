"""The traits of a profile: what it was told, and what was computed."""

from typing import Any

from ... import bootstrap
from ...profiles import pages
from .reading import Reading

LIMIT = (10, 200)  # default and most per page
CLASSES = (pages.AUDIENCE_CLASS, pages.TRAIT_CLASS)


def traits(reading: Reading) -> dict[str, Any]:
    slice, limit = _page(reading)
    show = pages.verbose_trait if reading.parameters.get("verbose") == "true" else pages.trait_value
    return {"traits": {t.key: show(t) for t in slice.items}, "cursor": reading.cursor(slice, limit)}


def properties(reading: Reading) -> dict[str, Any]:
    """The traits in the form of 2019."""
    slice, limit = _page(reading)
    return {"data": [{"key": t.key, "value": t.value} for t in slice.items], "cursor": reading.cursor(slice, limit)}


def _page(reading: Reading) -> tuple[pages.Slice, int]:
    limit = reading.limit(*LIMIT)
    trait_class, include = reading.choice("class", CLASSES), reading.listed("include")
    catalogue = bootstrap.current().directory.view(reading.space.id).catalogue
    shown = [
        trait
        for trait in pages.traits(reading.profile(), catalogue, reading.space.engage_source_id)
        if (trait_class is None or trait.trait_class == trait_class) and (include is None or trait.key in include)
    ]
    return pages.traits_from(shown, limit, reading.start), limit
