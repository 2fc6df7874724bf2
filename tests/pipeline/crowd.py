"""People told by letters: `{"u": "u1", "a": "a1"}` is one event that carries these identifiers, in a request of its
own. Every event is a `Seen`, and the trait `seen` says how many of them a profile has counted."""

from typing import Any

from chalicelib.clock import MINUTE
from chalicelib.computations.computation import TRAIT, Computation
from chalicelib.identity.rules import DEFAULT_RULES, Rules, TypeRule
from chalicelib.profiles.ports import ProfileKey
from chalicelib.profiles.profile import Profile
from tests.pipeline.shop import Shop, audience

TYPES = {"u": "user_id", "a": "anonymous_id", "e": "email", "i": "ios.id", "n": "android.id", "ph": "phone"}
LETTERS = {type: letter for letter, type in TYPES.items()}


def seen() -> Computation:
    made = audience("seen", "event('Seen').count()", external_ids=list(TYPES.values()))
    made.kind, made.id = TRAIT, "tra_seen"
    return made


def limits(**by_letter: int | TypeRule) -> Rules:
    rules = {
        TYPES[letter]: TypeRule(limit=rule) if isinstance(rule, int) else rule for letter, rule in by_letter.items()
    }
    return Rules(types=rules)


def call(ids: dict[str, str], **fields: Any) -> dict[str, Any]:
    """A track call with these identifiers in their usual places."""
    context: dict[str, Any] = dict(fields.pop("context", {}))
    if "e" in ids:
        context["traits"] = {**context.get("traits", {}), "email": ids["e"]}
    for letter, kind in (("i", "ios"), ("n", "android")):
        if letter in ids:
            context["device"] = {"type": kind, "id": ids[letter]}
    if "ph" in ids:
        context["externalIds"] = [{"id": ids["ph"], "type": "phone", "collection": "users", "encoding": "none"}]
    made = {"type": "track", "event": "Seen", "context": context, **fields}
    return made | {name: ids[letter] for letter, name in (("u", "userId"), ("a", "anonymousId")) if letter in ids}


class Crowd(Shop):
    """A shop whose profiles are numbered as they are made: P1, P2 … are the ids `self.made[0]`, `self.made[1]` …"""

    def __init__(self, *computations: Computation, rules: Rules = DEFAULT_RULES, **stores: Any) -> None:
        super().__init__([seen(), *computations], **stores)
        self.directory.define(rules=rules)
        self.made: list[str] = []

    def sees(self, *events: dict[str, str], apart: int = MINUTE, **fields: Any) -> list[str | None]:
        """Events one after the other; the profiles they went to, as `P1`, `P2` …, None for nobody."""
        return [self._see(call(ids, **fields), apart) for ids in events]

    def _see(self, message: dict[str, Any], apart: int) -> str | None:
        before = {profile_id: self._counted(profile_id) for profile_id in self.ids()}
        self.clock.advance(apart)
        self.send(message)
        after = [profile_id for profile_id in self.ids() if profile_id.startswith("use_")]
        self.made += [profile_id for profile_id in after if profile_id not in self.made]
        grown = [p for p in after if self._counted(p) > before.get(p, 0) and self.stored(p).merged_into is None]
        assert len(grown) <= 1, grown
        return f"P{self.made.index(grown[0]) + 1}" if grown else None

    def ids(self) -> list[str]:
        """Of all profiles that were ever stored."""
        keys = self.profiles.keys()
        return [key.profile_id for key in keys]

    def _counted(self, profile_id: str) -> int:
        return sum(len(c.hashes) // 8 for c in self.stored(profile_id).head.recent)

    def stored(self, profile_id: str) -> Profile:
        key = ProfileKey(self.space_id, profile_id)
        return self.profiles.load([key])[key]

    def who(self) -> dict[str, set[str]]:
        """The living people and their identifiers."""
        found: dict[str, set[str]] = {}
        for number, profile_id in enumerate(self.made, 1):
            profile = self.stored(profile_id)
            if profile.merged_into is None:
                ids = {f"{LETTERS.get(e.type, e.type)}:{e.value}" for e in profile.head.external_ids}
                found[f"P{number}"] = ids
        return found

    def number(self, name: str) -> str:
        """Who a name leads to."""
        return f"P{self.made.index(self.profile(name).profile_id) + 1}"

    def violations(self) -> list[tuple[str, str | None]]:
        """Kind and value of each, in order."""
        return [(entry.kind, entry.value) for entry in reversed(self.log.page(self.space_id).entries)]

    def events(self, profile: Profile) -> list[str]:
        """Message ids on the timeline of the profile and of all that were merged into it."""
        keys = [ProfileKey(self.space_id, profile_id) for profile_id in profile.ids]
        return sorted(event.message_id for key in keys for event in self.timeline.events(key, 0))
