"""Declared: how people are told apart, and what is done to one of them."""

from typing import Annotated, Any

from msgspec import Meta

from ...identity.external_id import ACCOUNTS, USERS
from ...identity.rules import NORMALISATIONS, WINDOWS
from ...pipeline.identity_log import KINDS, MOST
from ...workspace.regulations import SUBJECT_TYPES, TYPES
from .operation import Group, Operation
from .shape import (
    ABSENT,
    Absent,
    ForwardPagination,
    Instant,
    JsonObject,
    Name,
    Pagination,
    Sent,
    Shown,
    about,
    one_of,
)
from .workspace import MOST as MOST_LISTED

SPACE = "/spaces/{space_id}"

Count = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class TypeRuleFields(Sent, kw_only=True):
    """How many different values of a type a profile may take within a period, and which values count as none."""

    limit: Count | None = None
    period: Annotated[str | None, one_of(WINDOWS)] = None
    blocked_values: list[str] | None = None
    blocked_patterns: Annotated[list[str] | None, about("Regular expressions, looked for anywhere in a value.")] = None
    normalise: Annotated[str | None, one_of(NORMALISATIONS)] = None


class RulesFields(Sent, kw_only=True):
    """All rules at once: what is left out returns to its default."""

    types: dict[str, TypeRuleFields] | None = None
    priority: list[str] | None = None
    custom: list[str] | None = None
    auto_add: bool | None = None
    properties_email: bool | None = None
    cross_domain_id: bool | None = None
    braze_id: bool | None = None
    mappings_limit: Count | None = None
    merges_limit: Count | None = None


class GotRules(Shown, kw_only=True):
    identity_rules: JsonObject


class LogQuery(Sent, kw_only=True):
    kind: Annotated[str | None, one_of(KINDS)] = None
    value: str | None = None
    since: Instant | None = None
    until: Instant | None = None


class LogEntry(Shown, kw_only=True):
    at: Instant
    kind: Annotated[str, one_of(KINDS)]
    message_id: str
    source_id: str
    type: str | None
    value: str | None
    in_excess: str | None
    profile_ids: list[str]
    identifiers: list[JsonObject]


class ListedLog(Shown, kw_only=True):
    identity_log: list[JsonObject]
    pagination: ForwardPagination


class Merge(Shown, kw_only=True):
    profile_id: str
    at: Instant
    message_id: str
    source_id: str


class ListedMerges(Shown, kw_only=True):
    profile_id: str
    merges: list[Merge]
    pagination: Pagination


class Consent(Shown, kw_only=True):
    value: Annotated[Any, about('true, false, or "conflict" where people who became one had not answered alike.')]
    updated_at: Instant


class GotConsent(Shown, kw_only=True):
    profile_id: str
    consent: dict[str, Consent]


class IdentifierFields(Sent, kw_only=True):
    type: Name
    id: Annotated[Any, about("A string or a number, as an event would have it.")]


class NamedPeople(Sent, kw_only=True):
    collection: Annotated[str | None, one_of([USERS, ACCOUNTS])] = None
    identifiers: Annotated[list[IdentifierFields], Meta(min_length=1, max_length=20)]


class MergePreview(Shown, kw_only=True):
    outcome: Annotated[str, one_of(["suppressed", "unresolved", "create", "merge", "add", "match"])]
    survivor: str | None
    merged: list[str]
    profiles: list[JsonObject]
    kept: list[JsonObject]
    demoted: list[JsonObject]
    blocked: list[JsonObject]
    resulting: JsonObject


class GotMergePreview(Shown, kw_only=True):
    preview: MergePreview


class NewRegulation(Sent, kw_only=True):
    regulation_type: Annotated[str, one_of(TYPES)]
    subject_type: Annotated[str, one_of(SUBJECT_TYPES)]
    subject_ids: list[str]


class CreatedRegulation(Shown, kw_only=True):
    regulate_id: str
    archive: str | Absent = ABSENT


class Regulation(Shown, kw_only=True):
    id: str
    workspace_id: str
    overall_status: str
    created_at: Instant
    finished_at: Instant | Absent = ABSENT
    stream_status: list[JsonObject]
    regulation_type: str
    subjects: Any
    deleted_profiles: Any


class GotRegulation(Shown, kw_only=True):
    regulation: Regulation


class Suppressed(Shown, kw_only=True):
    subject_type: str
    subject_ids: list[str]


class ListedSuppressed(Shown, kw_only=True):
    suppressed: list[Suppressed]
    pagination: ForwardPagination


GROUPS = (
    Group(
        "Identity",
        "Which identifiers make one person of several.",
        (
            Operation("GET", SPACE + "/identity-rules", "Get the identity rules", GotRules),
            Operation("PUT", SPACE + "/identity-rules", "Set the identity rules", GotRules, takes=RulesFields),
            Operation("GET", SPACE + "/identity-log", "Read the identity log", ListedLog, asks=LogQuery, most=MOST),
            Operation(
                "GET",
                SPACE + "/profiles/{profile_id}/merges",
                "List who was merged into a profile",
                ListedMerges,
                most=MOST_LISTED,
            ),
            Operation("GET", SPACE + "/profiles/{profile_id}/consent", "See what a person consents to", GotConsent),
            Operation(
                "POST",
                SPACE + "/merge-preview",
                "Ask what an event would do to people",
                GotMergePreview,
                takes=NamedPeople,
                note="Nothing is written.",
            ),
        ),
    ),
    Group(
        "Privacy",
        "Suppression and deletion of people.",
        (
            Operation("POST", "/regulations", "Suppress or delete people", CreatedRegulation, takes=NewRegulation),
            Operation("GET", "/regulations/{regulate_id}", "Get a regulation", GotRegulation),
            Operation("GET", "/suppressions", "List suppressed people", ListedSuppressed, most=MOST_LISTED),
        ),
    ),
)
