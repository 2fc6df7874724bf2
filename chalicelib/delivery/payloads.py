"""The events that destinations receive: the Identify, the Track and the Group form of a transition."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ..computations.catalogue import is_audience
from ..computations.computation import Computation
from ..destinations.kind import Payload
from ..identity.external_id import ACCOUNTS
from ..instants import to_iso
from ..workspace.model import Connection
from .aliases import Alias
from .enrichment import with_extras
from .rows import Group, Row
from .transitions import Transition

IDENTIFY = "identify"
TRACK = "track"
GROUP = "group"
ALIAS = "alias"

ENTERED = "Audience Entered"
EXITED = "Audience Exited"
COMPUTED = "Trait Computed"


class Origin(NamedTuple):
    """The version of the profile that made the transition. With `integrations`, which is the same for every
    connection of the computation. `again` names the sync that tells it once more, `activation_id` the activation whose
    event it is, if that has a mapping."""

    space_id: str
    profile_id: str
    version: int
    integrations: Mapping[str, bool]
    again: str = ""
    activation_id: str = ""


def forms(connection: Connection, computation: Computation, collection: str) -> Iterator[str]:
    """What is sent of a change in this collection. The people of accounts hear of audiences only, so of a trait of
    accounts nothing would be heard at all if its group calls had to be asked for."""
    if collection == ACCOUNTS:
        if connection.settings.get("sendGroup", not is_audience(computation)):
            yield GROUP
        return
    if connection.settings.get("sendIdentify", True):
        yield IDENTIFY
    if connection.settings.get("sendTrack", False):
        yield TRACK


def message_id(transition: Transition, origin: Origin, connection: Connection, row: Row | Group, form: str) -> str:
    """The same for the same connection, activation, row, value, profile version and form: a repeated step repeats the
    id."""
    # A profile may have changed in other ways since a sync that died told it.
    moment = origin.again or origin.version
    told = [connection.id, transition.computation.id, origin.space_id, origin.profile_id, moment]
    by = [origin.activation_id] if origin.activation_id else []
    digest = hashlib.sha256(msgspec.json.encode([*told, row, transition.value, form, *by]))
    return "personas_" + digest.hexdigest()[:40]


def payload(
    transition: Transition,
    origin: Origin,
    connection: Connection,
    row: Row | Group,
    form: str,
    emitted_at: int,
    extras: Mapping[str, Any],
) -> Payload:
    """Blank identifiers are left out. `emitted_at` is epoch ms, `extras` are traits that go along."""
    changed, emitted = to_iso(transition.at), to_iso(emitted_at)
    event: Payload = {"type": form, "messageId": message_id(transition, origin, connection, row, form)}
    times = {"timestamp": changed, "originalTimestamp": changed, "receivedAt": emitted, "sentAt": emitted}
    if isinstance(row, Group):
        event |= {"groupId": row.group_id, **times, "traits": with_extras(_keyed(transition), extras)}
        alone = {"personas": _personas(transition.computation, origin.space_id)}
        return event | {"context": alone, "integrations": dict(origin.integrations)}
    if form == TRACK:
        event["event"] = _event_name(transition, connection)
    event |= _present({"userId": row.user_id, "anonymousId": row.anonymous_id}) | times
    email = _present({"email": row.email})
    custom = {custom.field: custom.value for custom in row.custom}
    context = {"personas": _personas(transition.computation, origin.space_id)} | _device(row)
    # What carries the value comes last: no identifier may overwrite it.
    if form == TRACK:
        own = custom | _named_key(transition.computation) | _keyed(transition)
        event["properties"] = with_extras(own, extras)
        context |= {"traits": email} if email else {}
    else:
        event["traits"] = with_extras(custom | email | _keyed(transition), extras)
    return event | {"context": context, "integrations": dict(origin.integrations)}


def alias_payload(alias: Alias, origin: Origin, connection: Connection, emitted_at: int) -> Payload:
    changed, emitted = to_iso(alias.at), to_iso(emitted_at)
    told = [connection.destination_id, origin.space_id, origin.profile_id, origin.version, alias.previous]
    digest = hashlib.sha256(msgspec.json.encode([*told, alias.user_id, ALIAS]))
    shown = "spa_" + origin.space_id.removeprefix("spa_")
    return {
        "type": ALIAS,
        "messageId": "personas_" + digest.hexdigest()[:40],
        "previousId": alias.previous,
        "userId": alias.user_id,
        "timestamp": changed,
        "originalTimestamp": changed,
        "receivedAt": emitted,
        "sentAt": emitted,
        "context": {"personas": {"namespace": shown, "space_id": shown}},
        "integrations": dict(origin.integrations),
    }


def _present(fields: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _keyed(transition: Transition) -> dict[str, Any]:
    return {transition.computation.key: transition.value}


def _named_key(computation: Computation) -> dict[str, str]:
    return {"audience_key" if is_audience(computation) else "trait_key": computation.key}


def _event_name(transition: Transition, connection: Connection) -> str:
    if not is_audience(transition.computation):
        setting, default = "computeEventName", COMPUTED
    elif transition.is_exit:
        setting, default = "exitEventName", EXITED
    else:
        setting, default = "enterEventName", ENTERED
    return str(connection.settings.get(setting) or default)


def _personas(computation: Computation, space_id: str) -> dict[str, str]:
    shown = "spa_" + space_id.removeprefix("spa_")
    return {
        "computation_class": "audience" if is_audience(computation) else "trait",
        "computation_id": computation.id,
        "computation_key": computation.key,
        "namespace": shown,
        "space_id": shown,
    }


def _device(row: Row) -> dict[str, Any]:
    if row.mobile is None:
        return {}
    type, value = row.mobile
    return {"device": {"type": type.partition(".")[0], "advertisingId": value}}
