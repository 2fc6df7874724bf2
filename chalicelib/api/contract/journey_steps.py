"""Declared: the steps of journeys as they are drawn and shown."""

from typing import Annotated

import msgspec

from ...journeys.model import TYPES
from ...workspace.journeys.reading import LONGEST_ID
from ...workspace.journeys.soundness import (
    LONGEST_STEP_NAME,
    MOST_BRANCHES,
    MOST_RANDOM,
    MOST_SENDING,
    MOST_STEPS,
    MOST_STOPS,
    MOST_TARGETS,
)
from .plumbing import IdSync, IdSyncs
from .shape import ABSENT, Absent, Name, Sent, Shown, Text, about, one_of

Query = Annotated[str, about("In the definition language.", min_length=1)]
Duration = Annotated[str, about("A whole number followed by m, h, d or w, such as `36h`.")]
Next = Annotated[str | None, about("The id of the step to go on with; without it the path ends.")]
StepId = Annotated[str, about("Letters, digits, hyphens, dots and underscores.", max_length=LONGEST_ID, min_length=1)]
StepName = Annotated[str | None, about(f"The type unless said; at most {LONGEST_STEP_NAME} characters.")]


class Branch(Sent, kw_only=True):
    """With a query in a `multi_branch`, with a percentage in a `random_split`."""

    name: Annotated[str, about(f"At most {LONGEST_STEP_NAME} characters.", min_length=1)]
    query: Query | None = None
    percent: Annotated[float | None, about("With at most two decimals; those of a split add up to 100.")] = None
    next: Next = None


class StepDestination(Sent, kw_only=True):
    """How events are sent is said of destinations that take events."""

    destination_id: Name
    track: bool | None = None
    identify: bool | None = None
    enter_event_name: Text | None = None
    exit_event_name: Text | None = None
    id_sync_configuration: IdSyncs | None = None


class JourneyStep(Sent, kw_only=True):
    """Which fields count depends on the type. `entry`, `condition`: `query` and `next`. `delay`: `duration` and `next`.
    `true_false`: `query`, and the next steps as `true` and `false`. `multi_branch` and `random_split`: `branches`.
    `send_to_destination`: `destinations` and `next`. `show_ad`: the same, and `removeAfter`."""

    id: StepId
    type: Annotated[str, one_of(TYPES)]
    name: StepName = None
    query: Query | None = None
    next: Next = None
    duration: Duration | None = None
    if_true: Next = msgspec.field(name="true", default=None)
    if_false: Next = msgspec.field(name="false", default=None)
    branches: Annotated[
        list[Branch] | None,
        about(f"2 to {MOST_BRANCHES} conditions, each of which is met for itself; or at most {MOST_RANDOM} at random."),
    ] = None
    destinations: Annotated[
        list[StepDestination] | None, about(f"At most {MOST_TARGETS}, and {MOST_SENDING} in all steps.")
    ] = None
    remove_after: Annotated[Duration | None, about("So long after joining the step people are taken off again.")] = None


Steps = Annotated[
    list[JourneyStep],
    about(f"At most {MOST_STEPS}, and {MOST_STOPS} together with sides and branches. One is the entry."),
]


class ShownBranch(Shown, kw_only=True):
    name: str
    key: str
    query: str | Absent = ABSENT
    percent: float | Absent = ABSENT
    next: str | Absent = ABSENT


class ShownDestination(Shown, kw_only=True):
    destination_id: str
    connection_id: Annotated[str, about("Of the connection that is there once the version is published.")]
    track: bool | Absent = ABSENT
    identify: bool | Absent = ABSENT
    enter_event_name: str | Absent = ABSENT
    exit_event_name: str | Absent = ABSENT
    id_sync_configuration: list[IdSync] | Absent = ABSENT


class SideKeys(Shown, kw_only=True):
    if_true: str = msgspec.field(name="true")
    if_false: str = msgspec.field(name="false")


class ShownStep(Shown, kw_only=True):
    """As it was drawn, with the keys under which profiles and events tell of it."""

    id: str
    type: Annotated[str, one_of(TYPES)]
    name: str
    key: str | Absent = ABSENT
    keys: SideKeys | Absent = ABSENT
    query: str | Absent = ABSENT
    next: str | Absent = ABSENT
    duration: str | Absent = ABSENT
    if_true: str | Absent = msgspec.field(name="true", default=ABSENT)
    if_false: str | Absent = msgspec.field(name="false", default=ABSENT)
    branches: list[ShownBranch] | Absent = ABSENT
    destinations: list[ShownDestination] | Absent = ABSENT
    remove_after: str | Absent = ABSENT
