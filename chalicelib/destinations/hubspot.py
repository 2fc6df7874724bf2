"""HubSpot: people as contacts by their e-mail address, accounts as companies, and events of contacts.

contact, company   update it ──404──► create it ──409──► somebody else just did: update it
many contacts      ask which there are ──► update those, create the others
                   └─ whom an answer leaves out ──► each alone
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from ..errors import Problem
from .json_text import stringify
from .kind import (
    BOOLEAN,
    STRING,
    TEXT_MAP,
    Call,
    DestinationKind,
    Limits,
    Option,
    Payload,
    Renewal,
    Request,
    Settings,
)
from .multi_status import MULTI_STATUS, Reply

BASE = "https://api.hubapi.com"
CONTACTS = "crm/v3/objects/contacts"
COMPANIES = "crm/v3/objects/companies"
MOST = 100  # contacts in one request
COMPANY_KEY = "segment_group_id"

# How HubSpot calls what everybody has; other traits keep their names unless the owner says otherwise.
STANDARD: Mapping[str, str] = {
    "firstName": "firstname",
    "lastName": "lastname",
    "postalCode": "zip",
}

OK = 200
NOT_FOUND = 404
CONFLICT = 409

_NUMBER = re.compile(r"\d+")
_OWN_EVENT = re.compile(r"pe\d+_\w+")
_OUTSIDE_NAMES = re.compile(r"[^a-z0-9_-]+")


def _check(settings: Settings) -> Iterator[Problem]:
    if "hubId" in settings and not _NUMBER.fullmatch(settings["hubId"]):
        yield Problem("hubId must be the number of the account", "settings.hubId")
    if not all(settings.get("properties", {}).values()):
        yield Problem("the name of a property must not be blank", "settings.properties")


def _batch_size(settings: Settings) -> int:
    return MOST if settings.get("enableBatching") else 1


def _build(items: Sequence[Payload], settings: Settings) -> list[Call]:
    people = [place for place, item in enumerate(items) if item["type"] == "identify"]
    crowd = people if len(people) > 1 else []
    calls = [_single(item, place, settings) for place, item in enumerate(items) if place not in crowd]
    return [*calls, _Crowd(items, crowd, settings).lookup()] if crowd else calls


def _single(item: Payload, place: int, settings: Settings) -> Call:
    if item["type"] == "track":
        return Call(_event(item, settings), (place,))
    if item["type"] == "group":
        properties = _properties(item, settings)
        return _upsert(COMPANIES, COMPANY_KEY, item["groupId"], properties, (place,), settings)
    return _contact(_email(item), _properties(item, settings), (place,), settings)


def _contact(email: str, properties: Mapping[str, Any], places: tuple[int, ...], settings: Settings) -> Call:
    return _upsert(CONTACTS, "email", email, properties, places, settings)


def _upsert(
    path: str, key: str, value: str, properties: Mapping[str, Any], places: tuple[int, ...], settings: Settings
) -> Call:
    """What is not there yet is no failure: it is made."""
    content = {"properties": {**properties, key: value}}
    changed = _request("PATCH", f"{path}/{quote(value, safe='')}?idProperty={key}", content, settings)
    again = Call(changed, places)
    created = _request("POST", path, content, settings)
    made = Call(created, places, lambda status, body: [again] if status == CONFLICT else [])
    return Call(changed, places, lambda status, body: [made] if status == NOT_FOUND else [])


# Many contacts


class _Crowd:
    """Contacts by their addresses. Whoever stands there twice is one contact, of whom the later word counts."""

    def __init__(self, items: Sequence[Payload], places: Sequence[int], settings: Settings) -> None:
        self._settings = settings
        self._places: dict[str, tuple[int, ...]] = {}
        self._properties: dict[str, dict[str, Any]] = {}
        for place in places:
            email = _email(items[place])
            self._places[email] = (*self._places.get(email, ()), place)
            self._properties[email] = {**self._properties.get(email, {}), **_properties(items[place], settings)}

    def lookup(self) -> Call:
        content = {
            "properties": ["email", "hs_additional_emails"],
            "idProperty": "email",
            "inputs": [{"id": email} for email in self._places],
        }
        return self._call("read", content, list(self._places), self._known)

    def _known(self, status: int, body: bytes) -> Sequence[Call]:
        if status not in (OK, MULTI_STATUS):
            return []
        found = _results(body)
        if found is None:
            return self._one_by_one(self._places)
        ids = {email: str(result["id"]) for result in found for email in _addresses(result)}
        old = [email for email in self._places if email in ids]
        new = [email for email in self._places if email not in ids]
        return [*self._update({email: ids[email] for email in old}), *self._create(new)]

    def _update(self, ids: Mapping[str, str]) -> list[Call]:
        of_id = {id: email for email, id in ids.items()}
        if len(of_id) < len(ids):  # two addresses of one contact
            return self._one_by_one(ids)
        inputs = [{"id": id, "properties": self._properties[email]} for id, email in of_id.items()]
        told = self._left_out(list(ids), lambda result: {of_id.get(str(result.get("id")), "")})
        return [self._call("update", {"inputs": inputs}, list(ids), told)] if ids else []

    def _create(self, emails: Sequence[str]) -> list[Call]:
        inputs = [{"properties": {**self._properties[email], "email": email}} for email in emails]
        return [self._call("create", {"inputs": inputs}, emails, self._left_out(emails, _addresses))] if emails else []

    def _left_out(
        self, emails: Sequence[str], named: Callable[[dict[str, Any]], set[str]]
    ) -> Callable[[int, bytes], Sequence[Call]]:
        """Of some, an answer says nothing good: each of them hears for itself what is wrong."""

        def then(status: int, body: bytes) -> Sequence[Call]:
            if status not in (MULTI_STATUS, CONFLICT):
                return []
            done = {email for result in _results(body) or () for email in named(result)}
            return self._one_by_one(email for email in emails if email not in done)

        return then

    def _one_by_one(self, emails: Iterable[str]) -> list[Call]:
        return [_contact(email, self._properties[email], self._places[email], self._settings) for email in emails]

    def _call(
        self, verb: str, content: Any, emails: Sequence[str], then: Callable[[int, bytes], Sequence[Call]]
    ) -> Call:
        places = tuple(sorted(place for email in emails for place in self._places[email]))
        return Call(_request("POST", f"{CONTACTS}/batch/{verb}", content, self._settings), places, then)


def _results(body: bytes) -> list[dict[str, Any]] | None:
    """The contacts of an answer; None when it cannot be read."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(result, dict) and result.get("id") for result in found):
        return None
    return found


def _addresses(result: dict[str, Any]) -> set[str]:
    properties = result.get("properties")
    found = properties if isinstance(properties, dict) else {}
    texts = [str(found.get("email") or ""), *str(found.get("hs_additional_emails") or "").split(";")]
    return {text.strip().lower() for text in texts if text.strip()}


# One event


def _event(item: Payload, settings: Settings) -> Request:
    name = str(item.get("event") or "")
    if not _OWN_EVENT.fullmatch(name):
        name = f"pe{settings['hubId']}_{_OUTSIDE_NAMES.sub('_', name.lower()).strip('_')}"
    content = {"eventName": name, "email": _email(item), "properties": _plain(item.get("properties"))}
    content |= {"occurredAt": item["timestamp"]} if item.get("timestamp") else {}
    return _request("POST", "events/v3/send", content, settings)


def _email(item: Payload) -> str:
    places = item.get("traits"), (item.get("context") or {}).get("traits"), item.get("properties")
    found = next((place["email"] for place in places if isinstance(place, dict) and place.get("email")), "")
    return found.strip().lower() if isinstance(found, str) else ""


def _properties(item: Payload, settings: Settings) -> dict[str, Any]:
    names = {**STANDARD, **settings.get("properties", {})}
    traits = {name: value for name, value in (item.get("traits") or {}).items() if name != "email"}
    return {names.get(name, name): value for name, value in _plain(traits).items()}


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Properties hold no objects, so those go as their JSON. What is gone becomes blank."""
    return {
        name: "" if value is None else stringify(value) if isinstance(value, dict | list) else value
        for name, value in (values or {}).items()
    }


def _request(method: str, path: str, content: Any, settings: Settings) -> Request:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Muster",
        "Authorization": f"Bearer {settings['accessToken']}",
    }
    return Request(method, f"{BASE}/{path}", headers, stringify(content).encode())


# Tokens


def _refresh(settings: Settings) -> Request:
    """Raises KeyError where the owner gave an access token alone."""
    content = {
        "grant_type": "refresh_token",
        "client_id": settings["clientId"],
        "client_secret": settings["clientSecret"],
        "refresh_token": settings["refreshToken"],
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Muster"}
    return Request("POST", f"{BASE}/oauth/v1/token", headers, urlencode(content).encode())


def _refreshed(body: bytes) -> dict[str, Any]:
    answer = msgspec.json.decode(body)
    found = answer if isinstance(answer, dict) else {}
    tokens = {"accessToken": found.get("access_token"), "refreshToken": found.get("refresh_token")}
    given = {name: token for name, token in tokens.items() if isinstance(token, str) and token}
    if "accessToken" not in given:
        raise ValueError("no access token")
    return given


def refuses(item: Payload) -> str:
    """Why an event cannot go; empty if it can."""
    if item.get("type") == "group":
        return "" if item.get("groupId") else "a company needs the id of a group"
    return "" if _email(item) else "a contact needs an email address"


def _replies(status: int, body: bytes, count: int) -> Sequence[Reply] | None:
    """Answers about many are read by what follows them."""
    return None


HUBSPOT = DestinationKind(
    metadata_id="632b1116e0cb83902f3fd717",
    slug="actions-hubspot-cloud",
    name="HubSpot",
    description=(
        "Contacts, companies and events. What is sent needs a property of the same name there; a company is known by"
        f" {COMPANY_KEY}, which must be unique."
    ),
    website="https://www.hubspot.com",
    categories=("CRM",),
    options=(
        Option(
            "accessToken", STRING, "A token that may write contacts, companies and events.", required=True, secret=True
        ),
        Option("refreshToken", STRING, "What a new token is asked for with, when the old one has ended.", secret=True),
        Option("clientId", STRING, "The app that the tokens belong to."),
        Option("clientSecret", STRING, "The secret of that app.", secret=True),
        Option("hubId", STRING, "The number of the account; the names of its events begin with it.", required=True),
        Option(
            "properties", TEXT_MAP, "Traits that have another name there: trait by trait, the name of the property."
        ),
        Option("enableBatching", BOOLEAN, f"Send contacts together, up to {MOST} of them.", default=False),
    ),
    build=_build,
    check=_check,
    limits=Limits(batch=MOST),
    batch_size=_batch_size,
    alone=lambda payload: payload.get("type") != "identify",
    replies=_replies,
    renewal=Renewal(_refresh, _refreshed),
    unfit=refuses,
)
