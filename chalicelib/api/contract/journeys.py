"""Declared: journeys as they are drawn, published and shown. All of it are additions of Muster's."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ...journeys.model import TYPES
from ...workspace.journeys.reading import KINDS
from ...workspace.journeys.service import MOST_VERSIONS
from ...workspace.journeys.soundness import LONGEST_NAME
from ...workspace.journeys.standings import ARCHIVE, PAUSE
from .journey_steps import ShownStep, Steps
from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, Pagination, Sent, Shown, Success, about, one_of
from .workspace import MOST

JOURNEYS = "/spaces/{space_id}/journeys"
JOURNEY = JOURNEYS + "/{journey_id}"

STATUSES = ("draft", "publishing", "live", "paused", "draining", "archived", "failed")
UNSOUND = "Steps that are well-formed and make no journey are refused with 400 and every reason."

JourneyName = Annotated[str, about(f"At most {LONGEST_NAME} characters.", min_length=1)]
Number = Annotated[int, about("Of the version to start from; the newest published one unless said.", ge=1)]


class JourneySettings(Sent, kw_only=True):
    """Who comes in, and when they leave."""

    use_historical_data: Annotated[
        bool | None, about("Whether those come in who met the entry condition before the publication.")
    ] = None
    include_anonymous: Annotated[bool | None, about("Whether an anonymous id alone lets somebody in.")] = None
    exit_after: Annotated[str | None, about("So long after coming in people leave; in days, such as `7d`.")] = None
    reentry_after: Annotated[
        str | None, about("So long after leaving they may come in again; in h, d or w. Never without it.")
    ] = None


class NewJourney(Sent, kw_only=True):
    name: JourneyName
    kind: Annotated[str | None, one_of(KINDS, "Only AUDIENCE is supported.")] = None
    description: str | None = None
    settings: JourneySettings | None = None
    steps: Steps


class JourneyChanges(Sent, kw_only=True):
    """What is given replaces what is there."""

    name: JourneyName | None = None
    kind: Annotated[str | None, one_of(KINDS, "Never changes.")] = None
    description: str | None = None
    settings: JourneySettings | None = None
    steps: Steps | None = None


class Publication(Sent, kw_only=True):
    previous: Annotated[
        str | None,
        one_of(
            (PAUSE, ARCHIVE),
            "What becomes of the version that is live or paused; required where there is one. Paused it lets nobody in "
            "and goes on for those inside. Archived it stops, and steps that send as before go on under their keys.",
        ),
    ] = None
    version_exclusion: Annotated[
        bool | None, about("Whether those who were in an earlier version stay out of this one.")
    ] = None


class Clone(Sent, kw_only=True):
    name: JourneyName | None = None


Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,9}$")]


class NewVersion(Sent, kw_only=True):
    origin: Number | None = msgspec.field(name="from", default=None)


class VersionQuery(Sent, kw_only=True):
    version: Annotated[
        Digits | None,
        about("The number of the version that is meant. The newest published one unless said, otherwise the draft."),
    ] = None


class ShownSettings(Shown, kw_only=True):
    use_historical_data: bool
    include_anonymous: bool
    exit_after: str | Absent = ABSENT
    reentry_after: str | Absent = ABSENT


class ShownVersion(Shown, kw_only=True):
    version: int
    status: Annotated[str, one_of(STATUSES)]
    version_exclusion: bool
    published_at: Instant | Absent = ABSENT


class JourneyOutline(Shown, kw_only=True):
    """`version` and `status` are of the newest version that was published, otherwise of the draft."""

    id: str
    space_id: str
    name: str
    kind: Annotated[str, one_of(KINDS)]
    version: int
    status: Annotated[str, one_of(STATUSES)]
    versions: list[ShownVersion]
    created_by: str
    updated_by: str
    created_at: Instant
    updated_at: Instant
    description: str | Absent = ABSENT


class Journey(JourneyOutline, kw_only=True):
    """`version`, `status`, `settings` and `steps` are of the version that was asked for or changed."""

    settings: ShownSettings
    steps: list[ShownStep]


class GotJourney(Shown, kw_only=True):
    journey: Journey


class ListedJourneys(Shown, kw_only=True):
    journeys: list[JourneyOutline]
    pagination: Pagination


class StopName(Shown, kw_only=True):
    """What has an audience: a step, or a side or branch of a split."""

    id: Annotated[str, about("Of the step.")]
    type: Annotated[str, one_of(TYPES)]
    name: str
    branch: Annotated[str | Absent, about("Its name; `true` or `false` of a side.")] = ABSENT
    key: str


class Stop(StopName, kw_only=True):
    """How many people are there."""

    count: Annotated[int, about("How many are members now.")]
    joined: Annotated[int, about("How many came this far and have not left the journey.")]


class ListedStops(Shown, kw_only=True):
    version: int
    status: Annotated[str, one_of(STATUSES)]
    steps: list[Stop]


GROUPS = (
    Group(
        "Journeys",
        "People move through steps as they meet conditions and time passes. A journey is drawn as a draft and "
        f"published as a version, of which there are at most {MOST_VERSIONS}.",
        (
            Operation("POST", JOURNEYS, "Draw a journey", GotJourney, takes=NewJourney, note=UNSOUND),
            Operation("GET", JOURNEYS, "List journeys", ListedJourneys, most=MOST),
            Operation("GET", JOURNEY, "Get a journey", GotJourney, asks=VersionQuery),
            Operation(
                "PATCH",
                JOURNEY,
                "Change a journey",
                GotJourney,
                takes=JourneyChanges,
                asks=VersionQuery,
                note="Settings and steps are of the draft, unless there is none or a version is named. A published "
                f"version takes steps that differ in nothing but destinations; others are refused with 409. {UNSOUND}",
            ),
            Operation(
                "DELETE",
                JOURNEY,
                "Delete a journey",
                Success,
                note="Its values stay as ordinary traits, its keys are never used again.",
            ),
            Operation("POST", JOURNEY + "/publish", "Publish the draft", GotJourney, takes=Publication, note=UNSOUND),
            Operation("POST", JOURNEY + "/pause", "Let nobody in any more", GotJourney),
            Operation(
                "POST",
                JOURNEY + "/resume",
                "Let people in again",
                GotJourney,
                note="Those whom the entry condition came to hold for meanwhile stay out.",
            ),
            Operation(
                "POST",
                JOURNEY + "/archive",
                "Stop a version for good",
                GotJourney,
                asks=VersionQuery,
                note="The one that is live or paused, otherwise the newest that is draining, unless one is named. "
                "Nobody moves any more, nothing is sent, the values stay.",
            ),
            Operation("POST", JOURNEY + "/clone", "Clone a journey", GotJourney, takes=Clone, asks=VersionQuery),
            Operation(
                "POST",
                JOURNEY + "/versions",
                "Begin a new version",
                GotJourney,
                takes=NewVersion,
                note="A draft. Its steps have keys of their own; see `previous` of the publication.",
            ),
            Operation("GET", JOURNEY + "/steps", "Count people in steps", ListedStops, asks=VersionQuery),
        ),
    ),
)
