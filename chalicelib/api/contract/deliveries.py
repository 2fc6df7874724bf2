"""Declared: how far deliveries came, sending them again, and trying a destination out."""

from typing import Annotated, Any

from msgspec import field

from ...delivery.figures import DIMENSIONS, SPANS
from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, JsonObject, Pagination, Sent, Shown, Text, about, one_of
from .workspace import MOST

DESTINATION = "/destinations/{destination_id}"
OVERVIEW = "/delivery-overview"
STEPS = ("successfully-received", "filtered-at-destination", "failed-delivery", "successful-delivery")

Points = Annotated[float, about("Points by which the share changed against the equal time before.")]
Percent = Annotated[float, about("Share of the step, with two decimals.")]


class TimeQuery(Sent, kw_only=True):
    start_time: Annotated[Text, about("Inclusive, ISO 8601.")]
    end_time: Annotated[Text, about("Exclusive, ISO 8601.")]
    granularity: Annotated[str | None, one_of(SPANS)] = None


class StepQuery(TimeQuery, kw_only=True):
    step: Annotated[str | None, one_of(STEPS)] = None


class SourceQuery(TimeQuery, kw_only=True):
    source_id: Text
    group_by: Annotated[Text | None, about(f"Some of {', '.join(DIMENSIONS)}, with commas in between.")] = None
    filter: Annotated[Any, about("An object: values by dimension.")] = None


class DestinationQuery(SourceQuery, kw_only=True):
    destination_config_id: Text


class Point(Shown, kw_only=True):
    time: Instant
    count: int
    retry_count: int | Absent = ABSENT


class Dataset(Shown, kw_only=True):
    """One group; it has the dimensions that were asked for and that it has a value of."""

    total: int
    series: list[Point]
    event_name: str | Absent = ABSENT
    event_type: str | Absent = ABSENT
    discard_reason: str | Absent = ABSENT
    app_version: str | Absent = ABSENT
    subscription_id: str | Absent = ABSENT
    activation_id: str | Absent = ABSENT
    audience_id: str | Absent = ABSENT
    space_id: str | Absent = ABSENT
    total_retry_count: int | Absent = ABSENT


class Metrics(Shown, kw_only=True):
    total: int
    dataset: list[Dataset]
    pagination: Pagination


class DestinationSummary(Shown, kw_only=True):
    """Of the time asked for; what is pending or in flight is so now."""

    destination_id: str
    name: str
    enabled: bool
    created: int
    filtered_at_source: int
    filtered_at_destination: int
    failed_delivery: int
    successful_delivery: int
    retries: int
    pending_retry: int
    in_flight: int
    delivery_rate: Annotated[float | None, about("Percent of those that were tried; null of none.")]
    p95_latency_ms: Annotated[int | None, about("From the change of a profile to the partner's yes.")]


class SpaceSummary(Shown, kw_only=True):
    destinations: list[DestinationSummary]


class BreakdownRow(Shown, kw_only=True):
    event_type: str | None
    event_name: str | None
    app_version: str | None
    count: int
    percent: Percent
    change: Points


class Breakdown(Shown, kw_only=True):
    breakdown: list[BreakdownRow]


class Sample(Shown, kw_only=True):
    """An event that did not arrive, with what was said last."""

    message_id: str
    failed_at: Instant
    attempts: int
    detail: str | None
    request: JsonObject | None
    response: JsonObject | None


class DiscardRow(Shown, kw_only=True):
    discard_reason: str | None
    count: int
    percent: Percent
    change: Points
    samples: list[Sample]


class Discards(Shown, kw_only=True):
    discards: list[DiscardRow]


class NewDeliveryReplay(Sent, kw_only=True):
    since: Annotated[Text | None, about("Inclusive, ISO 8601; at most 14 days ago.")] = field(name="from", default=None)
    until: Annotated[Text | None, about("Exclusive, ISO 8601.")] = field(name="to", default=None)
    only: Annotated[Any, about("`all`, `failed` or a list of event names.")] = None


class NewRedrive(Sent, kw_only=True):
    """One of the three."""

    message_id: Text | None = None
    code: Text | None = None
    all: bool | None = None


class StartedTask(Shown, kw_only=True):
    """Its way can be followed among the tasks of the space."""

    id: str
    kind: str
    space_id: str
    destination_id: str
    status: str
    created_at: Instant


class Started(Shown, kw_only=True):
    task: StartedTask


class NewTest(Sent, kw_only=True):
    event: Annotated[JsonObject | None, about("Fields that replace those of the event that goes out.")] = None


class TestedSubscription(Shown, kw_only=True):
    subscription_id: str
    result: Annotated[str, one_of(("delivered", "retried", "discarded"))]
    code: str | None
    detail: str | None
    request: JsonObject | None
    response: JsonObject | None


class Tested(Shown, kw_only=True):
    """What the partner was asked and answered; secrets are hidden. Where several subscriptions sent the event, it is
    what went wrong, if anything did."""

    result: Annotated[str, one_of(("delivered", "retried", "discarded"))]
    code: str | None
    detail: str | None
    event: JsonObject
    request: JsonObject | None
    response: JsonObject | None
    subscriptions: Annotated[
        list[TestedSubscription] | Absent, about("Of each that is enabled and whose trigger the event meets.")
    ] = ABSENT


class GotTest(Shown, kw_only=True):
    test: Tested


GROUPS = (
    Group(
        "Deliveries",
        "How far events came on their way to destinations, and how they are sent again.",
        (
            *(
                Operation("GET", f"{OVERVIEW}/{step}", f"Count events {words}", Metrics, asks=SourceQuery, most=MOST)
                for step, words in (
                    ("successfully-received", "that were made"),
                    ("failed-on-ingest", "that could not be taken in"),
                    ("filtered-at-source", "that the source left out"),
                )
            ),
            *(
                Operation(
                    "GET", f"{OVERVIEW}/{step}", f"Count events {words}", Metrics, asks=DestinationQuery, most=MOST
                )
                for step, words in (
                    ("filtered-at-destination", "that were not meant for the destination"),
                    ("failed-delivery", "that were given up"),
                    ("successful-delivery", "that the partner accepted"),
                )
            ),
            Operation(
                "GET",
                "/spaces/{space_id}/delivery-overview",
                "See how the destinations of a space do",
                SpaceSummary,
                asks=TimeQuery,
            ),
            Operation("GET", DESTINATION + "/delivery-breakdown", "See one step by event", Breakdown, asks=StepQuery),
            Operation("GET", DESTINATION + "/discards", "See why events did not arrive", Discards, asks=StepQuery),
            Operation(
                "POST",
                DESTINATION + "/replays",
                "Send what was made again",
                Started,
                takes=NewDeliveryReplay,
                status=201,
            ),
            Operation(
                "POST",
                DESTINATION + "/dead-letters/redrive",
                "Send what was given up again",
                Started,
                takes=NewRedrive,
                status=201,
            ),
            Operation("POST", DESTINATION + "/test", "Send one event and see the answer", GotTest, takes=NewTest),
        ),
    ),
)
