"""The names of everything that can stand in the audit trail, as people who know Segment's look for them."""

from collections.abc import Mapping

CREATED, MODIFIED, DELETED = "Created", "Modified", "Deleted"
ENABLED, DISABLED = "Enabled", "Disabled"
UPDATED = "Updated"  # in place of Modified, of filters

FAILED = "Failed"
RUN_COMPLETE, RUN_FAILED, SYNC_FAILED = "Run Complete", "Run Failed", "Destination Sync Failed"

AUDIENCE = "audience"
TRAIT = "computed_trait"
JOURNEY = "journey"
SPACE = "space"
SOURCE = "source"
WRITE_KEY = "write_key"
DESTINATION = "destination"
CONNECTION = "connection"
LABEL = "label"
FILTER = "filter"
DESTINATION_FILTER = "destination_filter"
SUBSCRIPTION = "destination_subscription"
ACTIVATION = "activation"
TOKEN = "token"  # noqa: S105 - a kind of resource
IDENTITY_RULES = "identity_rules"
ARCHIVE = "archive"
FORWARDING = "audit_forwarding"
FAILURE_NOTIFICATIONS = "failure_notifications"
CHANNEL = "notification_channel"
ALERT = "alert"
TASK = "task"
IMPORT = "import"
REPLAY = "replay"
REGULATION = "regulation"

# What a kind of resource is called in names: a destination has been an integration for longer.
TITLES: Mapping[str, str] = {
    AUDIENCE: "Audience",
    TRAIT: "Computed Trait",
    JOURNEY: "Journey",
    SPACE: "Space",
    SOURCE: "Source",
    WRITE_KEY: "Write Key",
    DESTINATION: "Integration",
    CONNECTION: "Destination Connection",
    LABEL: "Label",
    FILTER: "Filter",
    DESTINATION_FILTER: "Destination Filter",
    SUBSCRIPTION: "Destination Subscription",
    ACTIVATION: "Activation",
    TOKEN: "Token",
    IDENTITY_RULES: "Identity Rules",
    ARCHIVE: "Archive",
    FORWARDING: "Audit Forwarding",
    FAILURE_NOTIFICATIONS: "Failure Notifications",
    CHANNEL: "Notification Channel",
    ALERT: "Alert",
    TASK: "Task",
    IMPORT: "Import",
    REPLAY: "Replay",
    REGULATION: "Regulation",
}

_LIFE = (CREATED, MODIFIED, DELETED)
_SWITCHED = (*_LIFE, ENABLED, DISABLED)
_COMPUTED = (*_LIFE, "CSV Downloaded", RUN_FAILED, SYNC_FAILED)

_EVENTS: Mapping[str, tuple[str, ...]] = {
    AUDIENCE: (*_COMPUTED, RUN_COMPLETE, "Preview Created", "Run Forced"),
    TRAIT: (*_COMPUTED, "Run Forced"),
    JOURNEY: (
        *_LIFE,
        "Published",
        "Publish Failed",
        "Entry Paused",
        "Entry Resumed",
        "Archived",
        "Version Created",
        "Step Tested",
        RUN_FAILED,
        SYNC_FAILED,
    ),
    SPACE: _LIFE,
    SOURCE: (*_SWITCHED, "Connected To Space", "Disconnected From Space"),
    WRITE_KEY: (CREATED, DELETED),
    DESTINATION: (*_SWITCHED, "Replayed", "Tested"),
    CONNECTION: _SWITCHED,
    LABEL: (CREATED, DELETED),
    FILTER: (CREATED, UPDATED, DELETED),
    DESTINATION_FILTER: _SWITCHED,
    SUBSCRIPTION: _SWITCHED,
    ACTIVATION: _SWITCHED,
    TOKEN: (CREATED, DELETED),
    IDENTITY_RULES: (MODIFIED,),
    ARCHIVE: (MODIFIED,),
    FORWARDING: (ENABLED, DISABLED),
    FAILURE_NOTIFICATIONS: (MODIFIED,),
    CHANNEL: _LIFE,
    ALERT: _LIFE,
    TASK: ("Cancelled", "Retried", FAILED),
    IMPORT: (CREATED,),
    REPLAY: (CREATED,),
    REGULATION: (CREATED,),
}

_OTHERS = ("Permission Check",)


def name_of(resource_type: str, event: str) -> str:
    """`Audience Created`."""
    return f"{TITLES[resource_type]} {event}"


NAMES = frozenset(
    [*(name_of(resource_type, event) for resource_type, events in _EVENTS.items() for event in events), *_OTHERS]
)

# What somebody may have to act upon: everybody is told of these unless they say otherwise.
FAILURES = (
    *(name_of(type, event) for type in (AUDIENCE, TRAIT, JOURNEY) for event in (RUN_FAILED, SYNC_FAILED)),
    name_of(TASK, FAILED),
)


def has(resource_type: str, event: str) -> bool:
    """Whether the catalogue knows such an event of such a resource."""
    return event in _EVENTS[resource_type]
