"""Declared: the tracking API, which takes events in.

Messages are answered with 200 whatever they hold, and counted where they are left out: the bounds here, taken from
where messages are judged, say which ones are kept. Fields beyond these are kept as they are.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...tracking.request import BATCH_ELEMENTS
from ...tracking.validation import GROUP_ID_LENGTH, MESSAGE_ID_LENGTH, MOST_PROPERTIES
from ..tracking import KINDS, METRICS
from .operation import ANYBODY, TRACKING, Group, Operation
from .shape import Instant, JsonObject, about, one_of

Id = Annotated[str, Meta(min_length=1)]
Properties = Annotated[JsonObject, Meta(max_length=MOST_PROPERTIES)]
Traits = Annotated[JsonObject, Meta(max_length=MOST_PROPERTIES - 1)]


class Message(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Every message names somebody, by `userId`, `anonymousId` or both."""

    user_id: Id | None = None
    anonymous_id: Id | None = None
    message_id: Annotated[str, about("What makes a repetition known.", max_length=MESSAGE_ID_LENGTH)] | None = None
    timestamp: Annotated[Instant | None, about("When it happened.")] = None
    sent_at: Annotated[Instant | None, about("When it was sent, by the same clock.")] = None
    context: JsonObject | None = None
    integrations: JsonObject | None = None
    write_key: Annotated[str | None, about("Where the header `Authorization` cannot be set.")] = None


class Identify(Message, kw_only=True):
    """Who somebody is."""

    traits: Traits | None = None


class Track(Message, kw_only=True):
    """What somebody did."""

    event: Id
    properties: Properties | None = None


class Page(Message, kw_only=True):
    """A page that was looked at."""

    name: Id | None = None
    category: Id | None = None
    properties: Properties | None = None


class Screen(Page, kw_only=True):
    """A screen that was looked at."""


class GroupCall(Message, kw_only=True):
    """To which account somebody belongs."""

    group_id: Annotated[str, Meta(min_length=1, max_length=GROUP_ID_LENGTH)]
    traits: Properties | None = None


class Alias(Message, kw_only=True):
    """That somebody had another id before."""

    user_id: Id
    previous_id: Id


class Batched(Message, kw_only=True):
    """A message as its own route takes it, with its type."""

    type: Annotated[str, one_of([kind for kind in KINDS if kind != "batch"])]


class Batch(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    batch: Annotated[list[Batched], Meta(max_length=BATCH_ELEMENTS)]
    sent_at: Instant | None = None
    context: Annotated[JsonObject | None, about("Of all messages.")] = None
    integrations: JsonObject | None = None
    write_key: str | None = None


class Accepted(msgspec.Struct, kw_only=True):
    success: bool


class Refusal(msgspec.Struct, kw_only=True):
    """How the tracking API refuses."""

    success: bool
    code: str
    message: str
    error: Any


BODIES: dict[str, Any] = {
    "identify": Identify,
    "track": Track,
    "page": Page,
    "screen": Screen,
    "group": GroupCall,
    "alias": Alias,
    "batch": Batch,
}

GROUPS = (
    Group(
        "Tracking",
        "Events in. The write key of a source is the user name of basic authentication, without a password.",
        (
            *(
                Operation(
                    "POST",
                    path,
                    f"{'A batch of messages' if kind == 'batch' else f'One {kind} call'}",
                    Accepted,
                    takes=BODIES[kind],
                    access=TRACKING,
                    alias_of="" if path == f"/v1/{kind}" else f"/v1/{kind}",
                )
                for kind in KINDS
                for path in (f"/v1/{kind}", f"/v1/{kind[0]}")
            ),
            Operation("POST", "/v1/import", "A batch of the past", Accepted, takes=Batch, access=TRACKING),
            Operation("POST", METRICS, "What browsers tell of themselves: ignored", Accepted, access=ANYBODY),
            Operation(
                "GET",
                "/v1/projects/{write_key}/settings",
                "What SDKs ask for when they start",
                JsonObject,
                access=ANYBODY,
            ),
        ),
    ),
)
