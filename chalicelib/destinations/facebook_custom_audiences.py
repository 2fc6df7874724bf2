"""Facebook Custom Audiences: members of audiences as hashed rows of a custom audience, many in one request."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..errors import Problem
from . import hashing
from .json_text import stringify
from .kind import (
    INTEGER,
    STRING,
    Call,
    DestinationKind,
    Limits,
    Option,
    Payload,
    Remote,
    Request,
    Settings,
)
from .multi_status import Reply

GRAPH = "https://graph.facebook.com"
VERSION = "v24.0"
MOST = 10_000  # rows that one request may carry
SHORTEST, LONGEST = 15, 12 * 60  # minutes between two updates of a list: a task has a day, retries included

# In the order of the schema; None: not hashed.
COLUMNS: Mapping[str, Callable[[str], str] | None] = {
    "EXTERN_ID": None,
    "EMAIL": hashing.email,
    "PHONE": hashing.phone,
    "DOBY": hashing.year,
    "DOBM": hashing.month,
    "DOBD": hashing.day,
    "LN": hashing.name,
    "FN": hashing.name,
    "FI": hashing.initial,
    "GEN": hashing.gender,
    "CT": hashing.letters,
    "ST": hashing.state,
    "ZIP": hashing.postal_code,
    "COUNTRY": hashing.letters,
    "MADID": None,
}

INVALID = 400
THROTTLED = 429
EXPIRED = 401
_THROTTLING = frozenset({4, 17, 32, 613})  # of the app, the user, the page, and of custom audiences
_BUSINESS = range(80_000, 80_100)  # rate limits of business use cases
_EXPIRED_TOKEN = 190

_ACCOUNT = re.compile(r"(act_)?\d+")
_VERSION = re.compile(r"v\d+\.\d+")


def _check(settings: Settings) -> Iterator[Problem]:
    if "adAccountId" in settings and not _ACCOUNT.fullmatch(settings["adAccountId"]):
        yield Problem(
            "adAccountId must be the number of an ad account, with act_ before it or not", "settings.adAccountId"
        )
    if "graphVersion" in settings and not _VERSION.fullmatch(settings["graphVersion"]):
        yield Problem(f"graphVersion must look like {VERSION}", "settings.graphVersion")
    if "syncInterval" in settings and not SHORTEST <= settings["syncInterval"] <= LONGEST:
        yield Problem(f"syncInterval must be from {SHORTEST} to {LONGEST} minutes", "settings.syncInterval")


def _create(name: str, key: str, settings: Settings) -> Request:
    account = str(settings["adAccountId"]).removeprefix("act_")
    body = {
        "name": name,
        "subtype": "CUSTOM",
        "customer_file_source": "BOTH_USER_AND_PARTNER_PROVIDED",
        "description": settings.get("audienceDescription") or f"Members of {key}, kept by Muster",
    }
    return _request("POST", f"act_{account}/customaudiences", body, settings)


def _created(body: bytes) -> str:
    answer = msgspec.json.decode(body)
    found = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(found, str | int) or isinstance(found, bool) or not str(found):
        raise ValueError("no id")
    return str(found)


def _build(items: Sequence[Payload], settings: Settings) -> list[Call]:
    """One request for those who enter and one for those who leave, per list."""
    calls: dict[tuple[str, bool], list[int]] = {}
    for place, item in enumerate(items):
        calls.setdefault((_list_of(item), _is_member(item)), []).append(place)
    return [
        Call(_users(list_id, enters, [items[place] for place in places], settings), tuple(places))
        for (list_id, enters), places in calls.items()
    ]


def _users(list_id: str, enters: bool, items: Sequence[Payload], settings: Settings) -> Request:
    rows = [hashing.row(_values(item), COLUMNS) for item in items]
    body = {"payload": {"schema": list(COLUMNS), "data": rows}}
    return _request("POST" if enters else "DELETE", f"{list_id}/users", body, settings)


def _request(method: str, path: str, body: Any, settings: Settings) -> Request:
    url = f"{GRAPH}/{settings.get('graphVersion') or VERSION}/{path}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Muster",
        "Authorization": f"Bearer {settings['accessToken']}",
    }
    return Request(method, url, headers, stringify(body).encode())


def _list_of(item: Payload) -> str:
    return str(_personas(item).get("external_audience_id") or "")


def _is_member(item: Payload) -> bool:
    return _value(item) is True


def _value(item: Payload) -> Any:
    return _traits(item).get(str(_personas(item).get("computation_key")))


def _personas(item: Payload) -> dict[str, Any]:
    found: dict[str, Any] = (item.get("context") or {}).get("personas") or {}
    return found


def _traits(item: Payload) -> dict[str, Any]:
    found: dict[str, Any] = item.get("traits") or item.get("properties") or {}
    return found


def refuses(item: Payload) -> str:
    """Why a row cannot go; empty if it can."""
    if not item.get("userId"):
        return "a row needs a user id"
    if not isinstance(_value(item), bool):
        return "it says of nobody whether he is a member"
    return "" if _list_of(item) else "the list has not been made"


def _values(item: Payload) -> dict[str, Any]:
    traits = _traits(item)
    context = item.get("context") or {}
    address = traits["address"] if isinstance(traits.get("address"), dict) else {}
    first = traits.get("firstName")
    return {
        "EXTERN_ID": item.get("userId"),
        "EMAIL": traits.get("email") or (context.get("traits") or {}).get("email"),
        "PHONE": traits.get("phone"),
        "DOBY": traits.get("birthYear"),
        "DOBM": traits.get("birthMonth"),
        "DOBD": traits.get("birthday"),
        "LN": traits.get("lastName"),
        "FN": first,
        "FI": first,
        "GEN": traits.get("gender"),
        "CT": address.get("city"),
        "ST": address.get("state"),
        "ZIP": address.get("postalCode"),
        "COUNTRY": address.get("country"),
        "MADID": (context.get("device") or {}).get("advertisingId"),
    }


def _replies(status: int, body: bytes, count: int) -> Sequence[Reply] | None:
    """Facebook answers 400 to nearly everything that went wrong; what it was stands in the body."""
    error = _error(body)
    if error is None:
        return None
    code, detail = error.get("code"), str(error.get("type") or "")
    code = code if isinstance(code, int) else 0
    detail = f"{detail} {code}".strip()
    if error.get("is_transient") is True or code in _THROTTLING or code in _BUSINESS:
        return [Reply(THROTTLED, detail)] * count
    if code == _EXPIRED_TOKEN:
        return [Reply(EXPIRED, detail)] * count
    return [Reply(status if status >= INVALID else INVALID, detail)] * count


def _error(body: bytes) -> dict[str, Any] | None:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    found = answer.get("error") if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else None


FACEBOOK_CUSTOM_AUDIENCES = DestinationKind(
    metadata_id="5c9d9d5b3a2f1e0001f0b1c2",
    slug="actions-facebook-custom-audiences",
    name="Facebook Custom Audiences",
    description="Keeps a custom audience for every audience: members are added and removed together, hashed.",
    website="https://www.facebook.com/business",
    categories=("Advertising",),
    options=(
        Option(
            "accessToken",
            STRING,
            "A token of a system user that may manage the ad account.",
            required=True,
            secret=True,
        ),
        Option("adAccountId", STRING, "The ad account, with act_ before its number or not.", required=True),
        Option("audienceDescription", STRING, "What the custom audiences that are made say about themselves."),
        Option("graphVersion", STRING, "The version of the Graph API.", default=VERSION),
        Option(
            "syncInterval",
            INTEGER,
            f"Minutes between two updates of a list, from {SHORTEST} to {LONGEST}.",
            default=60,
        ),
    ),
    build=_build,
    check=_check,
    limits=Limits(timeout=30.0, batch=MOST),
    batch_keys=("context.personas.external_audience_id", "context.personas.computation_key"),
    replies=_replies,
    lists=True,
    types=frozenset({"identify", "track"}),
    remote=Remote(_create, _created),
    unfit=refuses,
)
