"""What is shown of each thing. Clients raise when a field they know as required is missing or of another type."""

from typing import Any

import msgspec

from ...computations.computation import USERS, Computation
from ...computations.definition import lookback_of
from ...computations.status import external_ids_of, query_of, status_of
from ...delivery.ledger import DeadLetter
from ...instants import to_iso
from ...workspace.connections import DEFAULT_ID_SYNC
from ...workspace.model import Connection, Destination, Label, Source, Space, Workspace
from ...workspace.ports import DestinationAction, DestinationField, DestinationKind, DestinationOption
from ...workspace.source_kinds import ALL_KINDS, SourceKind

Shape = dict[str, Any]

NO_LOGOS = {"default": ""}
PUBLIC = "PUBLIC"

# Of the settings of a kind, as fields of actions are typed.
FIELD_TYPES = {
    "string": "STRING",
    "select": "STRING",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "text-map": "OBJECT",
}


def workspace(shown: Workspace) -> Shape:
    return {"id": shown.id, "slug": shown.slug, "name": shown.name}


def space(shown: Space) -> Shape:
    return {"id": shown.id, "slug": shown.slug, "name": shown.name}


def source_metadata(kind: SourceKind) -> Shape:
    return {
        "id": kind.metadata_id,
        "name": kind.name,
        "slug": kind.slug,
        "description": kind.description,
        "logos": NO_LOGOS,
        "options": [],
        "categories": kind.categories,
        "isCloudEventSource": False,
        "status": PUBLIC,
    }


def source(shown: Source) -> Shape:
    return {
        "id": shown.id,
        "slug": shown.slug,
        "name": shown.name,
        "metadata": source_metadata(ALL_KINDS[shown.metadata_id]),
        "workspaceId": shown.workspace_id,
        "enabled": shown.enabled,
        "writeKeys": shown.write_keys,
        "settings": shown.settings,
        "labels": [label(one) for one in shown.labels],
    }


def label(shown: Label) -> Shape:
    described = {} if shown.description is None else {"description": shown.description}
    return {"key": shown.key, "value": shown.value, **described}


def destination_metadata(kind: DestinationKind) -> Shape:
    return {
        "id": kind.metadata_id,
        "name": kind.name,
        "slug": kind.slug,
        "description": kind.description,
        "logos": NO_LOGOS,
        "options": [_option(option) for option in kind.options],
        "status": PUBLIC,
        "previousNames": [],
        "categories": list(kind.categories),
        "website": kind.website,
        "components": [],
        "supportedFeatures": {"cloudModeInstances": "MULTIPLE", "deviceModeInstances": "NONE", "replay": False},
        "supportedMethods": {"identify": True, "track": True, "pageview": False, "alias": False, "group": True},
        "supportedPlatforms": {"server": True, "browser": False, "mobile": False},
        "actions": [_action(action, kind) for action in kind.actions],
        "presets": [],
    }


def _option(option: DestinationOption) -> Shape:
    shown = {
        "name": option.name,
        "type": option.type,
        "required": option.required,
        "description": option.description,
    }
    return shown if option.default is None else shown | {"defaultValue": option.default}


def _action(action: DestinationAction, kind: DestinationKind) -> Shape:
    types = {option.name: FIELD_TYPES[option.type] for option in kind.options}
    return {
        "id": action.id,
        "slug": action.slug,
        "name": action.name,
        "description": action.description,
        "platform": "CLOUD",
        "hidden": False,
        "defaultTrigger": action.trigger,
        "fields": [
            _field(field, place, f"{action.id}-{field.key}", types.get(field.option, "OBJECT"))
            for place, field in enumerate(action.fields)
        ],
    }


def _field(field: DestinationField, place: int, id: str, type: str) -> Shape:
    shown = {
        "id": id,
        "sortOrder": place,
        "fieldKey": field.key,
        "label": field.label,
        "type": type,
        "description": field.description,
        "required": field.required,
        "multiple": False,
        "dynamic": False,
        "allowNull": False,
    }
    return shown if field.default is None else shown | {"defaultValue": field.default}


def destination(shown: Destination, kind: DestinationKind) -> Shape:
    """Secret settings are left out altogether."""
    return {
        "id": shown.id,
        "name": shown.name,
        "enabled": shown.enabled,
        "metadata": destination_metadata(kind),
        "sourceId": shown.source_id,
        "settings": shown.settings,
    }


def _computation(shown: Computation) -> Shape:
    described = {} if shown.description is None else {"description": shown.description}
    return {
        "id": shown.id,
        "spaceId": shown.space_id,
        "name": shown.name,
        **described,
        "key": shown.key,
        "enabled": shown.enabled,
        "status": status_of(shown),
        "createdBy": shown.created_by,
        "updatedBy": shown.updated_by,
        "createdAt": to_iso(shown.created_at),
        "updatedAt": to_iso(shown.updated_at),
    }


def events(shown: Computation, days: str) -> Shape:
    """Which events count; `days` is what the lookback is called, left out where all of them do."""
    lookback = lookback_of(shown)
    return {"includeHistoricalData": shown.history, **({} if lookback is None else {days: lookback})}


def audience(shown: Computation) -> Shape:
    """As it is shown after a change and among consumers."""
    return {
        **_computation(shown),
        "definition": definition(query_of(shown), None if shown.is_computed else shown.target_entity),
        "audienceType": shown.scope,
        "options": {"filterByExternalIds": external_ids_of(shown), **events(shown, "backfillEventDataDays")},
    }


def definition(query: str, target_entity: str | None) -> Shape:
    """Of an audience; only linked ones have a target."""
    return {"query": query} if target_entity is None else {"query": query, "targetEntity": target_entity}


def computed_trait(shown: Computation) -> Shape:
    anonymous = "anonymous_id" in shown.external_ids
    return {
        **_computation(shown),
        "definition": {"query": query_of(shown), "type": shown.scope},
        "options": {"includeAnonymousUsers": anonymous, **events(shown, "backfillDurationDays")},
    }


def full_audience(shown: Computation, members: int) -> Shape:
    """As it is shown when it is read."""
    return {
        **audience(shown),
        "computeCadence": {"type": "REALTIME" if shown.scope == USERS else "BATCH"},
        **size(shown, members),
    }


def size(shown: Computation, members: int) -> Shape:
    """Nothing before everybody was looked at once: nobody knows it yet."""
    return {"size": {"type": shown.scope, "count": members, "uniqueCount": members}} if shown.counted else {}


def id_sync(shown: Connection) -> list[Shape]:
    return [msgspec.to_builtins(item) for item in shown.id_sync or DEFAULT_ID_SYNC]


def connection(shown: Connection, target: Destination, kind: DestinationKind) -> Shape:
    return {
        "id": shown.id,
        "destinationId": target.id,
        "sourceId": target.source_id,
        "name": target.name,
        "enabled": shown.enabled,
        "settings": target.settings,
        "metadata": {"id": kind.metadata_id, "name": kind.name, "slug": kind.slug},
        "createdAt": to_iso(shown.created_at),
        "updatedAt": to_iso(shown.updated_at),
        "idSyncConfiguration": id_sync(shown),
        "connectionSettings": shown.settings,
    }


ONLY_FOR_DELIVERY = ("row", "sequence", "follows", "listed")  # what deliveries of one row know of each other


def dead_letter(shown: DeadLetter) -> Shape:
    whole = msgspec.to_builtins(shown)
    shape: Shape = {name: value for name, value in whole.items() if name not in ONLY_FOR_DELIVERY}
    return shape | {name: to_iso(shape[name]) for name in ("createdAt", "firstAttemptAt", "failedAt")}
