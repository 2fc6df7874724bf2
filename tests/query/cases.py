"""Runs a file of cases: every value through the streams and through the oracle, errors, cadences and cycles.

python -m tests.query.cases FILE
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from chalicelib import instants, query

from . import oracle
from .timeline import Occurrence, fed, stored

OWN_FILE = Path(__file__).with_name("query-cases.yaml")
TOLERANCE = 1e-9
CALLS = {"page": ("Page Viewed", "page_name"), "screen": ("Screen Viewed", "screen_name")}


class Failure(NamedTuple):
    """The code of an error, told apart from a text."""

    code: str


class Outcome(NamedTuple):
    name: str
    wanted: Any
    got: Any

    @property
    def passed(self) -> bool:
        return same(self.got, self.wanted)


class _Loader(yaml.SafeLoader):
    """Leaves dates alone: data has them as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def outcomes(path: Path) -> Iterator[Outcome]:
    """What every case of a file gives."""
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    defaults = document.get("defaults") or {}
    for case in document.get("cases") or []:
        yield _case({**defaults, **case})
    for case in document.get("cadence_cases") or []:
        wanted = case["expect"]
        yield Outcome(f"cadence of {text_of(case)}", wanted, _attempt(lambda c: query.cadence(_parse(c)), case))
    for case in document.get("cycle_cases") or []:
        wanted = case.get("error")
        yield Outcome(case["name"], Failure(wanted) if wanted else None, _attempt(_cycle, case))


def same(got: Any, wanted: Any) -> bool:
    """Equal, numbers up to a tolerance; a boolean is not a number."""
    if isinstance(got, bool) or isinstance(wanted, bool):
        return got is wanted
    if isinstance(got, int | float) and isinstance(wanted, int | float):
        return abs(got - wanted) <= TOLERANCE
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    return type(got) is type(wanted) and bool(got == wanted)


def text_of(case: dict[str, Any]) -> str:
    if "definition_repeat" not in case:
        return str(case["definition"])
    repeat = case["definition_repeat"]
    return str(repeat["join"]).join(
        str(repeat["template"]).replace("{i}", str(i)) for i in range(1, int(repeat["n"]) + 1)
    )


def _case(case: dict[str, Any]) -> Outcome:
    if "error" in case:
        return Outcome(case["name"], Failure(case["error"]), _attempt(_parsed, case))
    wanted = case["expect"]
    answers = {"streams": _attempt(by_streams, case), "oracle": _attempt(by_oracle, case)}
    wrong = {way: got for way, got in answers.items() if not same(got, wanted)}
    return Outcome(case["name"], wanted, wrong or wanted)


def _attempt(action: Callable[[dict[str, Any]], Any], case: dict[str, Any]) -> Any:
    try:
        return action(case)
    except query.QueryError as error:
        return Failure(error.code)
    except Exception as error:  # one broken case must not hide the others
        return error


def _parse(case: dict[str, Any]) -> query.Definition:
    return query.parse(text_of(case), kind=case.get("kind", "audience"), scope=case.get("type", "USERS"))


def _parsed(case: dict[str, Any]) -> str:
    query.compile(_parse(case))
    return "no error"


def _cycle(case: dict[str, Any]) -> None:
    existing = {key: query.parse(text, kind=_kind(text), scope="USERS") for key, text in case["existing"].items()}
    saved = case["save"]
    query.check_cycle(existing, saved["key"], _parse({"kind": _kind(saved["definition"]), **saved}))


def _kind(text: str) -> str:
    """Cycle cases do not say which kind the saved definitions have."""
    try:
        query.parse(text, kind="audience", scope="USERS")
    except query.QueryError:
        return "trait"
    return "audience"


def by_streams(case: dict[str, Any]) -> Any:
    plan, now = query.compile(_parse(case)), _instant(case["now"])
    if plan.definition.scope == "ACCOUNTS":
        users = [(stored(fed(plan, events)), traits) for events, traits in _users(case, now)]
        return query.evaluate_account(plan, case.get("traits") or {}, users, now).value
    states = stored(fed(plan, _events(case, now, "m")))
    return query.evaluate(plan, states, case.get("traits") or {}, now).value


def by_oracle(case: dict[str, Any]) -> Any:
    definition, now = _parse(case), _instant(case["now"])
    if definition.scope == "ACCOUNTS":
        users = [oracle.User(events, traits) for events, traits in _users(case, now)]
        return oracle.account_value(definition, case.get("traits") or {}, users, now)
    user = oracle.User(_events(case, now, "m"), case.get("traits") or {})
    return oracle.user_value(definition, user, now)


def _users(case: dict[str, Any], now: int) -> list[tuple[list[Occurrence], dict[str, Any]]]:
    users = [user or {} for user in case.get("users") or []]
    return [(_events(user, now, f"u{place}m"), user.get("traits") or {}) for place, user in enumerate(users)]


def _events(case: dict[str, Any], now: int, prefix: str) -> list[Occurrence]:
    """All arrive at `now`; the message ids keep their order."""
    return [_event(event, now, f"{prefix}{place:06}") for place, event in enumerate(case.get("events") or [])]


def _event(event: dict[str, Any], now: int, message_id: str) -> Occurrence:
    name, properties = event["name"], dict(event.get("properties") or {})
    if event.get("type", "track") in CALLS:
        called, name_property = CALLS[event["type"]]
        properties[name_property] = name
        name = called
    return Occurrence(
        event=name,
        timestamp=_instant(event["timestamp"]),
        received_at=now,
        message_id=message_id,
        source_id=event.get("source_id"),
        properties=properties,
        context=dict(event.get("context") or {}),
    )


def _instant(text: str) -> int:
    instant = instants.parse_iso(text)
    if instant is None:
        raise ValueError(f"not an instant: {text}")
    return instant


def main(arguments: list[str]) -> int:
    found = list(outcomes(Path(arguments[0]) if arguments else OWN_FILE))
    failed = [outcome for outcome in found if not outcome.passed]
    for outcome in failed:
        print(f"FAILED {outcome.name}: wanted {outcome.wanted!r}, got {outcome.got!r}")
    print(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
