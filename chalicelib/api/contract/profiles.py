"""Declared: the Profile API, which reads one profile by any of its external ids."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..profile import PREFIXES, events, traits
from .operation import PROFILES, Group, Operation
from .shape import Instant, JsonObject, about, one_of


class ProfileShape(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What this API shows is in snake_case."""


class Cursor(ProfileShape, kw_only=True):
    url: Annotated[str, about("The next page; empty on the last one.")]
    has_more: bool
    next: str
    limit: int


class ProfileId(ProfileShape, kw_only=True):
    segment_id: str


class ListedProfiles(ProfileShape, kw_only=True):
    data: list[ProfileId]
    cursor: Cursor


class GotTraits(ProfileShape, kw_only=True):
    traits: Annotated[JsonObject, about("Values by key; with `verbose=true` also where each comes from.")]
    cursor: Cursor


class TraitItem(ProfileShape, kw_only=True):
    key: str
    value: Any


class GotProperties(ProfileShape, kw_only=True):
    data: list[TraitItem]
    cursor: Cursor


class ExternalId(ProfileShape, kw_only=True):
    id: str
    type: str
    collection: str
    source_id: str
    created_at: Instant
    encoding: str
    first_message_id: str


class GotExternalIds(ProfileShape, kw_only=True):
    data: list[ExternalId]
    cursor: Cursor


class GotEvents(ProfileShape, kw_only=True):
    data: list[JsonObject]
    cursor: Cursor


class Link(ProfileShape, kw_only=True):
    to_collection: str
    external_ids: list[ExternalId]


class GotLinks(ProfileShape, kw_only=True):
    data: list[Link]
    cursor: Cursor


class GotMetadata(ProfileShape, kw_only=True):
    segment_id: str
    metadata: JsonObject


class RemovedId(msgspec.Struct, kw_only=True):
    type: str
    id: str


class Removal(msgspec.Struct, kw_only=True):
    delete_external_ids: Annotated[list[RemovedId], Meta(min_length=1, max_length=1)]


class Removed(ProfileShape, kw_only=True):
    code: str
    message: str


class ProfileError(ProfileShape, kw_only=True):
    code: str
    message: str


class ProfileErrors(ProfileShape, kw_only=True):
    """How the Profile API refuses."""

    error: ProfileError


class PageQuery(msgspec.Struct, kw_only=True, omit_defaults=True):
    limit: Annotated[int, Meta(ge=1)] | None = None
    next: Annotated[str | None, about("`next` of the page before.")] = None


class IncludeQuery(PageQuery, kw_only=True):
    include: Annotated[str | None, about("Only these, separated by commas.")] = None


class TraitsQuery(IncludeQuery, kw_only=True):
    verbose: Annotated[str | None, one_of(["true", "false"])] = None
    class_: Annotated[str | None, one_of(traits.CLASSES)] = msgspec.field(default=None, name="class")


class EventsQuery(IncludeQuery, kw_only=True):
    exclude: str | None = None
    sort: Annotated[str | None, one_of(events.ORDERS)] = None
    start: Instant | None = None
    end: Instant | None = None


PROFILE = "/profiles/{identifier}"

# Path below the collection, what it is, and the types of the answer and the query.
_READS = (
    ("/profiles", "List profiles", ListedProfiles, PageQuery),
    (PROFILE + "/traits", "Traits of a profile", GotTraits, TraitsQuery),
    (PROFILE + "/properties", "Traits in the form of 2019", GotProperties, TraitsQuery),
    (PROFILE + "/external_ids", "External ids of a profile", GotExternalIds, IncludeQuery),
    (PROFILE + "/events", "Events of the last two weeks", GotEvents, EventsQuery),
    (PROFILE + "/links", "Accounts of a person, or people of an account", GotLinks, PageQuery),
    (PROFILE + "/metadata", "When a profile came and changed", GotMetadata, None),
)


def _operations(prefix: str) -> list[Operation]:
    base, first = f"/v1/{prefix}/{{space_id}}/collections/{{collection}}", PREFIXES[0]

    def alias_of(path: str) -> str:
        return "" if prefix == first else base.replace(prefix, first) + path

    reads = [
        Operation("GET", base + path, summary, gives, asks=asks, access=PROFILES, alias_of=alias_of(path))
        for path, summary, gives, asks in _READS
    ]
    removal = PROFILE + "/external_ids/delete"
    return [
        *reads,
        Operation(
            "POST",
            base + removal,
            "Take an external id away from a person",
            Removed,
            takes=Removal,
            access=PROFILES,
            alias_of=alias_of(removal),
        ),
    ]


GROUPS = (
    Group(
        "Profiles",
        "One profile, by any of its external ids. The token of a space is the user name of basic authentication.",
        tuple(operation for prefix in PREFIXES for operation in _operations(prefix)),
    ),
)
