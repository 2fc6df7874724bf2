"""Declared: previews, exports, sizes, imports and replays."""

from typing import Annotated, Any

from msgspec import Meta, field

from ...exports.request import OF_AUDIENCES, OF_TRAITS
from .definitions import AUDIENCE, AUDIENCES, TRAIT, AudienceDefinition, ShownAudienceDefinition, Size
from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, JsonObject, Name, Pagination, Sent, Shown, Text, about, one_of
from .workspace import MOST

PREVIEWS = AUDIENCES + "/previews"
IMPORTS = "/spaces/{space_id}/imports"
REPLAYS = "/spaces/{space_id}/replays"

TYPES = ("USERS", "ACCOUNTS", "LINKED")
GRAINS = ("HOUR", "DAY")
ENDS = ("RUNNING", "COMPLETED", "FAILED", "CANCELLED")

Percent = Annotated[float, about("Of those found, with one decimal.")]
Status = Annotated[str, one_of(ENDS)]
Reason = Annotated[str | Absent, about("Why it failed.")]
Choice = Annotated[Any, about("True for all, false for none, or a list of names.")]


class PreviewOptions(Sent, kw_only=True):
    filter_by_external_ids: list[Name] | None = None
    backfill_event_data_days: Annotated[int | None, about("Only events of the last days count.")] = None


class NewPreview(Sent, kw_only=True):
    audience_type: Annotated[str, one_of(TYPES)]
    definition: AudienceDefinition
    options: PreviewOptions | None = None
    as_of: Annotated[Text | None, about("How it would have been then, ISO 8601.")] = None
    overlap_audience_id: Annotated[Text | None, about("How many are in this audience too.")] = None


class MadePreview(Shown, kw_only=True):
    id: str


class CreatedPreview(Shown, kw_only=True):
    audience_preview: MadePreview


class ShownPreviewOptions(Shown, kw_only=True):
    filter_by_external_ids: list[str] | Absent = ABSENT
    backfill_event_data_days: int | Absent = ABSENT


class PreviewResult(Shown, kw_only=True):
    id: str


class IdentifierShare(Shown, kw_only=True):
    type: str
    count: int
    percent: Percent


class Overlap(Shown, kw_only=True):
    audience_id: str
    count: int
    percent: Percent


class Preview(Shown, kw_only=True):
    """What an audience would be; gone after a day."""

    id: str
    audience_type: Annotated[str, one_of(TYPES)]
    definition: ShownAudienceDefinition
    options: ShownPreviewOptions
    status: Annotated[str, one_of(("RUNNING", "COMPLETED", "FAILED"))]
    as_of: Instant | Absent = ABSENT
    failure_reason: Reason = ABSENT
    results: Annotated[list[PreviewResult] | Absent, about("Some of those found, at most 100.")] = ABSENT
    size: Size | Absent = ABSENT
    identifier_breakdown: list[IdentifierShare] | Absent = ABSENT
    overlap: Overlap | Absent = ABSENT


class GotPreview(Shown, kw_only=True):
    audience_preview: Preview


class NewAudienceExport(Sent, kw_only=True):
    format: Annotated[str | None, one_of(OF_AUDIENCES)] = None
    external_ids: Choice = None
    traits: Choice = None


class NewTraitExport(Sent, kw_only=True):
    format: Annotated[str | None, one_of(OF_TRAITS)] = None
    external_ids: Choice = None
    traits: Choice = None


class Export(Shown, kw_only=True):
    """A CSV file of people, as they were computed last when it was ordered."""

    id: str
    space_id: str
    computation_id: str
    format: str
    created_at: Instant
    created_by: str
    status: Status
    task_id: str
    failure_reason: Reason = ABSENT
    people: int | Absent = ABSENT
    bytes: int | Absent = ABSENT
    completed_at: Instant | Absent = ABSENT
    expires_at: Instant | Absent = ABSENT
    url: Annotated[
        str | Absent,
        about("Where to fetch it, for some hours: until `expiresAt` each reading of the export gives a new link."),
    ] = ABSENT


class GotExport(Shown, kw_only=True):
    export: Export


class SizesQuery(Sent, kw_only=True):
    granularity: Annotated[str | None, one_of(GRAINS)] = None
    start: Annotated[Text | None, about("Inclusive, ISO 8601.")] = None
    end: Annotated[Text | None, about("Exclusive, ISO 8601.")] = None


class Count(Shown, kw_only=True):
    count: int
    unique_count: int


class SizePoint(Count, kw_only=True):
    time: Instant


class Sizes(Shown, kw_only=True):
    """How large it was at full hours, or at midnights UTC."""

    type: str
    granularity: str
    series: list[SizePoint]
    current: Count | Absent = ABSENT


class GotSizes(Shown, kw_only=True):
    sizes: Sizes


LongKey = Annotated[str, about("Of the file; without it a place to put one is given.", max_length=1_024)]


class NewImport(Sent, kw_only=True):
    key: LongKey | None = None
    source_id: Annotated[Text | None, about("Through which source its events come in.")] = None


class Upload(Shown, kw_only=True):
    key: str
    method: str
    url: str
    expires_at: Instant


class NamedImport(Shown, kw_only=True):
    id: str
    space_id: str
    source_id: str
    key: str
    bytes: int
    created_at: Instant
    created_by: str
    task_id: str


class ImportProgress(Shown, kw_only=True):
    lines: int
    accepted: int
    rejected: int
    bytes_read: Annotated[int, about("As inflated.")]


class RejectedLine(Shown, kw_only=True):
    line: int
    code: str


class ImportReport(Shown, kw_only=True):
    lines: int
    accepted: int
    rejected: int
    codes: Annotated[JsonObject, about("How many lines were rejected, by code.")]
    samples: list[RejectedLine]
    rejected_key: str | Absent = ABSENT
    rejected_url: Annotated[str | Absent | None, about("Where to fetch all of them.")] = ABSENT
    same_as: Annotated[str | Absent, about("The import that took in the same file before.")] = ABSENT


class Import(NamedImport, kw_only=True):
    """A file of one message of the tracking API per line."""

    status: Status
    failure_reason: Reason = ABSENT
    progress: ImportProgress | Absent = ABSENT
    report: ImportReport | Absent = ABSENT


class OrderedImport(Shown, kw_only=True):
    import_: Import | Absent = field(name="import", default=ABSENT)
    upload: Upload | Absent = ABSENT


class GotImport(Shown, kw_only=True):
    import_: Import = field(name="import")


class ListedImports(Shown, kw_only=True):
    imports: list[NamedImport]
    pagination: Pagination


class NewReplay(Sent, kw_only=True):
    from_: Text = field(name="from")
    to: Text
    source_id: Text | None = None
    target_space_id: Annotated[Text | None, about("The space itself without it.")] = None
    unresolved_only: Annotated[bool | None, about("Only events that nobody was found for.")] = None


class Replay(Shown, kw_only=True):
    """What a space received in a range of time, sent into a space once more."""

    id: str
    space_id: str
    target_space_id: str
    from_: Instant = field(name="from")
    to: Instant
    source_id: str | None
    unresolved_only: bool
    created_at: Instant
    created_by: str
    status: Status
    task_id: str
    sent: Annotated[int, Meta(ge=0)]
    sent_until: Instant | None
    failure_reason: Reason = ABSENT


class GotReplay(Shown, kw_only=True):
    replay: Replay


GROUPS = (
    Group(
        "Previews and exports",
        "What an audience would be, what audiences and traits are and were, and who is in them.",
        (
            Operation("POST", PREVIEWS, "Preview an audience", CreatedPreview, takes=NewPreview),
            Operation("GET", PREVIEWS + "/{preview_id}", "Get a preview", GotPreview),
            Operation("GET", AUDIENCE + "/sizes", "See how large an audience was", GotSizes, asks=SizesQuery),
            Operation("GET", TRAIT + "/sizes", "See how many had a computed trait", GotSizes, asks=SizesQuery),
            Operation("POST", AUDIENCE + "/exports", "Export an audience", GotExport, takes=NewAudienceExport),
            Operation("GET", AUDIENCE + "/exports/{export_id}", "Get an export of an audience", GotExport),
            Operation("POST", TRAIT + "/exports", "Export a computed trait", GotExport, takes=NewTraitExport),
            Operation("GET", TRAIT + "/exports/{export_id}", "Get an export of a computed trait", GotExport),
        ),
    ),
    Group(
        "Imports and replays",
        "Events of the past, each taken in once.",
        (
            Operation("POST", IMPORTS, "Upload and import a file", OrderedImport, takes=NewImport),
            Operation("GET", IMPORTS, "List imports", ListedImports, most=MOST),
            Operation("GET", IMPORTS + "/{import_id}", "Get an import", GotImport),
            Operation("POST", REPLAYS, "Replay events", GotReplay, takes=NewReplay),
            Operation("GET", REPLAYS + "/{replay_id}", "Get a replay", GotReplay),
        ),
    ),
)
