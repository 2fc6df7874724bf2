"""Mixpanel: events in bulk, profiles of people and of groups, and people who turned out to be one."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from ..errors import Problem
from ..instants import parse_iso
from .json_text import stringify
from .kind import (
    BOOLEAN,
    INTEGER,
    SELECT,
    STRING,
    Call,
    DestinationKind,
    Limits,
    Option,
    Payload,
    Request,
    Settings,
)
from .multi_status import MULTI_STATUS, Reply, multi_status

HOSTS = {"US": "api.mixpanel.com", "EU": "api-eu.mixpanel.com", "IN": "api-in.mixpanel.com"}
BATCH = 1_000  # events in one request, unless the owner says otherwise
LARGEST_BATCH = 2_000

# What says who did it and when, and the token: no property of an event may stand in their place.
RESERVED = frozenset(
    {
        "distinct_id",
        "id",
        "time",
        "token",
        "$anon_distinct_id",
        "$device_id",
        "$group_id",
        "$insert_id",
        "$user_id",
    }
)
PROFILE_NAMES: Mapping[str, str] = {
    "avatar": "$avatar",
    "created": "$created",
    "email": "$email",
    "firstName": "$first_name",
    "lastName": "$last_name",
    "name": "$name",
    "phone": "$phone",
}
GROUP_KEY = "$group_id"

INVALID = 400
_DETAIL = 200  # characters: it is looked at, never parsed
_INSERT_ID = re.compile(r"[0-9A-Za-z-]{1,36}")
_REFUSED = "0"  # what everything but /import answers, with status 200, to what it does not take


def _check(settings: Settings) -> Iterator[Problem]:
    if not 1 <= settings.get("batchSize", BATCH) <= LARGEST_BATCH:
        yield Problem(f"batchSize must be from 1 to {LARGEST_BATCH}", "settings.batchSize")


def _batch_size(settings: Settings) -> int:
    size: int = settings.get("batchSize", BATCH)
    return size


def _build(items: Sequence[Payload], settings: Settings) -> list[Call]:
    """All events in one request; the others have no form for many."""
    events = [place for place, item in enumerate(items) if item["type"] == "track"]
    calls = [Call(_import([items[place] for place in events], settings), tuple(events))] if events else []
    return calls + [_single(item, place, settings) for place, item in enumerate(items) if item["type"] != "track"]


def _single(item: Payload, place: int, settings: Settings) -> Call:
    if item["type"] == "group":
        return Call(_group(item, settings), (place,))
    if item["type"] == "alias":
        return Call(_alias(item, settings), (place,))
    profile = Call(_profile(item, settings), (place,))
    if not (item.get("userId") and item.get("anonymousId")):
        return profile
    return Call(
        _identification(item, settings), (place,), lambda status, body: [profile] if _took(status, body) else []
    )


def _took(status: int, body: bytes) -> bool:
    return 200 <= status < 300 and _replies(status, body, 1) is None


# Events


def _import(items: Sequence[Payload], settings: Settings) -> Request:
    user = f"{settings.get('apiSecret') or settings['projectToken']}:"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Muster",
        "Authorization": "Basic " + b64encode(user.encode()).decode(),
    }
    url = f"{_base(settings)}/import?strict={1 if settings.get('strictMode', True) else 0}"
    return Request("POST", url, headers, stringify([_event(item, settings) for item in items]).encode())


def _event(item: Payload, settings: Settings) -> dict[str, Any]:
    user_id, anonymous_id = item.get("userId"), item.get("anonymousId")
    own = {
        "time": parse_iso(str(item.get("timestamp") or "")),
        "distinct_id": user_id or anonymous_id or "",
        "$user_id": user_id,
        "$device_id": anonymous_id,
        "$insert_id": _insert_id(str(item["messageId"])),
        "segment_source_name": settings.get("sourceName"),
    }
    given = {name: value for name, value in (item.get("properties") or {}).items() if name not in RESERVED}
    properties = {name: value for name, value in own.items() if value is not None} | given
    return {"event": str(item.get("event") or ""), "properties": properties}


def _insert_id(message_id: str) -> str:
    """Mixpanel tells repetitions by it, and takes none that is longer or holds other characters; the same message
    always has the same."""
    if _INSERT_ID.fullmatch(message_id):
        return message_id
    return hashlib.sha256(message_id.encode()).hexdigest()[:36]


# Everything else goes as a form with one field


def _identification(item: Payload, settings: Settings) -> Request:
    told = {"$identified_id": item["userId"], "$anon_id": item["anonymousId"], "token": settings["projectToken"]}
    return _form("track", {"event": "$identify", "properties": told}, settings)


def _profile(item: Payload, settings: Settings) -> Request:
    address = (item.get("context") or {}).get("ip")
    told = {
        "$token": settings["projectToken"],
        "$distinct_id": item.get("userId") or item.get("anonymousId"),
        **({"$ip": address} if address else {}),
        "$set": {PROFILE_NAMES.get(name, name): value for name, value in (item.get("traits") or {}).items()},
    }
    return _form("engage", told, settings)


def _group(item: Payload, settings: Settings) -> Request:
    told = {
        "$token": settings["projectToken"],
        "$group_key": GROUP_KEY,
        "$group_id": item["groupId"],
        "$set": item.get("traits") or {},
    }
    return _form("groups", told, settings)


def _alias(item: Payload, settings: Settings) -> Request:
    told = {"distinct_id": item["previousId"], "alias": item["userId"], "token": settings["projectToken"]}
    return _form("track", {"event": "$create_alias", "properties": told}, settings)


def _form(path: str, data: Any, settings: Settings) -> Request:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Muster"}
    return Request("POST", f"{_base(settings)}/{path}", headers, urlencode({"data": stringify(data)}).encode())


def _base(settings: Settings) -> str:
    return f"https://{HOSTS[settings.get('apiRegion', 'US')]}"


# Answers


def _replies(status: int, body: bytes, count: int) -> Sequence[Reply] | None:
    """Of a strict import that was refused, only the records named were: the others are in."""
    if status == MULTI_STATUS:
        return multi_status(status, body, count)
    if body.strip() == _REFUSED.encode() and 200 <= status < 300:
        return [Reply(INVALID)] * count
    failed = _failed(body, count) if status == INVALID else None
    if not failed:
        return None
    return [Reply(INVALID, failed[place]) if place in failed else Reply(200) for place in range(count)]


def _failed(body: bytes, count: int) -> dict[int, str] | None:
    """What is said of each record that failed, by its place; None when the answer cannot be understood."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    records = answer.get("failed_records") if isinstance(answer, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return None
    found = {record.get("index"): str(record.get("message") or "")[:_DETAIL] for record in records}
    return found if all(type(place) is int and 0 <= place < count for place in found) else None


def refuses(item: Payload) -> str:
    """Why an event cannot go; empty if it can."""
    type = item.get("type")
    if type == "identify" and not (item.get("userId") or item.get("anonymousId")):
        return "a profile needs a user id or an anonymous id"
    if type == "group" and not item.get("groupId"):
        return "a group needs an id"
    if type == "alias" and not (item.get("previousId") and item.get("userId")):
        return "an alias needs both of its ids"
    return ""


MIXPANEL = DestinationKind(
    metadata_id="615c7438d93d9b61b1e9e192",
    slug="actions-mixpanel",
    name="Mixpanel",
    description="Events and profiles of people and of accounts, for analysis in Mixpanel.",
    website="https://mixpanel.com",
    categories=("Analytics",),
    options=(
        Option("projectToken", STRING, "The token of the project.", required=True),
        Option("apiSecret", STRING, "The secret of the project; without it the token says who sends.", secret=True),
        Option("apiRegion", SELECT, "Where the project is kept.", default="US", choices=tuple(HOSTS)),
        Option("sourceName", STRING, "If set, every event says where it comes from: segment_source_name."),
        Option("strictMode", BOOLEAN, "Have events checked, and those that are wrong named.", default=True),
        Option("batchSize", INTEGER, f"How many events go together at most, up to {LARGEST_BATCH}.", default=BATCH),
    ),
    build=_build,
    check=_check,
    limits=Limits(batch=BATCH),
    batch_size=_batch_size,
    alone=lambda payload: payload.get("type") != "track",
    replies=_replies,
    unfit=refuses,
    types=frozenset({"identify", "track", "group", "alias"}),
)
