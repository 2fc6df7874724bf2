"""Declared: how people go through journeys, and what can be tried before they do."""

from typing import Annotated

from msgspec import Meta, field

from ...delivery.journey_figures import DAYS
from ...journeys.passage import COMPLETED, EXITED
from ...journeys.whereabouts import CONDITION, DELAY
from .deliveries import Tested
from .errands import CreatedPreview
from .journeys import JOURNEY, STATUSES, Stop, StopName, VersionQuery
from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, Sent, Shown, Text, about, one_of

Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
Percent = Annotated[float | None, about("With one decimal; null of none.")]


class FiguresQuery(VersionQuery, kw_only=True):
    first: Annotated[Day | None, about("The first day, UTC; without it a week is shown.")] = field(
        name="from", default=None
    )
    last: Annotated[Day | None, about("The last day, UTC, included; without it today.")] = field(
        name="to", default=None
    )


class StepFigures(Stop, kw_only=True):
    joins: Annotated[int, about("In the days asked for.")]
    previous_key: Annotated[str | None, about("Of the step before; of several, of the one that most people got to.")]
    percent_of_previous: Percent
    percent_of_entry: Percent


class Totals(Shown, kw_only=True):
    """Since the version was published."""

    entered: int
    completed: int
    exits: int


class JourneyFigures(Shown, kw_only=True):
    """Entries, completions, exits and joins of steps, each counted as often as it happened: who comes again is counted
    again. How many different people they were cannot be told of any range of days, since only sums are kept.

    Who completed a path does not count among the exits when the time to leave comes. A version's people in progress,
    its completions and its exits are its entries, but for people who were deleted, or turned out to be one.
    """

    journey_id: str
    version: int
    status: Annotated[str, one_of(STATUSES)]
    first: Day = field(name="from")
    last: Day = field(name="to")
    entered: int
    completed: int
    exits: int
    in_progress: Annotated[int, about("People who neither completed a path nor left, now.")]
    total: Totals
    steps: list[StepFigures]


class GotFigures(Shown, kw_only=True):
    figures: JourneyFigures


class StepState(StopName, kw_only=True):
    joined_at: Annotated[Instant | None, about("In this cycle.")]
    member: Annotated[bool, about("Whether the person meets its condition now, too.")]
    waits_for: Annotated[
        str | Absent,
        one_of((DELAY, CONDITION), "What keeps the person from joining it, if that is all that does."),
    ] = ABSENT
    ready_at: Annotated[Instant | Absent, about("When the delay is over.")] = ABSENT


class VersionState(Shown, kw_only=True):
    """Where one person is in one version."""

    version: int
    version_id: str
    status: Annotated[str, one_of(STATUSES, "Of the version.")]
    cycle: Annotated[int, about("How often the person entered; 0: never.")]
    entered_at: Annotated[Instant | None, about("In this cycle.")]
    exits_at: Annotated[Instant | None, about("When the person has to leave.")]
    exited_at: Instant | None
    reentry_at: Annotated[Instant | None, about("From when on the person may enter again.")]
    outcome: Annotated[str | None, one_of((COMPLETED, EXITED), "What came first in this cycle; null: neither yet.")]
    steps: list[StepState]


class JourneyProfile(Shown, kw_only=True):
    """Of every version that was published, the newest first."""

    profile_id: str
    versions: list[VersionState]


class GotJourneyProfile(Shown, kw_only=True):
    journey_profile: JourneyProfile


class NewStepTest(Sent, kw_only=True):
    destination_id: Annotated[Text | None, about("Only this one of those that the step sends to.")] = None


class TestedStep(Tested, kw_only=True):
    destination_id: str


class TestedSteps(Shown, kw_only=True):
    """In each form that the step sends to each of its destinations."""

    tests: list[TestedStep]


GROUPS = (
    Group(
        "Figures of journeys",
        "How people go through journeys, and what can be tried before they do.",
        (
            Operation(
                "GET",
                JOURNEY + "/figures",
                "Count who goes through a journey",
                GotFigures,
                asks=FiguresQuery,
                note=f"Days are of UTC and at most {DAYS}, today included. Drafts are refused (409).",
            ),
            Operation(
                "GET",
                JOURNEY + "/profiles/{external_id}",
                "See where somebody is in a journey",
                GotJourneyProfile,
            ),
            Operation(
                "POST",
                JOURNEY + "/estimate",
                "Estimate who meets the entry condition",
                CreatedPreview,
                note="Of the draft, otherwise of the newest version. The result is among the previews of audiences.",
            ),
            Operation(
                "POST",
                JOURNEY + "/steps/{step_id}/test",
                "Send what a step sends, about somebody made up",
                TestedSteps,
                takes=NewStepTest,
                asks=VersionQuery,
                note="Only destinations that take single events are tried.",
            ),
        ),
    ),
)
