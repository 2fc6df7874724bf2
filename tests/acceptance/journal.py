"""A world in which everything that is said and ordered is written down too, so that whatever the product shows can be
compared with a plain reading of it."""

from collections import Counter
from typing import Any

from chalicelib.clock import HOUR, MINUTE
from chalicelib.deadline import NoDeadline
from chalicelib.instants import parse_iso, to_iso
from tests.acceptance.chronicle import Chronicle, Rule, Somebody, is_nothing, values
from tests.acceptance.engines import InMemory
from tests.acceptance.world import World
from tests.query.test_agreement import agrees

Message = dict[str, Any]

DEFAULT_IDS = ("user_id", "email", "android.idfa", "ios.idfa")
EVERYBODY = (*DEFAULT_IDS, "anonymous_id")
SHOWN_IDS = ("user_id", "email", "anonymous_id")


class Weeks(InMemory):
    """Ticks in every minute in which there is something to look at, and some times a day."""

    def drain(self) -> None:
        if self.clock.now() % MINUTE == 0:
            for part in ("wishes", "engine", "rounds"):
                getattr(self._application, part).tick(NoDeadline())
        super().drain()

    def _next_instant(self) -> int | None:
        now, looked = self.clock.now(), self._application.engine.next_look()
        called = (now // (6 * HOUR) + 1) * 6 * HOUR + 8 * MINUTE
        if looked is not None:
            called = min(called, max((now // MINUTE + 1) * MINUTE, -(-looked // MINUTE) * MINUTE))
        return min(called, super()._next_instant() or called)


class Journal:
    """`rules` are by id, in the order in which they were made; those that are `off` are not compared."""

    def __init__(self, settle_seconds: int = 0) -> None:
        self.world = World(Weeks(), settle_seconds)
        self.chronicle = Chronicle()
        self.rules: dict[str, Rule] = {}
        self.off: set[str] = set()
        self.compared = 0
        self._sent = 0

    @property
    def now(self) -> int:
        return self.world.clock.now()

    def say(self, *messages: dict[str, Any]) -> None:
        """One batch, worked off; a millisecond passes, so that no two batches come at once."""
        named = [self._named(message) for message in messages]
        self.chronicle.add(self.now, named, self.world.stack.source_id)
        self.world.send(*named)
        self.world.advance(0.001)

    def _named(self, message: dict[str, Any]) -> dict[str, Any]:
        self._sent += 1
        return {"messageId": f"m{self._sent:05}", **message}

    # What owners do

    def audience(self, text: str, ids: tuple[str, ...] = EVERYBODY, **options: Any) -> Rule:
        """Nothing of its making is done yet."""
        sent = {
            "name": f"R{len(self.rules)}",
            "audienceType": "USERS",
            "definition": {"query": text},
            "options": {"filterByExternalIds": list(ids), **options},
        }
        made = self.world.manage("POST", self.world.audiences, sent).data["audience"]
        return self._ordered(made, "audience", text, ids, options, options.get("backfillEventDataDays"))

    def trait(self, text: str, anonymous: bool = True, **options: Any) -> Rule:
        sent = {
            "name": f"R{len(self.rules)}",
            "definition": {"query": text, "type": "USERS"},
            "options": {"includeAnonymousUsers": anonymous, **options},
        }
        path = f"/spaces/{self.world.stack.space_id}/computed-traits"
        made = self.world.manage("POST", path, sent).data["computedTrait"]
        ids = EVERYBODY if anonymous else DEFAULT_IDS
        return self._ordered(made, "trait", text, ids, options, options.get("backfillDurationDays"))

    def _ordered(
        self, made: Any, kind: str, text: str, ids: tuple[str, ...], options: dict[str, Any], days: int | None
    ) -> Rule:
        history = bool(options.get("includeHistoricalData", True))
        rule = Rule(made["id"], made["key"], kind, text, self.now, ids, history, days)
        self.rules[rule.id] = rule
        return rule

    def edit(self, rule: Rule, text: str) -> int:
        """The status of the answer; what was refused changes nothing."""
        more = {"type": "USERS"} if rule.kind == "trait" else {}
        reply = self.world.manage("PATCH", self.path(rule), {"definition": {"query": text, **more}})
        if reply.status == 200:
            self.rules[rule.id] = self.rules[rule.id]._replace(text=text)
        return reply.status

    def restrict(self, rule: Rule, *ids: str) -> int:
        reply = self.world.manage("PATCH", self.path(rule), {"options": {"filterByExternalIds": list(ids)}})
        if reply.status == 200:
            self.rules[rule.id] = self.rules[rule.id]._replace(external_ids=ids)
        return reply.status

    def switch(self, rule: Rule, on: bool) -> None:
        assert self.world.manage("PATCH", self.path(rule), {"enabled": on}).status == 200
        (self.off.discard if on else self.off.add)(rule.id)

    def delete(self, rule: Rule) -> None:
        assert self.world.manage("DELETE", self.path(rule)).status == 200
        del self.rules[rule.id]

    # What is shown

    def path(self, rule: Rule) -> str:
        base = self.world.audiences
        return f"{base if rule.kind == 'audience' else base.replace('audiences', 'computed-traits')}/{rule.id}"

    def shown(self, rule: Rule) -> Any:
        return next(iter(self.world.manage("GET", self.path(rule)).data.values()))

    def quiet(self) -> None:
        """Every definition is taken in."""
        for _ in range(60):
            self.world.drain()
            if all(self.shown(rule)["status"] in ("Live", "Disabled") for rule in self.rules.values()):
                return
            self.world.advance(60)
        raise AssertionError([self.shown(rule) for rule in self.rules.values()])

    def traits(self, person: Somebody) -> dict[str, Any]:
        type, value = min(person.ids)
        found = self.world.traits(f"{type}:{value}")
        assert found is not None, person.ids
        return found

    def check(self) -> None:
        """Values of everybody, and sizes."""
        self.quiet()
        sizes: Counter[str] = Counter()
        for person in self.chronicle.people(self.now):
            wanted, got = values(person, self.rules.values(), self.now), self.traits(person)
            for rule in self.rules.values():
                sizes[rule.id] += got.get(rule.key, False) is not False if rule.kind == "audience" else rule.key in got
                if rule.id not in self.off:
                    self._compare(rule, got.get(rule.key), wanted[rule.key], person)
        for rule in self.rules.values():
            size = self.world.manage("GET", f"{self.path(rule)}/sizes").data["sizes"].get("current")
            # There is none before the first values are in.
            assert size["count"] == sizes[rule.id] if size else rule.id in self.off, (rule, size, sizes[rule.id])

    def _compare(self, rule: Rule, got: Any, wanted: Any, person: Somebody) -> None:
        self.compared += 1
        told = (rule, got, wanted, sorted(person.ids), to_iso(self.now), person.events, person.traits)
        if is_nothing(wanted, rule.kind):
            assert is_nothing(got, rule.kind), told
        else:
            assert agrees(got, wanted), told

    def preview(
        self, text: str, at: int | None = None, ids: tuple[str, ...] = EVERYBODY, days: int | None = None
    ) -> Any:
        """Of this instant or an earlier one; compared with what was so then."""
        options = {"filterByExternalIds": list(ids), **({"backfillEventDataDays": days} if days else {})}
        sent: dict[str, Any] = {"audienceType": "USERS", "definition": {"query": text}, "options": options}
        if at is not None:
            sent["asOf"] = to_iso(at)
        made = self.world.manage("POST", f"{self.world.audiences}/previews", sent).data["audiencePreview"]
        at = self.now if at is None else at
        self.world.drain()
        found = self.world.manage("GET", f"{self.world.audiences}/previews/{made['id']}").data["audiencePreview"]
        assert found["status"] == "COMPLETED", found
        rule = Rule("", "", "audience", text, at, ids, True, days)
        members = [person for person in self.chronicle.people(at) if values(person, [rule], at)[""]]
        told = (text, to_iso(at), to_iso(self.now), options, members)
        assert found["size"]["count"] == len(members), (found["size"], told)
        shares = {one["type"]: one["count"] for one in found["identifierBreakdown"]}
        for type in SHOWN_IDS:
            assert shares[type] == sum(type in person.types for person in members), told
        return found


def instant(text: str) -> int:
    found = parse_iso(text)
    assert found is not None
    return found
