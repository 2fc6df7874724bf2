"""Declared: the operations on audiences, computed traits, their schedules and runs, and the tasks behind them."""

from .definitions import (
    AUDIENCE,
    AUDIENCES,
    MOST_AUDIENCES,
    SCHEDULE,
    TASK,
    TRAIT,
    TRAITS,
    AudienceChanges,
    AudienceQuery,
    AudiencesQuery,
    ChangedAudience,
    ConsumersQuery,
    GotAudience,
    GotTrait,
    ListedAudiences,
    ListedConsumers,
    ListedTraits,
    NewAudience,
    NewTrait,
    TraitChanges,
)
from .operation import Group, Operation
from .runs import (
    ForcedRun,
    GotAudienceSchedule,
    GotOverview,
    GotSchedule,
    GotTask,
    ListedAudienceSchedules,
    ListedRuns,
    ListedSchedules,
    NewSchedule,
    RefreshedAudience,
)
from .shape import Success
from .workspace import MOST

GROUPS = (
    Group(
        "Audiences",
        "People or accounts for whom a definition holds, kept right at every moment.",
        (
            Operation("POST", AUDIENCES, "Create an audience", ChangedAudience, takes=NewAudience),
            Operation("GET", AUDIENCES, "List audiences", ListedAudiences, asks=AudiencesQuery, most=MOST_AUDIENCES),
            Operation("GET", AUDIENCE, "Get an audience", GotAudience, asks=AudienceQuery),
            Operation("PATCH", AUDIENCE, "Update an audience", ChangedAudience, takes=AudienceChanges),
            Operation("DELETE", AUDIENCE, "Delete an audience", Success, note="Its key is never used again."),
            Operation(
                "GET",
                AUDIENCE + "/audience-references",
                "List audiences that refer to this one",
                ListedConsumers,
                asks=ConsumersQuery,
                most=MOST,
            ),
            Operation("GET", AUDIENCE + "/overview", "See how an audience does", GotOverview),
            Operation("POST", AUDIENCE + "/refresh", "Take a fresh look at size and progress", RefreshedAudience),
            Operation("GET", AUDIENCE + "/runs", "List runs of an audience", ListedRuns),
            Operation("POST", AUDIENCE + "/runs", "Run an audience of accounts now", ForcedRun),
            Operation("GET", AUDIENCE + "/schedules", "List schedules of an audience", ListedAudienceSchedules),
            Operation("POST", AUDIENCE + "/schedules", "Schedule an audience", GotAudienceSchedule, takes=NewSchedule),
            Operation("GET", AUDIENCE + SCHEDULE, "Get a schedule of an audience", GotAudienceSchedule),
            Operation(
                "PATCH", AUDIENCE + SCHEDULE, "Change a schedule of an audience", GotAudienceSchedule, takes=NewSchedule
            ),
            Operation("DELETE", AUDIENCE + SCHEDULE, "Remove a schedule of an audience", Success),
        ),
    ),
    Group(
        "Computed traits",
        "A value per person or account, reduced from events.",
        (
            Operation("POST", TRAITS, "Create a computed trait", GotTrait, takes=NewTrait),
            Operation("GET", TRAITS, "List computed traits", ListedTraits, most=MOST),
            Operation("GET", TRAIT, "Get a computed trait", GotTrait),
            Operation("PATCH", TRAIT, "Update a computed trait", GotTrait, takes=TraitChanges),
            Operation("DELETE", TRAIT, "Delete a computed trait", Success, note="Its values stay as ordinary traits."),
            Operation("GET", TRAIT + "/overview", "See how a computed trait does", GotOverview),
            Operation("GET", TRAIT + "/runs", "List runs of a computed trait", ListedRuns),
            Operation("POST", TRAIT + "/runs", "Run a computed trait of accounts now", ForcedRun),
            Operation("GET", TRAIT + "/schedules", "List schedules of a computed trait", ListedSchedules),
            Operation("POST", TRAIT + "/schedules", "Schedule a computed trait", GotSchedule, takes=NewSchedule),
            Operation(
                "PATCH", TRAIT + SCHEDULE, "Change a schedule of a computed trait", GotSchedule, takes=NewSchedule
            ),
            Operation("DELETE", TRAIT + SCHEDULE, "Remove a schedule of a computed trait", Success),
        ),
    ),
    Group(
        "Tasks",
        "Work in steps behind backfills, runs and syncs.",
        (
            Operation("GET", TASK, "Get a task", GotTask),
            Operation("POST", TASK + "/cancel", "Cancel a task", GotTask, note="A closed one stays as it is."),
            Operation("POST", TASK + "/retry", "Retry a task now", GotTask),
        ),
    ),
)
