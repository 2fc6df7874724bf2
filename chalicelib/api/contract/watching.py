"""Declared: the audit trail, notifications and alerts."""

from typing import Annotated

from ...alerts.alert import TYPES
from ...notifications.kinds import KINDS
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
    Success,
    Text,
    about,
    one_of,
)
from .workspace import MOST

CHANNEL = "/notification-channels/{channel_id}"
PREFERENCES = "/spaces/{space_id}/failure-notifications"
ALERT = "/alerts/{alert_id}"


class TrailQuery(Sent, kw_only=True):
    start_time: Annotated[Text | None, about("Inclusive, ISO 8601.")] = None
    end_time: Annotated[Text | None, about("Exclusive, ISO 8601.")] = None
    resource_id: Text | None = None
    resource_type: Text | None = None
    action: Annotated[Text | None, about("A name such as `Audience Created`.")] = None
    actor: Annotated[Text | None, about("The id of a token.")] = None
    space_id: Text | None = None


class AuditEvent(Shown, kw_only=True):
    id: str
    timestamp: Instant
    type: str
    actor: str
    resource_id: str
    resource_type: str
    resource_name: str
    subject: str
    details: JsonObject
    space_id: str | Absent = ABSENT
    transient: bool | Absent = ABSENT


class ListedAuditEvents(Shown, kw_only=True):
    events: list[AuditEvent]
    pagination: ForwardPagination


class ForwardingChanges(Sent, kw_only=True):
    enabled: bool
    source_id: Text | None = None


class Forwarding(Shown, kw_only=True):
    enabled: bool
    source_id: str | None


class GotForwarding(Shown, kw_only=True):
    audit_forwarding: Forwarding


class NewChannel(Sent, kw_only=True):
    type: Annotated[str, one_of(KINDS)]
    name: Name
    settings: Annotated[JsonObject, about("As the type wants them: `topicArn`, or `url`.")]
    enabled: bool | None = None
    space_id: Text | None = None
    actions: Annotated[list[Name] | None, about("Names of the audit trail it is told of.")] = None


class ChannelChanges(Sent, kw_only=True):
    type: Text | None = None
    name: Name | None = None
    settings: JsonObject | None = None
    enabled: bool | None = None
    actions: list[Name] | None = None


class Channel(Shown, kw_only=True):
    id: str
    type: str
    name: str
    enabled: bool
    space_id: str | None
    actions: list[str]
    settings: JsonObject
    created_by: str
    created_at: Instant
    updated_at: Instant


class GotChannel(Shown, kw_only=True):
    channel: Channel


class ListedChannels(Shown, kw_only=True):
    channels: list[Channel]
    pagination: Pagination


class NotificationsQuery(Sent, kw_only=True):
    space_id: Text | None = None


class ListedNotifications(Shown, kw_only=True):
    notifications: list[JsonObject]
    pagination: ForwardPagination


class PreferenceChanges(Sent, kw_only=True):
    notify_transient_failures: bool


class Preferences(Shown, kw_only=True):
    notify_transient_failures: bool


class GotPreferences(Shown, kw_only=True):
    failure_notifications: Preferences


Threshold = Annotated[float, about("Percent.", gt=0)]


class NewAlert(Sent, kw_only=True):
    type: Annotated[str, one_of(TYPES)]
    name: Name
    threshold: Threshold
    enabled: bool | None = None
    channels: Annotated[list[Name] | None, about("Ids of notification channels.")] = None
    space_id: Text | None = None
    audience_id: Text | None = None
    destination_id: Text | None = None


class AlertChanges(Sent, kw_only=True):
    type: Text | None = None
    name: Name | None = None
    threshold: Threshold | None = None
    enabled: bool | None = None
    channels: list[Name] | None = None
    space_id: Text | None = None
    audience_id: Text | None = None
    destination_id: Text | None = None


class Alert(Shown, kw_only=True):
    id: str
    type: Annotated[str, one_of(TYPES)]
    name: str
    threshold: float
    enabled: bool
    status: str
    channels: list[str]
    space_id: str | Absent = ABSENT
    audience_id: str | Absent = ABSENT
    destination_id: str | Absent = ABSENT
    created_by: str
    created_at: Instant
    updated_at: Instant
    last_triggered_at: Instant | None
    last_value: float | None


class GotAlert(Shown, kw_only=True):
    alert: Alert


class AlertsQuery(Sent, kw_only=True):
    created_by: Text | None = None


class ListedAlerts(Shown, kw_only=True):
    alerts: list[Alert]
    pagination: Pagination


GROUPS = (
    Group(
        "Audit trail",
        "Who changed what, for 90 days.",
        (
            Operation("GET", "/audit-events", "Read the trail", ListedAuditEvents, asks=TrailQuery, most=MOST),
            Operation(
                "GET",
                "/audit-events/csv",
                "Download the trail",
                None,
                asks=TrailQuery,
                media="text/csv",
                note="When there is more, the header `X-Next-Cursor` has the cursor to go on with.",
            ),
            Operation("GET", "/audit-forwarding", "Get where the trail is forwarded to", GotForwarding),
            Operation("PUT", "/audit-forwarding", "Forward the trail", GotForwarding, takes=ForwardingChanges),
        ),
    ),
    Group(
        "Notifications",
        "Where failures and alerts are told.",
        (
            Operation("POST", "/notification-channels", "Create a channel", GotChannel, takes=NewChannel),
            Operation("GET", "/notification-channels", "List channels", ListedChannels, most=MOST),
            Operation("GET", CHANNEL, "Get a channel", GotChannel),
            Operation("PATCH", CHANNEL, "Update a channel", GotChannel, takes=ChannelChanges),
            Operation("DELETE", CHANNEL, "Delete a channel", Success),
            Operation(
                "GET",
                "/notifications",
                "List failures and alerts",
                ListedNotifications,
                asks=NotificationsQuery,
                most=MOST,
            ),
            Operation("GET", PREFERENCES, "Get what a space is told of", GotPreferences),
            Operation("PATCH", PREFERENCES, "Set what a space is told of", GotPreferences, takes=PreferenceChanges),
        ),
    ),
    Group(
        "Alerts",
        "Told when a figure leaves its bounds.",
        (
            Operation("POST", "/alerts", "Create an alert", GotAlert, takes=NewAlert),
            Operation("GET", "/alerts", "List alerts", ListedAlerts, asks=AlertsQuery, most=MOST),
            Operation("GET", ALERT, "Get an alert", GotAlert),
            Operation("PATCH", ALERT, "Update an alert", GotAlert, takes=AlertChanges),
            Operation("DELETE", ALERT, "Delete an alert", Success),
        ),
    ),
)
