"""All that was accepted, and what follows from it: people, traits and values at any instant, read plainly from the
complete list of messages."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from chalicelib import query
from chalicelib.clock import DAY
from chalicelib.instants import parse_iso
from tests.query.oracle import User, user_value
from tests.query.timeline import Occurrence

Id = tuple[str, str]


class Said(NamedTuple):
    """A message as it was taken; `ids` are those it names."""

    at: int
    content: dict[str, Any]
    ids: frozenset[Id]
    source_id: str


class Somebody(NamedTuple):
    """Everybody whom a message joined to each other is one. `traits` without those that were taken away."""

    ids: frozenset[Id]
    events: list[Occurrence]
    traits: dict[str, Any]

    @property
    def types(self) -> set[str]:
        return {type for type, _ in self.ids}


class Rule(NamedTuple):
    """A computation as its owner ordered it. `since` and `days` bound which events count: received after `since`,
    or that long before `made_at` at most."""

    id: str
    key: str
    kind: str
    text: str
    made_at: int
    external_ids: tuple[str, ...]
    history: bool = True
    days: int | None = None

    def counts(self, event: Occurrence) -> bool:
        if not self.history:
            return event.received_at >= self.made_at
        return self.days is None or event.timestamp >= self.made_at - self.days * DAY


class Chronicle:
    def __init__(self) -> None:
        self.said: list[Said] = []

    def add(self, at: int, messages: Iterable[dict[str, Any]], source_id: str) -> None:
        for content in messages:
            self.said.append(Said(at, content, frozenset(_ids(content)), source_id))

    def people(self, at: int) -> list[Somebody]:
        """As they were known then."""
        heard = [said for said in self.said if said.at <= at]
        groups: list[set[Id]] = []
        for said in heard:
            joined = [group for group in groups if group & said.ids]
            groups = [group for group in groups if not group & said.ids]
            groups.append(set(said.ids).union(*joined))
        return [self._somebody(frozenset(group), heard) for group in groups]

    def _somebody(self, ids: frozenset[Id], heard: Iterable[Said]) -> Somebody:
        events: list[Occurrence] = []
        traits: dict[str, tuple[int, Any]] = {}
        counted: set[str] = set()
        for said in heard:
            content = said.content
            if not said.ids <= ids or content["messageId"] in counted:
                continue
            counted.add(content["messageId"])
            happened = parse_iso(content.get("timestamp", "")) or said.at
            if content["type"] == "track":
                events.append(_occurrence(said, happened))
            elif content["type"] == "identify":
                for key, value in content.get("traits", {}).items():
                    if key not in traits or traits[key][0] <= min(happened, said.at):
                        traits[key] = (min(happened, said.at), value)
        return Somebody(ids, events, {key: value for key, (_, value) in traits.items() if value is not None})


def values(person: Somebody, rules: Iterable[Rule], now: int) -> dict[str, Any]:
    """By key, of those that belong to a person; None and False are both "not". References go to earlier rules."""
    found: dict[str, Any] = {}
    for rule in rules:
        if person.types.isdisjoint(rule.external_ids):
            found[rule.key] = None
            continue
        events = [event for event in person.events if rule.counts(event)]
        known = {key: value for key, value in found.items() if value not in (None, False, [])}
        definition = query.parse(rule.text, kind=rule.kind, scope="USERS")
        found[rule.key] = user_value(definition, User(events, {**person.traits, **known}), now)
    return found


def is_nothing(value: Any, kind: str) -> bool:
    """A count that never began is not there, one that fell to 0 is."""
    return value in (None, False) if kind == "audience" else value in (None, 0, []) and value is not False


def _occurrence(said: Said, happened: int) -> Occurrence:
    content = said.content
    return Occurrence(
        event=content["event"],
        timestamp=happened,
        received_at=said.at,
        message_id=content["messageId"],
        source_id=said.source_id,
        properties=content.get("properties", {}),
        context=content.get("context", {}),
    )


def _ids(content: Mapping[str, Any]) -> Iterable[Id]:
    for field, type in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if field in content:
            yield type, content[field]
    for traits in (content.get("traits", {}), content.get("context", {}).get("traits", {})):
        if "email" in traits:
            yield "email", traits["email"].lower()
