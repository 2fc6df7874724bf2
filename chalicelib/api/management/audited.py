"""Which operations are changes, and as what they stand in the audit trail.

What is there is looked at before a change, since nothing may be left of it afterwards. The row is written once the
change is made: whatever becomes of the row, the change stands and its answer stays the same.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import bootstrap
from ...audit import catalogue as names
from ...audit.catalogue import CREATED, DELETED, DISABLED, ENABLED, MODIFIED
from ...audit.recorder import Resource
from ...errors import Permanent, place_of
from ...workspace.subscriptions import INPUT
from . import audited_resources as resources

if TYPE_CHECKING:
    from .endpoint import Call

logger = logging.getLogger(__name__)

MOST_FIELDS = 20
_FIELD = re.compile(r"[A-Za-z]{1,40}")  # names of fields, and not what else somebody may have sent in their place

Data = Mapping[str, Any]


class Audited(NamedTuple):
    """`find` looks before the change at what is there, `made` afterwards at what the answer says of what is new.
    `events` are what happened to it; `shown` is what the answer calls it, when it shows it."""

    events: Callable[["Call", Resource], Sequence[str]]
    find: Callable[["Call"], Resource] | None = None
    made: Callable[["Call", Data], Resource] | None = None
    shown: str = ""


def _always(event: str) -> Callable[["Call", Resource], Sequence[str]]:
    return lambda call, resource: (event,)


def _by_content(call: "Call", before: Resource) -> list[str]:
    """Switched, modified, or both; a body that changes nothing is no event."""
    content = _asked(call)
    enabled = content.get("enabled")
    switched = before.enabled is not None and enabled is not None and enabled != before.enabled
    modified = bool(content.keys() - {"enabled"})
    if not names.has(before.type, ENABLED):
        return [MODIFIED] if switched or modified else []
    return [ENABLED if enabled else DISABLED] * switched + [MODIFIED] * modified


def _asked(call: "Call") -> Data:
    """Some bodies are wrapped."""
    content = call.content()
    wrapped = content.get(INPUT)
    return wrapped if isinstance(wrapped, dict) else content


def _by_change(call: "Call", before: Resource) -> list[str]:
    """Of what is updated under one name, whatever of it changes. The space is named, not changed."""
    return [names.UPDATED] if call.content().keys() - {"integrationId"} else []


def _by_switch(call: "Call", before: Resource) -> list[str]:
    """Forwarding to another source is switched on anew."""
    enabled = call.content().get("enabled") is True
    return [ENABLED if enabled else DISABLED] if enabled or before.enabled else []


def _by_key(call: "Call", resource: Resource) -> list[str]:
    """Without a key somebody only asked where to put a file."""
    return [CREATED] if call.content().get("key") is not None else []


def _created(made: Callable[["Call", Data], Resource]) -> Audited:
    return Audited(_always(CREATED), made=made)


def _changed(find: Callable[["Call"], Resource], shown: str = "") -> Audited:
    return Audited(_by_content, find=find, shown=shown)


def _happened(event: str, find: Callable[["Call"], Resource]) -> Audited:
    return Audited(_always(event), find=find)


AUDIENCES = "/spaces/{space_id}/audiences"
AUDIENCE = AUDIENCES + "/{audience_id}"
TRAITS = "/spaces/{space_id}/computed-traits"
TRAIT = TRAITS + "/{trait_id}"
JOURNEYS = "/spaces/{space_id}/journeys"
JOURNEY = JOURNEYS + "/{journey_id}"
CONNECTIONS = "/destination-connections"
CONNECTION = CONNECTIONS + "/{connection_id}"
DESTINATION_FILTERS = "/destination/{destination_id}/filters"
SUBSCRIPTIONS = "/destinations/{destination_id}/subscriptions"
TASK = "/spaces/{space_id}/tasks/{task_id}"

OPERATIONS: Mapping[tuple[str, str], Audited] = {
    ("POST", AUDIENCES): _created(resources.made_audience),
    ("PATCH", AUDIENCE): _changed(resources.audience, "audience"),
    ("DELETE", AUDIENCE): _happened(DELETED, resources.audience),
    ("POST", AUDIENCE + CONNECTIONS): _created(resources.made_connection),
    ("PATCH", AUDIENCE + CONNECTION): _changed(resources.connection),
    ("POST", AUDIENCE + CONNECTION + "/resync"): _changed(resources.connection),
    ("DELETE", AUDIENCE + CONNECTION): _happened(DELETED, resources.connection),
    ("POST", AUDIENCE + CONNECTION + "/activations"): _created(resources.made_activation),
    ("PATCH", AUDIENCE + "/activations/{activation_id}"): _changed(resources.activation, "activation"),
    ("DELETE", AUDIENCE + "/activations/{activation_id}"): _happened(DELETED, resources.activation),
    ("POST", AUDIENCE + "/runs"): _happened("Run Forced", resources.audience),
    ("POST", AUDIENCE + "/schedules"): _happened(MODIFIED, resources.audience),
    ("PATCH", AUDIENCE + "/schedules/{schedule_id}"): _happened(MODIFIED, resources.audience),
    ("DELETE", AUDIENCE + "/schedules/{schedule_id}"): _happened(MODIFIED, resources.audience),
    ("POST", AUDIENCES + "/previews"): Audited(_always("Preview Created"), made=resources.made_preview),
    ("POST", AUDIENCE + "/exports"): _happened("CSV Downloaded", resources.audience),
    ("POST", TRAIT + "/exports"): _happened("CSV Downloaded", resources.trait),
    ("POST", "/spaces/{space_id}/imports"): Audited(_by_key, made=resources.made_import),
    ("POST", "/spaces/{space_id}/replays"): _created(resources.made_replay),
    ("POST", TRAITS): _created(resources.made_trait),
    ("PATCH", TRAIT): _changed(resources.trait, "computedTrait"),
    ("DELETE", TRAIT): _happened(DELETED, resources.trait),
    ("POST", TRAIT + CONNECTIONS): _created(resources.made_connection),
    ("PATCH", TRAIT + CONNECTION): _changed(resources.connection),
    ("POST", TRAIT + CONNECTION + "/resync"): _changed(resources.connection),
    ("DELETE", TRAIT + CONNECTION): _happened(DELETED, resources.connection),
    ("POST", TRAIT + "/runs"): _happened("Run Forced", resources.trait),
    ("POST", TRAIT + "/schedules"): _happened(MODIFIED, resources.trait),
    ("PATCH", TRAIT + "/schedules/{schedule_id}"): _happened(MODIFIED, resources.trait),
    ("DELETE", TRAIT + "/schedules/{schedule_id}"): _happened(MODIFIED, resources.trait),
    ("POST", JOURNEYS): _created(resources.made_journey),
    ("PATCH", JOURNEY): _changed(resources.journey, "journey"),
    ("DELETE", JOURNEY): _happened(DELETED, resources.journey),
    ("POST", JOURNEY + "/publish"): _happened("Published", resources.journey),
    ("POST", JOURNEY + "/pause"): _happened("Entry Paused", resources.journey),
    ("POST", JOURNEY + "/resume"): _happened("Entry Resumed", resources.journey),
    ("POST", JOURNEY + "/archive"): _happened("Archived", resources.journey),
    ("POST", JOURNEY + "/clone"): _created(resources.made_journey),
    ("POST", JOURNEY + "/versions"): _happened("Version Created", resources.journey),
    ("POST", JOURNEY + "/estimate"): Audited(_always("Preview Created"), made=resources.made_preview),
    ("POST", JOURNEY + "/steps/{step_id}/test"): _happened("Step Tested", resources.journey),
    ("POST", "/sources"): _created(resources.made_source),
    ("PATCH", "/sources/{source_id}"): _changed(resources.source, "source"),
    ("DELETE", "/sources/{source_id}"): _happened(DELETED, resources.source),
    ("POST", "/sources/{source_id}/writekey"): _happened(CREATED, resources.write_key),
    ("DELETE", "/sources/{source_id}/writekey/{write_key}"): _happened(DELETED, resources.write_key),
    ("POST", "/sources/{source_id}/labels"): _happened(MODIFIED, resources.source),
    ("PUT", "/sources/{source_id}/labels"): _happened(MODIFIED, resources.source),
    ("POST", "/labels"): _created(resources.made_label),
    ("DELETE", "/labels/{label_key}/{label_value}"): _happened(DELETED, resources.label),
    ("POST", "/filters"): _created(resources.made_space_filter),
    ("PATCH", "/filters/{filter_id}"): Audited(_by_change, find=resources.space_filter, shown="filter"),
    ("DELETE", "/filters/{filter_id}"): _happened(DELETED, resources.space_filter),
    ("POST", DESTINATION_FILTERS): _created(resources.made_destination_filter),
    ("PATCH", DESTINATION_FILTERS + "/{filter_id}"): _changed(resources.destination_filter, "filter"),
    ("DELETE", DESTINATION_FILTERS + "/{filter_id}"): _happened(DELETED, resources.destination_filter),
    ("POST", SUBSCRIPTIONS): _created(resources.made_subscription),
    ("PATCH", SUBSCRIPTIONS + "/{subscription_id}"): _changed(resources.subscription, "subscription"),
    ("DELETE", SUBSCRIPTIONS + "/{subscription_id}"): _happened(DELETED, resources.subscription),
    ("POST", "/destinations"): _created(resources.made_destination),
    ("PATCH", "/destinations/{destination_id}"): _changed(resources.destination, "destination"),
    ("DELETE", "/destinations/{destination_id}"): _happened(DELETED, resources.destination),
    ("POST", "/destinations/{destination_id}/replays"): _happened("Replayed", resources.destination),
    ("POST", "/destinations/{destination_id}/dead-letters/redrive"): _happened("Replayed", resources.destination),
    ("POST", "/destinations/{destination_id}/test"): _happened("Tested", resources.destination),
    ("POST", "/tokens"): _created(resources.made_token),
    ("DELETE", "/tokens/{token_id}"): _happened(DELETED, resources.token),
    ("PUT", "/spaces/{space_id}/identity-rules"): _happened(MODIFIED, resources.identity_rules),
    ("PUT", "/spaces/{space_id}/archive"): _happened(MODIFIED, resources.archive),
    ("POST", "/regulations"): _created(resources.made_regulation),
    ("PUT", "/audit-forwarding"): Audited(_by_switch, find=resources.forwarding),
    ("PATCH", "/spaces/{space_id}/failure-notifications"): _happened(MODIFIED, resources.failure_notifications),
    ("POST", "/notification-channels"): _created(resources.made_channel),
    ("PATCH", "/notification-channels/{channel_id}"): _changed(resources.channel, "channel"),
    ("DELETE", "/notification-channels/{channel_id}"): _happened(DELETED, resources.channel),
    ("POST", "/alerts"): _created(resources.made_alert),
    ("PATCH", "/alerts/{alert_id}"): _changed(resources.alert, "alert"),
    ("DELETE", "/alerts/{alert_id}"): _happened(DELETED, resources.alert),
    ("POST", TASK + "/cancel"): _happened("Cancelled", resources.task),
    ("POST", TASK + "/retry"): _happened("Retried", resources.task),
}

# They only look at something, by a body that does not fit into an address, or take what cannot be otherwise.
QUESTIONS = frozenset(
    {
        ("POST", "/spaces/{space_id}/merge-preview"),
        ("PATCH", "/sources/{source_id}/settings"),
        ("POST", AUDIENCE + "/refresh"),
        ("POST", "/destination/filters/preview"),
    }
)


class Change:
    """One call of an audited operation."""

    def __init__(self, call: "Call", audited: Audited) -> None:
        self._call, self._audited = call, audited
        self._before: Resource | None = None

    def begin(self) -> None:
        """Raises Retryable: a change that nobody could be told of is better not begun."""
        try:
            self._before = self._audited.find(self._call) if self._audited.find else None
        except Permanent:
            return  # the operation finds the same and says so

    def done(self, data: Data) -> None:
        """Raises nothing: the change is made."""
        try:
            self._record(data)
        except Exception as error:
            logger.error("A change by token %s is not in the audit trail: %s", self._call.token.id, place_of(error))

    def _record(self, data: Data) -> None:
        before = self._audited.made(self._call, data) if self._audited.made else self._before
        if before is None:
            raise LookupError("it was not there before")
        details = dict(before.details)
        if self._audited.events in (_by_content, _by_change):
            details["changed"] = _fields(_asked(self._call))
        resource = before._replace(name=_name(data.get(self._audited.shown), before.name), details=details)
        for event in self._audited.events(self._call, before):
            call = self._call
            bootstrap.current().operations.recorder.record(
                call.workspace_id, call.token.id, resource, event, call.request_id
            )


def change(call: "Call", method: str, path: str) -> Change | None:
    """None for an operation that changes nothing."""
    audited = OPERATIONS.get((method, path))
    return None if audited is None else Change(call, audited)


def _fields(content: Data) -> list[str]:
    return sorted(name for name in content if _FIELD.fullmatch(name))[:MOST_FIELDS]


def _name(shown: Any, otherwise: str) -> str:
    return str(shown["name"]) if isinstance(shown, dict) and "name" in shown else otherwise
